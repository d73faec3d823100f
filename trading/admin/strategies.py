"""Strategies: switched on and off, and given a new version, by dialogs.

1. A version is never edited: other parameters are another version, made by
   trading.services.strategies, which journals it.
2. Bounds are the strategy's own; a value outside them is refused beside its field.
"""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from aitrader.kernel.errors import BadInput
from aitrader.kernel.money import plain
from compliance.admin.base import Record, actor, carry_out, utc, wall
from compliance.domain.roles import Action
from compliance.services import access
from risk.domain.sizing import SizingMethod
from trading.models import Strategy, StrategyVersion
from trading.services import strategies
from trading.strategies import catalogue

_PREFIX = "param_"


class SwitchForm(BaseDialogForm):
    reason = forms.CharField(
        max_length=200, label=gettext_lazy("Reason"), widget=UnfoldAdminTextInputWidget
    )


class VersionForm(BaseDialogForm):
    """One field for each parameter of the strategy, then the sizing and the reason."""

    method = forms.ChoiceField(
        label=gettext_lazy("Sizing"),
        choices=[(each.value, each.value) for each in SizingMethod],
        widget=UnfoldAdminSelectWidget,
    )
    fraction = forms.CharField(
        max_length=40,
        label=gettext_lazy("Fraction of equity"),
        help_text=gettext_lazy("The size of a position; a cap under VOLATILITY_TARGET. 0.1 = 10 %"),
        widget=UnfoldAdminTextInputWidget,
    )
    target_volatility = forms.CharField(
        max_length=40,
        required=False,
        label=gettext_lazy("Target volatility"),
        help_text=gettext_lazy("A year's swing of equity, for VOLATILITY_TARGET alone; 0.1 = 10 %"),
        widget=UnfoldAdminTextInputWidget,
    )
    reason = forms.CharField(
        max_length=200, label=gettext_lazy("Reason"), widget=UnfoldAdminTextInputWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.version = (
            StrategyVersion.objects.select_related("strategy")
            .filter(strategy=self.object_id, current=True)
            .first()
        )
        if self.version is None:
            return
        strategy = catalogue.by_path(self.version.path)
        known = strategy.resolve(self.version.parameters)
        for each in strategy.parameters:
            bounds = _("%(low)s to %(high)s.") % {
                "low": plain(each.lower),
                "high": plain(each.upper),
            }
            self.fields[_PREFIX + each.name] = forms.CharField(
                max_length=40,
                label=each.name,
                initial=plain(known[each.name]),
                help_text=f"{each.about} {bounds}",
                widget=UnfoldAdminTextInputWidget,
            )
        for name in ("method", "fraction", "target_volatility"):
            self.fields[name].initial = self.version.sizing.get(name, "")
        last = ("method", "fraction", "target_volatility", "reason")
        self.order_fields([*(name for name in self.fields if name not in last), *last])

    def parameters(self) -> dict[str, Any]:
        """What was given for the strategy's own parameters."""
        given = self.cleaned_data
        return {
            name.removeprefix(_PREFIX): given[name] for name in given if name.startswith(_PREFIX)
        }

    def clean(self) -> dict[str, Any]:
        """Ask the strategy and the sizing; each answers with one line."""
        given: dict[str, Any] = self.cleaned_data
        if self.version is None:
            self.add_error(None, _("There is no such strategy."))
            return given
        strategy = catalogue.by_path(self.version.path)
        fields = {_PREFIX + each.name: each for each in strategy.parameters}
        for name in [name for name in fields if name in given]:
            try:
                fields[name].read(given[name])
            except BadInput as error:
                self.add_error(name, str(error))
        if not self.errors:
            # Only values that are good by themselves are checked against each other.
            try:
                strategies.read_parameters(self.version.path, self.parameters())
            except BadInput as error:
                self.add_error(next(iter(fields)), str(error))
        try:
            strategies.read_sizing(given)
        except BadInput as error:
            target = "target" in str(error) and "target_volatility" in given
            self.add_error("target_volatility" if target else "fraction", str(error))
        return given


@admin.register(Strategy)
class StrategyAdmin(Record):
    list_display = ("code", "account", "enabled", "version")
    list_filter = ("enabled",)
    list_select_related = ("account",)
    ordering = ("account", "code")
    fields = readonly_fields = ("code", "account", "enabled", "version", "parameters", "sizing")
    actions_detail = ("enable_strategy", "disable_strategy", "new_version")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("versions")

    @admin.display(description=gettext_lazy("Version"))
    def version(self, row: Strategy) -> str:
        return ", ".join(f"v{each.number}" for each in row.versions.all() if each.current) or "—"

    @admin.display(description=gettext_lazy("Parameters"))
    def parameters(self, row: Strategy) -> str:
        current = [each.parameters for each in row.versions.all() if each.current]
        return "; ".join(_listed(each) for each in current) or "—"

    @admin.display(description=gettext_lazy("Sizing"))
    def sizing(self, row: Strategy) -> str:
        current = [each.sizing for each in row.versions.all() if each.current]
        return "; ".join(_listed(each) for each in current) or "—"

    def has_toggle_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return access.may(request.user, Action.TOGGLE_STRATEGY)

    def has_configure_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return access.may(request.user, Action.CONFIGURE_STRATEGY)

    @action(
        description=gettext_lazy("Enable"),
        url_path="enable-strategy",
        permissions=["toggle"],
        dialog={
            "title": gettext_lazy("Enable this strategy"),
            "description": gettext_lazy(
                "It may open positions from the next bar on, inside the limits. What it slept"
                " through is not decided afterwards."
            ),
            "form_class": SwitchForm,
            "form_submit_text": gettext_lazy("Enable"),
        },
    )
    def enable_strategy(self, request: HttpRequest, form: Any, object_id: int) -> HttpResponse:
        def perform() -> str:
            done = strategies.enable(
                strategy_id=object_id,
                actor=actor(request),
                reason=form.cleaned_data["reason"],
                now=wall(),
            )
            return _("The strategy is enabled.") if done else _("It was enabled already.")

        return carry_out(request, _page(object_id), perform)

    @action(
        description=gettext_lazy("Disable"),
        url_path="disable-strategy",
        permissions=["toggle"],
        dialog={
            "title": gettext_lazy("Disable this strategy"),
            "description": gettext_lazy(
                "It opens nothing new. Not done: its position and its protective orders are kept."
            ),
            "form_class": SwitchForm,
            "form_submit_text": gettext_lazy("Disable"),
        },
    )
    def disable_strategy(self, request: HttpRequest, form: Any, object_id: int) -> HttpResponse:
        def perform() -> str:
            done = strategies.disable(
                strategy_id=object_id,
                actor=actor(request),
                reason=form.cleaned_data["reason"],
                now=wall(),
            )
            return _("The strategy is disabled.") if done else _("It was disabled already.")

        return carry_out(request, _page(object_id), perform)

    @action(
        description=gettext_lazy("New version"),
        url_path="new-version",
        permissions=["configure"],
        dialog={
            "title": gettext_lazy("Other parameters or sizing: a new version"),
            "description": gettext_lazy(
                "It decides from the next bar on; the old versions stay on record. Only while the"
                " strategy has no open trade and no signal that waits."
            ),
            "form_class": VersionForm,
            "form_submit_text": gettext_lazy("Make it current"),
        },
    )
    def new_version(self, request: HttpRequest, form: Any, object_id: int) -> HttpResponse:
        def perform() -> str:
            made = strategies.reconfigure(
                strategy_id=object_id,
                parameters=form.parameters(),
                sizing=form.cleaned_data,
                actor=actor(request),
                reason=form.cleaned_data["reason"],
                now=wall(),
            )
            if made is None:
                return _("The current version has these parameters already.")
            return _("%(code)s is now at version %(number)s.") % {
                "code": made.strategy.code,
                "number": made.number,
            }

        return carry_out(request, _page(object_id), perform)


def _listed(values: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _page(strategy_id: int) -> str:
    return reverse("admin:trading_strategy_change", args=[strategy_id])


@admin.register(StrategyVersion)
class StrategyVersionAdmin(Record):
    list_display = ("strategy", "number", "current", "path", "parameters", "sizing", "created")
    list_select_related = ("strategy",)
    ordering = ("strategy", "-number")
    created = utc("created_at", gettext_lazy("Created"))
