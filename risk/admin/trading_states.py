"""Trading states, and the halt that works when the dashboard does not. No release here."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget

from compliance.admin.base import Record, actor, carry_out, utc, wall
from compliance.domain.roles import Action
from compliance.services import access
from risk.domain.trading_state import Scope
from risk.models import TradingStateRow
from risk.services import kill_switch


class HaltForm(BaseDialogForm):
    reason = forms.CharField(
        max_length=200, initial=gettext_lazy("Operator halt"), widget=UnfoldAdminTextInputWidget
    )


@admin.register(TradingStateRow)
class TradingStateAdmin(Record):
    list_display = ("scope", "scope_code", "state", "reason", "changed_by", "changed")
    ordering = ("scope", "scope_code")
    actions_list = ("halt_all",)
    changed = utc("changed_at", gettext_lazy("Changed"))

    def has_halt_permission(self, request: HttpRequest) -> bool:
        return access.may(request.user, Action.HALT)

    @action(
        description=gettext_lazy("Halt all trading"),
        url_path="halt-all",
        permissions=["halt"],
        variant=ActionVariant.DANGER,
        dialog={
            "title": gettext_lazy("Halt all trading"),
            "description": gettext_lazy(
                "No new order leaves the desk. Not done: resting orders are kept at the venue and"
                " may still fill; positions are kept."
            ),
            "form_class": HaltForm,
            "form_submit_text": gettext_lazy("Halt now"),
        },
    )
    def halt_all(self, request: HttpRequest, form: Any) -> HttpResponse:
        def perform() -> str:
            now = wall()
            done = kill_switch.engage(
                scope=Scope.GLOBAL,
                scope_code="",
                reason=form.cleaned_data["reason"],
                actor=actor(request),
                now=now,
                market_at=self.admin_site.market_now(now),
            )
            return _("Trading is halted.") if done.changed else _("Trading was halted already.")

        return carry_out(request, reverse("admin:risk_tradingstaterow_changelist"), perform)
