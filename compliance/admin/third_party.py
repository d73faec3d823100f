"""What other packages put into the admin, shown as records: no secrets, nothing to edit."""

import contextlib
from typing import Any

from auditlog.models import LogEntry
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.admin.exceptions import NotRegistered
from django.contrib.auth.models import Group
from django.db.models import Model
from django.utils.translation import gettext_lazy
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from compliance.admin.base import Record, utc


class GroupAdmin(Record):
    list_display = ("name",)
    ordering = ("name",)
    fields = readonly_fields = ("name", "permissions")


class DeviceAdmin(Record):
    """Without the seed: it is the second factor itself."""

    list_display = ("user", "name", "confirmed", "created_at", "last_used_at")
    ordering = ("-id",)
    list_select_related = ("user",)
    fields = readonly_fields = ("user", "name", "confirmed", "created_at", "last_used_at")


class AuditAdmin(Record):
    """Configuration as it was changed, with who did; setup and commands have no actor here."""

    list_display = ("time", "actor", "kind", "object_repr", "action", "told")
    list_filter = ("action",)
    ordering = ("-id",)
    list_select_related = ("actor", "content_type")
    fields = readonly_fields = ("time", "actor", "kind", "object_repr", "action", "told")
    time = utc("timestamp", gettext_lazy("Time"))

    @admin.display(description=gettext_lazy("What"), ordering="content_type")
    def kind(self, row: LogEntry) -> str:
        return str(row.content_type.name)

    @admin.display(description=gettext_lazy("Changes"))
    def told(self, row: LogEntry) -> str:
        return "; ".join(_told(name, change) for name, change in row.changes_dict.items()) or "—"


def _told(name: str, change: Any) -> str:
    if isinstance(change, dict):
        return f"{name} {change['operation']} {', '.join(change['objects'])}"
    before, after = change
    return f"{name} {after}" if before == "None" else f"{name} {before} → {after}"


class AttemptAdmin(Record):
    list_display = ("attempt_time", "username", "ip_address")
    ordering = ("-id",)
    fields = readonly_fields = ("attempt_time", "username", "ip_address", "user_agent")


_SHOWN: dict[type[Model], type[Record]] = {
    Group: GroupAdmin,
    TOTPDevice: DeviceAdmin,
    StaticDevice: DeviceAdmin,
    LogEntry: AuditAdmin,
    AccessAttempt: AttemptAdmin,
    AccessFailureLog: AttemptAdmin,
    AccessLog: AttemptAdmin,
}
for _model, _admin in _SHOWN.items():
    with contextlib.suppress(NotRegistered):
        admin.site.unregister(_model)
    admin.site.register(_model, _admin)
