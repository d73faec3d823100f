"""What happens on the account that the desk did not do: orders, trades and money of other hands.

1. An order of somebody else that rests on an instrument of the desk is taken in as EXTERNAL: it
   counts in exposure, a pair once, and is followed like any other.
2. Trades that are of no order we know make such an order; trades of ours that we have not booked
   have their order asked about again, before anything foreign is booked. While an order of the desk
   is in doubt or on its way, or was given up, a trade may be its: then the venue must say whose
   order traded.
3. What still differs after `FLOW_AGE`, with every trade booked, the venue took back, or it came
   from outside: a deposit, a withdrawal, a trade in what the desk does not trade (differences.py).
4. Trades are read back to when the books were compared last, however long the desk was off.

venues.md 2.2 rule 8, X24.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aitrader.kernel import crash, ids
from aitrader.kernel.clock import Moment
from aitrader.kernel.errors import GatewayError
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.fix import OrdStatus, OrdType, Origin, Side, TimeInForce
from aitrader.kernel.money import CONTEXT, ZERO, product
from trading.domain.execution_report import ExecutionReport
from trading.domain.order_state import Closedness
from trading.domain.ports import Gateway, OpenOrder, SeenOrder, VenueTrade, letters
from trading.models import InstrumentRow, Order, ReconBreak
from trading.selectors.desk import Desk
from trading.selectors.order_store import OrderStore
from trading.services import (
    differences,
    executions,
    order_rows,
    reconciliation,
    refused_key,
    voided,
)
from trading.services.listed import Listed

#: How long a balance differs in the same way before it is booked: reads may lag for half a minute.
FLOW_AGE = timedelta(seconds=60)
#: How far trades are asked for behind the last comparison: each time, and once in a while or where
#: something differs.
RECENT = timedelta(minutes=10)
LONGEST = timedelta(hours=24)
#: Further back than this a day by day look costs more calls than venues allow in a minute: what is
#: missing from before is booked as a flow.
FARTHEST = timedelta(days=30)
#: The client id of an order of which only trades are known.
_BY_ORDER_ID = "EXT-"
#: The group of a pair of other hands, with the venue's id of it: it counts once.
_OF_OTHERS = "EXT-"


@dataclass(frozen=True, slots=True)
class Reconciled:
    """`matched` open orders and balances are the same on both sides; `adjusted` reports, orders,
    trades and flows were taken over from the venue; `breaks` are open, of whatever age. `agree`:
    nothing of ours differs."""

    matched: int
    adjusted: int
    breaks: int
    agree: bool


def reconcile(*, desk: Desk, gateway: Gateway, at: Moment, back: timedelta = RECENT) -> Reconciled:
    """The whole pass: settle what the venue knows and we do not, take in what other hands did, and
    compare the books. Raises GatewayError when the venue does not tell."""
    adjusted = executions.drain(desk=desk, gateway=gateway, at=at)
    listed = Listed(desk, gateway)
    adjusted += reconciliation.follow(desk=desk, gateway=gateway, at=at, listed=listed)
    adjusted += reconciliation.resolve(desk=desk, gateway=gateway, at=at, listed=listed)
    adjusted += take_in(desk=desk, gateway=gateway, at=at, back=back, listed=listed)

    def again() -> Listed:
        nonlocal adjusted
        newer = Listed(desk, gateway)
        adjusted += reconciliation.follow(desk=desk, gateway=gateway, at=at, listed=newer)
        adjusted += take_in(desk=desk, gateway=gateway, at=at, listed=newer)
        return newer

    compared = reconciliation.compare(desk=desk, gateway=gateway, at=at, listed=listed, again=again)
    breaks = len(order_rows.of(desk).open_breaks())
    return Reconciled(compared.matched, adjusted, breaks, compared.agree)


def begin(*, desk: Desk, gateway: Gateway, at: Moment) -> bool:
    """A process begins to send for the account: everything is asked for first; True when nothing of
    ours differs. A venue that does not answer is asked again later."""
    try:
        return reconcile(desk=desk, gateway=gateway, at=at, back=LONGEST).agree
    except GatewayError:
        return False


def take_in(
    *,
    desk: Desk,
    gateway: Gateway,
    at: Moment,
    back: timedelta = RECENT,
    listed: Listed | None = None,
) -> int:
    """Book what other hands did since the books were compared last, and `back` before; returns how
    many orders, flows and voided trades were written.

    Raises GatewayError when the venue does not tell.
    """
    if gateway.capabilities.streams:
        return 0
    try:
        resting = (listed or Listed(desk, gateway)).orders()
    except GatewayError as error:
        refused_key.see(desk=desk, error=error, at=at)
        raise
    store = order_rows.of(desk)
    done = _take_in_orders(desk, gateway, resting, at)
    due = [row for row in store.open_breaks() if _has_stood(row, at)]
    since = _since(store, at, LONGEST if due else back)
    if since is None:
        return done
    done += voided.expect_no_more(desk=desk, gateway=gateway, due=due, at=at)
    complete, unlisted = True, []
    for row in desk.instruments.values():
        trades = gateway.trades(account=desk.account.code, instrument=row.code, since=since)
        done += _take_in_trades(desk, gateway, row, trades, at)
        complete = complete and _are_booked(store, row, trades)
        unlisted += voided.unlisted(desk, row, trades, since)
    # A balance that a trade explains, once it is booked, was not moved from outside.
    return done + (
        differences.end(desk=desk, gateway=gateway, stood=due, unlisted=unlisted, at=at)
        if complete
        else 0
    )


def _has_stood(row: ReconBreak, at: Moment) -> bool:
    return row.noticed_at is not None and row.noticed_at <= at.wall - FLOW_AGE


def _are_booked(store: OrderStore, row: InstrumentRow, listed: Sequence[VenueTrade]) -> bool:
    """Whether every trade that the venue listed is a fill of ours."""
    booked = {key[1] for key in store.booked([each.exec_id for each in listed]) if key[0] == row.pk}
    return all(each.exec_id in booked for each in listed)


def _since(store: OrderStore, at: Moment, back: timedelta) -> datetime | None:
    """Trades before the account's holdings were told are in those holdings."""
    held_at, compared_at = store.looked_at()
    if held_at is None:
        return None
    since = min(at.wall, compared_at or held_at) - back
    return max(held_at, since, at.wall - FARTHEST)


def _has_traded_since(
    desk: Desk, gateway: Gateway, row: InstrumentRow, resting: OpenOrder, seen: SeenOrder
) -> bool:
    """Whether all that the order has traded came after the account's holdings were told."""
    held_at, _ = order_rows.of(desk).looked_at()
    if held_at is None:
        return True
    listed = gateway.trades(account=desk.account.code, instrument=row.code, since=held_at)
    mine = sum((each.qty for each in listed if each.order_id == seen.order_id), ZERO)
    return mine == resting.cum_qty


def _take_in_orders(desk: Desk, gateway: Gateway, resting: Sequence[OpenOrder], at: Moment) -> int:
    by_name, store = _by_name(desk), order_rows.of(desk)
    known = store.known_among([each.cl_ord_id for each in resting])
    done = 0
    for each in resting:
        row = None if each.seen is None else by_name.get(each.seen.letters)
        if each.seen is None or row is None or each.cl_ord_id in known:
            continue
        if each.cum_qty and not _has_traded_since(desk, gateway, row, each, each.seen):
            # A part of it was there when the holdings were told: its trades are taken in as they
            # come, by the venue's id.
            continue
        with store.atomic():
            store.lock()
            # Its trades may have been seen first; another process may have taken it in.
            new = not store.known_among([each.cl_ord_id])
            if new and not store.of_venue(row, [each.seen.order_id]):
                _adopt(desk, row, each.cl_ord_id, each.seen, at)
                done += 1
            crash.point("adopt.before_commit")
        crash.point("adopt.committed")
    return done


def _take_in_trades(
    desk: Desk, gateway: Gateway, row: InstrumentRow, listed: Sequence[VenueTrade], at: Moment
) -> int:
    store = order_rows.of(desk)
    news = _news(store, row, listed)
    if not news:
        return 0
    known = store.of_venue(row, news)
    ours = {key: order for key, order in known.items() if not _is_made_of_trades(order)}
    foreign = [key for key in news if key not in ours]
    done = sum(
        _ask_again(desk, gateway, order.cl_ord_id, row, at)
        or _book_named(desk, order, news[key], at)
        for key, order in ours.items()
    )
    foreign = [
        key
        for key in foreign
        if key in known
        or not _may_be_ours(store, row, news[key])
        or _is_foreign(desk, gateway, row, key, at)
    ]
    with store.atomic():
        store.lock()
        # Another process may have been quicker.
        news = _news(store, row, [each for key in foreign for each in news[key]])
        known = store.of_venue(row, news)
        for order_id, trades in news.items():
            found = known.get(order_id)
            if found is not None and not _is_made_of_trades(found):
                # The answer to an order of ours was written meanwhile: at the next look.
                continue
            _book_trades(desk, row, found, order_id, trades, at)
            done += 1
            crash.point("foreign.before_commit")
    crash.point("foreign.committed")
    return done


def _may_be_ours(store: OrderStore, row: InstrumentRow, trades: Sequence[VenueTrade]) -> bool:
    """Whether an order of the desk is in doubt or on its way, or was given up on that side, and the
    venue has not named it yet."""
    side = trades[0].side or Side.BUY
    return bool(store.in_doubt()) or store.is_unseen(row, side, executions.NEVER_ACCEPTED)


def _is_made_of_trades(order: Order) -> bool:
    return order.cl_ord_id.startswith(_BY_ORDER_ID)


def _news(
    store: OrderStore, row: InstrumentRow, listed: Sequence[VenueTrade]
) -> dict[str, list[VenueTrade]]:
    """Trades that are not booked, by the venue's order, in the order in which orders traded."""
    booked = store.booked([each.exec_id for each in listed])
    news: dict[str, list[VenueTrade]] = defaultdict(list)
    for each in sorted(listed, key=_place):
        told = each.report is not None and each.side is not None and each.order_id
        if told and (row.pk, each.exec_id, str(each.side)) not in booked:
            news[each.order_id].append(each)
    return news


def _place(trade: VenueTrade) -> tuple[str, str, str]:
    at = "" if trade.report is None else trade.report.transact_time.isoformat()
    return at, trade.order_id, trade.exec_id


def _is_foreign(
    desk: Desk, gateway: Gateway, row: InstrumentRow, order_id: str, at: Moment
) -> bool:
    """Whether the venue says that the order has another client id than any of ours; if it has one
    of ours, that order is asked about. Where it does not tell, what is in doubt may still be it;
    what was given up is over."""
    try:
        name = gateway.client_id_of(
            account=desk.account.code, instrument=row.code, order_id=order_id
        )
    except GatewayError:
        return False
    if name is not None and order_rows.of(desk).known_among([name]):
        _ask_again(desk, gateway, name, row, at)
        return False
    return name is not None or not order_rows.of(desk).in_doubt()


def _ask_again(
    desk: Desk, gateway: Gateway, cl_ord_id: str, row: InstrumentRow, at: Moment
) -> bool:
    """Trades of an order of ours that were not told when it was settled."""
    try:
        reports = gateway.query(account=desk.account.code, instrument=row.code, cl_ord_id=cl_ord_id)
    except GatewayError:
        return False
    if reports:
        executions.apply(desk=desk, reports=reports, at=at)
    return bool(reports)


def _book_named(desk: Desk, order: Order, news: list[VenueTrade], at: Moment) -> bool:
    """Trades of an order that the venue does not find by client id any more, and whose id there a
    person has named (break_words.py): as far as they make up the quantity that was named."""
    qty = sum((each.qty for each in news), ZERO)
    if order.text != executions.CLOSED_BY_WORD or order.filled_qty + qty > order.cum_qty:
        return False
    executions.apply(desk=desk, reports=_reports(order, news), at=at)
    return True


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
    if found is None:
        # An order of the venue's has one row for each of our accounts there.
        key = ids.derive(desk.namespace, "trades", desk.account.code, row.code, order_id)
        seen = SeenOrder(order_id, row.code, side, OrdType.MARKET, qty)
        found = _adopt(desk, row, f"{_BY_ORDER_ID}{key}", seen, at)
    else:
        found.order_qty = CONTEXT.add(found.order_qty, qty)
        order_rows.of(desk).save(found, "order_qty")
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
        oco_group=f"{_OF_OTHERS}{seen.list_id}" if seen.list_id else "",
        reason="external",
        reserved_notional=product(seen.order_qty, worth_px),
        trace_id=cl_ord_id,
        ord_status=OrdStatus.NEW,
        closedness=int(Closedness.ACCEPTED),
        created_at=at.market,
        sent_at=at.market,
    )
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
    return order_rows.of(desk).open(order, event, now=at.wall)


def _by_name(desk: Desk) -> Mapping[str, InstrumentRow]:
    return {letters(f"{row.base}{row.quote}"): row for row in desk.instruments.values()}
