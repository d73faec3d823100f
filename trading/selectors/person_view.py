"""Orders as the command line shows them, and found by what a person types.

1. A request that is open overlays the status: PENDING_CANCEL, PENDING_REPLACE.
2. An order is named by its public id or its client order id; the first characters do, if they are
   those of one order only.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum

from aitrader.kernel.errors import BadInput
from aitrader.kernel.fix import CLOSED, Certainty, OrdStatus, Origin
from aitrader.kernel.money import ZERO, plain
from trading.domain.order import MEANINGS, Unsupported
from trading.models import CancelRequest, Order, ParentOrder, ReplaceRequest

_SHORTEST = 6
_MOST = 50
_CANCELLING = "PENDING_CANCEL"


@dataclass(frozen=True, slots=True)
class Line:
    """One order or parent order; `price` is its limit, or else its stop."""

    public_id: str
    account: str
    created_at: datetime
    instrument: str
    side: str
    kind: str
    order_qty: Decimal
    filled_qty: Decimal
    price: Decimal | None
    status: str
    origin: str
    text: str


def lines(account: str = "", *, closed: bool = False) -> list[Line]:
    """What is open, parents first, oldest first; with `closed` the last that ended, too. Of every
    account unless one is named."""
    parents = ParentOrder.objects.select_related("account", "instrument")
    rows = _with_wishes(Order.objects.select_related("account", "instrument", "target_watch"))
    if account:
        parents, rows = parents.filter(account__code=account), rows.filter(account__code=account)
    if not closed:
        parents = parents.filter(closed_at__isnull=True)
        rows = rows.exclude(ord_status__in=CLOSED, certainty=Certainty.CERTAIN)
    return [
        *(_of_parent(each) for each in reversed(parents.order_by("-pk")[:_MOST])),
        *(_of_order(each) for each in reversed(rows.order_by("-pk")[:_MOST])),
    ]


def status_of(order: Order) -> str:
    """The order's status with what overlays it, read anew."""
    return _status(_with_wishes(Order.objects.all()).get(pk=order.pk))


def reasons(order: Order) -> list[str]:
    """Why it was denied, a line each; or else what was said of its end and of its target, if
    anything."""
    if order.ord_status != OrdStatus.DENIED:
        return [line for line in (order.text, _target(order)) if line]
    if order.decision is not None:
        # Two checks may find the same.
        lines = (f"{each['code']}: {each['text']}" for each in order.decision.reasons)
        return [*dict.fromkeys(lines)]
    return [f"{code}: {MEANINGS[Unsupported(code)]}" for code in order.text.split(", ")]


def parent_status(parent: ParentOrder) -> str:
    """PENDING before its first slice, then ACTIVE until all has ended; DONE or CANCELED then."""
    if parent.closed_at is not None:
        return "DONE" if parent.canceled_at is None else OrdStatus.CANCELED
    if parent.canceled_at is not None:
        return _CANCELLING
    return "ACTIVE" if parent.children.exists() else "PENDING"


def find(typed: str) -> Order | ParentOrder:
    """The order that is meant. Raises BadInput for none, and for more than one."""
    if len(typed) < _SHORTEST:
        raise BadInput(f"an order is named by {_SHORTEST} characters of its id at least")
    named = Q(public_id__startswith=typed) | Q(cl_ord_id__startswith=typed)
    parents = ParentOrder.objects.filter(public_id__startswith=typed)
    found: list[Order | ParentOrder] = [
        *Order.objects.filter(named).select_related("account", "instrument")[:2],
        *parents.select_related("account", "instrument")[:2],
    ]
    if not found:
        raise BadInput(f"there is no order {typed}")
    if len(found) > 1:
        raise BadInput(f"more than one order begins with {typed}")
    return found[0]


def _with_wishes(rows: QuerySet[Order]) -> QuerySet[Order]:
    open_wish = {"order": OuterRef("pk"), "answered_at__isnull": True}
    return rows.annotate(
        cancel_open=Exists(CancelRequest.objects.filter(**open_wish)),
        replace_open=Exists(ReplaceRequest.objects.filter(**open_wish)),
        held=Exists(
            ReplaceRequest.objects.filter(successor=OuterRef("pk"), answered_at__isnull=True)
        ),
    )


def _status(order: Any) -> str:
    if order.certainty != Certainty.CERTAIN:
        return f"{order.ord_status} {order.certainty}"
    if order.ord_status in CLOSED:
        return str(order.ord_status)
    # One that is held back itself has others of its kind behind it.
    if order.replace_open and not order.held:
        return "PENDING_REPLACE"
    if order.cancel_open:
        return _CANCELLING
    return f"{order.ord_status} waits" if order.held else str(order.ord_status)


def _of_order(order: Order) -> Line:
    kind = f"{order.ord_type} {order.time_in_force}" + (" post-only" if order.post_only else "")
    return Line(
        public_id=order.public_id,
        account=order.account.code,
        created_at=order.created_at,
        instrument=order.instrument.code,
        side=order.side,
        kind=kind,
        order_qty=order.order_qty,
        filled_qty=order.filled_qty,
        price=order.price or order.stop_px,
        status=_status(order),
        origin=order.origin,
        text="; ".join(part for part in (order.text, _target(order)) if part),
    )


def _target(order: Order) -> str:
    """What became of the target that the desk watches for a stop; "" for any other order."""
    watch = getattr(order, "target_watch", None)
    if watch is None:
        return ""
    how = "watched by the desk" if watch.touched_at is None else "touched, and still watched"
    if watch.ended_at is not None:
        how = "touched" if watch.outcome == "TOUCHED" else f"over: the stop is {watch.outcome}"
    return f"target {plain(watch.target_px)} {how}"


def _of_parent(parent: ParentOrder) -> Line:
    done = parent.children.aggregate(filled=Sum("filled_qty"), slices=Count("pk"))
    return Line(
        public_id=parent.public_id,
        account=parent.account.code,
        created_at=parent.created_at,
        instrument=parent.instrument.code,
        side=parent.side,
        kind="TWAP",
        order_qty=parent.order_qty,
        filled_qty=done["filled"] or ZERO,
        price=parent.price,
        status=parent_status(parent),
        origin=Origin.OPERATOR,
        text=f"{done['slices']} of {parent.slices} slices",
    )
