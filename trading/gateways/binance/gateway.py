"""The gateway to Binance spot: the port of domain/ports.py over its REST API.

1. A client order id is unique among open orders only: an order is never sent twice, and "no such
   order" right after a send proves nothing (the reads lag behind the engine).
2. An answer that we cannot read is an unknown outcome, for the venue may have acted.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from binance.client import Client

from aitrader.kernel.clock import to_millis
from aitrader.kernel.errors import GatewayError, OutcomeUnknown, RejectedByVenue
from aitrader.kernel.fix import OrdType, Side, TimeInForce
from aitrader.kernel.money import ZERO, amount, plain
from trading.domain import request
from trading.domain.execution_report import ExecutionReport, StreamedReport
from trading.domain.instrument import parse_code
from trading.domain.ports import Capabilities, ClientIdClass, Fees, NewOrder, OpenOrder, VenueTrade
from trading.gateways.binance import errors, reports
from trading.gateways.binance.connection import RECV_WINDOW_MILLIS, Connection

T = TypeVar("T")

CAPABILITIES = Capabilities(
    ord_types=frozenset(OrdType),
    times_in_force=frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK}),
    client_id_class=ClientIdClass.OPEN_ONLY,
    streams=False,
    oco=frozenset(
        {
            frozenset({OrdType.STOP, OrdType.LIMIT_IF_TOUCHED}),
            frozenset({OrdType.TRAILING_STOP, OrdType.LIMIT_IF_TOUCHED}),
        }
    ),
    post_only=True,
    stop_times_in_force=frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK}),
    recv_window=timedelta(milliseconds=RECV_WINDOW_MILLIS),
)
_TYPES = {
    OrdType.MARKET: "MARKET",
    OrdType.LIMIT: "LIMIT",
    OrdType.STOP: "STOP_LOSS",
    OrdType.STOP_LIMIT: "STOP_LOSS_LIMIT",
    OrdType.MARKET_IF_TOUCHED: "TAKE_PROFIT",
    OrdType.LIMIT_IF_TOUCHED: "TAKE_PROFIT_LIMIT",
    # A stop that follows is a stop with a distance instead of a price.
    OrdType.TRAILING_STOP: "STOP_LOSS",
}
_PRICED = frozenset({OrdType.LIMIT, OrdType.STOP_LIMIT, OrdType.LIMIT_IF_TOUCHED})
#: The longest page of trades.
_PAGE = 1000
_MOST_SYMBOLS = 12
#: The longest span of time that trades are listed of.
_DAY = timedelta(hours=24)


class BinanceGateway:
    """Implements `Gateway` for venue code BINANCE; the API key decides the account."""

    venue = "BINANCE"
    capabilities = CAPABILITIES

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def request(self, orders: Sequence[NewOrder]) -> str:
        return request.written(_oco(orders) if len(orders) > 1 else _params(*orders))

    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        params = request.said(request.kept([order], self.request))
        answer = self._connection.call(lambda client: client.create_order(**params))
        return _read(lambda: reports.placed(answer, instrument=order.instrument))

    def submit_group(
        self, *, account: str, orders: Sequence[NewOrder]
    ) -> Sequence[ExecutionReport]:
        params = request.said(request.kept(orders, self.request))
        answer = self._connection.call(lambda client: client.create_oco_order(**params))
        return _read(lambda: reports.placed_group(answer, instrument=orders[0].instrument))

    def cancel(
        self, *, account: str, instrument: str, cl_ord_id: str, at: datetime
    ) -> ExecutionReport:
        answer = self._connection.call(
            lambda client: client.cancel_order(
                symbol=symbol_of(instrument), origClientOrderId=cl_ord_id
            )
        )
        return _read(lambda: reports.cancelled(answer, instrument=instrument))

    def query(
        self, *, account: str, instrument: str, cl_ord_id: str
    ) -> Sequence[ExecutionReport] | None:
        symbol = symbol_of(instrument)
        try:
            answer = self._connection.call(
                lambda client: client.get_order(symbol=symbol, origClientOrderId=cl_ord_id)
            )
        except RejectedByVenue as error:
            if error.code == str(errors.NO_SUCH_ORDER):
                return None
            raise
        number, executed = _read(lambda: (int(answer["orderId"]), amount(answer["executedQty"])))
        # Without a first id the newest page would come, and no other.
        asked = {"symbol": symbol, "orderId": number, "fromId": 0}
        trades = self._pages(asked, enough=executed)
        return _read(lambda: reports.queried(answer, trades, instrument=instrument))

    def executions(self, *, account: str, after: int, limit: int) -> Sequence[StreamedReport]:
        """Nothing: its orders are followed (`Capabilities.streams`)."""
        return ()

    def open_orders(
        self, *, account: str, instruments: Collection[str] = ()
    ) -> Sequence[OpenOrder]:
        # All of them at once cost as much as those of a dozen symbols.
        if not 0 < len(instruments) <= _MOST_SYMBOLS:
            found = self._connection.call(lambda client: client.get_open_orders())
            return _read(lambda: reports.open_orders(found))
        listed: list[OpenOrder] = []
        for symbol in sorted(map(symbol_of, instruments)):
            some = self._connection.call(partial(_resting, symbol=symbol))
            listed += _read(partial(reports.open_orders, some))
        return listed

    def trades(self, *, account: str, instrument: str, since: datetime) -> Sequence[VenueTrade]:
        symbol, found = symbol_of(instrument), list[Any]()
        # A question covers a day at the most; what follows a trade is asked for by its id.
        while not found and self._connection.now() - since > _DAY:
            end = since + _DAY
            days = {"startTime": to_millis(since), "endTime": to_millis(end)}
            found, since = self._pages({"symbol": symbol, **days}), end
        found = found or self._pages({"symbol": symbol, "startTime": to_millis(since)})
        return _read(lambda: reports.trades(found, instrument=instrument))

    def client_id_of(self, *, account: str, instrument: str, order_id: str) -> str | None:
        symbol = symbol_of(instrument)
        try:
            answer = self._connection.call(
                lambda client: client.get_order(symbol=symbol, orderId=order_id)
            )
        except RejectedByVenue as error:
            if error.code == str(errors.NO_SUCH_ORDER):
                return None
            raise
        return _read(lambda: str(answer["clientOrderId"]))

    def balances(self, *, account: str) -> dict[str, Decimal]:
        found = self._connection.call(lambda client: client.get_account(omitZeroBalances="true"))
        return _read(lambda: reports.balances(found))

    def fees(self) -> Fees:
        """Those of this account."""
        found = self._connection.call(lambda client: client.get_account(omitZeroBalances="true"))
        return _read(lambda: reports.fees(found))

    def _pages(self, asked: Mapping[str, object], *, enough: Decimal | None = None) -> list[Any]:
        """Every trade asked for, until a page is empty or their quantity is `enough`: a page may be
        shorter than was asked. Pages go on by id, for many trades may share a millisecond."""
        found: list[Any] = []
        total = ZERO
        wanted: dict[str, object] = {**asked, "limit": _PAGE}
        while enough is None or total < enough:
            page = self._connection.call(lambda client: client.get_my_trades(**wanted))
            if not page:
                break
            found += page
            total += _read(partial(reports.total, page))
            # Times and an id are not taken together.
            wanted.pop("startTime", None)
            wanted.pop("endTime", None)
            wanted["fromId"] = _read(partial(reports.next_id, page))
        return found


def _resting(client: Client, *, symbol: str) -> Any:
    return client.get_open_orders(symbol=symbol)


def symbol_of(instrument: str) -> str:
    """The venue's name of an instrument, such as BTCUSDT. Raises BadInput for a bad code."""
    parts = parse_code(instrument)
    return f"{parts.base}{parts.quote}"


def _params(order: NewOrder) -> dict[str, str]:
    """The order in the venue's words; numbers as text, never as floats."""
    params = {
        "symbol": symbol_of(order.instrument),
        "side": order.side.value,
        "type": _TYPES[order.ord_type],
        "quantity": plain(order.order_qty),
        "newClientOrderId": order.cl_ord_id,
        "newOrderRespType": "FULL",
    }
    stop_px = order.stop_px
    if order.ord_type is OrdType.LIMIT_IF_TOUCHED and stop_px is None:
        stop_px = order.price
    if order.ord_type in _PRICED and order.price is not None:
        params["price"] = plain(order.price)
        if order.post_only:
            params["type"] = "LIMIT_MAKER"
        else:
            params["timeInForce"] = order.time_in_force.value
    if stop_px is not None:
        params["stopPrice"] = plain(stop_px)
    if order.trailing_bps is not None:
        params["trailingDelta"] = plain(order.trailing_bps)
    return params


def _oco(orders: Sequence[NewOrder]) -> dict[str, str]:
    """A target and a stop as one list of the venue: one above the market, one below.

    The target rests in the book. Raises RejectedByVenue for any other two.
    """
    kinds = {order.ord_type for order in orders}
    if len(orders) != len(kinds) or not CAPABILITIES.holds_together(kinds) or len(kinds) < 2:
        raise RejectedByVenue("UNSUPPORTED", "no list of such orders")
    (target,) = (order for order in orders if order.ord_type is OrdType.LIMIT_IF_TOUCHED)
    (stop,) = (order for order in orders if order is not target)
    above, below = (target, stop) if target.side is Side.SELL else (stop, target)
    params = {
        "symbol": symbol_of(target.instrument),
        "side": target.side.value,
        "quantity": plain(target.order_qty),
        "listClientOrderId": target.oco_group,
        "newOrderRespType": "FULL",
    }
    for where, order in (("above", above), ("below", below)):
        params |= {f"{where}{name}": value for name, value in _leg(order, target).items()}
    return params


def _leg(order: NewOrder, target: NewOrder) -> dict[str, str]:
    said = {"ClientOrderId": order.cl_ord_id}
    if order is target:
        return {**said, "Type": "LIMIT_MAKER", "Price": plain(order.price or ZERO)}
    said["Type"] = "STOP_LOSS"
    if order.stop_px is not None:
        said["StopPrice"] = plain(order.stop_px)
    if order.trailing_bps is not None:
        said["TrailingDelta"] = plain(order.trailing_bps)
    return said


def _read(work: Callable[[], T]) -> T:
    try:
        return work()
    except GatewayError:
        raise
    except Exception as error:  # the venue has acted, whatever we make of it
        raise OutcomeUnknown(f"an answer that cannot be read: {error!r}") from error
