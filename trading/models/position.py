"""Positions as the venue sees them, and trades as a strategy sees them.

1. `Position` is per account and instrument; its arithmetic is domain/position.py.
2. `Trade` is one round trip of one strategy: what it opened, what it closed, and why.
3. A trade is open while entry_qty > exit_qty; dust below one lot closes it.
4. `exit_wanted` is why a trade is to be closed whatever its strategy wants; it is never taken back.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from aitrader.kernel.fix import Side
from trading.models.account import Account
from trading.models.columns import Amount, PublicId
from trading.models.instrument import InstrumentRow
from trading.models.strategy import StrategyCursor


class Position(models.Model):
    """`quantity` and `cost` are signed; PnL and fees are in the quote asset, PnL before fees."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="positions")
    instrument = models.ForeignKey(InstrumentRow, on_delete=models.PROTECT)
    quantity = Amount(default=0)
    cost = Amount(default=0)
    realised_pnl = Amount(default=0)
    fees = Amount(default=0)

    class Meta:
        verbose_name = _("position")
        verbose_name_plural = _("positions")
        constraints = [
            models.UniqueConstraint(fields=["account", "instrument"], name="trading_position_once")
        ]


class Trade(models.Model):
    public_id = PublicId()
    cursor = models.ForeignKey(StrategyCursor, on_delete=models.PROTECT, related_name="trades")
    side = models.CharField(max_length=4, choices=[(s, s) for s in Side])
    entry_qty = Amount(default=0)
    entry_notional = Amount(default=0)
    exit_qty = Amount(default=0)
    exit_notional = Amount(default=0)
    fees = Amount(default=0)
    entry_reason = models.CharField(max_length=100)
    exit_reason = models.CharField(max_length=100, blank=True, default="")
    created_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    #: Market time, and wall time of the same.
    unprotected_since = models.DateTimeField(null=True)
    unprotected_at = models.DateTimeField(null=True)
    exit_wanted = models.CharField(max_length=32, blank=True, default="")
    #: The best price since the entry, and since when (wall time) the price has been past the stop;
    #: kept where the desk itself watches the exits.
    best_px = Amount(null=True)
    stop_passed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("trade")
        verbose_name_plural = _("trades")
        indexes = [
            models.Index(
                fields=["cursor"],
                condition=models.Q(closed_at__isnull=True),
                name="trading_trade_open",
            )
        ]
