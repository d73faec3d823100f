"""What the processes that talk to a venue know of it, for those that hold no keys.

1. Latest word only; nothing here decides an order.
2. Times are wall times.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from trading.models.columns import Amount
from trading.models.instrument import Venue


class VenueFacts(models.Model):
    """One venue as its gateway has it. `capabilities` names each promise in words of the code.
    Rates are shares of notional; `limit_used` of `limit_allowed` in the unit of `limit_per`."""

    venue = models.OneToOneField(Venue, on_delete=models.CASCADE, related_name="facts")
    host = models.CharField(max_length=200, blank=True, default="")
    practice = models.BooleanField(default=True)
    capabilities = models.JSONField(default=dict)
    maker_rate = Amount(null=True)
    taker_rate = Amount(null=True)
    fee_tier = models.CharField(max_length=100, blank=True, default="")
    fee_since = models.DateTimeField(null=True)
    told_at = models.DateTimeField()
    clock_offset_seconds = Amount(null=True)
    clock_at = models.DateTimeField(null=True)
    clock_blocked = models.BooleanField(default=False)
    #: The machine whose clock it is.
    clock_host = models.CharField(max_length=64, blank=True, default="")
    limit_used = models.PositiveIntegerField(null=True)
    limit_allowed = models.PositiveIntegerField(null=True)
    limit_per = models.CharField(max_length=100, blank=True, default="")
    limit_at = models.DateTimeField(null=True)

    @property
    def limit_left(self) -> int | None:
        """How much may still be asked; None where nothing is told."""
        if self.limit_used is None or self.limit_allowed is None:
            return None
        return max(0, self.limit_allowed - self.limit_used)

    class Meta:
        db_table = "trading_venue_facts"
        verbose_name = _("venue facts")
        verbose_name_plural = _("venue facts")


class VenueLatency(models.Model):
    """How long the last calls of one kind took in one process, in milliseconds."""

    venue = models.ForeignKey(Venue, on_delete=models.CASCADE, related_name="latencies")
    process = models.CharField(max_length=64)
    kind = models.CharField(max_length=16)
    calls = models.PositiveBigIntegerField()
    p50_ms = models.PositiveIntegerField()
    p95_ms = models.PositiveIntegerField()
    p99_ms = models.PositiveIntegerField()
    at = models.DateTimeField()

    class Meta:
        db_table = "trading_venue_latency"
        verbose_name = _("venue latency")
        verbose_name_plural = _("venue latencies")
        constraints = [
            models.UniqueConstraint(
                fields=["venue", "process", "kind"], name="trading_venue_latency_once"
            )
        ]
