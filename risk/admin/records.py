"""What the gate said and what was reserved: looked at only."""

from django.contrib import admin
from django.utils.translation import gettext_lazy

from compliance.admin.base import Record, utc
from risk.models import Decision, LimitCounter


@admin.register(Decision)
class DecisionAdmin(Record):
    list_display = ("public_id", "account_code", "approved", "codes", "decided")
    list_filter = ("approved",)
    search_fields = ("public_id", "intent_id")
    ordering = ("-id",)
    decided = utc("decided_at", gettext_lazy("Decided"))

    @admin.display(description=gettext_lazy("Reasons"))
    def codes(self, row: Decision) -> str:
        return ", ".join(str(reason.get("code", "")) for reason in row.reasons) or "—"


@admin.register(LimitCounter)
class LimitCounterAdmin(Record):
    list_display = ("account_code", "day", "orders", "notional")
    ordering = ("-day", "account_code")
