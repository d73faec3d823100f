"""What a second venue says an instrument costs: the latest word only.

1. A row means that the comparison is wanted; `px` is null until the source has told something.
2. `at` is wall time: when the price was asked for.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from trading.models.columns import Amount
from trading.models.feed import Feed
from trading.models.instrument import InstrumentRow


class SecondPrice(models.Model):
    feed = models.ForeignKey(Feed, on_delete=models.CASCADE, related_name="second_prices")
    instrument = models.ForeignKey(InstrumentRow, on_delete=models.PROTECT)
    source = models.CharField(max_length=16)
    px = Amount(null=True)
    at = models.DateTimeField(null=True)
    since = models.DateTimeField()

    class Meta:
        db_table = "trading_second_price"
        verbose_name = _("second price")
        verbose_name_plural = _("second prices")
        constraints = [
            models.UniqueConstraint(fields=["feed", "instrument"], name="trading_second_price_once")
        ]
