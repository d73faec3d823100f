"""Trades that the venue takes back (venues.md X25).

1. A fill that the venue lists no more is voided when exactly what it moved is missing: the list of
   trades and the balances of its base asset say the same, and have done so for a while.
2. It is booked back by a ledger transaction of its own that names the fill (booking.py). The fill's
   row and what the order has filled stay as they were told.
3. What was announced and taken back before its trade was told is expected no longer once the venue
   has told less for a while.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from aitrader.kernel import crash
from aitrader.kernel.clock import Moment
from aitrader.kernel.errors import GatewayError
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.fix import CLOSED, AccountKind, Certainty
from aitrader.kernel.money import CONTEXT, ZERO, plain
from trading.domain.order_state import Closedness, OrderState
from trading.domain.ports import Gateway, VenueTrade
from trading.models import InstrumentRow, Order, ReconBreak
from trading.models.recon_break import Severity
from trading.selectors.desk import Desk
from trading.selectors.order_store import KeptFill
from trading.services import booking, executions, order_rows

#: A break of this kind is an order that the venue announced more of than it tells now.
FILLS = "FILLS"


def unlisted(
    desk: Desk, row: InstrumentRow, listed: Sequence[VenueTrade], since: datetime
) -> list[KeptFill]:
    """Fills of ours that are not among the trades that the venue lists from `since` on."""
    if row.kind != AccountKind.SPOT:
        return []
    named = {each.exec_id for each in listed}
    standing = order_rows.of(desk).standing_fills(row, since)
    return [fill for fill in standing if fill.exec_id not in named]


def take_back(
    *, desk: Desk, fills: Sequence[KeptFill], breaks: Mapping[str, ReconBreak], at: Moment
) -> int:
    """Void unlisted fills that explain what differs of their base asset; returns how many. `breaks`
    are those of balances that have stood for a while, by asset."""
    store = order_rows.of(desk)
    by_base: dict[str, list[KeptFill]] = defaultdict(list)
    for fill in fills:
        row = desk.instruments[fill.instrument_id]
        assets = (row.base, row.quote, fill.fee_asset)
        found = next((breaks[each] for each in assets if each in breaks), None)
        if found is not None and _is_older(fill, found):
            by_base[row.base].append(fill)
    done = 0
    for base, group in sorted(by_base.items()):
        moved = _moved_back(desk, group)
        if not _explains(moved, base, breaks):
            continue
        with store.atomic():
            store.lock()
            held = store.balances(*moved)
            rows = [breaks[asset] for asset in moved if asset in breaks]
            if any(plain(held.get(row.object_id, ZERO)) != row.ours for row in rows):
                continue
            for fill in group:
                _void(desk, fill, at)
            done += len(group)
            crash.point("void.before_commit")
        crash.point("void.committed")
        if done:
            # What else differs is of before: it is compared anew.
            break
    return done


def _is_older(fill: KeptFill, found: ReconBreak) -> bool:
    """Whether the break may be this fill's: a list that lags does not tell yet of what was traded
    since."""
    return found.noticed_at is not None and fill.transact_time <= found.noticed_at


def _moved_back(desk: Desk, fills: Sequence[KeptFill]) -> dict[str, Decimal]:
    """How balances move when these are voided."""
    moved: dict[str, Decimal] = {}
    for fill in fills:
        back = booking.moved_back(desk, desk.instruments[fill.instrument_id], fill)
        for asset, amount in back.items():
            moved[asset] = CONTEXT.add(moved.get(asset, ZERO), amount)
    return {asset: amount for asset, amount in moved.items() if amount}


def _explains(moved: Mapping[str, Decimal], base: str, breaks: Mapping[str, ReconBreak]) -> bool:
    """Whether the base asset differs by exactly this; where it comes out even, as when the account
    met itself, whether what else is moved differs at all."""
    found = breaks.get(base)
    if base not in moved:
        return found is None and bool(moved) and moved.keys() <= breaks.keys()
    if found is None:
        return False
    return moved[base] == CONTEXT.subtract(Decimal(found.venues), Decimal(found.ours))


def _void(desk: Desk, fill: KeptFill, at: Moment) -> None:
    store = order_rows.of(desk)
    order = store.locked(fill.order_pk)
    order.instrument = desk.instruments[fill.instrument_id]
    effect = booking.void(desk, order, fill, at.market)
    if order.trade is not None:
        store.save_trade(order.trade, *executions.TRADE_COLUMNS)
    told = {
        "instrument": order.instrument.code,
        "exec_id": fill.exec_id,
        "side": fill.side,
        "last_qty": fill.qty,
        "last_px": fill.px,
        "fee": fill.fee,
        "fee_asset": fill.fee_asset,
        "realised_pnl": effect.realised,
        "transact_time": fill.transact_time,
    }
    store.record([_event(EventName.FILL_VOIDED, order, told, at)], now=at.wall)


def expect_no_more(*, desk: Desk, gateway: Gateway, due: Collection[ReconBreak], at: Moment) -> int:
    """Ask about orders whose fills are not complete; of how many nothing more is expected."""
    store = order_rows.of(desk)
    stood = {(row.object_id, row.ours, row.venues): row for row in due if row.kind == FILLS}
    done = 0
    for order in store.doubtful():
        if order.certainty != Certainty.FILLS_INCOMPLETE:
            continue
        told = _told(desk, gateway, order, at)
        if told is None or told >= order.cum_qty:
            continue
        known = (order.cl_ord_id, plain(order.cum_qty), plain(told))
        if known in stood:
            done += _come_down(desk, order, stood[known], at)
        else:
            executions.open_break(
                desk=desk, kind=FILLS, object_id=known[0], ours=known[1], venues=known[2], at=at,
                severity=Severity.MINOR,
            )  # fmt: skip
    return done


def _told(desk: Desk, gateway: Gateway, order: Order, at: Moment) -> Decimal | None:
    """How much of the order the venue tells as traded, all of which is booked then."""
    try:
        reports = gateway.query(
            account=desk.account.code, instrument=order.instrument.code, cl_ord_id=order.cl_ord_id
        )
    except GatewayError:
        return None
    if not reports:
        return None
    executions.apply(desk=desk, reports=reports, at=at)
    return max(each.cum_qty for each in reports)


def _come_down(desk: Desk, asked: Order, found: ReconBreak, at: Moment) -> bool:
    store = order_rows.of(desk)
    with store.atomic():
        store.lock()
        order = store.locked(asked.pk)
        if order.certainty != Certainty.FILLS_INCOMPLETE or order.cum_qty != asked.cum_qty:
            return False
        order.cum_qty = order.filled_qty
        state = OrderState(order.order_qty, order.cum_qty, Closedness(order.closedness))
        order.ord_status, order.certainty = state.ord_status, Certainty.CERTAIN
        if order.ord_status not in CLOSED:
            order.closed_at = None
        store.save(order, "cum_qty", "ord_status", "certainty", "closed_at")
        told: Mapping[str, object] = {
            "by": "what was announced was taken back",
            "announced": asked.cum_qty,
            "cum_qty": order.cum_qty,
            "ord_status": order.ord_status,
        }
        store.record([_event(EventName.ORDER_RESOLVED, order, told, at)], now=at.wall)
        executions.close_break(
            desk=desk, found=found, resolution="what was announced was taken back", at=at
        )
    return True


def _event(name: EventName, order: Order, data: Mapping[str, object], at: Moment) -> Event:
    return Event(
        name=name,
        actor="venue",
        object_type="order",
        object_id=order.public_id,
        trace_id=order.trace_id,
        market_at=at.market,
        data=data,
    )
