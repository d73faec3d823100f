"""BTCTurk's REST API and its graph API on an aiohttp server.

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
from trading.sandbox.calls import Answer, Dropped, drop
from trading.sandbox.faults import Request

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
KLINES = Operation(market.klines, limits.GRAPH, bare=True)


class Rest:
    """Everything below /api/v1 and /api/v2, and /v1/klines/history."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def add_to(self, app: web.Application) -> None:
        app.router.add_route("*", "/api/{version:v[12]}/{path:.*}", self.handle)
        app.router.add_get("/v1/klines/history", self.candles)

    async def handle(self, request: web.Request) -> web.Response:
        path = f"{request.match_info['version']}/{request.match_info['path']}".lower()
        more: dict[str, str] = {}
        before, _, last = path.rpartition("/")
        if before == "v1/order":
            path, more = SINGLE, {"orderId": last}
        operation = PATHS.get((request.method, path))
        if operation is None:
            known = any(path == each for _, each in PATHS)
            return _plain(ApiError("INVALID_REQUEST", 405 if known else 404))
        return await self._answer(request, operation, f"{request.method} {path}", more)

    async def candles(self, request: web.Request) -> web.Response:
        return await self._answer(request, KLINES, "graph", {})

    async def _answer(
        self, request: web.Request, operation: Operation, path: str, more: dict[str, str]
    ) -> web.Response:
        body = await request.read()
        query = request.raw_path.partition("?")[2]

        def read() -> Parameters:
            if request.method == "POST":
                return Parameters.of_body(body)
            return Parameters.of_query(query, **more)

        asked = Asked(path, request.headers, request.remote or "", read)
        try:
            answer = await perform(self._venue, operation, asked)
        except Dropped:
            return drop(request)
        return _respond(answer)


def _respond(answer: Answer) -> web.Response:
    data, headers = garbage.write(answer.body, answer.status, answer.spoiled)
    if answer.retry_after_seconds is not None:
        headers["Retry-After"] = str(answer.retry_after_seconds)
    return web.Response(status=answer.status, body=data, headers=headers)


def _plain(error: ApiError) -> web.Response:
    return _respond(Answer(error.status, error.body()))
