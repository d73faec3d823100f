"""A feed: one source of bars, driving one account's desk.

1. `market_at` is the market clock: the close of the last bar released.
2. `line_down_at` is since when a source in real time is not heard, by the wall; null while it is.
3. A replay of other bars is another feed with an account of its own, so that time never runs
   backwards in an account.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from aitrader.kernel.fix import PriceSource
from trading.models.account import Account
from trading.models.columns import Amount


class FeedStatus(models.TextChoices):
    RUNNING = "RUNNING"
    ENDED = "ENDED"


class Feed(models.Model):
    code = models.CharField(max_length=64, unique=True)
    title = models.CharField(max_length=200)
    source = models.CharField(max_length=16, choices=[(s, s) for s in PriceSource])
    account = models.OneToOneField(Account, on_delete=models.PROTECT, related_name="feed")
    interval_seconds = models.PositiveIntegerField()
    history_bars = models.PositiveIntegerField(default=0)
    speed = Amount(null=True)
    status = models.CharField(max_length=16, choices=FeedStatus.choices, default=FeedStatus.RUNNING)
    market_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField(null=True)
    line_down_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField()

    class Meta:
        verbose_name = _("feed")
        verbose_name_plural = _("feeds")
