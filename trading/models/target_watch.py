"""Targets of a person that the desk watches, where a venue holds no stop and target as a pair.

1. The order is the stop, which rests at the venue alone. Instants are market time.
"""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from trading.models.columns import Amount
from trading.models.order import Order


class TargetWatch(models.Model):
    order = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="target_watch")
    target_px = Amount()
    created_at = models.DateTimeField()
    #: When the price was there first; it may have waited since.
    touched_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    #: TOUCHED when the stop gave way to the target, or else how the stop ended.
    outcome = models.CharField(max_length=20, blank=True, default="")

    class Meta:
        verbose_name = _("watched target")
        verbose_name_plural = _("watched targets")
        indexes = [
            models.Index(
                fields=["order"],
                condition=Q(ended_at__isnull=True),
                name="trading_targetwatch_open",
            )
        ]
