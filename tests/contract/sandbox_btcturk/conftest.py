"""A sandbox for each test, on a free port, with no market but what the test makes."""

from collections.abc import AsyncIterator, Awaitable, Callable

import ccxt.async_support as ccxt
import pytest

from tests.contract.beside import starting
from tests.contract.sandbox_btcturk.desk import Desk

Start = Callable[..., Awaitable[Desk]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start a sandbox with these faults and options."""
    async with starting("btcturk", Desk) as begin:
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
