"""A sandbox for each test, on a free port, with no market but what the test makes."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import ccxt.async_support as ccxt
import pytest

from tests.contract.sandbox_btcturk.desk import Desk
from trading.sandbox import server

Start = Callable[..., Awaitable[Desk]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start a sandbox with these faults and options."""
    async with AsyncExitStack() as stack:

        async def begin(
            plan: str = "", *, seed: int = 7, market: bool = False, **options: Any
        ) -> Desk:
            chosen = server.Options(
                **{"venues": ("btcturk",), **options}, plan=plan, seed=seed, market=market
            )
            told = await stack.enter_async_context(server.running(chosen))
            http = await stack.enter_async_context(aiohttp.ClientSession())
            return Desk(dict(told["btcturk"]), http)

        yield begin


@pytest.fixture
async def desk(start: Start) -> Desk:
    """A sandbox without faults."""
    return await start()


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[ccxt.btcturk]:
    """ccxt on that sandbox."""
    made = desk.client()
    yield made
    await made.close()
