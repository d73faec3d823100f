"""The orders that exits are made of: the legs of a protection, and the sale at the market.

1. What is more than the venue takes in one order goes in even parts, `MOST_AT_ONCE` of them at a
   look: each is an order of its own, or a group of legs of its own.
2. What the gate denies or the venue refuses is asked for again, while nothing covers the position,
   after as long a pause as it has been turned away for, `LONGEST_PAUSE` at most: not at every
   price.
"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from aitrader.kernel import ids
from aitrader.kernel.clock import iso
from aitrader.kernel.fix import AccountKind, OrdType, Origin, TimeInForce
from aitrader.kernel.money import CONTEXT, ZERO, plain, ratio
from risk.domain import exposure
from trading.domain import instrument_limits
from trading.domain.order import OrderIntent
from trading.models import Order, Trade
from trading.selectors import orders as order_reads
from trading.selectors import sql
from trading.selectors.orders import WORKING_STATUSES
from trading.services import exit_legs, orders
from trading.services.exit_context import Context
from trading.services.exit_legs import Leg

MOST_AT_ONCE = 20
LONGEST_PAUSE = timedelta(seconds=60)
_TRACE = "SELECT trace_id FROM trading_order WHERE trade_id = %s ORDER BY id LIMIT 1"
_TURNED_AWAY = """
SELECT min(created_at), max(created_at), (array_agg(text ORDER BY id DESC))[1]
  FROM trading_order
 WHERE trade_id = %s AND closing AND (origin = 'PROTECTION') = %s
   AND ord_status IN ('DENIED', 'REJECTED') AND created_at >= %s
"""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What of one kind was turned away lately: why the last time, and whether to wait yet."""

    text: str
    must_wait: bool


def refusal(context: Context, *, stops: bool) -> Refusal | None:
    """Of the trade's stops, or else of its exits, since nothing covers it; None if none was."""
    now = context.at.market
    since = context.trade.unprotected_since or now - LONGEST_PAUSE
    asked = [context.trade.pk, stops, since]
    first, last, text = sql.fetch_one(_TURNED_AWAY, asked)
    if first is None:
        return None
    return Refusal(text, now - last < min(last - first, LONGEST_PAUSE))


def legs_wanted(context: Context, *, together: bool = True) -> tuple[Leg, ...]:
    """The exits that are to rest at the venue; `together` as one group, where it holds that."""
    return exit_legs.wanted(
        context.desk, context.instrument, context.loaded, context.trade, together=together
    )


def write_legs(context: Context, legs: tuple[Leg, ...], qty: Decimal) -> tuple[int, Decimal]:
    """Write the legs, each part of the quantity as one OCO group; returns how many work, and for
    how much of it."""
    # Two fills at one instant are two quantities to protect.
    key = (context.trade.public_id, iso(context.at.market), plain(context.open_qty), plain(qty))
    written, covered = 0, ZERO
    for number, part in enumerate(_parts(context, qty, legs)):
        working = _write_group(context, legs, part, (*key, *_nth(number)))
        written += working
        covered = CONTEXT.add(covered, part if working else ZERO)
    return written, covered


def _write_group(
    context: Context, legs: tuple[Leg, ...], qty: Decimal, key: tuple[str | int, ...]
) -> int:
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


def market_exit(context: Context) -> list[Order]:
    """Order the sale (or buying back) of all that is open; none if this instant had its attempt."""
    key = ("exit", context.trade.public_id, iso(context.at.market))
    leg = Leg("exit", OrdType.MARKET)
    written: list[Order] = []
    for number, part in enumerate(_parts(context, context.open_qty, (leg,))):
        intent = _intent(
            context,
            intent_id=ids.derive(context.desk.namespace, *key, *_nth(number)),
            leg=leg,
            qty=part,
            origin=Origin.STRATEGY,
            reason=context.trade.exit_wanted or f"{context.loaded.code} {context.cursor.stance}",
            oco_group="",
            beside=tuple(each.intent_id for each in written),
        )
        if number == 0 and orders.is_known(intent.intent_id):
            return []
        written.append(_submit(context, intent, shared_qty=ZERO))
    return written


def _nth(number: int) -> tuple[int, ...]:
    """What tells the parts of one quantity apart: the first is named as the whole would be."""
    return (number,) if number else ()


def _parts(context: Context, qty: Decimal, legs: tuple[Leg, ...]) -> tuple[Decimal, ...]:
    """The quantity as the venue takes it in orders that all of these legs can be."""
    row, limits = context.instrument, context.instrument.venue_limits
    kinds = [(leg.ord_type, leg.price or leg.stop_px or _reference_px(context)) for leg in legs]
    return instrument_limits.taken(qty, row.lot, limits, kinds)[:MOST_AT_ONCE]


def _reference_px(context: Context) -> Decimal:
    """The last price, else that of the entry."""
    mark = context.desk.marks().get(context.instrument.pk)
    if mark is not None:
        return mark.px
    return ratio(context.trade.entry_notional, context.trade.entry_qty)


def _intent(
    context: Context,
    *,
    intent_id: str,
    leg: Leg,
    qty: Decimal,
    origin: Origin,
    reason: str,
    oco_group: str,
    beside: tuple[str, ...] = (),
) -> OrderIntent:
    return OrderIntent(
        intent_id=intent_id,
        account=context.desk.account.code,
        instrument=context.instrument.code,
        side=context.exit_side,
        ord_type=leg.ord_type,
        order_qty=qty,
        origin=origin,
        reference_px=_reference_px(context),
        reason=reason,
        decided_at=context.at.market,
        price=leg.price,
        stop_px=leg.stop_px,
        trailing_bps=leg.trailing_bps,
        time_in_force=TimeInForce.GTC,
        oco_group=oco_group,
        beside=beside,
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
