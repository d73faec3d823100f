"""Limits as versioned rows, and the counters that orders reserve against.

1. A limit is never edited: a change is a new version, and the highest version is in force.
2. A counter belongs to one account and one UTC day; it is locked before the account.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Limit(models.Model):
    account_code = models.CharField(max_length=64)
    key = models.CharField(max_length=40)
    version = models.PositiveIntegerField()
    value = models.DecimalField(max_digits=38, decimal_places=18)
    effective_at = models.DateTimeField()
    purpose = models.CharField(max_length=200)
    set_by = models.CharField(max_length=100)

    class Meta:
        verbose_name = _("limit")
        verbose_name_plural = _("limits")
        constraints = [
            models.UniqueConstraint(
                fields=["account_code", "key", "version"], name="risk_limit_version"
            ),
            models.CheckConstraint(condition=models.Q(value__gt=0), name="risk_limit_positive"),
        ]


class LimitCounter(models.Model):
    """`notional` is in the account's base currency: what opening orders of the day reserved."""

    account_code = models.CharField(max_length=64)
    day = models.DateField()
    orders = models.PositiveIntegerField(default=0)
    notional = models.DecimalField(max_digits=38, decimal_places=18, default=0)

    class Meta:
        verbose_name = _("limit counter")
        verbose_name_plural = _("limit counters")
        constraints = [
            models.UniqueConstraint(fields=["account_code", "day"], name="risk_limitcounter_day")
        ]
