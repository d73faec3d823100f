"""BTCTurk's feed wakes the desk, and a line that died is never believed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import Any

import pytest
from pydantic import SecretStr

from aitrader.kernel.clock import WALL
from trading.gateways.btcturk import user_stream
from trading.gateways.btcturk.connection import Address, Connection
from trading.gateways.btcturk.user_stream import BtcturkLine
from trading.gateways.streams import UserStream
from trading.management.commands import conformance
from trading.sandbox.stand import Stand, stand

_PATIENCE_SECONDS = 20.0
SCENE = conformance.VENUES["btcturk"]


class _Listener:
    """A user stream's news, one by one."""

    def __init__(self, line: BtcturkLine) -> None:
        self._told: SimpleQueue[str] = SimpleQueue()
        self.stream = UserStream(
            line,
            on_news=lambda: self._told.put("news"),
            on_line=lambda up, reason: self._told.put("up" if up else f"down: {reason}"),
        )

    def has_heard(self, wanted: str) -> bool:
        """Whether it comes, whatever comes before it."""
        try:
            while not self._told.get(timeout=_PATIENCE_SECONDS).startswith(wanted):
                pass
        except Empty:
            return False
        return True


@contextmanager
def _listening(told: Mapping[str, Any], secret: str = "") -> Iterator[_Listener]:
    who = SecretStr(told["api_key"]), SecretStr(secret or told["api_secret"])
    connection = Connection(Address(told["rest"], told["graph"], *who), wall=WALL)
    listener = _Listener(BtcturkLine(told["ws"], connection=connection))
    listener.stream.start()
    try:
        yield listener
    finally:
        listener.stream.stop()
        listener.stream.join(_PATIENCE_SECONDS)


@pytest.fixture
def told() -> dict[str, Any]:
    return {}


@pytest.fixture
def venue(told: dict[str, Any]) -> Iterator[Stand]:
    def connect(addresses: Mapping[str, Any]) -> Any:
        told.update(addresses)
        return SCENE.connect(addresses)

    with stand(replace(SCENE, connect=connect), venue="btcturk") as ready:
        yield ready


@pytest.fixture
def listener(venue: Stand, told: dict[str, Any]) -> Iterator[_Listener]:
    with _listening(told) as found:
        assert found.has_heard("up")
        assert found.has_heard("news")
        yield found


def test_an_order_and_its_cancel_are_news(venue: Stand, listener: _Listener) -> None:
    order = venue.order()
    venue.gateway.submit(account=venue.account, order=order)
    assert listener.has_heard("news")
    venue.gateway.cancel(
        account=venue.account,
        instrument=order.instrument,
        cl_ord_id=order.cl_ord_id,
        at=venue.now(),
    )
    assert listener.has_heard("news")


@pytest.mark.parametrize(("fault", "reason"), [("cut", ""), ("shutdown", "the venue ended it")])
def test_a_line_that_ends_is_opened_again(
    venue: Stand, listener: _Listener, fault: str, reason: str
) -> None:
    venue.change("faults", streams=fault)
    assert listener.has_heard(f"down: {reason}")
    assert listener.has_heard("up")
    assert listener.has_heard("news")


def test_a_line_that_is_open_and_silent_is_dead(
    venue: Stand, listener: _Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BtcturkLine, "silence_seconds", 1.0)
    monkeypatch.setattr(BtcturkLine, "keep_alive_seconds", 0.2)
    venue.change("faults", streams="silence")
    assert listener.has_heard("down: the line is silent")
    assert listener.has_heard("up")


def test_a_quiet_line_is_kept_alive_and_opened_anew_in_time(
    venue: Stand, listener: _Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BtcturkLine, "keep_alive_seconds", 0.2)
    monkeypatch.setattr(user_stream, "LOGIN_SECONDS", 0.0)
    assert listener.has_heard("down: the venue ended it")
    monkeypatch.setattr(user_stream, "LOGIN_SECONDS", 1800.0)
    assert listener.has_heard("up")


def test_a_login_that_is_refused_is_no_line(venue: Stand, told: dict[str, Any]) -> None:
    with _listening(told, secret="c2VjcmV0") as refused:
        order = venue.order()
        venue.gateway.submit(account=venue.account, order=order)
        refused.stream.stop()
        refused.stream.join(_PATIENCE_SECONDS)
        assert refused._told.empty()
