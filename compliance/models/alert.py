"""Alerts: what a person must see.

1. An alert is raised from a journal leaf, once per (leaf_index, rule).
2. It stays until a person acknowledges it; `key` groups repeats and `count` says how many.
"""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class AlertSeverity(models.TextChoices):
    INFO = "INFO"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"


class Alert(models.Model):
    key = models.CharField(max_length=160)
    rule = models.CharField(max_length=64)
    severity = models.CharField(max_length=16, choices=AlertSeverity.choices)
    title = models.CharField(max_length=200)
    text = models.TextField(blank=True)
    count = models.PositiveIntegerField(default=1)
    leaf_index = models.BigIntegerField()
    last_leaf_index = models.BigIntegerField()
    raised_at = models.DateTimeField()
    last_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        constraints = [
            models.UniqueConstraint(
                fields=["key"],
                condition=models.Q(acknowledged_at__isnull=True),
                name="compliance_alert_open_once",
            )
        ]


class AlertCursor(models.Model):
    """The last journal leaf that the alert rules have read."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    leaf_index = models.BigIntegerField(default=-1)

    class Meta:
        verbose_name = _("alert cursor")
        verbose_name_plural = _("alert cursors")
