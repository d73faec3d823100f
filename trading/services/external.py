"""What happens on the account that the desk did not do: orders, trades and money of other hands.

1. An order of somebody else that rests on an instrument of the desk is taken in as EXTERNAL: it
   counts in exposure and is followed like any other.
2. Trades that are of no order we know make such an order; trades of ours that we have not booked
   have their order asked about again. Nothing is judged while an order of the desk is in doubt or
   on its way: the trade may be its.
3. A balance that differs in the same way for `FLOW_AGE`, with nothing in doubt and every trade
   booked, was moved from outside: a deposit, a withdrawal, a trade in what the desk does not
   trade. It is booked as such, and said.

venues.md 2.2 rule 8, X24.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from aitrader.kernel import crash, ids
from aitrader.kernel.clock import Moment
from aitrader.kernel.errors import GatewayError
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.fix import OrdStatus, OrdType, Origin, Side, TimeInForce
from aitrader.kernel.money import CONTEXT, ONE, ZERO, plain, product
from trading.domain.execution_report import ExecutionReport
from trading.domain.order_state import Closedness
from trading.domain.ports import Gateway, OpenOrder, SeenOrder, VenueTrade, letters
from trading.models import Account, InstrumentRow, Order, ReconBreak
from trading.selectors import sql
from trading.selectors.desk import Desk
from trading.services import executions, flows, order_rows, reconciliation, refused_key

#: How long a balance differs in the same way before it is booked: reads may lag for half a minute.
FLOW_AGE = timedelta(seconds=60)
#: How far back trades are asked for each time; venues list at most a day at once.
RECENT = timedelta(minutes=10)
LONGEST = timedelta(hours=24)
#: The client id of an order of which only trades are known.
_BY_ORDER_ID = "EXT-"


def begin(*, desk: Desk, gateway: Gateway, at: Moment) -> bool:
    """A process begins to send for the account: everything is asked for first; True when nothing of
    ours differs. A venue that does not answer is asked again later."""
    executions.drain(desk=desk, gateway=gateway, at=at)
    reconciliation.follow(desk=desk, gateway=gateway, at=at)
    reconciliation.resolve(desk=desk, gateway=gateway, at=at)
    try:
        take_in(desk=desk, gateway=gateway, at=at, back=LONGEST)
        return reconciliation.compare(desk=desk, gateway=gateway, at=at)
    except GatewayError:
        return False


def take_in(*, desk: Desk, gateway: Gateway, at: Moment, back: timedelta = RECENT) -> int:
    """Book what other hands did in the last while; returns how many orders and flows were written.

    Raises GatewayError when the venue does not tell.
    """
    if gateway.capabilities.streams:
        return 0
    try:
        resting = gateway.open_orders(account=desk.account.code)
    except GatewayError as error:
        refused_key.see(desk=desk, error=error, at=at)
        raise
    done = _take_in_orders(desk, gateway, resting, at)
    since = _since(desk, at, back)
    if since is None:
        return done
    complete = True
    for row in desk.instruments.values():
        listed = gateway.trades(account=desk.account.code, instrument=row.code, since=since)
        done += _take_in_trades(desk, gateway, row, listed, at)
        complete = complete and _are_booked(desk, row, listed)
    # A balance that a trade explains, once it is booked, was not moved from outside.
    return done + (_book_flows(desk, gateway, at) if complete else 0)


def _are_booked(desk: Desk, row: InstrumentRow, listed: Sequence[VenueTrade]) -> bool:
    """Whether every trade that the venue listed is a fill of ours, and nothing is in doubt."""
    store = order_rows.of(desk)
    booked = {key[1] for key in store.booked([each.exec_id for each in listed]) if key[0] == row.pk}
    return not store.in_doubt() and all(each.exec_id in booked for each in listed)


def _since(desk: Desk, at: Moment, back: timedelta) -> datetime | None:
    """Trades before the account's holdings were told are in those holdings."""
    held_at = Account.objects.values_list("held_at", flat=True).get(pk=desk.account.pk)
    return None if held_at is None else max(held_at, at.wall - min(back, LONGEST))


def _has_traded_since(
    desk: Desk, gateway: Gateway, row: InstrumentRow, resting: OpenOrder, seen: SeenOrder
) -> bool:
    """Whether all that the order has traded came after the account's holdings were told."""
    held_at = Account.objects.values_list("held_at", flat=True).get(pk=desk.account.pk)
    if held_at is None:
        return True
    listed = gateway.trades(account=desk.account.code, instrument=row.code, since=held_at)
    mine = sum((each.qty for each in listed if each.order_id == seen.order_id), ZERO)
    return mine == resting.cum_qty


def _take_in_orders(desk: Desk, gateway: Gateway, resting: Sequence[OpenOrder], at: Moment) -> int:
    by_name = _by_name(desk)
    names = [each.cl_ord_id for each in resting]
    known = set(Order.objects.filter(cl_ord_id__in=names).values_list("cl_ord_id", flat=True))
    done = 0
    for each in resting:
        row = None if each.seen is None else by_name.get(each.seen.letters)
        if each.seen is None or row is None or each.cl_ord_id in known:
            continue
        if each.cum_qty and not _has_traded_since(desk, gateway, row, each, each.seen):
            # A part of it was there when the holdings were told: its trades are taken in as they
            # come, by the venue's id.
            continue
        with sql.atomic():
            order_rows.of(desk).lock()
            if not Order.objects.filter(cl_ord_id=each.cl_ord_id).exists():
                _adopt(desk, row, each.cl_ord_id, each.seen, at)
                done += 1
            crash.point("adopt.before_commit")
        crash.point("adopt.committed")
    return done


def _take_in_trades(
    desk: Desk, gateway: Gateway, row: InstrumentRow, listed: Iterable[VenueTrade], at: Moment
) -> int:
    by_order: dict[str, list[VenueTrade]] = defaultdict(list)
    for trade in listed:
        if trade.report is not None and trade.side is not None and trade.order_id:
            by_order[trade.order_id].append(trade)
    done = 0
    late: list[Order] = []
    with sql.atomic():
        store = order_rows.of(desk)
        store.lock()
        if store.in_doubt():
            return 0
        for order_id, trades in sorted(by_order.items()):
            booked = store.booked([each.exec_id for each in trades])
            news = [each for each in trades if (row.pk, each.exec_id, str(each.side)) not in booked]
            if not news:
                continue
            found = Order.objects.filter(
                account=desk.account, instrument=row, order_id=order_id
            ).first()
            if found is not None and not found.cl_ord_id.startswith(_BY_ORDER_ID):
                found.instrument = row
                late.append(found)
                continue
            _book_trades(desk, row, found, order_id, news, at)
            done += 1
            crash.point("foreign.before_commit")
    crash.point("foreign.committed")
    return done + sum(_ask_again(desk, gateway, order, at) for order in late)


def _ask_again(desk: Desk, gateway: Gateway, order: Order, at: Moment) -> bool:
    """Trades of an order of ours that were not told when it was settled."""
    try:
        reports = gateway.query(
            account=desk.account.code, instrument=order.instrument.code, cl_ord_id=order.cl_ord_id
        )
    except GatewayError:
        return False
    if reports:
        executions.apply(desk=desk, reports=reports, at=at)
    return bool(reports)


def _book_trades(
    desk: Desk,
    row: InstrumentRow,
    found: Order | None,
    order_id: str,
    news: list[VenueTrade],
    at: Moment,
) -> None:
    """An order of which only trades are known is as large as they are, so far."""
    qty = sum((each.qty for each in news), ZERO)
    side = news[0].side or Side.BUY
    # An order of the venue's has one row for each of our accounts there.
    cl_ord_id = f"{_BY_ORDER_ID}{desk.account.pk}-{order_id}"[:64]
    if found is None:
        seen = SeenOrder(order_id, row.code, side, OrdType.MARKET, qty)
        found = _adopt(desk, row, cl_ord_id, seen, at)
    else:
        found.order_qty = CONTEXT.add(found.order_qty, qty)
        found.save(update_fields=["order_qty"])
    executions.apply(desk=desk, reports=_reports(found, news), at=at)


def _reports(order: Order, news: list[VenueTrade]) -> list[ExecutionReport]:
    cum, reports = order.filled_qty, []
    for each in news:
        if each.report is not None:
            cum = CONTEXT.add(cum, each.qty)
            reports.append(replace(each.report, cl_ord_id=order.cl_ord_id, cum_qty=cum))
    return reports


def _adopt(desk: Desk, row: InstrumentRow, cl_ord_id: str, seen: SeenOrder, at: Moment) -> Order:
    mark = desk.marks().get(row.pk)
    worth_px = seen.price or seen.stop_px or (None if mark is None else mark.px) or ZERO
    order = Order(
        public_id=ids.derive(
            desk.namespace, "external", desk.account.code, row.code, seen.order_id
        ),
        intent_id=ids.derive(desk.namespace, "foreign", desk.account.code, row.code, seen.order_id),
        cl_ord_id=cl_ord_id,
        order_id=seen.order_id,
        account=desk.account,
        instrument=row,
        origin=Origin.EXTERNAL,
        side=seen.side,
        ord_type=seen.ord_type,
        time_in_force=TimeInForce.GTC,
        order_qty=seen.order_qty,
        price=seen.price,
        stop_px=seen.stop_px,
        reason="external",
        reserved_notional=product(seen.order_qty, worth_px),
        trace_id=cl_ord_id,
        ord_status=OrdStatus.NEW,
        closedness=int(Closedness.ACCEPTED),
        created_at=at.market,
        sent_at=at.market,
    )
    order.save()
    event = Event(
        name=EventName.ORDER_ADOPTED,
        actor="venue",
        object_type="order",
        object_id=order.public_id,
        trace_id=order.trace_id,
        market_at=at.market,
        data={
            "account": desk.account.code,
            "instrument": row.code,
            "cl_ord_id": cl_ord_id,
            "order_id": seen.order_id,
            "side": seen.side,
            "ord_type": seen.ord_type,
            "order_qty": seen.order_qty,
            "price": seen.price,
            "stop_px": seen.stop_px,
        },
    )
    order_rows.of(desk).record([event], now=at.wall)
    return order


def _book_flows(desk: Desk, gateway: Gateway, at: Moment) -> int:
    due = ReconBreak.objects.filter(
        account=desk.account,
        kind="BALANCE",
        closed_at__isnull=True,
        noticed_at__lte=at.wall - FLOW_AGE,
    )
    if not due.exists():
        return 0
    # Whether it still differs in the same way.
    reconciliation.compare(desk=desk, gateway=gateway, at=at)
    done = 0
    for row in due.order_by("pk"):
        with sql.atomic():
            store = order_rows.of(desk)
            store.lock()
            ours = store.balances(row.object_id).get(row.object_id, ZERO)
            if store.in_doubt() or plain(ours) != row.ours:
                continue
            done += _book_flow(desk, row, CONTEXT.subtract(Decimal(row.venues), ours), at)
            crash.point("flow.before_commit")
        crash.point("flow.committed")
    return done


def _book_flow(desk: Desk, found: ReconBreak, moved: Decimal, at: Moment) -> bool:
    asset = found.object_id
    currency = desk.account.base_currency
    px = ONE if asset == currency else desk.px_of(asset, currency)
    if px is None and any(row.base == asset for row in desk.instruments.values()):
        # It will count as a position: not without a price.
        return False
    flows.book(
        desk=desk, kind="EXTERNAL", key=found.public_id, asset=asset, amount=moved, px=px,
        at=at.market,
    )  # fmt: skip
    event = Event(
        name=EventName.FLOW_BOOKED,
        actor="venue",
        object_type="account",
        object_id=desk.account.code,
        market_at=at.market,
        data={"account": desk.account.code, "asset": asset, "amount": moved, "px": px},
    )
    order_rows.of(desk).record([event], now=at.wall)
    executions.close_break(desk=desk, found=found, resolution="moved from outside", at=at)
    return True


def _by_name(desk: Desk) -> Mapping[str, InstrumentRow]:
    return {letters(f"{row.base}{row.quote}"): row for row in desk.instruments.values()}
