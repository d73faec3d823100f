"""A desk on paper on prices of an exchange that only ccxt knows, from the option to the bars."""

import time
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from aitrader import paper
from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import BadInput, VenueAway
from aitrader.paper import PaperOptions
from aitrader.runtime import late_bars, options
from aitrader.runtime.feed import FeedThread
from compliance.services import installation
from tests.contract.gateways import kraken_face
from tests.integration.trading_tasks.conftest import Calls
from trading.models import BarRow, Feed, FeedGap, InstrumentRow, StrategyCursor
from trading.sandbox import server
from trading.sandbox.stand import serving

NOWHERE = "http://127.0.0.1:9"


def _read(*given: str) -> PaperOptions:
    parser = ArgumentParser()
    options.add_arguments(parser)
    return options.read(vars(parser.parse_args(given)))


@pytest.fixture
def exchange(settings: Any) -> Iterator[Mapping[str, Any]]:
    """The library's client of an exchange, pointed at this machine; here it trades in seconds."""
    with serving(server.Options(seed=3)) as told:
        where = told["binance"]
        settings.AITRADER_VENUES = {
            "ANYBODY": {"exchange": "binance", "rest_url": where["rest"], "credentials": ""},
            "NOBODY": {"exchange": "nobody", "rest_url": "", "credentials": ""},
            "AWAY": {"exchange": "kraken", "rest_url": NOWHERE, "credentials": ""},
        }
        yield where


def test_its_bars_are_recorded_one_after_the_other(
    fresh_database: str, calls: Calls, exchange: Mapping[str, Any]
) -> None:
    chosen = _read("--source", "anybody", "--symbol", "BTC/USDT", "--interval", "1s",
                   "--history", "3")  # fmt: skip
    said: list[str] = []
    thread = FeedThread(chosen, installation.install(namespace=None, now=WALL.now()), said.append)
    thread.start()
    deadline = time.monotonic() + 30
    while BarRow.objects.count() < 6 or InstrumentRow.objects.get().rules_at is None:
        assert time.monotonic() < deadline, said
        time.sleep(0.1)
    thread.stop()
    for each in (thread, *thread._beside):
        each.join(20)
    assert not thread.failed
    feed = Feed.objects.get()
    assert (feed.source, feed.title) == ("SANDBOX", "Anybody")
    assert InstrumentRow.objects.get().code == "SIM:BTC-USDT"
    times = BarRow.objects.order_by("open_time").values_list("open_time", flat=True)
    assert {(after - before).total_seconds() for before, after in pairwise(times)} == {1.0}


def test_a_bar_that_was_missing_is_asked_for_until_it_is_there(
    fresh_database: str,
    calls: Calls,
    exchange: Mapping[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(late_bars, "EVERY_SECONDS", 0.2)
    chosen = _read("--source", "anybody", "--symbol", "BTC/USDT", "--interval", "1s",
                   "--history", "3")  # fmt: skip
    thread = FeedThread(chosen, installation.install(namespace=None, now=WALL.now()), print)
    feed, row = Feed.objects.get(), InstrumentRow.objects.get()
    first = WALL.now().replace(microsecond=0) + timedelta(seconds=1)
    StrategyCursor.objects.update(last_open_time=first)
    gap = FeedGap.objects.create(feed=feed, instrument=row, first_missing=first, bars=1)
    late = late_bars.LateBars("ANYBODY", feed_id=feed.pk, interval=thread.made.desk.interval,
                    instruments=thread.made.desk.instruments)  # fmt: skip
    late.start()
    deadline = time.monotonic() + 20
    while gap.filled_at is None:
        assert time.monotonic() < deadline
        time.sleep(0.1)
        gap.refresh_from_db()
    late.stop()
    late.join(10)
    assert not late.is_alive()
    assert BarRow.objects.get().open_time == first


def test_krakens_usual_instruments_are_known(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setattr(server, "OFFERS", {"kraken": kraken_face.OFFER})
    monkeypatch.setattr(server, "VENUES", ("kraken",))
    with serving(server.Options(venues=("kraken",), market=False)) as told:
        rest = told["kraken"]["rest"]
        known = {"exchange": "kraken", "rest_url": rest, "credentials": ""}
        settings.AITRADER_VENUES = {"KRAKEN": known}
        market = paper.market(_read("--source", "kraken"))
    codes = [instrument.code for instrument, _ in market.instruments]
    assert codes == ["SIM:BTC-USD", "SIM:ETH-USD"]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (("--source", "bitfoo"), "--source bitfoo: there are anybody, away, nobody, and any"),
        (("--source", "nobody", "--symbol", "BTC/USD"), "ccxt has no exchange nobody"),
        (("--source", "anybody"), "--symbol: which instrument of ANYBODY"),
        (("--source", "anybody", "--symbol", "NO/SUCH"), "binance does not list NO/SUCH"),
        (("--source", "anybody", "--symbol", "BTC/USDT", "--interval", "7m"), "no bars of 7m"),
        (("--source", "anybody", "--speed", "60"), "prices in real time have one speed"),
        (("--source", "anybody", "--second-source", "bitfoo"), "--second-source bitfoo"),
        (("--source", "anybody", "--second-source", "anybody"), "are those of ANYBODY already"),
    ],
)
def test_what_cannot_be_is_one_line(
    exchange: Mapping[str, Any], given: tuple[str, ...], line: str
) -> None:
    with pytest.raises(BadInput) as refused:
        paper.market(_read(*given))
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_exchange_that_does_not_answer_is_away(exchange: Mapping[str, Any]) -> None:
    with pytest.raises(VenueAway, match="AWAY does not answer"):
        paper.market(_read("--source", "away", "--symbol", "BTC/USD"))


def test_its_prices_are_compared_with_those_of_coinbase(settings: Any) -> None:
    known = ("BINANCE", "COINBASE", "KRAKEN", "BTCTURK")
    settings.AITRADER_VENUES = {venue: {"rest_url": NOWHERE} for venue in known}
    assert _read("--source", "kraken").second_source == "COINBASE"
    assert _read("--source", "kraken", "--second-source", "none").second_source == ""
    assert _read("--source", "binance", "--second-source", "kraken").second_source == "KRAKEN"
    assert _read("--source", "btcturk").second_source == ""
