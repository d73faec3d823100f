"""The thread that drives a feed: its end, its faults, its generations."""

from pathlib import Path

import pytest

from aitrader import paper
from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import BadInput
from aitrader.paper import PaperOptions
from aitrader.runtime.feed import FeedThread, title
from compliance.selectors import journal
from compliance.services import installation
from tests.factories import candles
from tests.integration.trading_tasks import market
from tests.integration.trading_tasks.conftest import Calls
from trading.models import Account, BarRow, Feed

GOOD = 70


def _drive(options: PaperOptions) -> tuple[FeedThread, list[str]]:
    said: list[str] = []
    namespace = installation.install(namespace=None, now=WALL.now())
    thread = FeedThread(options, namespace, said.append)
    thread.recover()
    thread.run()
    return thread, said


def test_a_bad_bar_ends_the_feed_with_one_line(
    fresh_database: str, calls: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Instruments are inferred from the first bars: let the fault be found later.
    monkeypatch.setattr(paper, "_BARS_TO_INFER_FROM", 10)
    rows = [candles.row(bar) for bar in candles.simulated(GOOD)]
    file = candles.write(tmp_path / "btcusdt_1m.csv", [*rows, "1,NaN,1,1,1,1"])
    thread, said = _drive(PaperOptions(replay=[str(file)]))
    assert thread.failed
    assert len(said) == 1
    assert said[0].startswith(f"the feed has stopped: {file}:{GOOD + 2}")
    # The row before the bad one was read with it and is not released.
    assert BarRow.objects.count() >= GOOD - 1
    feed = Feed.objects.get()
    assert feed.status == "ENDED"
    market.number_everything()
    told = journal.for_object("feed", feed.code)
    assert [each.event for each in told] == ["run.started", "feed.failed", "run.ended"]
    assert str(file) in told[-1].data["fault"]


def test_an_ended_market_begins_anew_with_another_account(
    fresh_database: str, calls: Calls
) -> None:
    options = PaperOptions(symbol="BTCUSDT", simulated_bars=GOOD)
    first, said = _drive(options)
    assert said == ["SIMULATED seed 1 has ended; the desk stays up"]
    assert title(first.market, options.speed).endswith("1m as fast as the desk goes")
    second, _ = _drive(options)
    assert Account.objects.count() == 2
    codes = list(Feed.objects.order_by("pk").values_list("code", flat=True))
    assert [code.rpartition("-")[2] for code in codes] == ["1", "2"]
    assert not first.failed
    assert not second.failed


def test_nothing_to_feed_is_said_before_anything_starts(
    fresh_database: str, tmp_path: Path
) -> None:
    installation.install(namespace=None, now=WALL.now())
    empty = candles.write(tmp_path / "btcusdt_1m.csv", [])
    with pytest.raises(BadInput):
        FeedThread(PaperOptions(replay=[str(empty)]), "n", print)
