"""Tables of the simulated venue: its books, not ours.

1. Written only through the `venue` connection, which commits on its own, so that an order can be
   accepted while our transaction is lost.
2. No foreign key joins these tables to the desk's: the two meet only in what the gateway says.
3. `cl_ord_id` is unique for ever: a second submit returns the first order (IDEMPOTENT class).
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from trading.models.columns import Amount


class SimOrder(models.Model):
    account_code = models.CharField(max_length=64)
    cl_ord_id = models.CharField(max_length=32, unique=True)
    instrument = models.CharField(max_length=64)
    side = models.CharField(max_length=4)
    ord_type = models.CharField(max_length=20)
    time_in_force = models.CharField(max_length=4)
    order_qty = Amount()
    price = Amount(null=True)
    stop_px = Amount(null=True)
    trailing_bps = Amount(null=True)
    best_px = Amount(null=True)
    oco_group = models.CharField(max_length=32, blank=True, default="")
    reduce_only = models.BooleanField(default=False)
    ord_status = models.CharField(max_length=20)
    cum_qty = Amount(default=0)
    accepted_at = models.DateTimeField()
    opened_to = models.DateTimeField(null=True)
    ranged_to = models.DateTimeField(null=True)
    text = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        db_table = "sim_venue_order"
        verbose_name = _("order at the simulated venue")
        verbose_name_plural = _("orders at the simulated venue")
        indexes = [
            models.Index(
                fields=["id"],
                condition=models.Q(ord_status__in=["NEW", "PARTIALLY_FILLED"]),
                name="sim_venue_order_open",
            )
        ]


class SimExecution(models.Model):
    """One report of the venue; `id` is the sequence of its stream."""

    account_code = models.CharField(max_length=64)
    cl_ord_id = models.CharField(max_length=32)
    exec_id = models.CharField(max_length=64, unique=True)
    exec_type = models.CharField(max_length=16)
    instrument = models.CharField(max_length=64)
    cum_qty = Amount()
    last_qty = Amount(default=0)
    last_px = Amount(default=0)
    fee = Amount(default=0)
    fee_asset = models.CharField(max_length=16, blank=True, default="")
    liquidity = models.CharField(max_length=8)
    transact_time = models.DateTimeField()
    text = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        db_table = "sim_venue_execution"
        verbose_name = _("execution at the simulated venue")
        verbose_name_plural = _("executions at the simulated venue")
        indexes = [
            models.Index(fields=["account_code", "id"], name="sim_venue_execution_stream"),
            models.Index(fields=["cl_ord_id"], name="sim_venue_execution_order"),
        ]


class SimBalance(models.Model):
    account_code = models.CharField(max_length=64)
    asset = models.CharField(max_length=16)
    amount = Amount(default=0)

    class Meta:
        db_table = "sim_venue_balance"
        verbose_name = _("balance at the simulated venue")
        verbose_name_plural = _("balances at the simulated venue")
        constraints = [
            models.UniqueConstraint(
                fields=["account_code", "asset"], name="sim_venue_balance_asset"
            )
        ]


class SimPosition(models.Model):
    """What a PERP account holds at the venue; signed, cost in the quote asset."""

    account_code = models.CharField(max_length=64)
    instrument = models.CharField(max_length=64)
    quantity = Amount(default=0)
    cost = Amount(default=0)

    class Meta:
        db_table = "sim_venue_position"
        verbose_name = _("position at the simulated venue")
        verbose_name_plural = _("positions at the simulated venue")
        constraints = [
            models.UniqueConstraint(
                fields=["account_code", "instrument"], name="sim_venue_position_once"
            )
        ]
