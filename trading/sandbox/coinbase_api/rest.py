"""Coinbase's REST API on an aiohttp server.

1. What a token must be for is the request as it came in: its method, host and path.
2. Every answer tells what is left of the hour's requests.

Source: docs.cdp.coinbase.com, Advanced Trade API, "REST API Overview", "Rate Limits".
"""

from aiohttp import web

from trading.sandbox.calls import Answer, Dropped, drop
from trading.sandbox.coinbase_api import garbage, operations
from trading.sandbox.coinbase_api.calls import Wire, perform
from trading.sandbox.coinbase_api.venue import Venue

PREFIX = "/api/v3/brokerage"


class Rest:
    """Everything below /api/v3/brokerage."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def add_to(self, app: web.Application) -> None:
        app.router.add_route("*", PREFIX + "/{path:.*}", self.handle)

    async def handle(self, request: web.Request) -> web.Response:
        path = request.match_info["path"]
        found = operations.find(request.method, path)
        if found is None:
            return web.Response(status=405 if operations.known(path) else 404, text="")
        try:
            answer = await perform(self._venue, *found, await _read(request))
        except Dropped:
            return drop(request)
        return self._respond(answer)

    def _respond(self, answer: Answer) -> web.Response:
        limits, now = self._venue.limits, self._venue.stage.now()
        left = max(0, limits.requests_per_hour - limits.used(answer.who, now))
        headers = {
            "x-ratelimit-limit": str(limits.requests_per_hour),
            "x-ratelimit-remaining": str(left),
            "x-ratelimit-reset": str(answer.retry_after_seconds or limits.seconds_left(now)),
        }
        if answer.retry_after_seconds is not None:
            headers["Retry-After"] = str(answer.retry_after_seconds)
        if isinstance(answer.body, str):
            return web.Response(status=answer.status, text=answer.body, headers=headers)
        data, more = garbage.write(answer.body, answer.status, answer.spoiled)
        return web.Response(status=answer.status, body=data, headers=headers | more)


async def _read(request: web.Request) -> Wire:
    path = request.raw_path.partition("?")[0]
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return Wire(
        uri=f"{request.method} {request.host}{path}",
        query=tuple(request.query.items()),
        body=await request.read(),
        token=token if scheme == "Bearer" else None,
        address=request.remote or "",
    )
