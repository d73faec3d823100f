"""Venues and their instruments, as rows. Rules for reading them: domain/instrument.py."""

from django.db import models
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from aitrader.kernel.fix import AccountKind
from trading.domain import instrument_limits
from trading.domain.instrument_limits import Limits
from trading.models.columns import Amount


class Venue(models.Model):
    code = models.CharField(max_length=16, unique=True)
    name = models.CharField(max_length=64)

    class Meta:
        verbose_name = _("venue")
        verbose_name_plural = _("venues")

    def __str__(self) -> str:
        return self.code


class InstrumentRow(models.Model):
    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    code = models.CharField(max_length=64, unique=True)
    base = models.CharField(max_length=16)
    quote = models.CharField(max_length=16)
    kind = models.CharField(max_length=8, choices=[(k, k) for k in AccountKind])
    tick = Amount()
    lot = Amount()
    min_qty = Amount()
    min_notional = Amount()
    max_bar_range = Amount(default="0.5")
    #: What else the venue allows: domain/instrument_limits.py `told`.
    limits = models.JSONField(default=dict)
    #: What the venue said of it last, in our word, and when; null where nobody asks a venue.
    status = models.CharField(max_length=16, default="TRADING")
    rules_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "trading_instrument"
        verbose_name = _("instrument")
        verbose_name_plural = _("instruments")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(tick__gt=0, lot__gt=0), name="trading_instrument_steps"
            )
        ]

    def __str__(self) -> str:
        return self.code

    @cached_property
    def venue_limits(self) -> Limits:
        """`limits`, read once: whoever writes them writes another object."""
        return instrument_limits.read(self.limits)
