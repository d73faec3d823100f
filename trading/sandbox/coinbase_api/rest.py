"""Coinbase's REST API.

1. What a token must be for is the request as it came in: its method, host and path.
2. Every answer tells what is left of the hour's requests.

Source: docs.cdp.coinbase.com, Advanced Trade API, "REST API Overview", "Rate Limits".
"""

from dataclasses import replace
from urllib.parse import parse_qsl

from aiohttp import web

from trading.sandbox.calls import Answer
from trading.sandbox.coinbase_api import garbage, operations
from trading.sandbox.coinbase_api.calls import Wire, perform
from trading.sandbox.coinbase_api.venue import Venue
from trading.sandbox.http import HttpAnswer, HttpRequest, plain, served

PREFIX = "/api/v3/brokerage/"


class Rest:
    """Everything below /api/v3/brokerage."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def add_to(self, app: web.Application) -> None:
        app.router.add_route("*", PREFIX + "{path:.*}", served(self.respond))

    async def respond(self, asked: HttpRequest) -> HttpAnswer:
        """Raises Dropped if the plan leaves it without an answer."""
        path = asked.path.removeprefix(PREFIX)
        found = operations.find(asked.method, path)
        if found is None:
            return plain(405 if operations.known(path) else 404)
        return self._answered(await perform(self._venue, *found, _read(asked)))

    def _answered(self, answer: Answer) -> HttpAnswer:
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
            told = plain(answer.status, answer.body)
            return replace(told, headers={**told.headers, **headers})
        data, more = garbage.write(answer.body, answer.status, answer.spoiled)
        return HttpAnswer(answer.status, data, headers | more)


def _read(asked: HttpRequest) -> Wire:
    scheme, _, token = asked.headers.get("Authorization", "").partition(" ")
    return Wire(
        uri=f"{asked.method} {asked.headers.get('Host', '')}{asked.raw_path}",
        query=tuple(parse_qsl(asked.query, keep_blank_values=True)),
        body=asked.body,
        token=token if scheme == "Bearer" else None,
        address=asked.address,
    )
