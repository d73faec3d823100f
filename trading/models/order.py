"""Orders, and requests to cancel and to replace them.

1. `intent_id` and `cl_ord_id` are derived and unique for ever: one cause, one order.
2. An order that may leave the desk names an approving decision (constraint; the verdict is tied
   by a composite foreign key written in the migration).
3. `ord_status` is derived from (cum_qty, closedness) by domain/order_state.py, never set by hand.
4. `closing` orders close their trade; `reduce_only` ones can also only shrink the account's net
   position. The two differ where strategies hold opposite sides of one instrument.
5. `fencing_token` is the claimer's; a write with an older token is refused.
6. The successor of an open replace request is not sent (services/replacing.py).
"""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from aitrader.kernel.fix import Certainty, OrdStatus, OrdType, Origin, Side, TimeInForce
from trading.models.account import Account
from trading.models.columns import Amount, PublicId
from trading.models.instrument import InstrumentRow
from trading.models.parent_order import ParentOrder
from trading.models.position import Trade
from trading.models.strategy import Signal, StrategyVersion

#: What is kept of a venue's words about an order.
TEXT_LENGTH = 200


class Order(models.Model):
    public_id = PublicId()
    intent_id = PublicId()
    #: Ours is derived; that of an order from outside is the venue's word.
    cl_ord_id = models.CharField(max_length=64, unique=True)
    order_id = models.CharField(max_length=64, blank=True, default="")
    #: Its index is `trading_order_recent`.
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="orders", db_index=False
    )
    instrument = models.ForeignKey(InstrumentRow, on_delete=models.PROTECT)
    version = models.ForeignKey(StrategyVersion, null=True, on_delete=models.PROTECT)
    signal = models.ForeignKey(Signal, null=True, on_delete=models.PROTECT)
    trade = models.ForeignKey(Trade, null=True, on_delete=models.PROTECT, related_name="orders")
    #: The order that this one is a slice of.
    parent = models.ForeignKey(
        ParentOrder, null=True, on_delete=models.PROTECT, related_name="children"
    )
    origin = models.CharField(max_length=16, choices=[(o, o) for o in Origin])
    side = models.CharField(max_length=4, choices=[(s, s) for s in Side])
    ord_type = models.CharField(max_length=20, choices=[(t, t) for t in OrdType])
    time_in_force = models.CharField(max_length=4, choices=[(t, t) for t in TimeInForce])
    order_qty = Amount()
    price = Amount(null=True)
    stop_px = Amount(null=True)
    trailing_bps = Amount(null=True)
    post_only = models.BooleanField(default=False)
    #: When a GTD order ends by itself at the venue.
    expire_time = models.DateTimeField(null=True)
    oco_group = models.CharField(max_length=32, blank=True, default="")
    closing = models.BooleanField(default=False)
    reduce_only = models.BooleanField(default=False)
    reason = models.CharField(max_length=100)
    reference_px = Amount(null=True)
    reserved_notional = Amount(default=0)
    sizing = models.JSONField(default=dict)
    trace_id = models.CharField(max_length=64)

    ord_status = models.CharField(max_length=20, choices=[(s, s) for s in OrdStatus])
    closedness = models.SmallIntegerField(default=0)
    certainty = models.CharField(
        max_length=20, choices=[(c, c) for c in Certainty], default=Certainty.CERTAIN
    )
    cum_qty = Amount(default=0)
    filled_qty = Amount(default=0)
    filled_notional = Amount(default=0)
    text = models.CharField(max_length=TEXT_LENGTH, blank=True, default="")

    decision = models.ForeignKey("risk.Decision", null=True, on_delete=models.PROTECT)
    approved = models.BooleanField(null=True)

    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    fencing_token = models.BigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    #: When it was claimed for sending, wall time; `sent_at` is market time.
    claimed_at = models.DateTimeField(null=True)
    #: The request as it was last claimed for sending, and its SHA-256 in hex (domain/request.py).
    body = models.TextField(blank=True, default="")
    body_sha256 = models.CharField(max_length=64, blank=True, default="")
    #: How long the venue takes it in once it is signed; when it cannot enter any more, wall time.
    recv_window = models.DurationField(null=True)
    deadline = models.DateTimeField(null=True)
    #: What was found about it while its outcome was unknown (domain/evidence.py).
    evidence = models.JSONField(null=True)

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        constraints = [
            models.CheckConstraint(
                condition=Q(origin=Origin.EXTERNAL)
                | Q(ord_status__in=[OrdStatus.PENDING_APPROVAL, OrdStatus.DENIED])
                | Q(decision__isnull=False, approved__isnull=False, approved=True),
                name="trading_order_decided",
            ),
            models.CheckConstraint(condition=Q(order_qty__gt=0), name="trading_order_qty"),
        ]
        indexes = [
            # One for all that may still change anything: each is entered into at every status.
            models.Index(
                fields=["account", "id"],
                condition=Q(
                    ord_status__in=[
                        OrdStatus.CREATED,
                        OrdStatus.PENDING_NEW,
                        OrdStatus.NEW,
                        OrdStatus.PARTIALLY_FILLED,
                    ]
                )
                | ~Q(certainty=Certainty.CERTAIN),
                name="trading_order_live",
            ),
            models.Index(fields=["account", "-created_at", "-id"], name="trading_order_recent"),
        ]


class CancelRequest(models.Model):
    """A wish to cancel; overlays the order's status until it is answered."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="cancel_requests")
    requested_at = models.DateTimeField()
    requested_by = models.CharField(max_length=100)
    reason = models.CharField(max_length=200)
    answered_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=TEXT_LENGTH, blank=True, default="")

    class Meta:
        verbose_name = _("cancel request")
        verbose_name_plural = _("cancel requests")
        constraints = [
            models.UniqueConstraint(
                fields=["order"],
                condition=Q(answered_at__isnull=True),
                name="trading_cancelrequest_open",
            )
        ]


class ReplaceRequest(models.Model):
    """A wish to have `successor` in the place of `order`; overlays the order's status until it is
    answered. `order_qty` is the whole of both: what the first has filled counts."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="replace_requests")
    successor = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="replaces")
    order_qty = Amount()
    requested_at = models.DateTimeField()
    requested_by = models.CharField(max_length=100)
    reason = models.CharField(max_length=200)
    answered_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=TEXT_LENGTH, blank=True, default="")

    class Meta:
        verbose_name = _("replace request")
        verbose_name_plural = _("replace requests")
        constraints = [
            models.UniqueConstraint(
                fields=["order"],
                condition=Q(answered_at__isnull=True),
                name="trading_replacerequest_open",
            )
        ]
