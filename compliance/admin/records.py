"""The journal and the alerts: looked at only."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from compliance.admin.base import Record, utc
from compliance.domain.roles import Action
from compliance.models import Alert, Installation, JournalEntry
from compliance.services import access


@admin.register(JournalEntry)
class JournalEntryAdmin(Record):
    list_display = (
        "number", "event", "market", "actor", "object_type", "object_id", "trace_id",
    )  # fmt: skip
    list_filter = ("event",)
    search_fields = ("object_id", "trace_id")
    ordering = ("-id",)
    list_select_related = ("sequenced",)
    fields = (
        "number", "event", "version", "actor", "on_behalf_of", "object_type", "object_id",
        "trace_id", "market", "recorded", "text", "leaf_hash",
    )  # fmt: skip
    readonly_fields = fields
    market = utc("market_at", gettext_lazy("Market time"))
    recorded = utc("recorded_at", gettext_lazy("Written"))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed: bool = super().has_view_permission(request, obj)
        return allowed and access.may(request.user, Action.VIEW_JOURNAL)

    @admin.display(description=gettext_lazy("#"))
    def number(self, row: JournalEntry) -> Any:
        leaf = getattr(row, "sequenced", None)
        return leaf.leaf_index if leaf else "—"

    @admin.display(description=gettext_lazy("Payload"))
    def text(self, row: JournalEntry) -> str:
        return bytes(row.payload).decode("utf-8", "replace")

    @admin.display(description=gettext_lazy("Leaf hash"))
    def leaf_hash(self, row: JournalEntry) -> str:
        return bytes(row.leaf).hex()


@admin.register(Alert)
class AlertAdmin(Record):
    list_display = ("severity", "title", "count", "raised", "last", "acknowledged", "by")
    list_filter = ("severity", "rule")
    ordering = ("-id",)
    list_select_related = ("acknowledged_by",)
    raised = utc("raised_at", gettext_lazy("Raised"))
    last = utc("last_at", gettext_lazy("Last"))
    acknowledged = utc("acknowledged_at", gettext_lazy("Acknowledged"))

    @admin.display(description=gettext_lazy("By"))
    def by(self, row: Alert) -> str:
        return str(row.acknowledged_by or "—")


@admin.register(Installation)
class InstallationAdmin(Record):
    list_display = ("namespace", "created_at")
