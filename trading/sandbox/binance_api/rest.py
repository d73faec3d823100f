"""Binance's REST API.

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
from trading.sandbox.calls import Answer
from trading.sandbox.http import HttpAnswer, HttpRequest, plain, served

PREFIX = "/api/v3/"
_GONE = ("userDataStream",)


class Rest:
    """Everything below /api/v3."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def add_to(self, app: web.Application) -> None:
        app.router.add_route("*", PREFIX + "{path:.*}", served(self.respond))

    async def respond(self, asked: HttpRequest) -> HttpAnswer:
        """Raises Dropped if the plan leaves it without an answer."""
        path = asked.path.removeprefix(PREFIX)
        if path in _GONE:
            # Listen keys were taken out of service on 2026-02-20.
            return plain(410, "Gone")
        operation = PATHS.get((asked.method, path))
        if operation is None:
            return plain(405 if any(path == each for _, each in PATHS) else 404)
        body = asked.body.decode("utf-8", "replace")
        answer = await perform(
            self._venue,
            operation,
            lambda: Parameters.of_request(asked.query, body),
            lambda params: self._authorise(asked, params, body),
            address=asked.address,
        )
        return self._answered(answer, operation, asked.address)

    def _authorise(self, asked: HttpRequest, params: Parameters, body: str) -> Key:
        key = signing.find_key(self._venue.keys, asked.headers.get("X-MBX-APIKEY"))
        signature = params.required("signature")
        params.required("timestamp")
        signing.check_signature(key, (signing.rest_payload(asked.query, body),), signature)
        return key

    def _answered(self, answer: Answer, operation: Operation, address: str) -> HttpAnswer:
        now, limits = self._venue.stage.now(), self._venue.limits
        weight = str(limits.used_weight(address, now))
        data, headers = garbage.write(answer.body, answer.status, answer.spoiled)
        headers |= {"X-MBX-USED-WEIGHT": weight, "X-MBX-USED-WEIGHT-1M": weight}
        if operation.changes and answer.who:
            short, long = limits.order_counts(answer.who, now)
            headers |= {"X-MBX-ORDER-COUNT-10S": str(short), "X-MBX-ORDER-COUNT-1D": str(long)}
        if answer.retry_after_seconds is not None:
            headers["Retry-After"] = str(answer.retry_after_seconds)
        return HttpAnswer(answer.status, data, headers)
