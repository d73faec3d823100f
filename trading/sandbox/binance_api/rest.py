"""Binance's REST API on an aiohttp server.

1. The request is read as it was sent: the signature covers its bytes, not what they mean.
2. Every answer tells the weight used; every answer to an order tells the account's order counts.

Source: binance-spot-api-docs, rest-api.md "General API Information", "Limits".
"""

from aiohttp import web

from trading.sandbox.binance_api import garbage, signing
from trading.sandbox.binance_api.calls import Operation, perform
from trading.sandbox.binance_api.operations import PATHS
from trading.sandbox.binance_api.parameters import Parameters
from trading.sandbox.binance_api.signing import Key
from trading.sandbox.binance_api.venue import Venue
from trading.sandbox.calls import Answer, Dropped, drop

_GONE = ("userDataStream",)


class Rest:
    """Everything below /api/v3."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def add_to(self, app: web.Application) -> None:
        app.router.add_route("*", "/api/v3/{path:.*}", self.handle)

    async def handle(self, request: web.Request) -> web.Response:
        path = request.match_info["path"]
        if path in _GONE:
            # Listen keys were taken out of service on 2026-02-20.
            return web.Response(status=410, text="Gone")
        operation = PATHS.get((request.method, path))
        if operation is None:
            known = any(path == each for _, each in PATHS)
            return web.Response(status=405 if known else 404, text="")
        query = request.raw_path.partition("?")[2]
        body = (await request.read()).decode("utf-8", "replace")
        address = request.remote or ""
        try:
            answer = await perform(
                self._venue,
                operation,
                lambda: Parameters.of_request(query, body),
                lambda params: self._authorise(request, params, query, body),
                address=address,
            )
        except Dropped:
            return drop(request)
        return self._respond(answer, operation, address)

    def _authorise(self, request: web.Request, params: Parameters, query: str, body: str) -> Key:
        key = signing.find_key(self._venue.keys, request.headers.get("X-MBX-APIKEY"))
        signature = params.required("signature")
        params.required("timestamp")
        signing.check_signature(key, (signing.rest_payload(query, body),), signature)
        return key

    def _respond(self, answer: Answer, operation: Operation, address: str) -> web.Response:
        now, limits = self._venue.stage.now(), self._venue.limits
        weight = str(limits.used_weight(address, now))
        data, headers = garbage.write(answer.body, answer.status, answer.spoiled)
        headers |= {"X-MBX-USED-WEIGHT": weight, "X-MBX-USED-WEIGHT-1M": weight}
        if operation.changes and answer.who:
            short, long = limits.order_counts(answer.who, now)
            headers |= {"X-MBX-ORDER-COUNT-10S": str(short), "X-MBX-ORDER-COUNT-1D": str(long)}
        if answer.retry_after_seconds is not None:
            headers["Retry-After"] = str(answer.retry_after_seconds)
        return web.Response(status=answer.status, body=data, headers=headers)
