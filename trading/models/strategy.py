"""Strategies, their versions, how far each has decided, and what it said.

1. A version is never edited: other parameters are another version.
2. `StrategyCursor.last_open_time` only grows; a bar is decided once per version and instrument.
3. `Signal` is a change of stance; `pending_signal` is one whose entry is not yet ordered.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from trading.models.account import Account
from trading.models.columns import Amount, PublicId
from trading.models.instrument import InstrumentRow


class Strategy(models.Model):
    code = models.CharField(max_length=64)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="strategies")
    enabled = models.BooleanField(default=True)

    class Meta:
        verbose_name = _("strategy")
        verbose_name_plural = _("strategies")
        constraints = [
            models.UniqueConstraint(fields=["account", "code"], name="trading_strategy_code")
        ]

    def __str__(self) -> str:
        return self.code


class StrategyVersion(models.Model):
    """`path` is the dotted path of the strategy; `parameters` and `sizing` hold text numbers."""

    strategy = models.ForeignKey(Strategy, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    path = models.CharField(max_length=200)
    parameters = models.JSONField()
    sizing = models.JSONField()
    current = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("strategy version")
        verbose_name_plural = _("strategy versions")
        constraints = [
            models.UniqueConstraint(
                fields=["strategy", "number"], name="trading_strategyversion_number"
            ),
            models.UniqueConstraint(
                fields=["strategy"],
                condition=models.Q(current=True),
                name="trading_strategyversion_current",
            ),
        ]


class StrategyCursor(models.Model):
    version = models.ForeignKey(StrategyVersion, on_delete=models.PROTECT, related_name="cursors")
    instrument = models.ForeignKey(InstrumentRow, on_delete=models.PROTECT)
    last_open_time = models.DateTimeField(null=True)
    stance = models.CharField(max_length=8, default="FLAT")
    pending_signal = models.ForeignKey(
        "Signal", null=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        verbose_name = _("strategy cursor")
        verbose_name_plural = _("strategy cursors")
        constraints = [
            models.UniqueConstraint(
                fields=["version", "instrument"], name="trading_strategycursor_once"
            )
        ]


class Signal(models.Model):
    public_id = PublicId()
    version = models.ForeignKey(StrategyVersion, on_delete=models.PROTECT)
    instrument = models.ForeignKey(InstrumentRow, on_delete=models.PROTECT)
    open_time = models.DateTimeField()
    stance = models.CharField(max_length=8)
    previous = models.CharField(max_length=8)
    close = Amount()
    decided_at = models.DateTimeField()

    class Meta:
        verbose_name = _("signal")
        verbose_name_plural = _("signals")
        constraints = [
            models.UniqueConstraint(
                fields=["version", "instrument", "open_time"], name="trading_signal_once"
            )
        ]
