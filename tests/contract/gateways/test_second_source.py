"""The last price of every venue, and the thread that compares two of them, on the sandbox."""

import time
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pytest

from aitrader.kernel.errors import BadInput, GatewayError, OutcomeUnknown
from aitrader.paper import PaperOptions
from aitrader.runtime import options, second_source
from aitrader.runtime.second_source import SecondSource
from trading.gateways import registry
from trading.gateways.prices import told_price
from trading.models import InstrumentRow
from trading.sandbox import server
from trading.sandbox.stand import serving

SYMBOLS = {"BINANCE": "BTCUSDT", "COINBASE": "BTC-USD", "BTCTURK": "BTCTRY"}


@pytest.fixture
def venues(settings: Any) -> Iterator[Mapping[str, Any]]:
    with serving(server.Options(seed=3)) as told:
        settings.AITRADER_VENUES = {
            "BINANCE": {
                "rest_url": f"{told['binance']['rest']}/api",
                "ws_url": told["binance"]["ws"],
                "credentials": "",
            },
            "COINBASE": {
                "rest_url": told["coinbase"]["rest_plain"],
                "ws_url": told["coinbase"]["ws_plain"],
                "credentials": "",
            },
            "BTCTURK": {
                "rest_url": told["btcturk"]["rest"],
                "graph_url": told["btcturk"]["rest"],
                "ws_url": told["btcturk"]["ws"],
                "credentials": "",
            },
        }
        yield told


@pytest.mark.parametrize("venue", SYMBOLS)
def test_a_venue_tells_the_last_price(venues: Mapping[str, Any], venue: str) -> None:
    data = registry.public(venue)
    seen: list[Decimal] = []

    def traded() -> bool:
        try:
            seen.append(data.last_price(SYMBOLS[venue]))
        except OutcomeUnknown:
            # Nothing has traded on the new exchange yet.
            return False
        return True

    _until(traded)
    assert seen[0] > 0


@pytest.mark.parametrize("venue", SYMBOLS)
def test_what_is_not_listed_has_no_price(venues: Mapping[str, Any], venue: str) -> None:
    with pytest.raises(GatewayError):
        registry.public(venue).last_price("NOPE-NOPE" if venue == "COINBASE" else "NOPENOPE")


@pytest.mark.parametrize("told", [None, "", "x", "0", "-1", {"px": "1"}])
def test_an_answer_without_a_price_is_no_price(told: object) -> None:
    with pytest.raises(OutcomeUnknown):
        told_price(lambda: told)


class _Rows:
    """What the thread keeps, instead of rows."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.prices: dict[str, Decimal] = {}
        self.left_out: list[str] = []
        self.codes: list[str] | None = None
        monkeypatch.setattr(second_source, "second_prices", self)
        monkeypatch.setattr(second_source, "EVERY_SECONDS", 0.05)

    def configure(self, *, codes: list[str], **_: object) -> None:
        self.codes = codes

    def record(self, *, prices: Mapping[str, Decimal], **_: object) -> None:
        self.prices |= prices

    def leave_out(self, *, code: str, **_: object) -> None:
        self.left_out.append(code)


def _until(told: Any) -> None:
    deadline = time.monotonic() + 20
    while not told():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _thread(venue: str, said: list[str], *pairs: tuple[str, str]) -> SecondSource:
    rows = {
        number: InstrumentRow(code=f"SIM:{base}-{quote}", base=base, quote=quote)
        for number, (base, quote) in enumerate(pairs)
    }
    return SecondSource(venue, feed_id=1, instruments=rows, say=said.append)


@pytest.mark.parametrize(("venue", "quote"), [("COINBASE", "USDT"), ("BINANCE", "USD")])
def test_dollars_and_tether_are_one_quote_here(
    venues: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch, venue: str, quote: str
) -> None:
    rows, said = _Rows(monkeypatch), list[str]()
    thread = _thread(venue, said, ("BTC", quote), ("NOPE", quote))
    thread.start()
    _until(lambda: rows.prices and rows.left_out)
    thread.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert rows.codes == [f"SIM:BTC-{quote}", f"SIM:NOPE-{quote}"]
    assert set(rows.prices) == {f"SIM:BTC-{quote}"}
    assert rows.left_out == [f"SIM:NOPE-{quote}"]
    assert len(said) == 1
    assert "has no second source" in said[0]


def test_a_pair_in_lira_has_no_second_source_in_dollars(
    venues: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, said = _Rows(monkeypatch), list[str]()
    thread = _thread("COINBASE", said, ("BTC", "TRY"))
    thread.start()
    _until(lambda: rows.left_out)
    thread.join(10)
    assert not thread.is_alive()
    assert rows.prices == {}


def test_a_silent_venue_is_asked_again_and_stays_wanted(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.AITRADER_VENUES = {
        "COINBASE": {"rest_url": "http://127.0.0.1:9", "ws_url": "ws://127.0.0.1:9"}
    }
    rows = _Rows(monkeypatch)
    thread = _thread("COINBASE", [], ("BTC", "USDT"))
    thread.start()
    _until(lambda: rows.codes)
    time.sleep(0.3)
    assert thread.is_alive()
    assert rows.left_out == []
    thread.stop()
    thread.join(10)
    assert rows.prices == {}


def test_without_a_venue_the_thread_ends_when_that_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = _Rows(monkeypatch)
    thread = _thread("", [], ("BTC", "USDT"))
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    assert rows.codes == []


def _read(*given: str) -> PaperOptions:
    parser = ArgumentParser()
    options.add_arguments(parser)
    return options.read(vars(parser.parse_args(given)))


def test_venues_of_one_world_are_compared_by_themselves(venues: Mapping[str, Any]) -> None:
    assert _read("--source", "binance").second_source == "COINBASE"
    assert _read("--source", "coinbase").second_source == "BINANCE"
    assert _read("--source", "btcturk").second_source == ""
    assert _read("--source", "btcturk", "--second-source", "binance").second_source == "BINANCE"
    assert _read("--source", "binance", "--second-source", "none").second_source == ""
    assert _read("--source", "simulated").second_source == ""
    with pytest.raises(BadInput, match="those of BINANCE already"):
        _read("--source", "binance", "--second-source", "binance")


def test_a_sandbox_is_not_compared_with_the_real_world(
    venues: Mapping[str, Any], settings: Any
) -> None:
    settings.AITRADER_VENUES["COINBASE"]["rest_url"] = "https://api.coinbase.com"
    assert _read("--source", "binance").second_source == ""
    assert _read("--source", "binance", "--second-source", "coinbase").second_source == "COINBASE"
