"""Orders that are cut into slices over time (TWAP): the whole, of which the slices are orders.

1. What was done of it is said by its orders; here stands what was asked for, and how it ended.
2. Instants are market time.
"""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from aitrader.kernel.fix import Side
from trading.models.account import Account
from trading.models.columns import Amount, PublicId
from trading.models.instrument import InstrumentRow


class ParentOrder(models.Model):
    public_id = PublicId()
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="parent_orders")
    instrument = models.ForeignKey(InstrumentRow, on_delete=models.PROTECT)
    side = models.CharField(max_length=4, choices=[(s, s) for s in Side])
    order_qty = Amount()
    #: The slices' limit; None: they take the market.
    price = Amount(null=True)
    slices = models.PositiveIntegerField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    requested_by = models.CharField(max_length=100)
    reason = models.CharField(max_length=100)
    created_at = models.DateTimeField()
    #: Its cancel is wanted since then.
    canceled_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("parent order")
        verbose_name_plural = _("parent orders")
        constraints = [
            models.CheckConstraint(
                condition=Q(order_qty__gt=0, slices__gt=0), name="trading_parentorder_qty"
            )
        ]
        indexes = [
            models.Index(
                fields=["account"],
                condition=Q(closed_at__isnull=True),
                name="trading_parentorder_open",
            )
        ]
