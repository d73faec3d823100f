"""A sandbox for each test, on free ports, with no market but what the test makes."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.contract.sandbox_coinbase.desk import Desk
from trading.sandbox import server
from trading.sandbox.stand import serving

Start = Callable[..., Desk]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a sandbox with these faults and options; Coinbase alone unless told otherwise."""
    with ExitStack() as stack:

        def begin(
            plan: str = "",
            *,
            seed: int = 7,
            market: bool = False,
            venues: tuple[str, ...] = ("coinbase",),
            **options: Any,
        ) -> Desk:
            chosen = server.Options(plan=plan, seed=seed, market=market, venues=venues, **options)
            told = stack.enter_context(serving(chosen))
            desk = Desk(told["coinbase"], told)
            stack.callback(desk.close)
            return desk

        yield begin


@pytest.fixture
def desk(start: Start) -> Desk:
    """A sandbox without faults."""
    return start()
