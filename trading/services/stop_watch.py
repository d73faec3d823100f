"""A person's stop that the price has passed and that has not filled.

1. Passed is a stop at or beyond whose trigger a price was told; of a trailing one, the trigger that
   follows from whole bars since it was sent, which the venue's is at or beyond. That it was is an
   event, which is how every process knows since when.
2. Passed still, or again, after `exit_watch.STOP_SECONDS`, it is told as an alert. One that takes
   something off is given up: an order at the market takes its place (replacing.py), and its pair
   ends with it. While that may not be (a doubt, a halt, a denial) it is tried at each bar, and told
   again. One that would open something is told only: its person decides.
3. A venue whose stream tells everything fills its stops at their prices: nothing is watched there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from aitrader.kernel import crash
from aitrader.kernel.clock import Moment
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.fix import AccountKind, OrdStatus, OrdType, Side
from aitrader.kernel.money import CONTEXT, ONE, ZERO, plain
from compliance.selectors import journal
from trading.models import CancelRequest, Order
from trading.selectors import sql
from trading.selectors.desk import Desk
from trading.selectors.orders import WORKING_STATUSES
from trading.services import exits, order_rows, replacing
from trading.services.exit_watch import STOP_SECONDS
from trading.services.held import HeldAccount

#: A stop that was passed so long ago, and not since, is passed anew.
_FORGOTTEN = timedelta(minutes=3)
_BPS = Decimal("0.0001")
_STOPS = """
SELECT o.id, o.instrument_id, o.side, o.ord_type, o.stop_px, o.trailing_bps, o.sent_at
  FROM trading_order o
 WHERE o.account_id = %s AND o.origin = 'OPERATOR'
   AND o.ord_type IN ('STOP', 'STOP_LIMIT', 'TRAILING_STOP')
   AND (o.ord_status IN ('NEW', 'PARTIALLY_FILLED')
        OR o.ord_status = 'PENDING_NEW' AND o.certainty = 'UNKNOWN')
   AND NOT EXISTS (SELECT 1 FROM trading_cancelrequest request WHERE request.order_id = o.id)
 ORDER BY o.id
"""
_BEST = """
SELECT max(high), min(low) FROM trading_bar
 WHERE feed_id = %s AND instrument_id = %s AND open_time > %s
"""


@dataclass(frozen=True, slots=True)
class _Stop:
    """What is read of a stop before anything is locked."""

    pk: int
    instrument_id: int
    side: str
    ord_type: str
    stop_px: Decimal | None
    trailing_bps: Decimal | None
    sent_at: datetime | None


def look(*, desk: Desk, prices: Mapping[int, Decimal], at: Moment) -> int:
    """Give up the stops of persons that were passed and did not fill, at these prices by instrument
    id; how many. `at.wall` decides how long."""
    if desk.capabilities.streams or not prices:
        return 0
    stops = [_Stop(*row) for row in sql.fetch_all(_STOPS, [desk.account.pk])]
    return sum(
        _give_up(desk, stop.pk, prices[stop.instrument_id], at)
        for stop in stops
        if stop.instrument_id in prices and _is_passed(desk, stop, prices[stop.instrument_id])
    )


def _is_passed(desk: Desk, stop: _Stop, px: Decimal) -> bool:
    trigger = _trigger(desk, stop)
    if trigger is None:
        return False
    return px <= trigger if stop.side == Side.SELL else px >= trigger


def _trigger(desk: Desk, stop: _Stop) -> Decimal | None:
    if stop.ord_type != OrdType.TRAILING_STOP:
        return stop.stop_px
    if stop.trailing_bps is None or stop.sent_at is None:
        return None
    highest, lowest = sql.fetch_one(_BEST, [desk.feed.pk, stop.instrument_id, stop.sent_at])
    if highest is None:
        return None
    away = CONTEXT.multiply(stop.trailing_bps, _BPS)
    sells = stop.side == Side.SELL
    return CONTEXT.multiply(highest, ONE - away) if sells else CONTEXT.multiply(lowest, ONE + away)


def _give_up(desk: Desk, order_id: int, px: Decimal, at: Moment) -> bool:
    store = order_rows.of(desk)
    with store.atomic():
        held = HeldAccount(desk, at)
        stop = store.locked(order_id)
        ends = CancelRequest.objects.filter(order=stop).exists()
        if ends or stop.ord_status not in WORKING_STATUSES:
            return False
        gone = _has_waited(desk, stop, px, at) and _gives_way(desk, stop, px, held, at)
        crash.point("unfilled.before_commit")
    crash.point("unfilled.committed")
    return gone


def _gives_way(desk: Desk, stop: Order, px: Decimal, held: HeldAccount, at: Moment) -> bool:
    """Whether another order waits for the stop's place now; what became of it is told."""
    new, takes_off = None, _takes_off(desk, stop, held)
    if takes_off:
        new = replacing.by_the_market(
            desk=desk,
            stop=stop,
            px=px,
            purpose="unfilled",
            reason="a stop was passed and did not fill",
            sizing={"method": "STOP", "px": plain(px)},
            held=held,
            at=at,
        )
    gone = new is not None and new.ord_status != OrdStatus.DENIED
    if gone or _is_to_be_said(stop, at):
        then = _then(new) if takes_off else "it would open something: it is left as it is"
        _tell(desk, EventName.STOP_UNFILLED, stop, at, px=px, then=then)
    return gone


def _has_waited(desk: Desk, stop: Order, px: Decimal, at: Moment) -> bool:
    """Whether the stop, which is passed now, was so a while ago; the first time is noted."""
    told = journal.last_told("order", stop.public_id, [EventName.STOP_PASSED])
    if told is None or at.wall - told[1] > _FORGOTTEN:
        _tell(desk, EventName.STOP_PASSED, stop, at, px=px)
        return False
    return at.wall - told[1] >= STOP_SECONDS


def _takes_off(desk: Desk, stop: Order, held: HeldAccount) -> bool:
    """Whether what the stop does makes the position smaller."""
    if stop.reduce_only or (desk.account.kind, stop.side) == (AccountKind.SPOT, Side.SELL):
        return True
    position = held.view.state.positions.get(stop.instrument_id)
    quantity = ZERO if position is None else position.quantity
    return Side(stop.side).sign * quantity < 0


def _then(new: Order | None) -> str:
    if new is None:
        return "in doubt, or held back by a trading state: it is left for now"
    if new.ord_status == OrdStatus.DENIED:
        return f"an order at the market was denied: {new.text}"
    return "an order at the market takes its place"


def _is_to_be_said(stop: Order, at: Moment) -> bool:
    told = journal.last_told("order", stop.public_id, [EventName.STOP_UNFILLED])
    return told is None or at.wall - told[1] >= exits.UNPROTECTED_LONGEST


def _tell(desk: Desk, name: EventName, stop: Order, at: Moment, **data: Any) -> None:
    event = Event(
        name=name,
        actor="desk",
        object_type="order",
        object_id=stop.public_id,
        trace_id=stop.trace_id,
        market_at=at.market,
        data={
            "account": desk.account.code,
            "instrument": desk.instruments[stop.instrument_id].code,
            "ord_type": stop.ord_type,
            "side": stop.side,
            "order_qty": stop.order_qty,
            "cum_qty": stop.cum_qty,
            "stop_px": stop.stop_px,
            **data,
        },
    )
    order_rows.of(desk).record([event], now=at.wall)
