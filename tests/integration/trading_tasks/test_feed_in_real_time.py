"""The thread that drives a market in real time: what it takes up, and what it waits for."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from threading import Event

import pytest
from django.db import OperationalError

from aitrader import paper
from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import BadInput
from aitrader.kernel.fix import PriceSource
from aitrader.paper import Market, PaperOptions
from aitrader.runtime import feed as runtime
from aitrader.runtime.feed import FeedThread
from compliance.services import installation
from tests.integration.trading_tasks.conftest import Calls
from trading.models import BarRow, Feed
from trading.services import bar_steps, feeds
from trading.services.bar_steps import Step

BARS = 30
OPTIONS = PaperOptions(symbol="BTCUSDT", simulated_bars=BARS)
_simulated = paper.market


class _Venue:
    """A simulated market that calls itself one in real time; `faults` come before its answers."""

    def __init__(self) -> None:
        self.faults: list[Exception] = []
        self.resumed: list[dict[str, datetime]] = []
        self.on_step: Callable[[int], None] = lambda number: None

    def market(self, options: PaperOptions) -> Market:
        if self.faults:
            raise self.faults.pop(0)
        made = _simulated(options)
        last: dict[str, datetime] = {}

        def resume(told: Mapping[str, datetime]) -> None:
            last.update(told)
            self.resumed.append(dict(told))

        def live(stop: Event) -> Iterator[Step]:
            for number, step in enumerate(bar_steps.steps(made.streams)):
                if stop.is_set():
                    return
                if all(step.open_time > at for at in last.values()):
                    self.on_step(number)
                    yield step

        return replace(made, source=PriceSource.REAL_TIME, live=live, resume=resume)


@pytest.fixture
def venue(monkeypatch: pytest.MonkeyPatch) -> _Venue:
    made = _Venue()
    monkeypatch.setattr(paper, "market", made.market)
    monkeypatch.setattr(runtime, "_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(runtime, "_VENUE_RETRY_SECONDS", 0.01)
    return made


def _thread(said: list[str]) -> FeedThread:
    return FeedThread(OPTIONS, installation.install(namespace=None, now=WALL.now()), said.append)


def _failing(at: int, fault: Exception) -> Callable[[int], None]:
    def on_step(number: int) -> None:
        if number == at and not failed:
            failed.append(number)
            raise fault

    failed: list[int] = []
    return on_step


def test_a_new_process_goes_on_after_the_last_bars_recorded(
    fresh_database: str, calls: Calls, venue: _Venue
) -> None:
    first = _thread([])
    venue.on_step = lambda number: first.stop() if number == BARS // 2 else None
    first.run()
    recorded = list(BarRow.objects.order_by("open_time").values_list("open_time", flat=True))
    assert 0 < len(recorded) < BARS
    venue.on_step = lambda number: None
    second = _thread([])
    assert venue.resumed == [{}, {"SIM:BTC-USDT": recorded[-1]}]
    second.run()
    assert BarRow.objects.count() == BARS
    assert Feed.objects.count() == 1


def test_a_venue_that_is_silent_after_the_database_was_away_is_waited_for(
    fresh_database: str, calls: Calls, venue: _Venue
) -> None:
    said: list[str] = []
    thread = _thread(said)
    venue.on_step = _failing(BARS // 2, OperationalError("away"))
    venue.faults = [
        BadInput("BINANCE does not answer"), OperationalError("away"), BadInput("nor now"),
    ]  # fmt: skip
    thread.run()
    assert not thread.failed
    assert not venue.faults
    assert said == ["REAL-TIME seed 1 has ended; the desk stays up"]
    assert BarRow.objects.count() == BARS


def test_waiting_for_the_venue_ends_when_asked_to(
    fresh_database: str, calls: Calls, venue: _Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    thread = _thread(said)
    venue.on_step = _failing(BARS // 2, OperationalError("away"))
    venue.faults = [BadInput("BINANCE does not answer")]
    monkeypatch.setattr(runtime, "_VENUE_RETRY_SECONDS", 60.0)
    monkeypatch.setattr(thread._stopping, "wait", lambda seconds: thread.stop())
    thread.run()
    assert not thread.failed
    assert said == []
    assert Feed.objects.get().status == "RUNNING"


def test_a_feed_in_real_time_outlives_a_start_without_its_venue(
    fresh_database: str, calls: Calls, venue: _Venue
) -> None:
    made = _thread([]).made.desk.feed
    assert feeds.end_abandoned(keep=0, now=WALL.now()) == []
    made.refresh_from_db()
    assert made.status == "RUNNING"
