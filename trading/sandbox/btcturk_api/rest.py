"""BTCTurk's REST API and its graph API.

1. Paths and names of parameters are read without regard to case, as the venue reads them.
2. An order or a cancel that is not understood is 400, never 404.

Source: docs.btcturk.com; the graph API is told as an address of its own.
"""

from aiohttp import web

from trading.sandbox.btcturk_api import account, garbage, limits, market, trading
from trading.sandbox.btcturk_api.calls import Asked, Operation, perform
from trading.sandbox.btcturk_api.errors import ApiError
from trading.sandbox.btcturk_api.parameters import Parameters
from trading.sandbox.btcturk_api.venue import Venue
from trading.sandbox.calls import Answer
from trading.sandbox.faults import Request
from trading.sandbox.http import HttpAnswer, HttpRequest, served

_READ = Request.READ
SINGLE = "v1/order/{orderId}"
PATHS: dict[tuple[str, str], Operation] = {
    ("GET", "v2/server/time"): Operation(market.time, bare=True),
    ("GET", "v2/server/exchangeinfo"): Operation(market.describe),
    ("GET", "v2/ticker"): Operation(market.ticker, limits.TICKER),
    ("GET", "v2/orderbook"): Operation(market.order_book, limits.ORDER_BOOK),
    ("GET", "v2/trades"): Operation(market.trades, limits.TRADES),
    ("GET", "v1/users/balances"): Operation(account.balances, limits.BALANCES, _READ),
    ("POST", "v1/order"): Operation(trading.place, limits.ORDERS, Request.ORDER),
    ("DELETE", "v1/order"): Operation(trading.cancel, limits.ORDERS, Request.CANCEL),
    ("GET", SINGLE): Operation(account.order, limits.SINGLE, _READ),
    ("GET", "v1/openorders"): Operation(account.open_orders, limits.ORDER_LISTS, _READ),
    ("GET", "v1/allorders"): Operation(account.all_orders, limits.ORDER_LISTS, _READ),
    ("GET", "v1/users/transactions/trade"): Operation(account.trades, limits.TRANSACTIONS, _READ),
    ("GET", "v1/users/transactions/crypto"): Operation(account.transfers, limits.TRADES, _READ),
    ("GET", "v1/users/transactions/fiat"): Operation(account.transfers, limits.TRADES, _READ),
}
_GRAPH = "/v1/klines/history"
KLINES = Operation(market.klines, limits.GRAPH, bare=True)


class Rest:
    """Everything below /api/v1 and /api/v2, and /v1/klines/history."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def add_to(self, app: web.Application) -> None:
        app.router.add_route("*", "/api/{version:v[12]}/{path:.*}", served(self.respond))
        app.router.add_get(_GRAPH, served(self.respond))

    async def respond(self, asked: HttpRequest) -> HttpAnswer:
        """Raises Dropped if the plan leaves it without an answer."""
        if asked.path == _GRAPH:
            return await self._answer(asked, KLINES, "graph", {})
        path = asked.path.removeprefix("/api/").lower()
        more: dict[str, str] = {}
        before, _, last = path.rpartition("/")
        if before == "v1/order":
            path, more = SINGLE, {"orderId": last}
        operation = PATHS.get((asked.method, path))
        if operation is None:
            known = any(path == each for _, each in PATHS)
            error = ApiError("INVALID_REQUEST", 405 if known else 404)
            return _answered(Answer(error.status, error.body()))
        return await self._answer(asked, operation, f"{asked.method} {path}", more)

    async def _answer(
        self, asked: HttpRequest, operation: Operation, path: str, more: dict[str, str]
    ) -> HttpAnswer:
        def read() -> Parameters:
            if asked.method == "POST":
                return Parameters.of_body(asked.body)
            return Parameters.of_query(asked.query, **more)

        whole = Asked(path, asked.headers, asked.address, read)
        return _answered(await perform(self._venue, operation, whole))


def _answered(answer: Answer) -> HttpAnswer:
    data, headers = garbage.write(answer.body, answer.status, answer.spoiled)
    if answer.retry_after_seconds is not None:
        headers["Retry-After"] = str(answer.retry_after_seconds)
    return HttpAnswer(answer.status, data, headers)
