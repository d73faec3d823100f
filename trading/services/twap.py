"""Orders over time: a parent row, and its slices as orders, each through the gate.

1. A slice's id follows from parent and number: whoever cuts it again meets the first.
2. A slice is cut when it is due and nothing else of the parent works or is in doubt; what the one
   before has left is cancelled first, and its outcome waited for.
3. While the account may not even reduce, nothing is cut. What the gate denies is spread over the
   slices that are left, as is everything else that did not fill.
4. When the time or the feed is over, or the parent's cancel is wanted, what works is cancelled; the
   parent is closed when nothing of it works any more.
5. Locks: counter → account → parent → orders.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from aitrader.kernel import crash, ids
from aitrader.kernel.clock import Moment, iso
from aitrader.kernel.errors import BadInput
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.fix import CLOSED, IN_REAL_TIME, Certainty, OrdType, Origin, Side
from aitrader.kernel.money import CONTEXT, ZERO, plain, product, qty_to_lot
from compliance.domain.roles import Action
from compliance.services import access, journal
from trading.domain.instrument_limits import most, step_of
from trading.domain.order import OrderIntent
from trading.domain.slicing import Plan, slice_qty
from trading.models import InstrumentRow, Order, ParentOrder
from trading.models.feed import FeedStatus
from trading.selectors import sql
from trading.selectors.desk import Desk
from trading.services import order_rows, orders, person_orders
from trading.services.held import HeldAccount
from trading.services.orders import Draft

MOST_SLICES = 1000
_SHORTEST = timedelta(seconds=1)
_OPEN = "SELECT id FROM trading_parentorder WHERE account_id = %s AND closed_at IS NULL ORDER BY id"
_LOCK = "WHERE id = %s FOR NO KEY UPDATE"


@dataclass(frozen=True, slots=True)
class Wish:
    """An order over time in a person's words; `instrument` by code, `price` the slices' limit."""

    instrument: str
    side: Side
    order_qty: Decimal
    over: timedelta
    slices: int
    price: Decimal | None = None


def start(*, desk: Desk, wish: Wish, by: Any, reason: str, at: Moment) -> ParentOrder:
    """Write a parent order that begins now.

    Raises NotPermitted without the right to trade, Refused without a reason, BadInput for slices
    that no venue would take.
    """
    access.require(by, Action.SUBMIT_ORDER)
    why = orders.require_reason(reason)
    row = person_orders.instrument_of(desk, wish.instrument)
    _check(desk, row, wish)
    begins = market_now(desk, at)
    actor = person_orders.actor_of(by)
    parent = ParentOrder(
        public_id=ids.derive(desk.namespace, "twap", by.public_id, iso(at.wall)),
        account=desk.account,
        instrument=row,
        side=wish.side,
        order_qty=wish.order_qty,
        price=wish.price,
        slices=wish.slices,
        starts_at=begins,
        ends_at=begins + wish.over,
        requested_by=actor,
        reason=why[:100],
        created_at=at.market,
    )
    data = {
        "account": desk.account.code, "instrument": row.code, "side": wish.side,
        "order_qty": wish.order_qty, "price": wish.price, "slices": wish.slices,
        "starts_at": parent.starts_at, "ends_at": parent.ends_at, "reason": why,
    }  # fmt: skip
    with sql.atomic():
        sql.insert(parent)
        event = _event(EventName.PARENT_CREATED, parent, actor, at.market, data)
        journal.record([event], now=at.wall)
        crash.point("parent.before_commit")
    crash.point("parent.written")
    return parent


def request_cancel(
    *, parent_id: int, by: Any, reason: str, now: datetime, market_at: datetime
) -> bool:
    """Ask that a parent order and what works of it be cancelled; False when it is closed or already
    asked for. Raises NotPermitted without the right to, Refused without a reason."""
    access.require(by, Action.CANCEL_ORDER)
    why = orders.require_reason(reason)
    return _to_end(parent_id, person_orders.actor_of(by), why, now=now, market_at=market_at)


def give_up(*, parent_id: int, reason: str, at: Moment) -> bool:
    """The desk itself orders no further slice; False when the parent has ended or is to end."""
    return _to_end(parent_id, "desk", reason, now=at.wall, market_at=at.market)


def _to_end(parent_id: int, actor: str, reason: str, *, now: datetime, market_at: datetime) -> bool:
    with sql.atomic():
        (parent,) = sql.load(ParentOrder, _LOCK, [parent_id])
        if parent.closed_at is not None or parent.canceled_at is not None:
            return False
        parent.canceled_at = market_at
        sql.update(parent, "canceled_at")
        name = EventName.PARENT_CANCEL_REQUESTED
        journal.record([_event(name, parent, actor, market_at, {"reason": reason})], now=now)
        crash.point("parent_wish.before_commit")
    crash.point("parent_wish.committed")
    return True


def advance(*, desk: Desk, at: Moment) -> int:
    """Take every parent order one step on; returns how many rows were written."""
    found = sql.fetch_all(_OPEN, [desk.account.pk])
    return sum(_advance(desk, pk, at) for (pk,) in found)


def market_now(desk: Desk, at: Moment) -> datetime:
    """The market's time between two bars: it runs on."""
    feed = desk.feed
    if feed.source in IN_REAL_TIME:
        return max(at.market, at.wall)
    if feed.speed is None:
        return at.market
    since = max(timedelta(0), at.wall - (feed.received_at or feed.started_at))
    return at.market + since * float(feed.speed)


def _check(desk: Desk, row: InstrumentRow, wish: Wish) -> None:
    if not 1 <= wish.slices <= MOST_SLICES:
        raise BadInput(f"between 1 and {MOST_SLICES} slices, not {wish.slices}")
    if wish.over < wish.slices * _SHORTEST:
        raise BadInput("a slice takes a second at least")
    if wish.order_qty <= 0 or qty_to_lot(wish.order_qty, row.lot) != wish.order_qty:
        raise BadInput(f"quantity {plain(wish.order_qty)} is off the lot {plain(row.lot)}")
    if wish.price is not None and (
        wish.price <= 0 or CONTEXT.remainder(wish.price, row.tick) != ZERO
    ):
        raise BadInput(f"limit {plain(wish.price)} is off the tick {plain(row.tick)}")
    ord_type = _ord_type(wish.price)
    if ord_type not in desk.capabilities.ord_types:
        raise BadInput(f"the account's venue has no {ord_type} orders")
    px = wish.price or person_orders.reference_px(desk, row)
    least = qty_to_lot(CONTEXT.divide(wish.order_qty, Decimal(wish.slices)), row.lot)
    if not _is_enough(row, least, px):
        raise BadInput(f"a slice of {plain(least)} is less than the venue takes: fewer slices")
    greatest = most(row.lot, row.venue_limits, ord_type, px)
    if greatest is not None and least > greatest:
        raise BadInput(f"the venue takes {plain(greatest)} in one order: more slices")


def _ord_type(price: Decimal | None) -> OrdType:
    return OrdType.MARKET if price is None else OrdType.LIMIT


def _is_enough(row: InstrumentRow, qty: Decimal, px: Decimal) -> bool:
    return qty > 0 and qty >= row.min_qty and product(qty, px) >= row.min_notional


def _advance(desk: Desk, parent_id: int, at: Moment) -> int:
    with order_rows.of(desk).atomic():
        written = _step(desk, parent_id, at)
        if written:
            crash.point("slice.before_commit")
    if written:
        crash.point("slice.committed")
    return written


def _step(desk: Desk, parent_id: int, at: Moment) -> int:
    held = HeldAccount(desk, at)
    (parent,) = sql.load(ParentOrder, _LOCK, [parent_id])
    if parent.closed_at is not None:
        return 0
    children = list(Order.objects.filter(parent=parent).order_by("pk"))
    working = [each for each in children if _works(each)]
    plan = Plan(parent.order_qty, parent.slices, parent.starts_at, parent.ends_at)
    filled = sum((each.filled_qty for each in children), ZERO)
    now = market_now(desk, at)
    number = plan.number_at(now)
    row = desk.instruments[parent.instrument_id]
    left = CONTEXT.subtract(plan.order_qty, filled)
    over = now >= plan.ends_at or desk.feed.status == FeedStatus.ENDED
    if over or parent.canceled_at is not None or left < max(row.lot, row.min_qty):
        return _end(parent, working, filled, at)
    # It is cut already; or this is a worker whose clock stood still meanwhile.
    if number is None or number < max((each.sizing["slice"] for each in children), default=0):
        return 0
    if working:
        return _cancel(working, "the next slice is due", at)
    if not held.may_reduce(row, ""):
        return 0
    return _cut(desk, parent, plan, number, filled, held, at)


def _works(child: Order) -> bool:
    return child.ord_status not in CLOSED or child.certainty != Certainty.CERTAIN


def _cut(
    desk: Desk,
    parent: ParentOrder,
    plan: Plan,
    number: int,
    filled: Decimal,
    held: HeldAccount,
    at: Moment,
) -> int:
    row = desk.instruments[parent.instrument_id]
    mark = desk.marks().get(row.pk)
    if mark is None:
        return 0
    ord_type, px = _ord_type(parent.price), parent.price or mark.px
    qty = slice_qty(plan, number, filled=filled, lot=step_of(row.lot, row.venue_limits, ord_type))
    # What the venue does not take in one order is spread over the slices that are left.
    qty = min(qty, most(row.lot, row.venue_limits, ord_type, px) or qty)
    if not _is_enough(row, qty, px):
        # Looked at again until its time is over; then the next ones have it.
        return 0
    intent = OrderIntent(
        intent_id=ids.derive(desk.namespace, "slice", parent.public_id, number),
        account=desk.account.code,
        instrument=row.code,
        side=Side(parent.side),
        ord_type=ord_type,
        order_qty=qty,
        origin=Origin.OPERATOR,
        reference_px=mark.px,
        reason=parent.reason,
        decided_at=at.market,
        price=parent.price,
        sizing={
            "method": "TWAP", "slice": number + 1, "of": plan.slices, "filled": plain(filled),
        },
    )  # fmt: skip
    draft = Draft(
        intent=intent,
        instrument=row,
        trace_id=parent.public_id,
        bar_extreme=person_orders.is_extreme(desk, row),
        expires_at=plan.due(number + 1),
        actor=parent.requested_by,
        parent=parent,
    )
    orders.submit(desk=desk, draft=draft, at=at, held=held)
    return 1


def _end(parent: ParentOrder, working: Sequence[Order], filled: Decimal, at: Moment) -> int:
    if working:
        wanted = parent.canceled_at is not None
        return _cancel(working, "its parent is cancelled" if wanted else "the time is over", at)
    parent.closed_at = at.market
    sql.update(parent, "closed_at")
    data = {
        "order_qty": parent.order_qty, "filled_qty": filled,
        "canceled": parent.canceled_at is not None,
    }  # fmt: skip
    event = _event(EventName.PARENT_CLOSED, parent, "desk", at.market, data)
    journal.record([event], now=at.wall)
    return 1


def _cancel(working: Sequence[Order], reason: str, at: Moment) -> int:
    return sum(
        orders.request_cancel(
            order_id=each.pk,
            requested_by="desk",
            reason=reason,
            now=at.wall,
            market_at=at.market,
        )
        for each in working
    )


def _event(
    name: EventName, parent: ParentOrder, actor: str, at: datetime, data: dict[str, Any]
) -> Event:
    return Event(
        name=name,
        actor=actor,
        object_type="parent_order",
        object_id=parent.public_id,
        trace_id=parent.public_id,
        market_at=at,
        data=data,
    )
