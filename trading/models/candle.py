"""The library of candles: what was ever imported or fetched, whoever trades on it.

1. A bar (bar.py) belongs to a feed: it says what a run was shown, and is never changed. A candle
   belongs to nobody: runs read it, and a venue's later correction may replace it.
2. One candle per series and open_time. That pair is the key, in this order: a span of one series
   is one range of the index, and lies together on disk when it came in the order of time.
3. A series is named by what it is, not by rows of the desk: it may hold what nobody trades.
4. What is missing is derived from what is there; it is stored nowhere.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from aitrader.kernel.fix import AccountKind
from trading.models.columns import Amount


class StoredSeries(models.Model):
    """The candles of one instrument at one interval; `code` is the instrument's, canonical."""

    id = models.AutoField(primary_key=True)
    code = models.CharField(max_length=64)
    base = models.CharField(max_length=16)
    quote = models.CharField(max_length=16)
    kind = models.CharField(max_length=8, choices=[(k, k) for k in AccountKind])
    interval_seconds = models.PositiveIntegerField()

    class Meta:
        db_table = "trading_candle_series"
        verbose_name = _("series of candles")
        verbose_name_plural = _("series of candles")
        constraints = [
            models.UniqueConstraint(
                fields=["code", "interval_seconds"], name="trading_candle_series_once"
            ),
            models.CheckConstraint(
                condition=models.Q(interval_seconds__gt=0), name="trading_candle_series_interval"
            ),
        ]

    def __str__(self) -> str:
        return self.code


class StoredCandle(models.Model):
    """Prices in quote per base, volume in base."""

    pk = models.CompositePrimaryKey("series_id", "open_time")
    # The key begins with the series: an index of its own would only cost.
    series = models.ForeignKey(StoredSeries, on_delete=models.PROTECT, db_index=False)
    open_time = models.DateTimeField()
    open = Amount()
    high = Amount()
    low = Amount()
    close = Amount()
    volume = Amount()

    class Meta:
        db_table = "trading_candle"
        verbose_name = _("candle")
        verbose_name_plural = _("candles")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    low__gt=0,
                    low__lte=models.F("open"),
                    open__lte=models.F("high"),
                    close__gte=models.F("low"),
                    close__lte=models.F("high"),
                    volume__gte=0,
                ),
                name="trading_candle_sound",
            )
        ]


class QuarantinedCandle(models.Model):
    """A row that did not become a candle: its time was there before in the same source, or is off
    the grid. `sha256` is the source's; the line counts as an editor does, or is the row's number.
    """

    series = models.ForeignKey(StoredSeries, on_delete=models.PROTECT, db_index=False)
    source = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    line = models.PositiveBigIntegerField()
    open_time = models.DateTimeField()
    identical = models.BooleanField()
    off_grid = models.BooleanField()

    class Meta:
        db_table = "trading_candle_quarantined"
        verbose_name = _("quarantined candle")
        verbose_name_plural = _("quarantined candles")
        constraints = [
            models.UniqueConstraint(
                fields=["series", "sha256", "line"], name="trading_candle_quarantined_once"
            )
        ]
