"""A paper desk on a venue's prices in real time, or on a simulated market where there are none."""

from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from decimal import Decimal
from threading import Event
from typing import Any

import pytest

from aitrader import paper
from aitrader.kernel.errors import BadInput
from aitrader.kernel.fix import AccountKind, PriceSource
from aitrader.paper import PaperOptions
from aitrader.runtime import feed, options
from trading.gateways import registry
from trading.sandbox import server
from trading.sandbox.stand import serving

# Nobody listens there.
NOWHERE = "http://127.0.0.1:9/api"


@pytest.fixture
def exchange(settings: Any) -> Iterator[Mapping[str, Any]]:
    with serving(server.Options(seed=3)) as told:
        addresses = told["binance"]
        _point(settings, f"{addresses['rest']}/api", addresses["ws"])
        yield addresses


def _point(settings: Any, rest: str, ws: str = "ws://127.0.0.1:9") -> None:
    settings.AITRADER_VENUES = {"BINANCE": {"rest_url": rest, "ws_url": ws, "credentials": ""}}


def _read(*given: str) -> PaperOptions:
    parser = ArgumentParser()
    options.add_arguments(parser)
    return options.read(vars(parser.parse_args(given)))


def test_a_market_in_real_time_has_the_venues_rules_and_says_what_it_is(
    exchange: Mapping[str, Any],
) -> None:
    market = paper.market(PaperOptions(venue="BINANCE", interval="1s", history_bars=3))
    assert (market.source, market.title) == (PriceSource.SANDBOX, "Binance")
    codes = [instrument.code for instrument, _ in market.instruments]
    assert codes == ["SIM:BTC-USDT", "SIM:ETH-USDT"]
    stop = Event()
    step = next(market.steps(stop))
    stop.set()
    assert set(step.bars) <= set(codes)


@pytest.mark.parametrize(
    ("rest", "ws", "real"),
    [
        ("https://api.binance.com/api", "wss://stream.binance.com:9443", True),
        ("https://127.0.0.1:8443/api", "wss://stream.binance.com:9443", False),
        ("https://api.binance.com/api", "wss://localhost:8443", False),
        ("https://testnet.binance.vision/api", "wss://stream.testnet.binance.vision", False),
    ],
)
def test_prices_are_real_only_if_no_address_is_made_up(
    settings: Any, rest: str, ws: str, real: bool
) -> None:
    _point(settings, rest, ws)
    assert registry.tells_real_prices("BINANCE") is real


def test_the_first_line_on_a_sandbox_says_so(exchange: Mapping[str, Any]) -> None:
    market = paper.market(PaperOptions(venue="BINANCE", symbol="BTCUSDT"))
    assert feed.title(market, Decimal(1)) == "SANDBOX Binance · SIM:BTC-USDT 1m ×1"


def test_a_venue_that_answers_is_taken_unless_told_otherwise(exchange: Mapping[str, Any]) -> None:
    assert (_read().venue, _read().speed) == ("BINANCE", Decimal(1))
    assert _read("--source", "simulated").venue == ""
    assert _read("--replay", "candles.csv").venue == ""
    assert _read("--seed", "7").venue == ""
    assert _read("--bars", "100").venue == ""
    assert _read("--speed", "60").venue == ""


def test_without_the_venue_the_market_is_simulated(settings: Any) -> None:
    _point(settings, NOWHERE)
    chosen = _read()
    assert (chosen.venue, chosen.speed, chosen.seed) == ("", Decimal(60), 1)


def test_asked_for_a_venue_that_does_not_answer_is_one_line(settings: Any) -> None:
    _point(settings, NOWHERE)
    with pytest.raises(BadInput, match="BINANCE does not answer") as refused:
        paper.market(_read("--source", "binance"))
    assert "\n" not in str(refused.value)


def test_prices_in_real_time_have_one_speed() -> None:
    with pytest.raises(BadInput, match="one speed"):
        _read("--source", "binance", "--speed", "60")


def test_there_are_no_perpetuals_in_real_time(exchange: Mapping[str, Any]) -> None:
    with pytest.raises(BadInput, match="SPOT"):
        paper.market(PaperOptions(venue="BINANCE", kind=AccountKind.PERP))
