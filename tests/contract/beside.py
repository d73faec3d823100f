"""A sandbox within the test's own loop, with a bare HTTP client beside it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp

from trading.sandbox import server

Json = Any


@dataclass(slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: Json


@dataclass(slots=True)
class Beside:
    """Addresses and credentials as `ready` tells them, and what the control may be asked."""

    told: Mapping[str, Any]
    http: aiohttp.ClientSession
    #: How far ahead of the machine's clock requests are stamped.
    offset_ms: int = 0

    @property
    def key(self) -> str:
        return str(self.told["api_key"])

    async def request(self, method: str, url: Any, **given: Any) -> Answer:
        async with self.http.request(method, url, **given) as got:
            is_json = got.content_type == "application/json"
            return Answer(got.status, got.headers, await (got.json() if is_json else got.text()))

    async def control(self, name: str, **change: object) -> Json:
        """Change something through the control route."""
        answer = await self.request("POST", f"{self.told['control']}/{name}", json=change)
        assert answer.status == 200, answer.body
        return answer.body

    async def truth(self, name: str, **query: str) -> Json:
        """What the exchange itself knows."""
        answer = await self.request("GET", f"{self.told['control']}/{name}", params=query)
        assert answer.status == 200
        return answer.body

    async def orders(self) -> list[Json]:
        """Every order of the first account, as the exchange itself has it."""
        told = await self.truth("account", account=self.told["accounts"][0]["account"])
        return list(told["orders"])


D = TypeVar("D", bound=Beside)


@asynccontextmanager
async def starting(venue: str, make: type[D]) -> AsyncIterator[Callable[..., Awaitable[D]]]:
    """Starts sandboxes of the venue, with faults and options, which end with the block."""
    async with AsyncExitStack() as stack:

        async def start(
            plan: str = "", *, seed: int = 7, market: bool = False, **options: Any
        ) -> D:
            chosen = {"venues": (venue,), "plan": plan, "seed": seed, "market": market, **options}
            told = await stack.enter_async_context(server.running(server.Options(**chosen)))
            http = await stack.enter_async_context(aiohttp.ClientSession())
            return make(told[venue], http)

        yield start
