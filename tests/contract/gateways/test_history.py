"""The past of a venue comes into the library page by page, whole, whatever interrupts it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep
from typing import Any

import pytest
import requests
from django.db import connection
from pydantic import SecretStr

from aitrader.kernel.clock import to_millis
from aitrader.kernel.errors import BadInput, OutcomeUnknown
from aitrader.kernel.events import EventName
from aitrader.kernel.fix import AccountKind
from trading.domain.bar import Bar
from trading.gateways.binance import connection as binance
from trading.gateways.binance.history import BinanceHistory
from trading.gateways.btcturk import connection as btcturk
from trading.gateways.btcturk.history import BtcturkHistory
from trading.gateways.coinbase import connection as coinbase
from trading.gateways.coinbase.history import CoinbaseHistory
from trading.models import StoredCandle, StoredSeries
from trading.sandbox import server
from trading.sandbox.stand import serving
from trading.selectors.candles import Shelf, Span
from trading.services import candle_history, candle_store
from trading.services.candle_history import History, Manner, Page
from trading.services.candle_store import Counts

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
NOBODY = SecretStr("")
START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
_STEP, _STEP_SECONDS = 20 * SECOND, 0.3
#: What the exchange has traded for.
SECONDS, MINUTES = 100, 8
WHOLE = Span(START, START + SECONDS * SECOND)


@dataclass
class Clock:
    """Stands still until it is moved."""

    at: datetime = START

    def now(self) -> datetime:
        return self.at


Opens = Callable[[Mapping[str, Any], Clock, int], History]


def _binance(told: Mapping[str, Any], clock: Clock, most: int) -> History:
    address = binance.Address(f"{told['rest']}/api", NOBODY, NOBODY)
    line = binance.Connection(address, wall=clock)
    return BinanceHistory(line, "BTCUSDT", SECOND, most=most)


def _coinbase(told: Mapping[str, Any], clock: Clock, most: int) -> History:
    line = coinbase.Connection(coinbase.Address(told["rest"], ca=told["ca"]), wall=clock)
    return CoinbaseHistory(line, "BTC-USD", MINUTE, most=most)


def _btcturk(told: Mapping[str, Any], clock: Clock, most: int) -> History:
    address = btcturk.Address(told["rest"], told["graph"], NOBODY, NOBODY)
    return BtcturkHistory(btcturk.Connection(address, wall=clock), "BTCTRY", MINUTE, most=most)


@dataclass
class Traded:
    """An exchange that has traded for a while, and the clock of all."""

    told: Mapping[str, Any]
    clock: Clock
    opens: Opens
    interval: timedelta = SECOND
    whole: Span = WHOLE

    def history(self, most: int = 15) -> History:
        return self.opens(self.told, self.clock, most)

    def manner(self, grumbles: Callable[[str], None] = lambda line: None) -> Manner:
        # Much shorter than the real ones, but an answer that wants silence is outlasted.
        return Manner(
            wall=self.clock,
            wait=lambda seconds: sleep(0.3 if seconds > 1 else 0),
            told=lambda *_: None,
            grumbles=grumbles,
        )

    def faults(self, plan: str) -> None:
        answer = requests.post(f"{self.told['control']}/faults", json={"plan": plan}, timeout=5)
        answer.raise_for_status()


@contextmanager
def _traded(venue: str, opens: Opens, interval: timedelta, count: int) -> Iterator[Traded]:
    clock = Clock()
    whole = Span(START, START + count * interval)
    with serving(server.Options(venues=(venue,), seed=3, clock=clock)) as told:
        traded = Traded(told[venue], clock, opens, interval, whole)
        # What trades after a leap of the clock trades where it has leapt to: it goes in steps.
        while clock.at < whole.until + 10 * SECOND:
            clock.at += _STEP
            sleep(_STEP_SECONDS)
        deadline = monotonic() + 30
        while not traded.history(200).page(whole.until - interval, whole.until).bars:
            assert monotonic() < deadline
            sleep(0.1)
        yield traded


@pytest.fixture(scope="module")
def exchange() -> Iterator[Traded]:
    with _traded("binance", _binance, SECOND, SECONDS) as traded:
        yield traded


@pytest.fixture
def series(fresh_database: str) -> StoredSeries:
    return candle_store.series_of("BINANCE", "BTC", "USDT", AccountKind.SPOT, SECOND)


@dataclass
class Watched:
    """A history that notes what it is asked, and breaks off when it is told to."""

    inner: History
    breaks_at: int = 0
    error: BaseException = field(default_factory=KeyboardInterrupt)
    asked: list[Span] = field(default_factory=list)

    @property
    def most(self) -> int:
        return self.inner.most

    pause_seconds = 0.0

    def page(self, first: datetime, until: datetime) -> Page:
        self.asked.append(Span(first, until))
        if len(self.asked) == self.breaks_at:
            raise self.error
        return self.inner.page(first, until)


def fetch(series: StoredSeries, history: History, exchange: Traded, span: Span = WHOLE) -> Counts:
    spans = candle_history.wanted(series, span, most=history.most, now=exchange.clock.now())
    written = candle_history.fetch(
        series, history, spans, venue="BINANCE", manner=exchange.manner()
    )
    return written.counts


def held(series: StoredSeries) -> list[Bar]:
    return list(Shelf(series, Span(START - timedelta(days=1), START + timedelta(days=1))).bars())


def whole(exchange: Traded) -> list[Bar]:
    """As the venue tells it in one answer."""
    bars = list(exchange.history(1000).page(WHOLE.first, WHOLE.until).bars)
    assert len(bars) >= SECONDS - 5
    return bars


def test_several_pages_make_the_whole(exchange: Traded, series: StoredSeries) -> None:
    history = Watched(exchange.history())
    counts = fetch(series, history, exchange)
    assert held(series) == whole(exchange)
    assert counts == Counts(inserted=len(held(series)))
    assert len(history.asked) >= SECONDS // 15


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143)])
def test_stopped_and_started_again_it_goes_on_where_it_was(
    exchange: Traded, series: StoredSeries, error: BaseException
) -> None:
    with pytest.raises(type(error)):
        fetch(series, Watched(exchange.history(), breaks_at=4, error=error), exchange)
    kept = held(series)
    assert kept == whole(exchange)[: len(kept)]
    assert len(kept) >= 30
    again = Watched(exchange.history())
    assert fetch(series, again, exchange) == Counts(inserted=len(whole(exchange)) - len(kept))
    assert again.asked[-1].first > kept[-1].open_time
    assert held(series) == whole(exchange)


def test_what_is_there_is_not_asked_for_again(exchange: Traded, series: StoredSeries) -> None:
    fetch(series, exchange.history(), exchange)
    first = held(series)[0].open_time
    there = Span(first, WHOLE.until)
    assert candle_history.wanted(series, there, most=15, now=exchange.clock.now()) == []


def test_holes_inside_are_filled_and_near_ones_asked_for_at_once(
    exchange: Traded, series: StoredSeries
) -> None:
    fetch(series, exchange.history(), exchange)
    before = held(series)
    base = before[0].open_time
    for at in (20, 24, 60, 61, 62):
        StoredCandle.objects.filter(open_time=base + at * SECOND).delete()
    history = Watched(exchange.history())
    counts = fetch(series, history, exchange, Span(base, WHOLE.until))
    assert [((each.first - base) // SECOND, each.bars(SECOND)) for each in history.asked] == [
        (20, 5),
        (60, 3),
    ]
    assert counts == Counts(inserted=5, identical=3)
    assert held(series) == before


def test_a_candle_that_is_not_over_is_not_asked_for(exchange: Traded, series: StoredSeries) -> None:
    future = Span(WHOLE.first, exchange.clock.now() + timedelta(hours=1))
    fetch(series, exchange.history(), exchange, future)
    assert held(series)[-1].close_time <= exchange.clock.now()


def test_a_venue_that_wants_silence_is_left_alone_and_asked_again(
    exchange: Traded, series: StoredSeries
) -> None:
    grumbled: list[str] = []
    exchange.faults("rate_limit=0.4,retry_after_s=1")
    try:
        candle_history.fetch(
            series, exchange.history(12), [WHOLE], venue="BINANCE",
            manner=exchange.manner(grumbled.append),
        )  # fmt: skip
    finally:
        exchange.faults("")
    assert held(series) == whole(exchange)
    # While it is silent the connection asks nobody.
    assert any("the venue asked for silence" in line for line in grumbled), grumbled


def test_a_venue_that_does_not_answer_is_given_up_and_nothing_is_lost(
    exchange: Traded, series: StoredSeries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candle_history, "_PATIENCE_SECONDS", 3.0)

    class Dying:
        most, pause_seconds = 15, 0.0

        def page(self, first: datetime, until: datetime) -> Page:
            if first > START + 40 * SECOND:
                raise OutcomeUnknown("no answer")
            return exchange.history().page(first, until)

    with pytest.raises(BadInput, match=r"no answer for .* s .*the same command goes on"):
        fetch(series, Dying(), exchange)
    assert len(held(series)) >= 30
    assert held(series) == whole(exchange)[: len(held(series))]


def test_what_the_venue_refuses_is_one_line(exchange: Traded, series: StoredSeries) -> None:
    address = binance.Address(f"{exchange.told['rest']}/api", NOBODY, NOBODY)
    line = binance.Connection(address, wall=exchange.clock)
    with pytest.raises(BadInput, match="the venue refuses: -1121"):
        fetch(series, BinanceHistory(line, "NOPEUSDT", SECOND), exchange)


@pytest.mark.parametrize(
    "rows", [[["x"]], [[to_millis(START), "1", "2", "0.5", "nan", "1"]], ["text"], [[1, 2]]]
)
def test_what_is_no_candle_is_no_answer(rows: Sequence[Any]) -> None:
    class Scripted:
        def call(self, work: object) -> Sequence[Any]:
            return rows

    history = BinanceHistory(Scripted(), "BTCUSDT", SECOND)  # type: ignore[arg-type]  # a script
    with pytest.raises(OutcomeUnknown):
        history.page(START, WHOLE.until)


def test_a_venue_that_goes_in_circles_is_left(exchange: Traded, series: StoredSeries) -> None:
    class Circling:
        most, pause_seconds = 15, 0.0

        def page(self, first: datetime, until: datetime) -> Page:
            return Page((), START)

    with pytest.raises(BadInput, match="the venue goes in circles"):
        fetch(series, Circling(), exchange)


def test_the_journal_says_what_was_fetched(exchange: Traded, series: StoredSeries) -> None:
    fetch(series, exchange.history(), exchange)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT object_id, convert_from(payload, 'UTF8') FROM compliance_journalentry "
            "WHERE event = %s",
            [EventName.CANDLES_WRITTEN],
        )
        [(name, payload)] = cursor.fetchall()
    assert name == "BINANCE:BTC-USDT@1s"
    assert f'"inserted":{len(held(series))}' in payload
    assert '"source":"BINANCE"' in payload


@pytest.fixture(
    scope="module",
    params=[("coinbase", _coinbase, MINUTE, MINUTES), ("btcturk", _btcturk, MINUTE, MINUTES)],
    ids=lambda each: each[0],
)
def by_windows(request: pytest.FixtureRequest) -> Iterator[Traded]:
    """A venue whose pages are windows of time."""
    with _traded(*request.param) as traded:
        yield traded


@pytest.fixture
def minutes(fresh_database: str) -> StoredSeries:
    return candle_store.series_of("OTHER", "BTC", "USD", AccountKind.SPOT, MINUTE)


def test_windows_make_the_whole_and_go_on_where_they_were(
    by_windows: Traded, minutes: StoredSeries
) -> None:
    told = list(by_windows.history(100).page(*_edges(by_windows.whole)).bars)
    assert [bar.open_time for bar in told] == [START + n * MINUTE for n in range(MINUTES)]
    with pytest.raises(KeyboardInterrupt):
        fetch(minutes, Watched(by_windows.history(3), breaks_at=2), by_windows, by_windows.whole)
    assert held(minutes) == told[:3]
    again = Watched(by_windows.history(3))
    assert fetch(minutes, again, by_windows, by_windows.whole) == Counts(inserted=5)
    assert [each.first for each in again.asked] == [START + n * MINUTE for n in (3, 6)]
    assert held(minutes) == told


def test_a_window_without_candles_is_passed_over(by_windows: Traded, minutes: StoredSeries) -> None:
    early = Span(START - 5 * MINUTE, START + 2 * MINUTE)
    assert fetch(minutes, by_windows.history(3), by_windows, early) == Counts(inserted=2)


def test_a_window_is_half_open(by_windows: Traded) -> None:
    page = by_windows.history(100).page(START + MINUTE, START + 3 * MINUTE)
    assert [bar.open_time for bar in page.bars] == [START + MINUTE, START + 2 * MINUTE]
    assert page.then == START + 3 * MINUTE


def _edges(span: Span) -> tuple[datetime, datetime]:
    return span.first, span.until


@pytest.mark.parametrize(
    "told", [{}, {"candles": [{"start": "1"}]}, {"candles": [1]}, {"candles": 7}]
)
def test_coinbase_what_is_no_candle_is_no_answer(told: Any) -> None:
    class Scripted:
        def read_public(self, path: str, **asked: Any) -> Any:
            return told

    history = CoinbaseHistory(Scripted(), "BTC-USD", MINUTE)  # type: ignore[arg-type]  # a script
    with pytest.raises(OutcomeUnknown):
        history.page(START, WHOLE.until)


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"s": "error"},
        {"s": "ok", "t": [1]},
        {"s": "ok", **{name: [1] for name in "tohlc"}, "v": []},
    ],
)
def test_btcturk_what_is_no_candle_is_no_answer(told: Any) -> None:
    class Scripted:
        def graph(self, path: str, asked: Any) -> Any:
            return told

    history = BtcturkHistory(Scripted(), "BTCTRY", MINUTE)  # type: ignore[arg-type]  # a script
    with pytest.raises(OutcomeUnknown):
        history.page(START, WHOLE.until)


@pytest.mark.parametrize("make", [CoinbaseHistory, BtcturkHistory])
def test_an_interval_that_the_venue_does_not_have_is_refused_with_those_it_has(make: Any) -> None:
    with pytest.raises(BadInput, match="has no candles of 7m: 1m, 5m"):
        make(None, "BTCTRY", 7 * MINUTE)
