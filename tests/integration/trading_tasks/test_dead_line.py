"""A line that tells nothing is noticed long before the bars of an hour would be missed."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from aitrader.kernel.clock import WALL
from aitrader.paper import PaperOptions
from aitrader.runtime.feed import FeedThread
from compliance.models import Alert
from compliance.selectors import journal
from compliance.services import alerts, installation
from tests.integration.trading.at_venue import SYMBOL, AtVenue, at_venue
from tests.integration.trading_tasks import market
from tests.integration.trading_tasks.conftest import Calls
from trading.gateways import line_watch, live_bars
from trading.models import Feed
from trading.services import feeds

pytestmark = pytest.mark.usefixtures("fresh_database")


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[AtVenue]:
    with at_venue(tmp_path, opened=False, market=True) as made:
        yield made


@pytest.fixture
def desk(venue: AtVenue, calls: Calls, monkeypatch: pytest.MonkeyPatch) -> Iterator[FeedThread]:
    # The exchange tells a bar that runs every two seconds.
    monkeypatch.setattr(live_bars, "SILENCE_SECONDS", 4.0)
    monkeypatch.setattr(line_watch, "DOWN_SECONDS", 5.0)
    options = PaperOptions(venue="BINANCE", symbol=SYMBOL, interval="1h", history_bars=3)
    thread = FeedThread(options, installation.install(namespace=None, now=WALL.now()), print)
    thread.start()
    yield thread
    thread.stop()
    for each in (thread, thread._watch, *thread._beside):
        each.join(20)


def _until(told: Callable[[], object]) -> None:
    deadline = time.monotonic() + 40
    while not told():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _ready() -> bool:
    checks: dict[str, Any] = Client().get("/readyz").json()["checks"]
    return bool(checks["feed"])


def _journalled() -> list[str]:
    market.number_everything()
    told = journal.for_object("feed", Feed.objects.get().code)
    return [each.event for each in told if each.event.startswith("feed.line_")]


def test_with_bars_of_an_hour_a_cut_is_told_within_seconds_and_its_end_too(
    venue: AtVenue, desk: FeedThread
) -> None:
    _until(_ready)
    assert _journalled() == []
    venue.change("network", seconds=12)
    _until(lambda: not _ready())
    metrics = Client().get("/metrics").content.decode().splitlines()
    (stale,) = (line for line in metrics if line.startswith("aitrader_feed_stale{"))
    assert stale.endswith(" 1.0")
    feed = Feed.objects.get()
    assert feed.line_down_at is not None
    # No bar is late yet.
    assert (WALL.now() - (feed.market_at or feed.started_at)).total_seconds() < 2 * 3600
    assert _journalled() == ["feed.line_down"]
    assert Client().get("/readyz").json()["checks"]["silent_instruments"] == 1
    feeds.note_freshness(feed=feed, now=WALL.now())
    market.number_everything()
    alerts.advance(now=WALL.now())
    told = set(Alert.objects.values_list("title", flat=True))
    assert told >= {"The feed's line is down", "Prices are stale"}
    _until(_ready)
    assert _journalled() == ["feed.line_down", "feed.line_up"]
    assert Feed.objects.get().line_down_at is None
