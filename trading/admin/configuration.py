"""Venues, accounts and feeds, looked at; instruments, whose rules a dialog changes.

1. A row is never edited by hand: the dialog calls trading.services.configuration, which journals.
2. An account is opened by setup and has nothing that a person may change.
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
from unfold.widgets import UnfoldAdminTextInputWidget

from aitrader.kernel.errors import BadInput
from aitrader.kernel.money import plain
from compliance.admin.base import Record, actor, amount, carry_out, utc, wall
from trading.models import Account, Feed, InstrumentRow, Venue
from trading.selectors import limit_words
from trading.services import configuration


@admin.register(Venue)
class VenueAdmin(Record):
    list_display = ("code", "name")
    ordering = ("code",)


@admin.register(Account)
class AccountAdmin(Record):
    list_display = ("code", "venue", "kind", "mode", "base_currency", "opened", "reconciled")
    list_select_related = ("venue",)
    ordering = ("code",)
    list_before_template = "admin/account_note.html"
    change_form_before_template = "admin/account_note.html"
    opened = utc("opened_at", gettext_lazy("Opened"))
    reconciled = utc("reconciled_at", gettext_lazy("Reconciled"))


class RulesForm(BaseDialogForm):
    max_bar_range = forms.CharField(
        max_length=40,
        label=gettext_lazy("Bar bound"),
        help_text=gettext_lazy(
            "A bar whose (high - low) / open is above this opens no position; at most 1."
        ),
        widget=UnfoldAdminTextInputWidget,
    )
    min_qty = forms.CharField(
        max_length=40,
        label=gettext_lazy("Least quantity"),
        help_text=gettext_lazy("In the base asset, a multiple of the lot."),
        widget=UnfoldAdminTextInputWidget,
    )
    min_notional = forms.CharField(
        max_length=40,
        label=gettext_lazy("Least notional"),
        help_text=gettext_lazy("In the quote asset."),
        widget=UnfoldAdminTextInputWidget,
    )
    tick = forms.CharField(
        max_length=40,
        label=gettext_lazy("Tick"),
        help_text=gettext_lazy("Step of prices; stays once an order exists."),
        widget=UnfoldAdminTextInputWidget,
    )
    lot = forms.CharField(
        max_length=40,
        label=gettext_lazy("Lot"),
        help_text=gettext_lazy("Step of quantities; stays once an order exists."),
        widget=UnfoldAdminTextInputWidget,
    )
    reason = forms.CharField(
        max_length=200, label=gettext_lazy("Reason"), widget=UnfoldAdminTextInputWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        row = InstrumentRow.objects.filter(pk=self.object_id).first()
        if row is not None:
            for name in configuration.RULES:
                self.fields[name].initial = plain(getattr(row, name))

    def clean(self) -> dict[str, Any]:
        """Show a bad value beside its field; the rest is the service's to refuse."""
        given: dict[str, Any] = self.cleaned_data
        for name in configuration.RULES:
            if name in given:
                try:
                    configuration.read_rules({name: given[name]})
                except BadInput as error:
                    self.add_error(name, str(error))
        return given


@admin.register(InstrumentRow)
class InstrumentAdmin(Record):
    list_display = ("code", "kind", "tick_size", "lot_size", "least_qty", "least", "bar_bound")
    search_fields = ("code",)
    ordering = ("code",)
    fields = readonly_fields = (
        "code", "venue", "base", "quote", "kind", "tick_size", "lot_size", "least_qty", "least",
        "bar_bound", "further",
    )  # fmt: skip
    actions_detail = ("change_rules",)
    tick_size = amount("tick", gettext_lazy("Tick"))
    lot_size = amount("lot", gettext_lazy("Lot"))
    least_qty = amount("min_qty", gettext_lazy("Least quantity"))
    least = amount("min_notional", gettext_lazy("Least notional"))
    bar_bound = amount("max_bar_range", gettext_lazy("Bar bound"))

    @admin.display(description=gettext_lazy("Further limits of the venue"))
    def further(self, row: InstrumentRow) -> str:
        found = limit_words.lines(row.venue_limits)
        return "; ".join(f"{label}: {value}" for label, value in found) or "—"

    def has_rules_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("trading.change_instrumentrow"))

    @action(
        description=gettext_lazy("Change rules"),
        url_path="change-rules",
        permissions=["rules"],
        dialog={
            "title": gettext_lazy("Change the rules of this instrument"),
            "description": gettext_lazy(
                "In force when the desk is started next. Orders that rest keep their price and"
                " quantity."
            ),
            "form_class": RulesForm,
            "form_submit_text": gettext_lazy("Change the rules"),
        },
    )
    def change_rules(self, request: HttpRequest, form: Any, object_id: int) -> HttpResponse:
        given = form.cleaned_data

        def perform() -> str:
            row = configuration.change_instrument(
                instrument_id=object_id,
                rules={name: given[name] for name in configuration.RULES},
                actor=actor(request),
                reason=given["reason"],
                now=wall(),
            )
            if row is None:
                return _("The instrument has these rules already.")
            return _("The rules of %(code)s are changed, from the desk's next start on.") % {
                "code": row.code
            }

        to = reverse("admin:trading_instrumentrow_change", args=[object_id])
        return carry_out(request, to, perform)


@admin.register(Feed)
class FeedAdmin(Record):
    list_display = ("code", "title", "source", "account", "status", "market", "received")
    list_select_related = ("account",)
    ordering = ("-id",)
    market = utc("market_at", gettext_lazy("Market time"))
    received = utc("received_at", gettext_lazy("Last bar"))
