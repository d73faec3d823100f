"""The gateway to BTCTurk: the port of domain/ports.py over its REST API.

1. Nothing says that a client order id is unique at the venue: an order is sent once and never
   again.
2. The answer to a new order tells no trades: they are read right after it, in little time; if they
   cannot be read, the order is told as taken, and the desk asks later.
3. A cancel that the venue takes is only begun (since 1 April 2024). Cancelled is what the order
   itself says so; until then the outcome is unknown, and asking once more does no harm.
4. A stop that shows as cancelled was cancelled or triggered: which of the two is said only when
   what it would have made has had `_SETTLES` to show.
5. An order that no list shows is told as gone; the engine was not asked, for it knows no client
   ids: the word of this venue is weaker evidence than another's.
6. An answer that we cannot read is an unknown outcome, for the venue may have acted.
"""

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from aitrader.kernel.clock import monotonic, to_millis
from aitrader.kernel.errors import GatewayError, NotSent, OutcomeUnknown, RejectedByVenue
from aitrader.kernel.fix import OrdType, TimeInForce
from aitrader.kernel.money import ZERO
from trading.domain import request
from trading.domain.execution_report import ExecutionReport, StreamedReport
from trading.domain.ports import Capabilities, ClientIdClass, Fees, NewOrder, OpenOrder, VenueTrade
from trading.gateways.btcturk import errors, lookup, orders, reports
from trading.gateways.btcturk.connection import Connection, understood
from trading.gateways.btcturk.lookup import Found, Ids
from trading.gateways.btcturk.orders import body, pair_of, slides
from trading.gateways.btcturk.quotes import Quotes
from trading.gateways.btcturk.reports import Seen
from trading.gateways.generic.client_ids import venues_id

CAPABILITIES = Capabilities(
    ord_types=frozenset({OrdType.MARKET, OrdType.LIMIT, OrdType.STOP, OrdType.STOP_LIMIT}),
    times_in_force=frozenset({TimeInForce.GTC}),
    client_id_class=ClientIdClass.NONE,
    streams=False,
)
#: A buyer of 50,000 TRY needs 50,090 (docs.btcturk.com, FAQ); it cannot be asked for by key.
_USUAL_FEE = Decimal("0.0018")
#: More is no rate, but a fee in the base asset or one of a crumb.
_DEAREST_FEE = Decimal("0.01")
_SETTLES = timedelta(seconds=3)
#: A submission that took longer ends with the answer: the sender's lease is not for reads.
_TIME_TO_READ_SECONDS = 9.0
#: Such orders may trade at once.
_MAY_TRADE = frozenset({OrdType.MARKET, OrdType.LIMIT})


class BtcturkGateway:
    """Implements `Gateway` for venue code BTCTURK; the API key decides the account."""

    venue = "BTCTURK"
    capabilities = CAPABILITIES

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._memory = lookup.Memory()
        self._quotes = Quotes(connection, venue=self.venue)

    def look(self, orders: Sequence[NewOrder]) -> None:
        for pair in sorted({pair_of(order.instrument) for order in orders if slides(order)}):
            with suppress(NotSent):
                self._quotes.look(pair)

    def request(self, orders: Sequence[NewOrder]) -> str:
        (order,) = orders
        return request.written(body(order, self._limit(order)))

    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        began = monotonic()
        if not order.body and slides(order):
            self._quotes.look(pair_of(order.instrument))
        answer = self._connection.post(lookup.ORDER, request.kept([order], self.request))
        code, cl_ord_id = order.instrument, order.cl_ord_id
        taken = understood(lambda: reports.placed(answer, instrument=code, cl_ord_id=cl_ord_id))
        self._memory.remember(cl_ord_id, Ids(taken.order_id, taken.order_id))
        if order.ord_type not in _MAY_TRADE or monotonic() - began > _TIME_TO_READ_SECONDS:
            return [taken]
        try:
            found = self._by_id(Ids(taken.order_id, taken.order_id), cl_ord_id, quick=True)
            return [taken] if found is None else self._told(found, code, quick=True)
        except GatewayError:
            return [taken]

    def cancel(
        self, *, account: str, instrument: str, cl_ord_id: str, at: datetime
    ) -> ExecutionReport:
        found = self._before_cancel(instrument, cl_ord_id)
        known = self._memory.known(cl_ord_id)
        if found is not None and not found.works.is_open:
            return _ended(found, instrument)
        if known is None:
            raise RejectedByVenue(errors.NO_SUCH_ORDER, "no order bears this client id", gone=True)
        refused: RejectedByVenue | None = None
        try:
            self._connection.delete(lookup.ORDER, {"id": known.works})
        except RejectedByVenue as error:
            if error.code != errors.NOT_CANCELLED:
                raise
            refused = error
        try:
            found = self._find(instrument, cl_ord_id)
        except GatewayError as error:
            raise refused or OutcomeUnknown(f"the cancel's end is not known: {error}") from error
        if found is not None and not found.works.is_open:
            return _ended(found, instrument)
        raise refused or OutcomeUnknown("the cancel is begun, and has not ended yet")

    def query(
        self, *, account: str, instrument: str, cl_ord_id: str
    ) -> Sequence[ExecutionReport] | None:
        found = self._find(instrument, cl_ord_id)
        return None if found is None else self._told(found, instrument)

    def executions(self, *, account: str, after: int, limit: int) -> Sequence[StreamedReport]:
        """Nothing: its orders are followed (`Capabilities.streams`)."""
        return ()

    def open_orders(
        self, *, account: str, instruments: Collection[str] = ()
    ) -> Sequence[OpenOrder]:
        found = self._connection.read(lookup.OPEN_ORDERS)
        return understood(lambda: reports.open_orders(found, self._memory.name))

    def trades(self, *, account: str, instrument: str, since: datetime) -> Sequence[VenueTrade]:
        pair = pair_of(instrument)
        asked = {"pairSymbol": pair, "startDate": str(to_millis(since))}
        told = self._connection.read(lookup.TRADES, asked)
        rows = understood(lambda: [row for row in told if reports.pair_of(row) == pair])
        names = {reports.client_id_of(row) for row in rows} - {""}
        first_ids = understood(lambda: self._first_ids(instrument, names))
        return understood(lambda: reports.trades(rows, first_ids, instrument=instrument))

    def client_id_of(self, *, account: str, instrument: str, order_id: str) -> str | None:
        try:
            return understood(lambda: lookup.single(self._connection, order_id).cl_ord_id)
        except RejectedByVenue as error:
            if error.gone:
                return None
            raise

    def balances(self, *, account: str) -> dict[str, Decimal]:
        found = self._connection.read("/api/v1/users/balances")
        return understood(lambda: reports.balances(found))

    def fees(self) -> Fees:
        """The usual fee, or the highest that the account has paid in the last 30 days, tax
        included: the venue tells neither its rates nor a tier."""
        told = self._connection.read(lookup.TRADES)
        paid = understood(lambda: list(reports.fee_rates(told)))
        rate = max(_USUAL_FEE, *(each for each in paid if each <= _DEAREST_FEE), ZERO)
        return Fees(rate, rate, "the usual one, or the highest paid in 30 days")

    def _find(self, instrument: str, cl_ord_id: str) -> Found | None:
        """What the venue says of the order now, remembered; None if it knows none."""
        if order_id := venues_id(cl_ord_id):
            # Of strangers the venue knows no more than this one row.
            self._memory.remember(cl_ord_id, Ids(order_id, order_id))
            return self._by_id(Ids(order_id, order_id), cl_ord_id)
        known = self._memory.known(cl_ord_id)
        found = None if known is None else self._by_id(known, cl_ord_id)
        if found is None or _may_be_triggered(found.works):
            # The other lists may know what the single order does not tell, or not yet.
            found = self._search(instrument, cl_ord_id)
        fresh = found is not None and self._connection.now() - found.works.at < _SETTLES
        if found is not None and fresh and _may_be_triggered(found.works):
            raise OutcomeUnknown("the stop has just been cancelled, or triggered")
        return found

    def _by_id(self, known: Ids, cl_ord_id: str, *, quick: bool = False) -> Found | None:
        try:
            seen = understood(lambda: lookup.single(self._connection, known.works, quick=quick))
        except RejectedByVenue as error:
            if error.gone:
                return None
            raise
        if venues_id(cl_ord_id):
            seen = replace(seen, cl_ord_id=cl_ord_id)
        if seen.cl_ord_id != cl_ord_id:
            raise OutcomeUnknown(f"order {known.works} bears another client id")
        return Found(known.first, seen)

    def _search(self, instrument: str, cl_ord_id: str) -> Found | None:
        pair = pair_of(instrument)
        found = understood(lambda: lookup.search(self._connection, pair, cl_ord_id))
        if found is not None:
            self._memory.remember(cl_ord_id, Ids(found.first_id, found.works.order_id))
        return found

    def _before_cancel(self, instrument: str, cl_ord_id: str) -> Found | None:
        """A read that fails keeps no order that we know the id of from being cancelled."""
        try:
            return self._find(instrument, cl_ord_id)
        except NotSent:
            raise
        except GatewayError:
            if self._memory.known(cl_ord_id) is None:
                raise
            return None

    def _first_ids(self, instrument: str, names: Iterable[str]) -> dict[str, str]:
        """Of orders of a desk; a stranger's trade is of the order that it names."""
        found = {}
        for name in names:
            with suppress(lookup.Several):
                if self._memory.known(name) is None and lookup.is_of_a_desk(name):
                    self._search(instrument, name)
            ids = self._memory.known(name)
            if ids is not None:
                found[name] = ids.first
        return found

    def _told(self, found: Found, instrument: str, *, quick: bool = False) -> list[ExecutionReport]:
        """The order, then its trades: what trades in between is told by the trades."""
        order_id = found.works.order_id
        rows: list[Any] = []
        if found.works.executed != ZERO:
            # With an order's id no other parameter is taken.
            rows = self._connection.read(lookup.TRADES, {"orderId": order_id}, quick=quick)
        order = replace(found.works, order_id=found.first_id)
        return understood(lambda: reports.told(order, _of(order_id, rows), instrument=instrument))

    def _limit(self, order: NewOrder) -> Decimal | None:
        """The order's own limit, or the one of our making; see orders.py."""
        if not slides(order):
            return order.price
        pair = pair_of(order.instrument)
        reference = order.stop_px
        if order.ord_type is OrdType.MARKET or reference is None:
            reference = self._quotes.best_ask(pair)
        return orders.limit(reference, self._quotes.tick(pair))


def _may_be_triggered(order: Seen) -> bool:
    return order.is_stop and order.is_canceled


def _ended(found: Found, instrument: str) -> ExecutionReport:
    """Raises RejectedByVenue for an order that filled."""
    if found.works.is_canceled:
        order = replace(found.works, order_id=found.first_id)
        return reports.canceled(order, instrument=instrument)
    raise RejectedByVenue(errors.NOT_CANCELLED, "the order has closed", gone=True)


def _of(order_id: str, rows: Sequence[Any]) -> list[Any]:
    return [row for row in rows if str(row.get("orderId") or "") == order_id]
