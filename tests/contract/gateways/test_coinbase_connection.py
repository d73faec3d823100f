"""What leaves for Coinbase and what is believed of it, on the sandbox over TLS."""

import logging
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from decimal import Decimal as D
from threading import Event, Thread
from time import monotonic
from typing import Any

import pytest
from pydantic import SecretStr

from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import BadInput, NotSent, OutcomeUnknown, RejectedByVenue
from trading.domain.ports import Fees
from trading.gateways.coinbase import connection as coinbase
from trading.gateways.coinbase import listing
from trading.gateways.coinbase.connection import Address, Connection
from trading.gateways.coinbase.gateway import CoinbaseGateway
from trading.sandbox import server
from trading.sandbox.certificate import made
from trading.sandbox.stand import serving

FAST = (1.0, 1.0)


@pytest.fixture
def told() -> Iterator[Mapping[str, Any]]:
    with serving(server.Options(venues=("coinbase",), market=False)) as told:
        yield told["coinbase"]


def _address(told: Mapping[str, Any]) -> Address:
    key, secret = SecretStr(told["api_key"]), SecretStr(told["api_secret"])
    return Address(told["rest"], key, secret, ca=told["ca"])


def _connection(address: Address) -> Connection:
    return Connection(address, wall=WALL, timeout_seconds=FAST)


def test_an_authority_that_is_not_trusted_is_sent_nothing(told: Mapping[str, Any]) -> None:
    with pytest.raises(NotSent, match="certificate"):
        _connection(replace(_address(told), ca="")).read("/accounts")


def test_a_key_never_goes_in_the_clear_to_another_machine(told: Mapping[str, Any]) -> None:
    with pytest.raises(BadInput, match="https"):
        _connection(replace(_address(told), rest_url="http://api.coinbase.com"))


def test_a_key_that_cannot_sign_sends_nothing_and_is_not_told(told: Mapping[str, Any]) -> None:
    address = replace(_address(told), api_secret=SecretStr("no-key-at-all"))
    with pytest.raises(NotSent) as refused:
        _connection(address).read("/accounts")
    assert str(refused.value) == "the key cannot sign"


def test_the_key_of_somebody_else_is_refused(told: Mapping[str, Any]) -> None:
    address = replace(_address(told), api_key=SecretStr("organizations/1/apiKeys/2"))
    with pytest.raises(RejectedByVenue, match="401"):
        _connection(address).read("/accounts")


def test_nothing_is_logged_of_a_request_that_is_refused(
    told: Mapping[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="coinbase"), pytest.raises(RejectedByVenue):
        _connection(_address(told)).read("/orders/historical/nobody")
    assert caplog.records == []


def test_the_account_has_its_fees_and_its_balances(told: Mapping[str, Any]) -> None:
    gateway = CoinbaseGateway(_connection(_address(told)))
    assert gateway.fees() == Fees(D("0.006"), D("0.012"), "Intro 1")
    assert gateway.balances(account="me")["USD"] == D(100_000)


def test_reads_leave_the_last_of_the_hour_to_orders(
    told: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coinbase, "BURST", 101.0)
    monkeypatch.setattr(coinbase, "PER_SECOND", 0.0)
    venue = _connection(_address(told))
    venue.read("/accounts")
    with pytest.raises(NotSent, match="hour"):
        venue.read("/accounts")
    with pytest.raises((RejectedByVenue, OutcomeUnknown)):
        venue.write("/orders", {})


def test_what_the_venue_lists_has_its_rules(told: Mapping[str, Any]) -> None:
    venue = _connection(Address(told["rest"], ca=told["ca"]))
    found = listing.instruments(venue, ["BTC-USD", "ETH-USD"], venue="SIM")
    assert [each.code for each in found.values()] == ["SIM:BTC-USD", "SIM:ETH-USD"]
    bitcoin = found["BTC-USD"]
    assert (bitcoin.lot, bitcoin.min_notional) == (D("0.00000001"), D(1))


def test_a_product_that_is_not_listed_is_one_line(told: Mapping[str, Any]) -> None:
    venue = _connection(Address(told["rest"], ca=told["ca"]))
    with pytest.raises(BadInput) as refused:
        listing.instruments(venue, ["NOPE-USD"], venue="SIM")
    assert "\n" not in str(refused.value)


@contextmanager
def _dripping() -> Iterator[Address]:
    """A venue over TLS whose answers never end."""
    with made(WALL.now()) as shown, socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            plain, _ = listening.accept()
            with suppress(OSError), shown.context.wrap_socket(plain, server_side=True) as line:
                line.recv(65536)
                line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                for _ in range(1000):
                    line.sendall(b" ")
                    Event().wait(0.1)

        thread = Thread(target=serve, daemon=True)
        thread.start()
        port = listening.getsockname()[1]
        yield Address(f"https://127.0.0.1:{port}", ca=str(shown.authority))
        thread.join(5)


def test_an_answer_over_tls_that_drips_ends_with_the_time_of_a_call() -> None:
    with _dripping() as address:
        began = monotonic()
        with pytest.raises(NotSent, match="clock could not be read: ReadTimeout"):
            Connection(address, wall=WALL, timeout_seconds=(0.3, 0.4)).read_public("/time")
        assert monotonic() - began < 5
