"""A desk on Coinbase's prices in real time, found by its name."""

from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Event, Timer
from typing import Any

import orjson
import pytest

from aitrader import paper
from aitrader.kernel.errors import BadInput
from aitrader.kernel.fix import PriceSource
from aitrader.paper import PaperOptions
from aitrader.runtime import options
from trading.gateways import registry
from trading.gateways.coinbase.gateway import CoinbaseGateway
from trading.sandbox import server
from trading.sandbox.stand import serving


@pytest.fixture
def exchange(settings: Any, tmp_path: Path) -> Iterator[Mapping[str, Any]]:
    with serving(server.Options(venues=("coinbase",), seed=3)) as told:
        where = told["coinbase"]
        secret = tmp_path / "coinbase.json"
        secret.touch(mode=0o600)
        secret.write_bytes(orjson.dumps({name: where[name] for name in ("api_key", "api_secret")}))
        settings.AITRADER_VENUES = {
            "COINBASE": {
                "rest_url": where["rest_plain"],
                "ws_url": where["ws_plain"],
                "ws_user_url": where["ws_user_plain"],
                "credentials": f"file:{secret}",
            }
        }
        yield where


def _read(*given: str) -> PaperOptions:
    parser = ArgumentParser()
    options.add_arguments(parser)
    return options.read(vars(parser.parse_args(given)))


def test_a_market_in_real_time_has_the_venues_rules_and_says_what_it_is(
    exchange: Mapping[str, Any],
) -> None:
    market = paper.market(_read("--source", "coinbase"))
    assert (market.source, market.title) == (PriceSource.SANDBOX, "Coinbase")
    codes = [instrument.code for instrument, _ in market.instruments]
    assert codes == ["SIM:BTC-USD", "SIM:ETH-USD"]
    stop = Event()
    watch = Timer(20, stop.set)
    watch.start()
    step = next(market.steps(stop))
    watch.cancel()
    assert step.bars.keys() <= set(codes)


def test_the_venue_answers_and_its_orders_move_no_real_money_here(
    exchange: Mapping[str, Any],
) -> None:
    assert registry.answers("COINBASE")
    assert registry.is_practice("COINBASE")


@pytest.mark.django_db
def test_a_connection_by_name_knows_its_fees_and_its_user_channel(
    exchange: Mapping[str, Any],
) -> None:
    connected = registry.connect("COINBASE", namespace="n")
    assert isinstance(connected.gateway, CoinbaseGateway)
    assert connected.fee_rate > 0
    assert connected.line is not None
    assert len(connected.line.greetings()) == 2


@pytest.mark.django_db
def test_all_threads_share_what_the_venue_told_and_how_much_of_the_hour_is_left(
    exchange: Mapping[str, Any],
) -> None:
    one, another = (registry.connect("COINBASE", namespace="n") for _ in range(2))
    assert one.gateway is another.gateway


def test_an_interval_that_the_venue_does_not_have_is_one_line(exchange: Mapping[str, Any]) -> None:
    with pytest.raises(BadInput, match="Coinbase has no bars of 3m"):
        paper.market(_read("--source", "coinbase", "--interval", "3m"))
