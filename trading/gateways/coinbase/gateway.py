"""The gateway to Coinbase Advanced Trade: the port of domain/ports.py over its REST API.

1. A client order id is used once for ever: sending the same bytes again makes no second order, and
   the first is returned. The order that is returned is held against the one that was meant. Where
   it is another, ours was never made and never will be: RejectedByVenue, CL_ORD_ID_TAKEN. Where the
   answer does not say enough, and where the venue only says that the id is used: OutcomeUnknown.
2. Nothing is asked for by client order id at the venue. What a submit or a list told is remembered;
   else the orders of the last `WINDOW` are looked through. No sign of an order there proves little:
   the reads lag behind the engine.
3. The answer to a new order tells no trades: they are asked for with the order.
4. A cancel that was taken is not done: the order itself says when it is.
5. An order that no list shows, open ones included, is told as gone to whoever cancels it. The
   engine was not asked, for it knows no client ids: the word of this venue is weaker evidence.
6. An answer that we cannot read is an unknown outcome, for the venue may have acted.
7. A stop and a target of ours are one order there (brackets.py): a question about one of the two is
   answered for both, a cancel of one ends both.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from aitrader.kernel.clock import iso
from aitrader.kernel.errors import GatewayError, NotSent, OutcomeUnknown, RejectedByVenue
from aitrader.kernel.fix import OrdType, TimeInForce
from trading.domain import request
from trading.domain.execution_report import ExecutionReport, StreamedReport
from trading.domain.ports import Capabilities, ClientIdClass, Fees, NewOrder, OpenOrder, VenueTrade
from trading.gateways.coinbase import brackets, errors, orders, reports
from trading.gateways.coinbase.connection import Connection

T = TypeVar("T")
Answer = Mapping[str, Any]

CAPABILITIES = Capabilities(
    ord_types=frozenset(
        {OrdType.MARKET, OrdType.LIMIT, OrdType.STOP_LIMIT, OrdType.LIMIT_IF_TOUCHED}
    ),
    times_in_force=frozenset(TimeInForce),
    client_id_class=ClientIdClass.IDEMPOTENT,
    streams=False,
    oco=frozenset({brackets.PAIR}),
    post_only=True,
    stop_times_in_force=frozenset({TimeInForce.GTC, TimeInForce.GTD}),
    recv_window=timedelta(seconds=120),
    # A token is good for two minutes, and the engine has its time after that.
    enters_within=timedelta(seconds=140),
)
#: How far back an order is looked for whose id at the venue we do not have.
WINDOW = timedelta(days=7)
_PAGE = 250
_MOST_PAGES = 400
_MOST_REMEMBERED = 10_000
_ORDERS, _FILLS = "/orders/historical/batch", "/orders/historical/fills"


@dataclass(frozen=True, slots=True)
class _Known:
    """An order at the venue, its client id there, and what we sent for it if this process did."""

    order_id: str
    cl_ord_id: str
    meant: orders.Body | None = None


class CoinbaseGateway:
    """Implements `Gateway` for venue code COINBASE; the API key decides the account."""

    venue = "COINBASE"
    capabilities = CAPABILITIES

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def request(self, orders: Sequence[NewOrder]) -> str:
        return request.written(_body(orders))

    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        return self._place([order])

    def submit_group(
        self, *, account: str, orders: Sequence[NewOrder]
    ) -> Sequence[ExecutionReport]:
        return self._place(orders)

    def _place(self, ours: Sequence[NewOrder]) -> list[ExecutionReport]:
        """One request, for one order of ours or for two."""
        meant = request.said(request.kept(ours, self.request))
        answer = self._connection.write("/orders", meant)
        order_id = _read(lambda: _placed(answer, meant))
        now = self._connection.now()
        for each in ours:
            known = _Known(order_id, str(meant["client_order_id"]), meant)
            self._remember(each.cl_ord_id, known)
        return [reports.accepted(order_id, each.cl_ord_id, each.instrument, now) for each in ours]

    def cancel(
        self, *, account: str, instrument: str, cl_ord_id: str, at: datetime
    ) -> ExecutionReport:
        known = self._find(instrument, cl_ord_id)
        if known is None:
            # It may have rested for longer than is looked back.
            self.open_orders(account=account)
            known = self._known.get(cl_ord_id)
        if known is None:
            raise RejectedByVenue(errors.NOT_FOUND, "no list shows this order", gone=True)
        answer = self._connection.write("/orders/batch_cancel", {"order_ids": [known.order_id]})
        try:
            _read(lambda: _see_that_it_was_taken(answer, known.order_id))
        except RejectedByVenue as error:
            if error.gone or not self._is_closed(known):
                raise
            raise RejectedByVenue(error.code, error.text, gone=True) from None
        try:
            told = self._order(known)
            fills = self._fills(known) if len(brackets.names(told)) > 1 else None
        except (NotSent, RejectedByVenue) as error:
            raise OutcomeUnknown(f"a cancel was taken, the order not found: {error}") from error
        return _read(lambda: _cancelled(_mine(told, fills, cl_ord_id), instrument))

    def query(
        self, *, account: str, instrument: str, cl_ord_id: str
    ) -> Sequence[ExecutionReport] | None:
        known = self._find(instrument, cl_ord_id)
        if known is None:
            return None
        try:
            told = self._order(known)
        except RejectedByVenue as error:
            if error.code == errors.NOT_FOUND:
                return None
            raise
        _read(lambda: _see_that_it_is_ours(told, known))
        fills = self._fills(known)
        return _read(lambda: _queried(told, fills, instrument))

    def executions(self, *, account: str, after: int, limit: int) -> Sequence[StreamedReport]:
        """Nothing: its orders are followed (`Capabilities.streams`)."""
        return ()

    def open_orders(
        self, *, account: str, instruments: Collection[str] = ()
    ) -> Sequence[OpenOrder]:
        # OPEN is taken alone by the venue, and leaves out the rest. Asked for in the order of an
        # order's life, none slips through that moves on meanwhile.
        found: dict[str, Answer] = {}
        for statuses in (reports.NOT_YET_OPEN, reports.OPEN, reports.ENDING):
            page = self._pages(_ORDERS, "orders", order_status=list(statuses))
            found |= {str(each["order_id"]): each for each in page}
        return _read(lambda: _open(found.values()))

    def trades(self, *, account: str, instrument: str, since: datetime) -> Sequence[VenueTrade]:
        fills = self._pages(
            _FILLS,
            "fills",
            product_ids=[orders.product_of(instrument)],
            start_sequence_timestamp=iso(since),
        )
        return _read(lambda: reports.trades(fills, instrument=instrument))

    def client_id_of(self, *, account: str, instrument: str, order_id: str) -> str | None:
        try:
            told = self._order(_Known(order_id, ""))
        except RejectedByVenue as error:
            if error.code == errors.NOT_FOUND:
                return None
            raise
        return _read(lambda: brackets.likely(told))

    def balances(self, *, account: str) -> dict[str, Decimal]:
        accounts = self._pages("/accounts", "accounts")
        return _read(lambda: reports.balances(accounts))

    def fees(self) -> Fees:
        """Those of this account's tier."""
        told = self._connection.read("/transaction_summary", product_type="SPOT")
        return _read(lambda: reports.fees(told))

    def _find(self, instrument: str, cl_ord_id: str) -> _Known | None:
        """What identifies the order at the venue; None if its lists do not show it."""
        if cl_ord_id not in self._known:
            since = self._connection.now() - WINDOW
            self._pages(
                _ORDERS,
                "orders",
                until=cl_ord_id,
                product_ids=[orders.product_of(instrument)],
                start_date=iso(since),
            )
        return self._known.get(cl_ord_id)

    def _fills(self, known: _Known) -> list[Answer]:
        return self._pages(_FILLS, "fills", order_ids=[known.order_id])

    def _order(self, known: _Known) -> Answer:
        told = self._connection.read(f"/orders/historical/{known.order_id}")
        return _read(lambda: dict(told["order"]))

    def _is_closed(self, known: _Known) -> bool:
        """Whether the order is known to be over: a read that failed says nothing."""
        try:
            told = self._order(known)
            return _read(lambda: reports.is_closed(told))
        except GatewayError:
            return False

    def _pages(self, path: str, name: str, *, until: str = "", **asked: object) -> list[Answer]:
        """All pages, or those up to the one with the order `until`. A page may be shorter than was
        asked, and the last may be empty: only the venue's word ends them."""
        found: list[Answer] = []
        cursor = ""
        for _ in range(_MOST_PAGES):
            told = self._connection.read(path, **asked, limit=_PAGE, cursor=cursor or None)
            page, following = _read(partial(_page, told, name))
            found += page
            if path == _ORDERS:
                _read(partial(self._learn, page))
            if not following or (until and until in self._known):
                return found
            if following == cursor:
                break
            cursor = following
        raise OutcomeUnknown(f"{path} has pages without end")

    def _learn(self, found: Sequence[Answer]) -> None:
        for each in found:
            known = _Known(str(each["order_id"]), str(each["client_order_id"] or ""))
            for name in brackets.names(each):
                if name not in self._known:
                    self._remember(name, known)

    def _remember(self, cl_ord_id: str, known: _Known) -> None:
        self._known[cl_ord_id] = known
        while len(self._known) > _MOST_REMEMBERED:
            self._known.popitem(last=False)


def _body(ours: Sequence[NewOrder]) -> orders.Body:
    return brackets.body(ours) if len(ours) > 1 else orders.body(*ours)


def _placed(answer: Answer, meant: orders.Body) -> str:
    """The venue's id of the order that was meant."""
    if answer["success"] is False:
        raise errors.order_refused(answer)
    if answer["success"] is not True:
        raise OutcomeUnknown("an answer that does not say whether the order was taken")
    told = answer["success_response"]
    order_id = str(told["order_id"] or "")
    if not order_id or told["client_order_id"] != meant["client_order_id"]:
        raise OutcomeUnknown("an answer about another order, or about none")
    settings = answer.get("order_configuration")
    others = orders.differences(meant, {**told, "order_configuration": settings})
    if others:
        text = f"order {order_id} has this client order id: {', '.join(others)}"
        raise RejectedByVenue(errors.CL_ORD_ID_TAKEN, text)
    return order_id


def _queried(told: Answer, fills: Sequence[Answer], instrument: str) -> list[ExecutionReport]:
    return [
        report
        for order, mine in brackets.apart(told, fills)
        for report in reports.queried(order, mine, instrument=instrument)
    ]


def _open(found: Iterable[Answer]) -> list[OpenOrder]:
    return reports.open_orders(order for each in found for order, _ in brackets.apart(each))


def _mine(told: Answer, fills: Sequence[Answer] | None, cl_ord_id: str) -> Answer:
    """Of what the venue tells, the order of this client id."""
    if fills is None:
        return told
    return next(o for o, _ in brackets.apart(told, fills) if o["client_order_id"] == cl_ord_id)


def _see_that_it_is_ours(told: Answer, known: _Known) -> None:
    if told["client_order_id"] != known.cl_ord_id or told["order_id"] != known.order_id:
        raise OutcomeUnknown("an answer about another order")
    if known.meant is None or told.get("edit_history"):
        return
    others = orders.differences(known.meant, told)
    if others:
        raise OutcomeUnknown(f"the order is not the one that was sent: {', '.join(others)}")


def _see_that_it_was_taken(answer: Answer, order_id: str) -> None:
    """The venue will cancel the order, if nothing comes first."""
    (result,) = answer["results"]
    if str(result.get("order_id") or order_id) != order_id:
        raise OutcomeUnknown("an answer about another order")
    if result["success"] is False:
        raise errors.cancel_refused(result)
    if result["success"] is not True:
        raise OutcomeUnknown("an answer that does not say whether the cancel was taken")


def _cancelled(told: Answer, instrument: str) -> ExecutionReport:
    report = reports.ended(told, instrument=instrument)
    if report is not None:
        return report
    if reports.is_closed(told):
        raise RejectedByVenue(str(told["status"]), "it was filled first", gone=True)
    raise OutcomeUnknown(f"a cancel was taken, the order is still {told['status']}")


def _page(told: Answer, name: str) -> tuple[list[Answer], str]:
    """What is on the page, and where the next begins; nothing when there is none."""
    rows = list(told[name] or ())
    cursor = str(told.get("cursor") or "")
    more = told["has_next"] if "has_next" in told else bool(rows)
    return rows, cursor if more else ""


def _read(work: Callable[[], T]) -> T:
    try:
        return work()
    except GatewayError:
        raise
    except Exception as error:  # the venue has acted, whatever we make of it
        raise OutcomeUnknown(f"an answer that cannot be read: {error!r}") from error
