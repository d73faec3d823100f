"""What other packages put into the admin, shown as records: no secrets, nothing to edit."""

import contextlib

from auditlog.models import LogEntry
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.admin.exceptions import NotRegistered
from django.contrib.auth.models import Group
from django.db.models import Model
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from compliance.admin.base import Record


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
    list_display = ("timestamp", "actor", "content_type", "object_repr", "action", "changes_text")
    ordering = ("-id",)
    list_select_related = ("actor", "content_type")
    fields = readonly_fields = (
        "timestamp", "actor", "content_type", "object_repr", "action", "changes",
    )  # fmt: skip


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
