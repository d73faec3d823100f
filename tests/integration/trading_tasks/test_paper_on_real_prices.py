"""A desk on paper, on a venue's prices in real time: it keeps to the venue's rules as they are."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aitrader.kernel.clock import WALL, Moment
from aitrader.paper import PaperOptions
from aitrader.runtime import instrument_rules as runtime
from aitrader.runtime.feed import FeedThread
from aitrader.runtime.instrument_rules import InstrumentRules
from compliance.services import installation
from risk.domain.trading_state import Scope, TradingState
from risk.models import TradingStateRow
from risk.services import kill_switch
from tests.integration.trading.at_venue import SYMBOL, AtVenue, at_venue
from tests.integration.trading_tasks.conftest import Calls
from trading.models import InstrumentRow
from trading.services import instrument_rules
from trading.services.instrument_rules import Listed

CODE = "SIM:BTC-USDT"
pytestmark = pytest.mark.usefixtures("fresh_database")


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[AtVenue]:
    with at_venue(tmp_path, opened=False, market=True) as made:
        yield made


@pytest.fixture
def desk(venue: AtVenue, calls: Calls, monkeypatch: pytest.MonkeyPatch) -> Iterator[FeedThread]:
    monkeypatch.setattr(runtime, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(runtime, "SOON_SECONDS", 0.1)
    monkeypatch.setattr(runtime, "EVERY_SECONDS", 0.5)
    options = PaperOptions(venue="BINANCE", symbol=SYMBOL, interval="1s", history_bars=3)
    thread = FeedThread(options, installation.install(namespace=None, now=WALL.now()), print)
    thread.start()
    yield thread
    thread.stop()
    for each in (thread, *thread._beside):
        each.join(20)


def _until(told: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not told():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _row() -> InstrumentRow:
    return InstrumentRow.objects.get(code=CODE)


def _state() -> str:
    row = TradingStateRow.objects.filter(scope=Scope.INSTRUMENT, scope_code=CODE).first()
    return "ACTIVE" if row is None else str(row.state)


def test_rules_that_change_at_the_venue_change_here(desk: FeedThread) -> None:
    _until(lambda: _row().rules_at)
    tick, read = _row().tick, _row().rules_at
    # As if the venue had had others before.
    InstrumentRow.objects.update(tick=7)
    _until(lambda: _row().tick == tick)
    assert _row().rules_at != read


def test_what_the_venue_does_not_trade_opens_nothing_on_paper(
    venue: AtVenue, desk: FeedThread
) -> None:
    _until(lambda: _row().rules_at)
    venue.change("book", instrument=SYMBOL, status="BREAK")
    _until(lambda: _state() == TradingState.HALTED)
    venue.change("book", instrument=SYMBOL, status="TRADING")
    _until(lambda: _state() == TradingState.ACTIVE)


def _halted_by(venue: str) -> None:
    now = WALL.now()
    at = Moment(market=now, wall=now)
    instrument_rules.follow(code=CODE, venue=venue, listed=Listed(None, "BREAK"), at=at)
    assert _state() == TradingState.HALTED


@pytest.mark.parametrize("follows", ["", "KRAKEN"])
def test_what_a_venue_halted_ends_with_the_desk_on_its_prices(
    desk: FeedThread, follows: str
) -> None:
    desk.stop()
    desk.join(20)
    _halted_by("BINANCE")
    now = WALL.now()
    at = Moment(market=now, wall=now)
    instrument_rules.begin(codes=[CODE], venue="BINANCE", at=at)
    assert _state() == TradingState.HALTED
    instrument_rules.begin(codes=[CODE], venue=follows, at=at)
    assert _state() == TradingState.ACTIVE
    assert _row().status == "TRADING"


def test_a_desk_on_other_prices_takes_back_nothing_that_a_person_halted(desk: FeedThread) -> None:
    desk.stop()
    desk.join(20)
    now = WALL.now()
    kill_switch.engage(
        scope=Scope.INSTRUMENT, scope_code=CODE, reason="looking", actor="operator:ann", now=now,
        market_at=now,
    )  # fmt: skip
    thread = InstrumentRules("", instruments=desk.made.desk.instruments)
    # It follows nobody, and ends.
    thread.run()
    assert _state() == TradingState.HALTED
