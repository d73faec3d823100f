"""A user stream wakes the desk, and a line that died is never believed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from queue import Empty, SimpleQueue
from typing import Any

import pytest
from pydantic import SecretStr

from aitrader.kernel.clock import WALL
from trading.gateways.binance.connection import Address, Connection
from trading.gateways.binance.user_stream import BinanceLine
from trading.gateways.streams import UserStream
from trading.management.commands import conformance
from trading.sandbox.stand import Stand, stand

_PATIENCE_SECONDS = 20.0
SCENE = conformance.VENUES["binance"]


class _Listener:
    """A user stream's news, one by one."""

    def __init__(self, stream_of: Any) -> None:
        self.told: SimpleQueue[str] = SimpleQueue()
        self.stream: UserStream = stream_of(
            on_news=lambda: self.told.put("news"),
            on_line=lambda up, reason: self.told.put("up" if up else f"down: {reason}"),
        )

    def next(self) -> str:
        return self.told.get(timeout=_PATIENCE_SECONDS)

    def has_heard(self, wanted: str) -> bool:
        """Whether it comes, whatever comes before it."""
        try:
            while not self.next().startswith(wanted):
                pass
        except Empty:
            return False
        return True


@contextmanager
def _listening(told: Mapping[str, Any]) -> Iterator[_Listener]:
    key, secret = SecretStr(told["api_key"]), SecretStr(told["api_secret"])
    connection = Connection(Address(f"{told['rest']}/api", key, secret), wall=WALL)
    line = BinanceLine(
        told["ws_api"], api_key=key, api_secret=secret, connection=connection, wall=WALL
    )
    listener = _Listener(lambda **calls: UserStream(line, **calls))
    listener.stream.start()
    try:
        yield listener
    finally:
        listener.stream.stop()
        listener.stream.join(_PATIENCE_SECONDS)


@pytest.fixture
def opened() -> Iterator[tuple[Stand, _Listener]]:
    told: dict[str, Any] = {}

    def connect(addresses: Mapping[str, Any]) -> Any:
        told.update(addresses)
        return SCENE.connect(addresses)

    scene = replace(SCENE, connect=connect)
    with stand(scene, venue="binance") as ready, _listening(told) as listener:
        assert (listener.next(), listener.next()) == ("up", "news")
        yield ready, listener


def test_an_order_that_fills_is_news(opened: tuple[Stand, _Listener]) -> None:
    ready, listener = opened
    ready.gateway.submit(account=ready.account, order=ready.order())
    assert listener.next() == "news"


def test_a_deposit_is_news(opened: tuple[Stand, _Listener]) -> None:
    ready, listener = opened
    ready.change("account", account=ready.account, move="deposit", asset="BTC", amount="1")
    assert listener.next() == "news"


def test_a_line_that_was_cut_is_opened_again_and_what_was_missed_is_asked_for(
    opened: tuple[Stand, _Listener],
) -> None:
    ready, listener = opened
    ready.change("faults", streams="cut")
    assert listener.has_heard("down")
    ready.change("account", account=ready.account, move="deposit", asset="BTC", amount="1")
    assert listener.has_heard("up")
    assert listener.next() == "news"


def test_a_line_that_is_open_and_silent_is_dead(
    opened: tuple[Stand, _Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    ready, listener = opened
    monkeypatch.setattr(BinanceLine, "silence_seconds", 1.0)
    monkeypatch.setattr(BinanceLine, "keep_alive_seconds", 0.2)
    ready.change("faults", streams="silence")
    assert listener.has_heard("down: the line is silent")
    assert listener.has_heard("up")


def test_a_line_with_a_goodbye_is_not_waited_on(opened: tuple[Stand, _Listener]) -> None:
    ready, listener = opened
    ready.change("faults", streams="shutdown")
    assert listener.has_heard("down: the venue ended it")
    assert listener.has_heard("up")
    assert ready.gateway.balances(account=ready.account)["USDT"] == Decimal(100_000)


def test_a_network_that_was_away_is_waited_out(opened: tuple[Stand, _Listener]) -> None:
    ready, listener = opened
    ready.change("network", seconds=2)
    assert listener.has_heard("down")
    assert listener.has_heard("up")
    assert listener.next() == "news"
