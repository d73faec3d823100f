"""The user channel of Coinbase wakes the desk, and a line that died is never believed."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import Any

import pytest
from pydantic import SecretStr

from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import NotSent
from trading.gateways.coinbase.connection import Address, Connection
from trading.gateways.coinbase.user_stream import CoinbaseLine
from trading.gateways.streams import Heard, UserStream
from trading.management.commands import conformance
from trading.sandbox.stand import Stand, stand

_PATIENCE_SECONDS = 20.0
SCENE = conformance.VENUES["coinbase"]


class _Listener:
    """A user stream's news, one by one."""

    def __init__(self, line: CoinbaseLine) -> None:
        self.told: SimpleQueue[str] = SimpleQueue()
        self.stream = UserStream(
            line,
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


def _line(told: Mapping[str, Any]) -> CoinbaseLine:
    key, secret = SecretStr(told["api_key"]), SecretStr(told["api_secret"])
    connection = Connection(Address(told["rest_plain"], key, secret), wall=WALL)
    return CoinbaseLine(told["ws_user_plain"], connection=connection)


@contextmanager
def _listening(told: Mapping[str, Any]) -> Iterator[_Listener]:
    listener = _Listener(_line(told))
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
    with stand(scene, venue="coinbase") as ready, _listening(told) as listener:
        assert listener.has_heard("up")
        assert listener.next() == "news"
        yield ready, listener


def test_an_order_is_news(opened: tuple[Stand, _Listener]) -> None:
    ready, listener = opened
    ready.gateway.submit(account=ready.account, order=ready.order())
    assert listener.has_heard("news")


def test_a_line_that_was_cut_is_opened_again_and_what_was_missed_is_asked_for(
    opened: tuple[Stand, _Listener],
) -> None:
    ready, listener = opened
    ready.change("faults", streams="cut")
    assert listener.has_heard("down")
    assert listener.has_heard("up")
    assert listener.next() == "news"


def test_a_line_that_is_open_and_silent_is_dead(
    opened: tuple[Stand, _Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    ready, listener = opened
    monkeypatch.setattr(CoinbaseLine, "silence_seconds", 2.5)
    ready.change("faults", streams="silence")
    assert listener.has_heard("down: the line is silent")
    assert listener.has_heard("up")


def _heard(line: CoinbaseLine, channel: str, number: int, **event: Any) -> Heard:
    told = {"channel": channel, "sequence_num": number, "events": [event]}
    return line.heard(json.dumps(told))


@pytest.fixture
def nobody() -> CoinbaseLine:
    return CoinbaseLine("ws://nowhere", connection=Connection(Address("http://nowhere"), wall=WALL))


def test_both_channels_stand_before_the_line_is_believed(nobody: CoinbaseLine) -> None:
    one = _heard(nobody, "subscriptions", 0, subscriptions={"heartbeats": ["heartbeats"]})
    both = _heard(nobody, "subscriptions", 1, subscriptions={"heartbeats": [""], "user": ["me"]})
    assert (one, both) == (Heard.ALIVE, Heard.CONFIRMED)


def test_a_message_that_is_missing_may_have_been_news(nobody: CoinbaseLine) -> None:
    heard = [_heard(nobody, "heartbeats", number) for number in (0, 1, 3, 4)]
    assert heard == [Heard.ALIVE, Heard.ALIVE, Heard.NEWS, Heard.ALIVE]


def test_an_error_ends_the_line(nobody: CoinbaseLine) -> None:
    assert nobody.heard('{"type":"error","message":"authentication failure"}') is Heard.OVER


def test_what_cannot_be_read_is_not_taken_for_anything(nobody: CoinbaseLine) -> None:
    for rubbish in ("<html>", "{}", '{"channel":"user"}', "[]", '{"channel":1,"sequence_num":"x"}'):
        with pytest.raises((ValueError, LookupError, TypeError, AttributeError)):
            nobody.heard(rubbish)


def test_without_a_key_nothing_is_greeted(nobody: CoinbaseLine) -> None:
    with pytest.raises(NotSent):
        nobody.greetings()
