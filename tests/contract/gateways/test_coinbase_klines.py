"""Bars of Coinbase come once, right after their close, whatever the line does."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal as D
from threading import Event, Timer
from typing import Any

import pytest

from aitrader.kernel.clock import EPOCH, WALL, iso
from aitrader.kernel.errors import BadInput, OutcomeUnknown
from trading.gateways import live_bars
from trading.gateways.coinbase import klines
from trading.gateways.coinbase.connection import Address, Connection
from trading.gateways.coinbase.klines import Candles
from trading.gateways.coinbase.prices import CoinbasePrices
from trading.sandbox import server
from trading.sandbox.stand import serving
from trading.services.bar_steps import Gap, Step

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
BTC, ETH = "SIM:BTC-USD", "SIM:ETH-USD"
BEGIN = EPOCH + 1000 * MINUTE


class _Over:
    """The line breaks."""


class _Venue:
    """Candles by REST that exist a second after their close, and a stream by words: a frame, or
    seconds in which nothing is told. The clock is its own."""

    offset_seconds = 0.0

    def __init__(self, *lines: list[Any], lacks: Mapping[str, set[int]] | None = None) -> None:
        self._lines = list(lines)
        self._lacks = dict(lacks or {})
        self._words: list[Any] = []
        self.time = BEGIN + 30 * SECOND
        self.asked: list[dict[str, Any]] = []
        self.sent: list[dict[str, Any]] = []
        self.answers: list[Any] = []

    def now(self) -> datetime:
        return self.time

    @contextmanager
    def connect(self, *_: object, **__: object) -> Iterator["_Venue"]:
        if not self._lines:
            raise AssertionError("nobody expected another connection")
        self._words = self._lines.pop(0)
        yield self

    def send(self, message: str) -> None:
        self.sent.append(json.loads(message))

    def recv(self, timeout: float) -> str:
        if not self._words:
            raise AssertionError("nobody expected another look")
        word = self._words.pop(0)
        if word is _Over:
            raise OSError("the line broke")
        if isinstance(word, str):
            return word
        self.time += word * SECOND
        raise TimeoutError

    def read_public(self, path: str, **asked: Any) -> Any:
        self.asked.append(asked)
        if self.answers:
            return self.answers.pop(0)
        lacks = self._lacks.get(path.split("/")[3], set())
        first, last = int(asked["start"]) // 60, int(asked["end"]) // 60
        known = (self.time - SECOND - EPOCH) // MINUTE
        told = [_candle(n) for n in range(first, min(last, known) + 1) if n - 1000 not in lacks]
        return {"candles": told[::-1]}


def _candle(number: int) -> dict[str, str]:
    price = 100 + number
    told = {"open": price, "high": price + 1, "low": price - 1, "close": price, "volume": 1}
    return {"start": str(60 * number), **{name: str(each) for name, each in told.items()}}


def _tick(at: datetime, price: str, product: str = "BTC-USD") -> str:
    ticker = {"type": "ticker", "product_id": product, "price": price}
    events = [{"type": "update", "tickers": [ticker]}]
    return json.dumps({"channel": "ticker", "timestamp": iso(at), "events": events})


def _source(venue: _Venue, monkeypatch: pytest.MonkeyPatch, *codes: str) -> Candles:
    monkeypatch.setattr(live_bars, "connect", venue.connect)
    monkeypatch.setattr(live_bars, "_FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(klines, "_FIRST_LOOK_SECONDS", 0.0)
    symbols = {code: code.partition(":")[2] for code in codes or (BTC,)}
    return Candles(venue, "ws://nowhere", symbols, MINUTE, history_bars=3, wall=venue)  # type: ignore[arg-type]  # what a Connection is used for


def _until(source: Candles, number: int, code: str = BTC) -> list[Step]:
    """Steps up to the one with this finished bar, counted from the begin."""
    found: list[Step] = []
    for step in source.steps(Event()):
        found.append(step)
        if not step.running and code in step.bars and step.open_time >= BEGIN + number * MINUTE:
            return found
    raise AssertionError("the steps have ended")


def _told(steps: list[Step], code: str = BTC) -> list[int]:
    finished = [step for step in steps if code in step.bars and not step.running]
    return [(step.open_time - BEGIN) // MINUTE for step in finished]


def test_a_bar_comes_a_second_after_its_close_and_not_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    venue = _Venue([29, 1, 1, 60])
    source = _source(venue, monkeypatch)
    steps = _until(source, 0)
    assert _told(steps) == [-3, -2, -1, 0]
    assert venue.time == BEGIN + MINUTE + SECOND
    assert len(venue.asked) == 2
    assert [each["channel"] for each in venue.sent] == ["heartbeats", "ticker"]


def test_a_bar_that_is_late_is_looked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    venue = _Venue([31, 1, 1, 1])
    source = _source(venue, monkeypatch)
    found: list[Step] = []
    for step in source.steps(Event()):
        found.append(step)
        if step.open_time == BEGIN - MINUTE:
            venue.answers += [{"candles": []}, {"candles": []}]
        if step.open_time == BEGIN:
            break
    assert _told(found) == [-3, -2, -1, 0]
    assert not any(step.gaps for step in found)


def test_a_bar_in_which_nothing_traded_is_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    venue = _Venue([60, 60, 60], lacks={"BTC-USD": {0}})
    steps = _until(_source(venue, monkeypatch), 1)
    assert _told(steps) == [-3, -2, -1, 1]
    assert steps[-1].gaps == [(BTC, Gap(BEGIN, 1))]


def test_bars_of_all_instruments_of_one_instant_come_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    venue = _Venue([60, 60])
    steps = _until(_source(venue, monkeypatch, BTC, ETH), 0)
    assert [set(step.bars) for step in steps] == [{BTC, ETH}] * 4


def test_what_was_missed_while_the_line_was_broken_comes_and_nothing_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    venue = _Venue([60, 200, _Over], [60, 1])
    steps = _until(_source(venue, monkeypatch), 4)
    assert _told(steps) == [-3, -2, -1, 0, 1, 2, 3, 4]
    assert not any(step.gaps for step in steps)


def test_the_price_of_the_ticker_is_that_of_the_bar_that_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inside = BEGIN + 40 * SECOND
    ticks = [_tick(inside, price) for price in ("105", "109.5", "101", "103")]
    heartbeat = json.dumps({"channel": "heartbeats", "events": []})
    venue = _Venue([*ticks, heartbeat, _tick(inside, "7", "DOGE-USD"), 60])
    steps = _until(_source(venue, monkeypatch), 0)
    running = [step.bars[BTC] for step in steps if step.running]
    assert [bar.close for bar in running] == [D(105), D("109.5"), D(101), D(103)]
    assert {bar.open_time for bar in running} == {BEGIN}
    last = running[-1]
    assert (last.open, last.high, last.low) == (D(105), D("109.5"), D(101))


@pytest.mark.parametrize(
    "bad",
    [
        "<html>502</html>",
        '{"type":"error","message":"authentication failure"}',
        '{"channel":"ticker"}',
        '{"channel":"ticker","timestamp":"now","events":[]}',
        _tick(BEGIN, "NaN"),
        _tick(BEGIN, "100").replace('"100"', "1.5"),
    ],
)
def test_a_frame_that_cannot_be_read_is_a_broken_line(
    bad: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue = _Venue([bad], [60])
    assert _told(_until(_source(venue, monkeypatch), 0)) == [-3, -2, -1, 0]


@pytest.mark.parametrize(
    "bad",
    [None, [], {}, {"candles": None}, {"candles": "no"}, {"candles": [{}]}, {"candles": [None]}],
)
def test_history_that_cannot_be_read_is_a_broken_line(
    bad: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue = _Venue([], [60])
    venue.answers.append(bad)
    assert _told(_until(_source(venue, monkeypatch), 0)) == [-3, -2, -1, 0]


def test_a_venue_that_answers_for_five_seconds_of_each_minute_is_met_in_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Looks that double from each close on would meet none of them."""
    venue = _Venue([1] * 200)
    source, answers = _source(venue, monkeypatch), venue.read_public

    def in_spells(path: str, **asked: Any) -> Any:
        if venue.time.second not in {30, 35, 36, 37, 38, 39}:
            raise OutcomeUnknown("HTTP 502")
        return answers(path, **asked)

    def seconds() -> float:
        return (venue.time - EPOCH).total_seconds()

    monkeypatch.setattr(venue, "read_public", in_spells)
    for module in (live_bars, klines):
        monkeypatch.setattr(module, "monotonic", seconds)
    monkeypatch.setattr(klines, "_FIRST_LOOK_SECONDS", 1.0)
    monkeypatch.setattr(live_bars, "SILENCE_SECONDS", 1000.0)
    assert _told(_until(source, 2)) == [-3, -2, -1, 0, 1, 2]
    # Within its minute each, and without asking all the while.
    assert venue.time < BEGIN + 4 * MINUTE
    assert len(venue.asked) <= 4


def test_a_new_process_goes_on_after_the_bars_it_is_told_of_page_by_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    venue = _Venue([60])
    source = _source(venue, monkeypatch)
    source.resume({BTC: BEGIN - 800 * MINUTE, "SIM:NOBODY": BEGIN})
    assert _told(_until(source, -1)) == list(range(-799, 0))
    assert len(venue.asked) == 3


def test_an_interval_that_the_venue_does_not_have_is_one_line() -> None:
    venue = _Venue()
    with pytest.raises(BadInput, match="no bars of 10s"):
        Candles(venue, "", {}, 10 * SECOND, history_bars=1, wall=WALL)  # type: ignore[arg-type]  # nobody calls it


def test_prices_of_the_sandbox_are_read_as_those_of_the_venue() -> None:
    with serving(server.Options(venues=("coinbase",), seed=3)) as told:
        where = told["coinbase"]
        data = CoinbasePrices(
            Connection(Address(where["rest_plain"]), wall=WALL), where["ws_plain"]
        )
        data.ping()
        (listed,) = data.instruments(["BTC-USD"], venue="SIM").values()
        source = data.klines({listed.code: "BTC-USD"}, MINUTE, history_bars=3)
        stop = Event()
        watch = Timer(20, stop.set)
        watch.start()
        running = next(step for step in source.steps(stop) if step.running)
        watch.cancel()
        assert running.bars[BTC].close > 0
