"""Venues and their instruments, as rows. Rules for reading them: domain/instrument.py."""

from decimal import Decimal

from django.db import models
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from aitrader.kernel.fix import AccountKind, OrdType
from aitrader.kernel.money import ZERO, product
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

    def takes(self, ord_type: OrdType, qty: Decimal, px: Decimal) -> bool:
        """Whether an order of this type is not too little for the venue, in base, at this price."""
        limits, least, worth = self.venue_limits, self.min_qty, self.min_notional
        if ord_type not in instrument_limits.PRICED:
            least = max(least, limits.market_min_qty or ZERO)
        if ord_type is OrdType.MARKET and not limits.min_notional_of_market:
            worth = ZERO
        return qty > 0 and qty >= least and product(qty, px) >= worth
