"""Accounts and what they are worth.

1. `Balance` is a total of ledger postings to VENUE, kept beside them; the integrity check
   compares the two and the venue.
2. `AccountDay.start_equity` is the day-start baseline of today's PnL; a day is UTC.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from aitrader.kernel.fix import AccountKind, Mode
from trading.models.columns import Amount, PublicId
from trading.models.instrument import Venue


class Account(models.Model):
    public_id = PublicId()
    code = models.CharField(max_length=64, unique=True)
    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    kind = models.CharField(max_length=8, choices=[(k, k) for k in AccountKind])
    mode = models.CharField(max_length=8, choices=[(m, m) for m in Mode])
    base_currency = models.CharField(max_length=16)
    opening_equity = Amount()
    peak_equity = Amount()
    stream_seq = models.BigIntegerField(default=0)
    fencing_token = models.BigIntegerField(default=0)
    reconciled_at = models.DateTimeField(null=True)
    opened_at = models.DateTimeField()
    #: Wall time at which the venue told what the account held: trades before it are in there.
    held_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")

    def __str__(self) -> str:
        return self.code


class AccountDay(models.Model):
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="days")
    day = models.DateField()
    start_equity = Amount()

    class Meta:
        verbose_name = _("account day")
        verbose_name_plural = _("account days")
        constraints = [
            models.UniqueConstraint(fields=["account", "day"], name="trading_accountday_once")
        ]


class Balance(models.Model):
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="balances")
    asset = models.CharField(max_length=16)
    amount = Amount(default=0)

    class Meta:
        verbose_name = _("balance")
        verbose_name_plural = _("balances")
        constraints = [
            models.UniqueConstraint(fields=["account", "asset"], name="trading_balance_asset")
        ]


class EquityPoint(models.Model):
    """Equity, cash and unrealised PnL in the account's base currency at a bar's close."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="equity_points")
    at = models.DateTimeField()
    equity = Amount()
    cash = Amount()
    unrealised_pnl = Amount()

    class Meta:
        verbose_name = _("equity point")
        verbose_name_plural = _("equity points")
        constraints = [
            models.UniqueConstraint(fields=["account", "at"], name="trading_equitypoint_at")
        ]
