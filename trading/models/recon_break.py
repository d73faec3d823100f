"""A break: where our books and the venue's differ and no venue record explains it.

1. A break is closed only with a resolution; it is never deleted.
2. Its age runs on the wall clock, from `noticed_at`; `opened_at` is the market's time.
3. `evidence` is what was found about it; `owner` is who looks after it, once somebody does.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from trading.models.account import Account
from trading.models.columns import PublicId


class Severity(models.TextChoices):
    """How much depends on it: MINOR concerns nothing of ours."""

    MINOR = "MINOR"
    MAJOR = "MAJOR"


class ReconBreak(models.Model):
    public_id = PublicId()
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="breaks")
    kind = models.CharField(max_length=32)
    object_id = models.CharField(max_length=64)
    ours = models.CharField(max_length=200)
    venues = models.CharField(max_length=200)
    severity = models.CharField(max_length=8, choices=Severity.choices, default=Severity.MAJOR)
    owner = models.CharField(max_length=150, blank=True, default="")
    evidence = models.JSONField(default=dict)
    noticed_at = models.DateTimeField(null=True)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    resolution = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        db_table = "trading_recon_break"
        verbose_name = _("reconciliation break")
        verbose_name_plural = _("reconciliation breaks")
        constraints = [
            models.UniqueConstraint(
                fields=["account", "kind", "object_id"],
                condition=models.Q(closed_at__isnull=True),
                name="trading_recon_break_open",
            )
        ]
