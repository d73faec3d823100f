"""A person's stop and target of one quantity: the first to fill ends the other.

1. Where the venue holds such a pair as one group, both are sent or none, and rest there.
2. Elsewhere the stop rests alone, and a stored watch says which target the desk looks for. When the
   price is there, the stop is replaced by an order at the market (replacing.py), which is sent when
   the stop is closed without a doubt, for what it has left: the two never work at one time.
3. That happens while the price is there, and not while the stop is in doubt, its cancel is wanted
   or the account may not even reduce. If the price comes back meanwhile, the stop is where it was.
   What the gate denies is tried once more at the next bar.
4. A watch ends with its stop. Locks: counter → account → watch → orders.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from aitrader.kernel import crash, ids
from aitrader.kernel.clock import Moment, iso
from aitrader.kernel.errors import BadInput
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.fix import CLOSED, Certainty, OrdStatus, OrdType, Side
from aitrader.kernel.money import plain
from compliance.domain.roles import Action
from compliance.services import access
from trading.domain.order_state import Closedness
from trading.models import Order, TargetWatch
from trading.selectors import sql
from trading.selectors.desk import Desk
from trading.selectors.orders import WORKING_STATUSES
from trading.services import executions, order_rows, orders, person_orders, replacing
from trading.services.held import HeldAccount
from trading.services.person_orders import Wish

TOUCHED = "TOUCHED"
_LEGS = (OrdType.STOP, OrdType.LIMIT_IF_TOUCHED)
_NOT_ALONE = executions.Answer(
    OrdStatus.CANCELED, Closedness.CANCELED, "ITS_PAIR_WAS_DENIED", expected=True
)
_OPEN = """
SELECT watch.id, o.instrument_id, o.side, watch.target_px
  FROM trading_targetwatch watch JOIN trading_order o ON o.id = watch.order_id
 WHERE o.account_id = %s AND watch.ended_at IS NULL
 ORDER BY watch.id
"""
_OVER = """
SELECT watch.id FROM trading_targetwatch watch JOIN trading_order o ON o.id = watch.order_id
 WHERE o.account_id = %s AND watch.ended_at IS NULL AND o.certainty = 'CERTAIN'
   AND o.ord_status IN ('FILLED', 'CANCELED', 'EXPIRED', 'REJECTED')
 ORDER BY watch.id
"""
_LOCK = "WHERE id = %s FOR NO KEY UPDATE"


@dataclass(frozen=True, slots=True)
class Pair:
    """A stop and a target of one quantity; `instrument` by code, prices in quote per base."""

    instrument: str
    side: Side
    order_qty: Decimal
    stop_px: Decimal
    target_px: Decimal
    reduce_only: bool = False


def submit(*, desk: Desk, pair: Pair, by: Any, reason: str, at: Moment) -> tuple[Order, ...]:
    """Write the stop and the target that an operator wants, both CREATED, or none of them is sent:
    one DENIED, the other DENIED too or CANCELED. Where the desk watches the target, the stop alone.

    Raises what `person_orders.submit` raises, and BadInput for a target to be watched of which the
    price is not between it and the stop.
    """
    access.require(by, Action.SUBMIT_ORDER)
    able = desk.capabilities
    if able.holds_together(_LEGS) or OrdType.MARKET not in able.ord_types:
        return _submit_group(desk, pair, by, reason, at)
    return (_submit_watched(desk, pair, by, reason, at),)


def look(*, desk: Desk, prices: Mapping[int, Decimal], at: Moment) -> int:
    """Replace the stops whose target is reached at these prices, by instrument id; how many."""
    found = sql.fetch_all(_OPEN, [desk.account.pk]) if prices else []
    return sum(
        _touch(desk, pk, prices[instrument_id], at)
        for pk, instrument_id, side, target_px in found
        if instrument_id in prices and _is_reached(side, target_px, prices[instrument_id])
    )


def advance(*, desk: Desk, at: Moment) -> int:
    """End the watches whose stop is over; returns how many."""
    found = sql.fetch_all(_OVER, [desk.account.pk])
    return sum(_end_with_stop(desk, pk, at) for (pk,) in found)


def _submit_group(desk: Desk, pair: Pair, by: Any, reason: str, at: Moment) -> tuple[Order, ...]:
    group = ids.derive(desk.namespace, "pair", by.public_id, iso(at.wall))
    store = order_rows.of(desk)
    with store.atomic():
        held = HeldAccount(desk, at)
        written: list[Order] = []
        for ord_type in _LEGS:
            wish = _wish(pair, ord_type)
            shared = any(each.ord_status == OrdStatus.CREATED for each in written)
            draft = person_orders.draft_of(desk, wish, by, reason, at, group=group, shared=shared)
            written.append(orders.submit(desk=desk, draft=draft, at=at, held=held))
        if any(each.ord_status == OrdStatus.DENIED for each in written):
            for each in written:
                executions.conclude(desk=desk, order_id=each.pk, answer=_NOT_ALONE, at=at)
        return tuple(store.locked(each.pk) for each in written)


def _submit_watched(desk: Desk, pair: Pair, by: Any, reason: str, at: Moment) -> Order:
    px = person_orders.reference_px(desk, person_orders.instrument_of(desk, pair.instrument))
    low, high = sorted((pair.stop_px, pair.target_px))
    sells = pair.side is Side.SELL
    if not 0 < low < px < high or (pair.target_px == high) is not sells:
        raise BadInput(
            f"the price {plain(px)} is not between the stop {plain(pair.stop_px)} and the target "
            f"{plain(pair.target_px)} of a {pair.side}"
        )
    store = order_rows.of(desk)
    with store.atomic():
        held = HeldAccount(desk, at)
        draft = person_orders.draft_of(desk, _wish(pair, OrdType.STOP), by, reason, at)
        stop = orders.submit(desk=desk, draft=draft, at=at, held=held)
        if stop.ord_status != OrdStatus.DENIED:
            watch = TargetWatch(order=stop, target_px=pair.target_px, created_at=at.market)
            sql.insert(watch)
            _tell(desk, EventName.TARGET_WATCHED, watch, stop, draft.actor, at)
        crash.point("pair.before_commit")
    crash.point("pair.written")
    return stop


def _wish(pair: Pair, ord_type: OrdType) -> Wish:
    stops = ord_type is OrdType.STOP
    return Wish(
        pair.instrument,
        pair.side,
        ord_type,
        pair.order_qty,
        price=None if stops else pair.target_px,
        stop_px=pair.stop_px if stops else None,
        reduce_only=pair.reduce_only,
    )


def _is_reached(side: str, target_px: Decimal, px: Decimal) -> bool:
    return px >= target_px if side == Side.SELL else px <= target_px


def _touch(desk: Desk, watch_id: int, px: Decimal, at: Moment) -> bool:
    store = order_rows.of(desk)
    with store.atomic():
        held = HeldAccount(desk, at)
        (watch,) = sql.load(TargetWatch, _LOCK, [watch_id])
        stop = store.locked(watch.order_id)
        if watch.ended_at is not None or stop.ord_status not in WORKING_STATUSES:
            return False
        if watch.touched_at is None:
            watch.touched_at = at.market
            sql.update(watch, "touched_at")
            _tell(desk, EventName.TARGET_TOUCHED, watch, stop, "desk", at, px=px)
        gives_way = _gives_way(desk, watch, stop, px, held, at)
        if gives_way:
            _end(desk, watch, stop, TOUCHED, at)
        crash.point("touch.before_commit")
    crash.point("touch.committed")
    return gives_way


def _gives_way(
    desk: Desk, watch: TargetWatch, stop: Order, px: Decimal, held: HeldAccount, at: Moment
) -> bool:
    """Whether the stop is now on its way out, and another order waits for its place."""
    target = plain(watch.target_px)
    new = replacing.by_the_market(
        desk=desk,
        stop=stop,
        px=px,
        purpose="target",
        reason=f"target {target} touched",
        sizing={"method": "TARGET", "target_px": target},
        held=held,
        at=at,
    )
    return new is not None and new.ord_status != OrdStatus.DENIED


def _end_with_stop(desk: Desk, watch_id: int, at: Moment) -> bool:
    store = order_rows.of(desk)
    with store.atomic():
        store.lock()
        (watch,) = sql.load(TargetWatch, _LOCK, [watch_id])
        stop = store.locked(watch.order_id)
        known = stop.ord_status in CLOSED and stop.certainty == Certainty.CERTAIN
        if watch.ended_at is not None or not known:
            return False
        _end(desk, watch, stop, stop.ord_status, at)
        crash.point("watch.before_commit")
    crash.point("watch.committed")
    return True


def _end(desk: Desk, watch: TargetWatch, stop: Order, outcome: str, at: Moment) -> None:
    watch.ended_at, watch.outcome = at.market, outcome
    sql.update(watch, "ended_at", "outcome")
    _tell(desk, EventName.TARGET_WATCH_ENDED, watch, stop, "desk", at, outcome=outcome)


def _tell(
    desk: Desk,
    name: EventName,
    watch: TargetWatch,
    stop: Order,
    actor: str,
    at: Moment,
    **data: object,
) -> None:
    event = Event(
        name=name,
        actor=actor,
        object_type="order",
        object_id=stop.public_id,
        trace_id=stop.trace_id,
        market_at=at.market,
        data={"cl_ord_id": stop.cl_ord_id, "target_px": watch.target_px, **data},
    )
    order_rows.of(desk).record([event], now=at.wall)
