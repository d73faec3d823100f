"""The thread that drives a market in real time: what it takes up, and what it waits for."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from threading import Event, Thread

import pytest
from django.db import InterfaceError, OperationalError, connections

from aitrader import paper
from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import BadInput, VenueAway
from aitrader.kernel.events import EventName
from aitrader.kernel.fix import PriceSource
from aitrader.paper import Market, PaperOptions
from aitrader.runtime import feed as runtime
from aitrader.runtime.feed import FeedThread
from compliance.models import Alert, JournalEntry
from compliance.selectors import journal
from compliance.services import alerts, installation
from tests.integration.trading_tasks import market
from tests.integration.trading_tasks.conftest import Calls
from trading.models import BarRow, Feed
from trading.selectors import freshness
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
    monkeypatch.setattr(runtime, "_FIRST_PAUSE_SECONDS", 0.01)
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


def test_where_prices_come_from_is_what_the_driver_says_not_what_the_row_said(
    fresh_database: str, calls: Calls, venue: _Venue
) -> None:
    thread = _thread([])
    Feed.objects.update(source=PriceSource.SANDBOX)
    thread.run()
    assert Feed.objects.get().source == PriceSource.REAL_TIME
    started = journal.first_data(EventName.RUN_STARTED)
    assert started is not None
    assert started["source"] == "REAL-TIME"


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


def _journalled(name: str) -> list[dict[str, object]]:
    market.number_everything()
    told = journal.for_object("feed", Feed.objects.get().code)
    return [each.data for each in told if each.event == name]


@pytest.mark.parametrize("fault", [RuntimeError("a fault of ours"), BadInput("a bar like none")])
def test_a_fault_that_nobody_expects_is_said_and_the_feed_goes_on(
    fresh_database: str, calls: Calls, venue: _Venue, fault: Exception
) -> None:
    said: list[str] = []
    thread = _thread(said)
    heard: list[datetime | None] = []
    failing = _failing(BARS // 2, fault)

    def on_step(number: int) -> None:
        heard.append(Feed.objects.get().received_at)
        failing(number)

    venue.on_step = on_step
    # What the library makes of a venue that is not itself yet.
    venue.faults = [KeyError("symbols"), VenueAway("BINANCE does not answer")]
    thread.run()
    assert not thread.failed
    assert not venue.faults
    assert said == ["REAL-TIME seed 1 has ended; the desk stays up"]
    assert BarRow.objects.count() == BARS
    (broken,) = _journalled("feed.broken")
    assert broken["reason"] == f"{type(fault).__name__}: {fault}"
    # The first step was read before. Opened anew, no word of it is believed yet.
    assert heard[BARS // 2 - 1] is not None
    assert heard[BARS // 2] is None
    assert len(venue.resumed) == 2
    assert len(_journalled("feed.failed")) == 0


def test_a_market_that_fails_each_time_is_opened_less_and_less_often(
    fresh_database: str, calls: Calls, venue: _Venue
) -> None:
    thread = _thread([])
    pauses: list[float] = []

    def on_step(number: int) -> None:
        pauses.append(thread._pause)
        if len(pauses) == 6:
            thread.stop()
        raise RuntimeError("again and again")

    venue.on_step = on_step
    thread.run()
    assert pauses[1:] == sorted(set(pauses[1:]))
    assert len(_journalled("feed.broken")) <= 1


def test_a_standby_waits_for_a_venue_that_is_away_and_another_start_does_not(
    fresh_database: str, calls: Calls, venue: _Venue
) -> None:
    away = VenueAway("BINANCE does not answer: no route")
    venue.faults = [away]
    with pytest.raises(BadInput, match="does not answer"):
        _thread([])
    said: list[str] = []
    venue.faults = [away, OperationalError("away"), away]
    namespace = installation.install(namespace=None, now=WALL.now())
    thread = FeedThread(OPTIONS, namespace, said.append, patient=True)
    assert said == [f"standby: {away}; it is waited for"]
    thread.run()
    assert BarRow.objects.count() == BARS


def test_a_standby_that_is_wrongly_set_up_says_so_at_once(
    fresh_database: str, calls: Calls, venue: _Venue
) -> None:
    venue.faults = [BadInput("BINANCE does not list NOPE")]
    namespace = installation.install(namespace=None, now=WALL.now())
    with pytest.raises(BadInput, match="does not list"):
        FeedThread(OPTIONS, namespace, print, patient=True)


def test_whoever_has_the_place_ends_the_driver_that_was_stopped(
    fresh_database: str, calls: Calls, venue: _Venue
) -> None:
    first = _thread([])
    venue.on_step = lambda number: first.stop() if number == BARS // 2 else None
    first.run()
    claimed, let_go, lost = Event(), Event(), []

    def stopped() -> None:
        feeds.claim(first.made.desk.feed)
        claimed.set()
        let_go.wait(20)
        try:
            Feed.objects.update(title="a late word")
        except (OperationalError, InterfaceError) as error:
            lost.append(error)
        finally:
            connections.close_all()

    other = Thread(target=stopped)
    other.start()
    claimed.wait(20)
    venue.on_step = lambda number: None
    second = _thread([])
    second.run()
    let_go.set()
    other.join(20)
    assert not second.failed
    assert BarRow.objects.count() == BARS
    assert lost
    assert Feed.objects.get().title != "a late word"


def test_waiting_for_the_venue_ends_when_asked_to(
    fresh_database: str, calls: Calls, venue: _Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    thread = _thread(said)
    venue.on_step = _failing(BARS // 2, OperationalError("away"))
    venue.faults = [BadInput("BINANCE does not answer")]
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


def test_that_no_first_bar_comes_is_said_and_alerted_until_one_does(
    fresh_database: str, calls: Calls, venue: _Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _thread([])
    venue.on_step = lambda number: first.stop() if number == BARS // 2 else None
    first.run()
    monkeypatch.setattr(runtime, "_first_bar_seconds", lambda market: 0.2)
    said: list[str] = []
    down: list[bool] = []

    def late(number: int) -> None:
        if not down:
            deadline = time.monotonic() + 10
            while Feed.objects.get().line_down_at is None and time.monotonic() < deadline:
                time.sleep(0.05)
            down.append(Feed.objects.get().line_down_at is not None)

    venue.on_step = late
    _thread(said)
    assert down == [True]
    assert said == ["REAL-TIME seed 1: no bar has come for 0.2 s; it is waited for"]
    market.number_everything()
    alerts.advance(now=WALL.now())
    assert Alert.objects.get(rule="feed.line_down").title == "The feed's line is down"
    (price,) = freshness.prices(Feed.objects.get().pk, Feed.objects.get(), WALL.now())
    assert price.silent


def test_of_a_market_that_was_never_here_that_no_bar_comes_is_said(
    fresh_database: str, calls: Calls, venue: _Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "_first_bar_seconds", lambda market: 0.05)
    venue.on_step = lambda number: time.sleep(0.5 if number == 0 else 0)
    said: list[str] = []
    _thread(said)
    assert len(said) == 1
    assert not JournalEntry.objects.filter(event=EventName.FEED_LINE_DOWN).exists()
