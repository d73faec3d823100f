"""Exits of one trade: protection while it is wanted, closing when it is not.

1. Stop, target and trailing stop of one quantity (exit_legs.py) share an OCO group.
2. A close waits until nothing else works for the trade, so that the two cannot both fill.
3. A position that should be protected and is not is said once, as an event, until its protection
   rests at the venue; it is sold at the market when it stays so for `UNPROTECTED_BARS` (in real
   time `UNPROTECTED_LONGEST`), whether the gate denies its stops or the venue refuses them.
4. A stop of unknown outcome protects nothing, and no second one is written beside it: it may act.
   The position is said to be unprotected at once; given up as in 3, it is sold after the stop's
   cancel is answered or its fate is known, never before.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from aitrader.kernel import ids
from aitrader.kernel.clock import Moment, iso
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.fix import (
    IN_REAL_TIME,
    AccountKind,
    OrdStatus,
    OrdType,
    Origin,
    Side,
    TimeInForce,
)
from aitrader.kernel.money import CONTEXT, ZERO, plain, qty_to_lot, ratio
from compliance.services import journal
from risk.domain import exposure
from trading.domain.order import OrderIntent
from trading.models import InstrumentRow, Order, StrategyCursor, Trade
from trading.selectors import orders as order_reads
from trading.selectors import sql
from trading.selectors.desk import Desk, LoadedStrategy
from trading.selectors.orders import WORKING_STATUSES, TradeOrder
from trading.services import exit_legs, orders
from trading.services.exit_legs import Leg
from trading.services.held import HeldAccount

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
_TRACE = "SELECT trace_id FROM trading_order WHERE trade_id = %s ORDER BY id LIMIT 1"


@dataclass(frozen=True, slots=True)
class Context:
    """A trade with the orders that work for it, at one moment."""

    desk: Desk
    loaded: LoadedStrategy
    cursor: StrategyCursor
    trade: Trade
    working: list[TradeOrder]
    held: HeldAccount
    at: Moment

    @property
    def instrument(self) -> InstrumentRow:
        return self.desk.instruments[self.cursor.instrument_id]

    @property
    def open_qty(self) -> Decimal:
        """What the trade holds and can give back, in whole lots; what the venue would not take is
        dust: 0."""
        held = max(ZERO, CONTEXT.subtract(self.trade.entry_qty, self.trade.exit_qty))
        qty = qty_to_lot(min(held, self._most), self.instrument.lot)
        if qty <= 0 or qty < self.instrument.min_qty:
            return ZERO
        mark = self.desk.marks().get(self.instrument.pk)
        # Without a price the entry's own decides: what may be worth something is not given up.
        px = ratio(self.trade.entry_notional, self.trade.entry_qty) if mark is None else mark.px
        return ZERO if CONTEXT.multiply(qty, px) < self.instrument.min_notional else qty

    @property
    def _most(self) -> Decimal:
        """What a SPOT account has of the base asset: fees of other trades may have come from it."""
        if self.desk.account.kind != AccountKind.SPOT:
            return Decimal("Infinity")
        return self.held.view.state.balances.get(self.instrument.base, ZERO)

    @property
    def exit_side(self) -> Side:
        return Side(self.trade.side).opposite


def is_over(context: Context) -> bool:
    """Nothing is held any more and no entry can still fill."""
    entering = any(not order.closing for order in context.working)
    return context.open_qty == 0 and not entering


def protect(context: Context, *, allowed: bool) -> int:
    """Let what is held rest behind its stops; returns how many orders and cancels were written."""
    entering = [order for order in context.working if not order.closing and not order.closed]
    if context.trade.exit_qty > 0 and entering:
        # A stop or target has closed a part: the rest of the entry is not wanted any more.
        return _cancel(context, entering)
    legs = _legs(context) if context.open_qty > 0 else ()
    missing = CONTEXT.subtract(context.open_qty, _covered(context) + _leaving(context))
    late = allowed and _is_long_unprotected(context)
    if not legs or missing <= 0:
        if legs and _is_in_doubt(context):
            return _go_without(context, "its stop is in doubt", late=late)
        if not legs or not _is_on_its_way(context):
            _set_unprotected(context, why="")
        return 0
    refused = late and bool(
        sql.fetch_one(_REFUSED, [context.trade.pk, context.trade.unprotected_since])
    )
    # What is being cancelled still counts at the gate, and an instant has one attempt only: the
    # venue's answer is waited for, and brings the next look.
    may_write = allowed and not refused and not _is_being_cancelled(context)
    if may_write and len(legs) > 1 and sql.fetch_one(_GROUP_REFUSED, [context.trade.pk]):
        # What the venue would not hold together it may hold alone.
        legs = _legs(context, together=False)
    written = _write_legs(context, legs, missing) if may_write else 0
    return written or _go_without(context, "without a stop", late=late)


def _go_without(context: Context, why: str, *, late: bool) -> int:
    """Say that nothing certain protects the position; give it up when that has been so for long."""
    _set_unprotected(context, why=why)
    if not late:
        return 0
    _give_up(context)
    return close(context, allowed=True)


def _is_being_cancelled(context: Context) -> bool:
    return any(
        order.origin == Origin.PROTECTION and order.cancelling and not order.closed
        for order in context.working
    )


def close(context: Context, *, allowed: bool) -> int:
    """Work towards holding nothing; returns how many orders and cancel requests were written."""
    if not context.working and context.open_qty == 0:
        context.trade.closed_at = context.at.market
        sql.update(context.trade, "closed_at")
        return 0
    if not allowed and context.open_qty > 0:
        # Protection stays where it is: without it and without an exit the position is naked.
        return 0
    obstacles = [order for order in context.working if not _is_exit(order) and not order.closed]
    if obstacles:
        return _cancel(context, obstacles)
    # An exit whose fills are still to come has sold what it has sold.
    leaving = any(order.closing for order in context.working)
    return 0 if leaving or context.open_qty == 0 else _market_exit(context)


def _is_exit(order: TradeOrder) -> bool:
    return order.closing and order.origin != Origin.PROTECTION


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


def _covered(context: Context, *, without: Collection[str] = ()) -> Decimal:
    """Quantity behind working protection; a group counts once, and not if it is in `without`."""
    groups: dict[str, Decimal] = {}
    for order in context.working:
        counts = order.origin == Origin.PROTECTION and not order.cancelling
        if counts and order.oco_group not in without:
            groups[order.oco_group] = max(groups.get(order.oco_group, ZERO), order.leaves_qty)
    return sum(groups.values(), ZERO)


def _is_in_doubt(context: Context) -> bool:
    """Whether only stops of unknown outcome cover a part of what is held."""
    doubtful = {order.oco_group for order in context.working if order.is_stop and order.doubtful}
    certain = _covered(context, without=doubtful) + _leaving(context)
    return bool(doubtful) and certain < context.open_qty


def _is_on_its_way(context: Context) -> bool:
    """Whether protection is written of which the venue has said nothing yet."""
    return any(
        order.origin == Origin.PROTECTION and not (order.resting or order.closed)
        for order in context.working
    )


def _leaving(context: Context) -> Decimal:
    """Quantity that a working exit is about to take away."""
    return sum((each.leaves_qty for each in context.working if _is_exit(each)), ZERO)


def _legs(context: Context, *, together: bool = True) -> tuple[Leg, ...]:
    return exit_legs.wanted(
        context.desk, context.instrument, context.loaded, context.trade, together=together
    )


def _write_legs(context: Context, legs: tuple[Leg, ...], qty: Decimal) -> int:
    """Write the legs of one OCO group; returns how many of them work."""
    # Two fills at one instant are two quantities to protect.
    key = (context.trade.public_id, iso(context.at.market), plain(context.open_qty), plain(qty))
    group = ids.derive(context.desk.namespace, "oco", *key)
    written = 0
    for leg in legs:
        intent = _intent(
            context,
            intent_id=ids.derive(context.desk.namespace, "protect", *key, leg.name),
            leg=leg,
            qty=qty,
            origin=Origin.PROTECTION,
            reason=leg.name,
            oco_group=group,
        )
        order = _submit(context, intent, shared_qty=qty if written else ZERO)
        written += order.ord_status in WORKING_STATUSES
    return written


def _market_exit(context: Context) -> int:
    key = (context.trade.public_id, iso(context.at.market))
    intent = _intent(
        context,
        intent_id=ids.derive(context.desk.namespace, "exit", *key),
        leg=Leg("exit", OrdType.MARKET),
        qty=context.open_qty,
        origin=Origin.STRATEGY,
        reason=context.trade.exit_wanted or f"{context.loaded.code} {context.cursor.stance}",
        oco_group="",
    )
    # The same instant's attempt may have been denied before: then nothing new was written.
    if orders.is_known(intent.intent_id):
        return 0
    return int(_submit(context, intent, shared_qty=ZERO).ord_status != OrdStatus.DENIED)


def _intent(
    context: Context,
    *,
    intent_id: str,
    leg: Leg,
    qty: Decimal,
    origin: Origin,
    reason: str,
    oco_group: str,
) -> OrderIntent:
    mark = context.desk.marks().get(context.instrument.pk)
    entry_px = ratio(context.trade.entry_notional, context.trade.entry_qty)
    return OrderIntent(
        intent_id=intent_id,
        account=context.desk.account.code,
        instrument=context.instrument.code,
        side=context.exit_side,
        ord_type=leg.ord_type,
        order_qty=qty,
        origin=origin,
        reference_px=entry_px if mark is None else mark.px,
        reason=reason,
        decided_at=context.at.market,
        price=leg.price,
        stop_px=leg.stop_px,
        trailing_bps=leg.trailing_bps,
        time_in_force=TimeInForce.GTC,
        oco_group=oco_group,
        reduce_only=_shrinks_net(context, qty, oco_group),
        strategy=context.loaded.code,
        sizing={"method": "WHOLE_TRADE", "trade": context.trade.public_id},
    )


def _shrinks_net(context: Context, qty: Decimal, oco_group: str) -> bool:
    """Whether closing the trade can only shrink what the account holds of the instrument.

    Not so where another strategy of the account holds the opposite side: there the close is judged
    like any other order.
    """
    if context.desk.account.kind == AccountKind.SPOT:
        return True
    view = context.held.view
    position = view.state.positions.get(context.instrument.pk)
    reserved = order_reads.reserved(
        each for each in view.working if not oco_group or each.oco_group != oco_group
    )
    return exposure.reduces(
        position_qty=ZERO if position is None else position.quantity,
        reserved_qty=reserved.get((context.instrument.pk, context.exit_side), ZERO),
        side=context.exit_side,
        order_qty=qty,
    )


def _submit(context: Context, intent: OrderIntent, *, shared_qty: Decimal) -> Order:
    draft = orders.Draft(
        intent=intent,
        instrument=context.instrument,
        trace_id=_trace_id(context.trade),
        loaded=context.loaded,
        trade=context.trade,
        closing=True,
        shared_qty=shared_qty,
    )
    return orders.submit(desk=context.desk, draft=draft, at=context.at, held=context.held)


def _trace_id(trade: Trade) -> str:
    """The trade's signal: one id ties signal, entry and exits together."""
    row = sql.fetch_one(_TRACE, [trade.pk])
    return trade.public_id if row is None else str(row[0])


def _is_long_unprotected(context: Context) -> bool:
    trade, at = context.trade, context.at
    if trade.unprotected_since is None:
        return False
    if at.market - trade.unprotected_since >= UNPROTECTED_BARS * context.desk.interval:
        return True
    since = trade.unprotected_at
    in_real_time = context.desk.feed.source in IN_REAL_TIME
    return in_real_time and since is not None and at.wall - since >= UNPROTECTED_LONGEST


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
    trade, unprotected = context.trade, bool(why)
    if unprotected == (trade.unprotected_since is not None):
        return
    trade.unprotected_since = context.at.market if unprotected else None
    trade.unprotected_at = context.at.wall if unprotected else None
    sql.update(trade, "unprotected_since", "unprotected_at")
    if unprotected:
        data: dict[str, object] = {"open_qty": context.open_qty, "why": why}
        event = _event(EventName.POSITION_UNPROTECTED, context, data)
        journal.record([event], now=context.at.wall)
