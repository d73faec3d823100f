"""Faults that cost other systems money and that only show over the wire, put into our gateway and
user stream at the sandbox: a trade of the exchange is then not in our books, and without them is.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pytest
import requests
from django.db import connections

from aitrader.kernel.errors import GatewayError
from tests.integration.trading.at_venue import SYMBOL, AtVenue, at_venue
from trading.gateways import registry
from trading.gateways.binance import entry
from trading.gateways.binance.user_stream import BinanceLine
from trading.gateways.streams import Heard, UserStream
from trading.models import Fill, Order
from trading.services import reconciliation, routing

pytestmark = pytest.mark.usefixtures("fresh_database")

_PATIENCE_SECONDS, _SOON_SECONDS = 20.0, 2.0
Patch = pytest.MonkeyPatch


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[AtVenue]:
    with at_venue(tmp_path) as opened:
        opened.begin()
        yield opened


def _sent(venue: AtVenue, *names: str) -> list[Order]:
    orders = [venue.waiting(name) for name in names]
    routing.send_all(desk=venue.desk, gateway=venue.gateway, at=venue.now())
    return orders


def _somebody_buys(venue: AtVenue) -> None:
    """All that the desk has on offer."""
    venue.change("book", instrument=SYMBOL, side="BUY", price="60200", qty="1")


def _follow(venue: AtVenue) -> None:
    reconciliation.follow(desk=venue.desk, gateway=venue.gateway, at=venue.now())


def _is_booked(order: Order) -> bool:
    return Fill.objects.filter(order=order).exists()


@pytest.mark.parametrize("broken", [False, True])
def test_an_order_of_a_status_that_nobody_knows_keeps_no_other_from_its_trades(
    venue: AtVenue, monkeypatch: Patch, broken: bool
) -> None:
    """nautilus #1437: it ended the reconciliation of all."""
    if broken:
        monkeypatch.setattr(reconciliation, "_ask_quietly", reconciliation._ask)
    strange, other = _sent(venue, "strange", "other")
    _answers_strangely(venue, strange.cl_ord_id)
    _somebody_buys(venue)
    for _ in range(3):
        with suppress(GatewayError) if broken else _nothing():
            _follow(venue)
    assert not _is_booked(strange)
    assert _is_booked(other) is not broken


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _answers_strangely(venue: AtVenue, cl_ord_id: str) -> None:
    """From now on the venue says of this order a status that is not documented."""

    def rewrite(response: requests.Response, **_: object) -> None:
        if cl_ord_id in str(response.url):
            response._content = re.sub(
                rb'("status":\s*)"[A-Z_]+"', rb'\1"PENDING_REVIEW"', response.content
            )

    gateway: Any = venue.gateway
    gateway._connection._client.session.hooks["response"].append(rewrite)


class _Forgetful(BinanceLine):
    """Subscribes on its first connection only, and is content with one that is open."""

    _has_subscribed = False

    def greetings(self) -> Sequence[str]:
        if self._has_subscribed:
            return [self.keep_alive()]
        self._has_subscribed = True
        return super().greetings()

    def heard(self, message: str) -> Heard:
        heard = super().heard(message)
        return Heard.CONFIRMED if heard is Heard.OVER else heard


@contextmanager
def _listening() -> Iterator["SimpleQueue[str]"]:
    """What the account's user stream tells, as the runtime hears it."""
    line = registry.connect("BINANCE", namespace="").line
    assert line is not None
    told: SimpleQueue[str] = SimpleQueue()

    def on_line(up: bool, _reason: str) -> None:
        told.put("up" if up else "down")
        # Of the stream's own thread, which asks what is known of the venue's patience.
        connections.close_all()

    stream = UserStream(line, on_news=lambda: told.put("news"), on_line=on_line)
    stream.start()
    try:
        yield told
    finally:
        stream.stop()
        stream.join(_PATIENCE_SECONDS)


@pytest.mark.parametrize("broken", [False, True])
def test_a_stream_that_was_cut_is_subscribed_anew(
    venue: AtVenue, monkeypatch: Patch, broken: bool
) -> None:
    """python-binance #1057: it was connected again and told nothing any more."""
    if broken:
        monkeypatch.setattr(entry, "BinanceLine", _Forgetful)
    with _listening() as told:
        assert [told.get(timeout=_PATIENCE_SECONDS) for _ in range(2)] == ["up", "news"]
        venue.change("faults", streams="cut")
        wanted = ["down", "up", "news"]
        assert [told.get(timeout=_PATIENCE_SECONDS) for _ in wanted] == wanted
        (order,) = _sent(venue, "first")
        _somebody_buys(venue)
        with suppress(Empty):
            assert told.get(timeout=_SOON_SECONDS if broken else _PATIENCE_SECONDS) == "news"
            _follow(venue)
    assert _is_booked(order) is not broken
    # It is asked for all the same, every few seconds.
    _follow(venue)
    assert _is_booked(order)
    assert venue.differences() == {}
