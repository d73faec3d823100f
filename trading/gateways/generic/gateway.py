"""The gateway to any exchange of ccxt: the port of domain/ports.py over its unified calls.

1. What can be ordered is what the library says of the exchange, and nothing where it says nothing;
   what a client order id promises is in profiles.py only.
2. An order is never sent twice. A market is asked for with the venue's rules, never rounded.
3. An answer that we cannot read is an unknown outcome, for the venue may have acted.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from aitrader.kernel.errors import BadInput, GatewayError, OutcomeUnknown, RejectedByVenue
from aitrader.kernel.fix import OrdType, TimeInForce
from aitrader.kernel.money import amount, plain
from trading.domain import request
from trading.domain.execution_report import ExecutionReport, StreamedReport
from trading.domain.instrument import parse_code
from trading.domain.ports import Capabilities, Fees, NewOrder, OpenOrder, VenueTrade
from trading.gateways.generic import history, reports
from trading.gateways.generic.client_ids import (
    Beginning,
    ClientIds,
    nobody,
    unnamed,
    venues_id,
)
from trading.gateways.generic.connection import Connection

T = TypeVar("T")

_STOPS = frozenset({OrdType.STOP, OrdType.STOP_LIMIT})
_TARGETS = frozenset({OrdType.MARKET_IF_TOUCHED, OrdType.LIMIT_IF_TOUCHED})
_PRICED = frozenset({OrdType.LIMIT, OrdType.STOP_LIMIT, OrdType.LIMIT_IF_TOUCHED})


class GenericGateway:
    """Implements `Gateway` for one venue code; the API key decides the account. `beginning` gives
    the desk's client order ids that begin with some characters (client_ids.py). Raises BadInput for
    an exchange through which the library cannot do what a gateway must."""

    def __init__(
        self, connection: Connection, *, venue: str, beginning: Beginning = nobody
    ) -> None:
        connection.check_trading()
        self._connection = connection
        self._profile = connection.profile
        self._ids = ClientIds(hexed=self._profile.hex_client_ids, beginning=beginning)
        self.venue = venue
        self.capabilities = _capabilities(connection)

    def request(self, orders: Sequence[NewOrder]) -> str:
        """The library's unified call; the exchange's own words are the library's to find."""
        (order,) = orders
        priced = order.ord_type in _PRICED and order.price is not None
        client_id = self._ids.theirs(order.cl_ord_id)
        return request.written(
            {
                "symbol": symbol_of(order.instrument),
                "type": "limit" if order.ord_type in _PRICED else "market",
                "side": order.side.value.lower(),
                "amount": order.order_qty,
                "price": order.price if priced else None,
                "params": {
                    **self._profile.order_params, **_params(order), "clientOrderId": client_id,
                },
            }
        )  # fmt: skip

    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        asked = request.said(request.kept([order], self.request))
        answer = self._connection.call(lambda client: client.create_order(**asked))
        return _read(lambda: self._placed(answer, order, asked["params"]["clientOrderId"]))

    def cancel(
        self, *, account: str, instrument: str, cl_ord_id: str, at: datetime
    ) -> ExecutionReport:
        """One wire attempt; where its answer does not tell how the order ended, a read does."""
        symbol, order_id = symbol_of(instrument), venues_id(cl_ord_id)
        params: dict[str, str] = {}
        if not order_id and self._profile.cancels_by_client_id:
            params["clientOrderId"] = self._ids.theirs(cl_ord_id)
        elif not order_id:
            order_id = self._number_of(symbol, cl_ord_id)
        answer = self._connection.call(lambda client: client.cancel_order(order_id, symbol, params))
        ended = _read(lambda: self._ending(answer, instrument, cl_ord_id))
        if not ended:
            found = self._find(symbol, cl_ord_id)
            ended = _read(lambda: self._ending(found, instrument, cl_ord_id))
        if not ended:
            raise OutcomeUnknown("the cancel was taken, and the order has not ended yet")
        return ended[0]

    def query(
        self, *, account: str, instrument: str, cl_ord_id: str
    ) -> Sequence[ExecutionReport] | None:
        symbol = symbol_of(instrument)
        found = self._find(symbol, cl_ord_id)
        if found is None:
            return None
        trades = _read(lambda: history.trades_of(self._connection, symbol, found))
        return _read(lambda: self._order(found, instrument, cl_ord_id).queried(trades))

    def executions(self, *, account: str, after: int, limit: int) -> Sequence[StreamedReport]:
        """Nothing: its orders are followed (`Capabilities.streams`)."""
        return ()

    def open_orders(
        self, *, account: str, instruments: Collection[str] = ()
    ) -> Sequence[OpenOrder]:
        found = self._connection.call(lambda client: client.fetch_open_orders())
        return _read(lambda: [self._open(each) for each in found])

    def trades(self, *, account: str, instrument: str, since: datetime) -> Sequence[VenueTrade]:
        symbol = symbol_of(instrument)
        found = _read(lambda: history.account_trades(self._connection, symbol, since))
        return _read(lambda: [reports.listed(each, instrument=instrument) for each in found])

    def client_id_of(self, *, account: str, instrument: str, order_id: str) -> str | None:
        symbol = symbol_of(instrument)
        found = _read(lambda: history.order_by_id(self._connection, symbol, order_id))
        return None if found is None else self._ids.ours(str(found.get("clientOrderId") or ""))

    def balances(self, *, account: str) -> dict[str, Decimal]:
        found = self._connection.call(lambda client: client.fetch_balance())
        return _read(lambda: reports.balances(found))

    def fees(self) -> Fees:
        """The highest that the exchange publishes for a spot market: what an account pays is that
        or less. Raises BadInput for an exchange that publishes none."""
        spot = [each for each in self._connection.markets().values() if each.get("spot")]
        makers, takers = (_read(partial(_published, spot, side)) for side in ("maker", "taker"))
        if not makers and not takers:
            raise BadInput(f"{self.venue} publishes no fees through ccxt")
        highest = max([*makers, *takers])
        maker, taker = (max(found, default=highest) for found in (makers, takers))
        return Fees(maker, taker, "the highest published")

    def _placed(self, answer: Any, order: NewOrder, client_id: str) -> list[ExecutionReport]:
        named = answer.get("clientOrderId")
        if named is not None and named != client_id:
            raise OutcomeUnknown("the answer names another order")
        return self._order(answer, order.instrument, order.cl_ord_id).placed()

    def _ending(self, answer: Any, instrument: str, cl_ord_id: str) -> list[ExecutionReport]:
        if answer is None or answer.get("status") is None:
            return []
        return self._order(answer, instrument, cl_ord_id).ending()

    def _order(self, row: Any, instrument: str, cl_ord_id: str) -> reports.Order:
        return reports.Order(
            row, cl_ord_id=cl_ord_id, instrument=instrument, now=self._connection.now()
        )

    def _open(self, row: Any) -> OpenOrder:
        named = row.get("clientOrderId")
        cl_ord_id = self._ids.ours(str(named)) if named else unnamed(row["id"])
        return OpenOrder(cl_ord_id, amount(row.get("filled") or "0"), reports.seen(row))

    def _find(self, symbol: str, cl_ord_id: str) -> Any:
        """The order, or None; one that has no client id by the venue's own."""
        order_id = venues_id(cl_ord_id)
        if order_id:
            return _read(lambda: history.order_by_id(self._connection, symbol, order_id))
        client_id = self._ids.theirs(cl_ord_id)
        return _read(lambda: history.find_order(self._connection, symbol, client_id))

    def _number_of(self, symbol: str, cl_ord_id: str) -> str:
        """The venue's id of an order. That it is in no list says that there is nothing to cancel;
        whether it was ever taken, later reads tell (domain/evidence.py)."""
        found = self._find(symbol, cl_ord_id)
        if found is None:
            raise RejectedByVenue("NOT_FOUND", "no list shows this order", gone=True)
        return str(found["id"])


def symbol_of(instrument: str) -> str:
    """The library's name of an instrument, such as BTC/USDT. Raises BadInput for a bad code."""
    parts = parse_code(instrument)
    return f"{parts.base}/{parts.quote}"


def _capabilities(connection: Connection) -> Capabilities:
    told = connection.feature("createOrder")
    ord_types = {OrdType.LIMIT}
    # Where a market order to buy is in the quote asset, the library wants a price to count with.
    if connection.offers("createMarketOrder") and not told.get("marketBuyRequiresPrice"):
        ord_types.add(OrdType.MARKET)
    if told.get("stopLossPrice"):
        ord_types |= _STOPS
    if told.get("takeProfitPrice"):
        ord_types |= _TARGETS
    times = told.get("timeInForce") or {}
    return Capabilities(
        ord_types=frozenset(ord_types),
        times_in_force=frozenset(
            {TimeInForce.GTC}
            | {each for each in (TimeInForce.IOC, TimeInForce.FOK) if times.get(each.value)}
        ),
        client_id_class=connection.profile.client_id_class,
        post_only=bool(times.get("PO")),
        streams=False,
    )


def _published(markets: list[Any], side: str) -> list[Decimal]:
    return [amount(each[side]) for each in markets if each.get(side) is not None]


def _params(order: NewOrder) -> dict[str, object]:
    """What the library takes beside type, quantity and price; numbers as text."""
    params: dict[str, object] = {}
    if order.post_only:
        params["postOnly"] = True
    if order.ord_type in _PRICED and order.time_in_force is not TimeInForce.GTC:
        params["timeInForce"] = order.time_in_force.value
    stop_px = order.stop_px
    if order.ord_type is OrdType.LIMIT_IF_TOUCHED and stop_px is None:
        stop_px = order.price
    if stop_px is not None:
        name = "takeProfitPrice" if order.ord_type in _TARGETS else "stopLossPrice"
        params[name] = plain(stop_px)
    return params


def _read(work: Callable[[], T]) -> T:
    try:
        return work()
    except GatewayError:
        raise
    except Exception as error:  # the venue has acted, whatever we make of it
        raise OutcomeUnknown(f"an answer that cannot be read: {error!r}"[:200]) from error
