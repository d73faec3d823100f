"""Fills: what the venue says was traded.

1. (venue, account, instrument, exec_id, side) is unique: this index is the deduplication. A trade
   of an account with itself is two fills, one of each side.
2. Rows are only ever inserted; a busted trade is a compensating entry.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from aitrader.kernel.fix import Liquidity, Side
from trading.models.account import Account
from trading.models.columns import Amount
from trading.models.instrument import InstrumentRow, Venue
from trading.models.order import Order


class Fill(models.Model):
    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="fills")
    instrument = models.ForeignKey(InstrumentRow, on_delete=models.PROTECT)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="fills")
    exec_id = models.CharField(max_length=64)
    side = models.CharField(max_length=4, choices=[(s, s) for s in Side])
    last_qty = Amount()
    last_px = Amount()
    fee = Amount(default=0)
    fee_asset = models.CharField(max_length=16, blank=True, default="")
    missing_fee_conversion = models.BooleanField(default=False)
    realised_pnl = Amount(default=0)
    liquidity = models.CharField(max_length=8, choices=[(x, x) for x in Liquidity])
    transact_time = models.DateTimeField()

    class Meta:
        verbose_name = _("fill")
        verbose_name_plural = _("fills")
        constraints = [
            models.UniqueConstraint(
                fields=["venue", "account", "instrument", "exec_id", "side"],
                name="trading_fill_once",
            ),
            models.CheckConstraint(
                condition=models.Q(last_qty__gt=0, last_px__gt=0), name="trading_fill_positive"
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-transact_time"], name="trading_fill_recent"),
        ]
