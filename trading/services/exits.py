"""Exits of one trade: protection while it is wanted, closing when it is not.

1. Stop, target and trailing stop of one quantity (exit_legs.py) share an OCO group.
2. A close waits until nothing else works for the trade, so that the two cannot both fill.
3. A position that should be protected and is not is said, as an event, and sold at the market when
   it stays so for `UNPROTECTED_BARS` (in real time `UNPROTECTED_LONGEST`), whether the gate denies
   its stops or the venue refuses them. While it cannot be sold it is said again each time it has
   stayed so for that long: a halt holds for stops too, those that wait to be sent among them.
4. A stop of unknown outcome protects nothing, and no second one is written beside it: it may act.
   The position is said to be unprotected at once; given up as in 3, it is sold after the stop's
   cancel is answered or its fate is known, never before.
5. An exit that the gate denies or the venue refuses leaves the position naked: it is said, and
   tried again after growing pauses (exit_orders.py). While no exit may go, stops stay where they
   are, and are written again as soon as they may.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from aitrader.kernel.events import Event, EventName
from aitrader.kernel.fix import IN_REAL_TIME, OrdStatus
from aitrader.kernel.money import CONTEXT, ZERO
from compliance.selectors import journal as entries
from compliance.services import journal
from trading.selectors import sql
from trading.selectors.orders import TradeOrder
from trading.services import exit_context, exit_orders, orders
from trading.services.exit_context import Context

#: A position that no stop could be placed for is sold after so many intervals, on prices in real
#: time after so long at the latest.
UNPROTECTED_BARS = 3
UNPROTECTED_LONGEST = timedelta(minutes=3)
UNPROTECTED = "unprotected"
_REFUSED = """
SELECT 1 FROM trading_order
 WHERE trade_id = %s AND origin = 'PROTECTION' AND ord_status = 'REJECTED' AND created_at >= %s
 LIMIT 1
"""
_GROUP_REFUSED = """
SELECT 1 FROM trading_order
 WHERE trade_id = %s AND origin = 'PROTECTION' AND ord_status = 'REJECTED'
 GROUP BY oco_group HAVING count(*) > 1
 LIMIT 1
"""


def is_over(context: Context) -> bool:
    """Nothing is held any more and no entry can still fill."""
    entering = any(not order.closing for order in context.working)
    return context.open_qty == 0 and not entering


def protect(context: Context) -> int:
    """Let what is held rest behind its stops; returns how many orders and cancels were written."""
    entering = [order for order in context.working if not order.closing and not order.closed]
    if context.trade.exit_qty > 0 and entering:
        # A stop or target has closed a part: the rest of the entry is not wanted any more.
        return _cancel(context, entering)
    legs = exit_orders.legs_wanted(context) if context.open_qty > 0 else ()
    behind = CONTEXT.add(exit_context.covered(context), exit_context.leaving(context))
    missing = CONTEXT.subtract(context.open_qty, behind)
    late = context.may_exit and _is_long_unprotected(context)
    if not legs or missing <= 0:
        if legs and exit_context.doubtful_groups(context) and not exit_context.is_certain(context):
            return _go_without(context, "its stop is in doubt", late=late)
        if not legs or not exit_context.is_on_its_way(context):
            _set_unprotected(context, why="")
        return 0
    if not context.may_reduce:
        return _go_without(context, "without a stop, and nothing may be sent", late=late)
    if refusal := exit_orders.refusal(context, stops=True):
        _set_unprotected(context, why=f"its stop was turned away: {refusal.text}")
    refused = late and bool(
        sql.fetch_one(_REFUSED, [context.trade.pk, context.trade.unprotected_since])
    )
    waits = refusal is not None and refusal.must_wait
    # What is being cancelled still counts at the gate, and an instant has one attempt only: the
    # venue's answer is waited for, and brings the next look.
    may_write = not (refused or waits or exit_context.is_being_cancelled(context))
    if may_write and len(legs) > 1 and sql.fetch_one(_GROUP_REFUSED, [context.trade.pk]):
        # What the venue would not hold together it may hold alone.
        legs = exit_orders.legs_wanted(context, together=False)
    written, covered = exit_orders.write_legs(context, legs, missing) if may_write else (0, ZERO)
    if not written:
        return _go_without(context, "without a stop", late=late)
    if covered < missing:
        # Looked at again until the rest is covered too, or no more can be written for it.
        _set_unprotected(context, why="a part of it without a stop")
    return written


def _go_without(context: Context, why: str, *, late: bool) -> int:
    """Say that nothing certain protects the position; give it up when that has been so for long."""
    _set_unprotected(context, why=why)
    if not late:
        return 0
    _give_up(context)
    return close(context)


def close(context: Context) -> int:
    """Work towards holding nothing; returns how many orders and cancel requests were written."""
    if not context.working and context.open_qty == 0:
        context.trade.closed_at = context.at.market
        sql.update(context.trade, "closed_at")
        return 0
    if context.open_qty > 0 and not context.may_exit:
        # Without its stop and without an exit the position is naked: the stop stays, and one that
        # was taken away for the exit is written again.
        return protect(context)
    obstacles = [
        order for order in context.working if not exit_context.is_exit(order) and not order.closed
    ]
    if obstacles:
        written = _cancel(context, obstacles)
        covered = written or exit_context.is_certain(context, until_cancelled=True)
        if not covered and context.open_qty > 0:
            _set_unprotected(context, why="without a stop, and no exit before the cancels' answers")
        return written
    # An exit whose fills are still to come has sold what it has sold.
    leaving = any(order.closing for order in context.working)
    return 0 if leaving or context.open_qty == 0 else _leave(context)


def _leave(context: Context) -> int:
    """Sell at the market what nothing covers, and say so if that was turned away."""
    refusal = exit_orders.refusal(context, stops=False)
    if refusal is not None:
        _set_unprotected(context, why=f"its exit was turned away: {refusal.text}")
        if refusal.must_wait:
            return 0
    written = exit_orders.market_exit(context)
    denied = [order for order in written if order.ord_status == OrdStatus.DENIED]
    if denied:
        _set_unprotected(context, why=f"its exit was denied: {denied[0].text}")
    return len(written) - len(denied)


def _cancel(context: Context, obstacles: list[TradeOrder]) -> int:
    asked = 0
    for order in obstacles:
        if order.cancelling:
            continue
        asked += orders.request_cancel(
            order_id=order.pk,
            requested_by=f"strategy:{context.loaded.code}",
            reason="the trade is being closed",
            now=context.at.wall,
            market_at=context.at.market,
        )
    return asked


def _is_long_unprotected(context: Context) -> bool:
    trade = context.trade
    if trade.unprotected_since is None:
        return False
    return _is_long_since(context, trade.unprotected_since, trade.unprotected_at)


def _is_long_since(context: Context, market: datetime, wall: datetime | None) -> bool:
    """Whether a position may not stay naked for as long as this; one instant on both clocks."""
    at = context.at
    if at.market - market >= UNPROTECTED_BARS * context.desk.interval:
        return True
    in_real_time = context.desk.feed.source in IN_REAL_TIME
    return in_real_time and wall is not None and at.wall - wall >= UNPROTECTED_LONGEST


def _give_up(context: Context) -> None:
    """The position is not left without a stop any longer."""
    context.trade.exit_wanted = UNPROTECTED
    sql.update(context.trade, "exit_wanted")
    mark = context.desk.marks().get(context.instrument.pk)
    data: dict[str, object] = {
        "reason": UNPROTECTED,
        "px": None if mark is None else mark.px,
        "by": "watchdog",
    }
    journal.record([_event(EventName.EXIT_WANTED, context, data)], now=context.at.wall)


def _event(name: EventName, context: Context, data: Mapping[str, object]) -> Event:
    trade = context.trade
    return Event(
        name=name,
        actor="desk",
        object_type="trade",
        object_id=trade.public_id,
        trace_id=trade.public_id,
        market_at=context.at.market,
        data={
            "account": context.desk.account.code,
            "instrument": context.instrument.code,
            "strategy": context.loaded.code,
            **data,
        },
    )


def _set_unprotected(context: Context, *, why: str) -> None:
    """Note since when nothing certain protects the position, and say `why`; "": something does."""
    trade, since = context.trade, context.trade.unprotected_since
    if bool(why) != (since is not None):
        trade.unprotected_since = context.at.market if why else None
        trade.unprotected_at = context.at.wall if why else None
        sql.update(trade, "unprotected_since", "unprotected_at")
    if why and (since is None or _is_to_be_said_again(context)):
        data: dict[str, object] = {"open_qty": context.open_qty, "why": why}
        event = _event(EventName.POSITION_UNPROTECTED, context, data)
        journal.record([event], now=context.at.wall)


def _is_to_be_said_again(context: Context) -> bool:
    told = entries.last_told("trade", context.trade.public_id, [EventName.POSITION_UNPROTECTED])
    return told is not None and _is_long_since(context, *told)
