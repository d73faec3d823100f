"""A line over TLS opens every time, waits no longer than asked, and trusts nobody unproven."""

import ssl
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from trading.gateways.sockets import LINE_FAULTS, connect
from trading.sandbox import server
from trading.sandbox.stand import serving


@pytest.fixture
def exchange() -> Iterator[Mapping[str, Any]]:
    with serving(server.Options(venues=("coinbase",), market=False)) as told:
        yield told["coinbase"]


def test_a_hundred_handshakes_in_a_row_all_end(exchange: Mapping[str, Any]) -> None:
    context = ssl.create_default_context(cafile=exchange["ca"])
    opened = 0
    for _ in range(100):
        with connect(exchange["ws"], context=context) as socket:
            socket.send("{}")
            opened += 1
    assert opened == 100


def test_who_waits_for_a_message_waits_no_longer_than_asked(exchange: Mapping[str, Any]) -> None:
    with connect(exchange["ws_plain"]) as socket, pytest.raises(TimeoutError):
        socket.recv(timeout=0.05)


def test_a_message_that_comes_after_a_wait_in_vain_is_not_lost(
    exchange: Mapping[str, Any],
) -> None:
    with connect(exchange["ws_plain"]) as socket:
        with pytest.raises(TimeoutError):
            socket.recv(timeout=0.05)
        socket.send('{"type":"subscribe","channel":"heartbeats"}')
        assert "heartbeats" in str(socket.recv(timeout=5))


def test_an_authority_that_is_not_trusted_is_a_fault_of_the_line(
    exchange: Mapping[str, Any],
) -> None:
    with pytest.raises(LINE_FAULTS), connect(exchange["ws"]):
        pass


def test_nobody_there_is_a_fault_of_the_line() -> None:
    with pytest.raises(LINE_FAULTS), connect("ws://127.0.0.1:9"):
        pass
