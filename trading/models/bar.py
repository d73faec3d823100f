"""Bars as they were released, and what was wrong with the others.

1. One bar per feed, instrument and open_time; rows are never changed.
2. Volume is in the base asset; the interval is the feed's.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from trading.models.columns import Amount
from trading.models.feed import Feed
from trading.models.instrument import InstrumentRow


class FeedInstrument(models.Model):
    """An instrument that the feed carries, with the name of the file or seed it comes from."""

    feed = models.ForeignKey(Feed, on_delete=models.PROTECT, related_name="instruments")
    instrument = models.ForeignKey(InstrumentRow, on_delete=models.PROTECT)
    origin = models.CharField(max_length=200)

    class Meta:
        verbose_name = _("instrument of a feed")
        verbose_name_plural = _("instruments of feeds")
        constraints = [
            models.UniqueConstraint(
                fields=["feed", "instrument"], name="trading_feedinstrument_once"
            )
        ]


class BarRow(models.Model):
    feed = models.ForeignKey(Feed, on_delete=models.PROTECT)
    instrument = models.ForeignKey(InstrumentRow, on_delete=models.PROTECT)
    open_time = models.DateTimeField()
    open = Amount()
    high = Amount()
    low = Amount()
    close = Amount()
    volume = Amount()

    class Meta:
        db_table = "trading_bar"
        verbose_name = _("bar")
        verbose_name_plural = _("bars")
        constraints = [
            models.UniqueConstraint(
                fields=["feed", "instrument", "open_time"], name="trading_bar_once"
            ),
            models.CheckConstraint(
                condition=models.Q(low__gt=0, volume__gte=0), name="trading_bar_positive"
            ),
        ]


class QuarantinedBar(models.Model):
    feed = models.ForeignKey(Feed, on_delete=models.PROTECT)
    instrument = models.ForeignKey(InstrumentRow, on_delete=models.PROTECT)
    open_time = models.DateTimeField()
    line = models.PositiveBigIntegerField()
    identical = models.BooleanField()

    class Meta:
        verbose_name = _("quarantined bar")
        verbose_name_plural = _("quarantined bars")
        constraints = [
            models.UniqueConstraint(
                fields=["feed", "instrument", "line"], name="trading_quarantinedbar_once"
            )
        ]


class FeedGap(models.Model):
    """A run of missing bars: the first that is missing, and how many; `filled_at` is when the venue
    had them after all."""

    feed = models.ForeignKey(Feed, on_delete=models.PROTECT)
    instrument = models.ForeignKey(InstrumentRow, on_delete=models.PROTECT)
    first_missing = models.DateTimeField()
    bars = models.PositiveIntegerField()
    filled_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("gap")
        verbose_name_plural = _("gaps")
        constraints = [
            models.UniqueConstraint(
                fields=["feed", "instrument", "first_missing"], name="trading_feedgap_once"
            )
        ]
