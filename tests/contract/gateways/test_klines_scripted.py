"""Bars in real time over a line of which every word is written here."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Event
from typing import Any

import pytest

from aitrader.kernel.clock import EPOCH, from_millis, monotonic, to_millis
from aitrader.kernel.errors import OutcomeUnknown
from trading.gateways import live_bars
from trading.gateways.binance.klines import Klines
from trading.services.bar_steps import Gap, Step

MINUTE = timedelta(minutes=1)
BTC, ETH = "SIM:BTC-USDT", "SIM:ETH-USDT"
SYMBOLS = {BTC: "BTCUSDT", ETH: "ETHUSDT"}
OVER = object()


def _at(number: int) -> datetime:
    return EPOCH + number * MINUTE


def _numbers(number: int) -> list[str]:
    return [f"{100 + number}", f"{101 + number}", f"{99 + number}", f"{100 + number}", "1"]


def _frame(symbol: str, number: int, *, over: bool = True) -> str:
    kline: dict[str, object] = dict(zip("ohlcv", _numbers(number), strict=True))
    kline |= {"t": to_millis(_at(number)), "x": over}
    return json.dumps({"data": {"e": "kline", "s": symbol, "k": kline}})


class _Venue:
    """History by REST up to bar `has`, with holes, and the words of each connection in turn.

    A word is a frame, a function to call in its place, or OVER: the line breaks.
    """

    offset_seconds = 0.0

    def __init__(self, *lines: list[Any], has: int, lacks: Mapping[str, set[int]] | None = None):
        self._lines = list(lines)
        self.has = has
        self._lacks = dict(lacks or {})
        self.answers: list[Any] = []
        self.refuses: set[str] = set()
        self.asked: list[str] = []
        self.sent: list[Any] = []

    def now(self) -> datetime:
        """The bar after the last one by REST is just over."""
        return _at(self.has + 2)

    @contextmanager
    def connect(self, *_: object, **__: object) -> Iterator["_Venue"]:
        if not self._lines:
            raise AssertionError("nobody expected another connection")
        self._words = self._lines.pop(0)
        yield self

    def send(self, text: str) -> None:
        self.sent.append(json.loads(text))

    def recv(self, timeout: float) -> str:
        while self._words:
            word = self._words.pop(0)
            if word is OVER:
                raise OSError("the line broke")
            if not callable(word):
                return str(word)
            word()
        raise TimeoutError

    def call(self, work: Callable[[Any], Any]) -> Any:
        return work(self)

    def get_klines(
        self,
        *,
        symbol: str,
        interval: str,
        limit: int,
        startTime: int | None = None,  # noqa: N803  # the venue's word
    ) -> Any:
        self.asked.append(symbol)
        if self.answers:
            return self.answers.pop(0)
        if symbol in self.refuses:
            raise OutcomeUnknown("no answer")
        first = max(0, self.has + 1 - limit)
        if startTime is not None:
            first = (from_millis(startTime) - EPOCH) // MINUTE
        lacks = self._lacks.get(symbol, set())
        told = [n for n in range(first, self.has + 1) if n not in lacks][:limit]
        return [[to_millis(_at(n)), *_numbers(n), 0] for n in told]


def _source(venue: _Venue, monkeypatch: pytest.MonkeyPatch, **symbols: str) -> Klines:
    monkeypatch.setattr(live_bars, "connect", venue.connect)
    monkeypatch.setattr(live_bars, "_FIRST_PAUSE_SECONDS", 0.01)
    # A line with nothing more to say is over at once.
    monkeypatch.setattr(live_bars, "SILENCE_SECONDS", 0.1)
    named = symbols or SYMBOLS
    return Klines(venue, "ws://nowhere", named, MINUTE, history_bars=3, wall=venue)  # type: ignore[arg-type]  # what a Connection is used for


def _until(source: Klines, number: int, code: str = BTC) -> list[Step]:
    """Steps up to the one with this finished bar."""
    found: list[Step] = []
    for step in source.steps(Event()):
        found.append(step)
        if not step.running and code in step.bars and step.open_time >= _at(number):
            return found
    raise AssertionError("the steps have ended")


def _told(steps: list[Step], code: str) -> list[int]:
    finished = [step for step in steps if code in step.bars and not step.running]
    return [(step.open_time - EPOCH) // MINUTE for step in finished]


def _one(venue: _Venue, monkeypatch: pytest.MonkeyPatch) -> Klines:
    return _source(venue, monkeypatch, **{BTC: "BTCUSDT"})


@pytest.mark.parametrize(
    "bad",
    [
        "<html>502 Bad Gateway</html>",
        "[]",
        '{"data": []}',
        '{"data": null}',
        '{"data": {"e": "kline", "s": []}}',
        '{"data": {"e": "kline", "s": "BTCUSDT"}}',
        '{"data": {"e": "kline", "s": "BTCUSDT", "k": null}}',
        _frame("BTCUSDT", 11).replace('"111"', '"NaN"'),
        _frame("BTCUSDT", 11).replace('"111"', "1.5"),
        _frame("BTCUSDT", 11).replace(str(to_millis(_at(11))), str(10**30)),
    ],
)
def test_a_frame_that_cannot_be_read_is_a_broken_line(
    bad: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue = _Venue([bad], [_frame("BTCUSDT", 11)], has=10)
    assert _told(_until(_one(venue, monkeypatch), 11), BTC) == [7, 8, 9, 10, 11]


@pytest.mark.parametrize(
    "bad", [None, {"code": 1}, [[]], [["x"] * 7], [[1, "NaN", "1", "1", "1", "1"]], 7, "<html>"]
)
def test_history_that_cannot_be_read_is_a_broken_line(
    bad: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue = _Venue([], [_frame("BTCUSDT", 11)], has=10)
    venue.answers.append(bad)
    assert _told(_until(_one(venue, monkeypatch), 11), BTC) == [7, 8, 9, 10, 11]


def test_a_line_that_tells_nothing_but_rubbish_is_tried_less_and_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    venue = _Venue(*(["<html>"] for _ in range(5)), [_frame("BTCUSDT", 11)], has=10)
    source = _one(venue, monkeypatch)
    pauses: list[float] = []

    class Stop(Event):
        def wait(self, timeout: float | None = None) -> bool:
            pauses.append(source._pause)
            return False

    for step in source.steps(Stop()):
        if step.open_time == _at(11):
            break
    assert pauses == sorted(set(pauses))
    assert len(pauses) == 5


def test_a_finished_bar_that_was_waiting_when_the_line_broke_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    venue = _Venue(has=10)

    def later() -> None:
        venue.has = 11

    venue._lines = [
        [_frame("BTCUSDT", 11), later, OVER],
        [_frame("BTCUSDT", 12), _frame("ETHUSDT", 12)],
    ]
    steps = _until(_source(venue, monkeypatch), 12)
    assert _told(steps, BTC) == _told(steps, ETH) == [7, 8, 9, 10, 11, 12]
    assert not any(step.gaps for step in steps)


def test_history_of_one_is_not_lost_when_that_of_another_cannot_be_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    venue = _Venue([OVER], [], [_frame("BTCUSDT", 13), _frame("ETHUSDT", 13)], has=10)
    steps = []
    for step in _source(venue, monkeypatch).steps(Event()):
        steps.append(step)
        if step.open_time == _at(10):
            venue.has = 12
            rows = [[to_millis(_at(n)), *_numbers(n), 0] for n in (11, 12)]
            venue.answers += [rows, "<html>"]
        if step.open_time == _at(13):
            break
    assert _told(steps, BTC) == _told(steps, ETH) == [7, 8, 9, 10, 11, 12, 13]


def test_a_new_process_goes_on_after_the_bars_it_is_told_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    venue = _Venue([_frame("BTCUSDT", 3001)], has=3000, lacks={"BTCUSDT": {5, 6}})
    source = _one(venue, monkeypatch)
    source.resume({BTC: _at(4), "SIM:NOBODY": _at(1)})
    steps = _until(source, 3001)
    assert _told(steps, BTC) == list(range(7, 3002))
    assert [gap for step in steps for gap in step.gaps] == [(BTC, Gap(_at(5), 2))]


def test_a_bar_is_not_told_of_while_the_one_before_it_is_not_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    venue = _Venue(has=10)

    def later() -> None:
        venue.has = 11

    running = _frame("BTCUSDT", 12, over=False)
    venue._lines = [[running, running, later, _frame("BTCUSDT", 12)]]
    steps = _until(_one(venue, monkeypatch), 12)
    assert _told(steps, BTC) == [7, 8, 9, 10, 11, 12]
    assert not any(step.running for step in steps)
    # At the first word of it and at its end, not at every word.
    assert len(venue.asked) == 3


def test_a_bar_that_follows_is_told_of_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    line = [_frame("BTCUSDT", 11, over=False), _frame("BTCUSDT", 11)]
    steps = _until(_one(_Venue(line, has=10), monkeypatch), 11)
    assert [step.open_time for step in steps if step.running] == [_at(11)]


def test_a_bar_the_venue_never_gives_is_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    venue = _Venue([_frame("BTCUSDT", 12)], has=10, lacks={"BTCUSDT": {11}})
    steps = _until(_one(venue, monkeypatch), 12)
    assert _told(steps, BTC) == [7, 8, 9, 10, 12]
    assert steps[-1].gaps == [(BTC, Gap(_at(11), 1))]


def test_while_no_stream_can_be_had_finished_bars_come_by_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    venue = _Venue(has=10)
    source = _one(venue, monkeypatch)

    def refuse(*_: object) -> Any:
        venue.has += 1
        raise OSError("no stream today")

    monkeypatch.setattr(live_bars, "connect", refuse)
    assert _told(_until(source, 13), BTC) == [8, 9, 10, 11, 12, 13]


def test_a_word_of_the_stream_is_heard_and_a_bar_by_rest_alone_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = monotonic()
    venue = _Venue([], [_frame("BTCUSDT", 11)], has=10)
    source = _one(venue, monkeypatch)
    _until(source, 10)
    assert source.heard_at < begun
    _until(source, 11)
    assert source.heard_at >= begun


def test_a_word_that_cannot_be_read_is_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    venue = _Venue(["<html>502 Bad Gateway</html>"], [_frame("BTCUSDT", 11)], has=10)
    source, begun, seen = _one(venue, monkeypatch), monotonic(), []
    venue._lines[1].insert(0, lambda: seen.append(source.heard_at))
    _until(source, 11)
    assert seen[0] < begun <= source.heard_at


def _minutes(venue: _Venue, first: int, last: int, *symbols: str) -> list[Any]:
    """Bar after bar of these, each told when it is over and by then to be had by REST."""

    def over(number: int) -> Callable[[], None]:
        def later() -> None:
            venue.has = number

        return later

    return [
        word
        for number in range(first, last + 1)
        for word in (*(_frame(each, number) for each in symbols), over(number))
    ]


def test_an_instrument_of_which_the_stream_says_nothing_comes_by_rest_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live_bars, "_MOST_BY_REST", 99)
    venue = _Venue(has=10)
    venue._lines = [_minutes(venue, 11, 15, "BTCUSDT")]
    steps = _until(_source(venue, monkeypatch), 14, ETH)
    assert _told(steps, ETH) == list(range(7, 15))
    assert _told(steps, BTC)[:8] == list(range(7, 15))
    assert not any(step.gaps for step in steps)
    # Once for each at the beginning, then for the silent one.
    assert venue.asked == ["BTCUSDT", "ETHUSDT", *["ETHUSDT"] * 4]


def test_nobody_waits_for_one_that_was_late_before(monkeypatch: pytest.MonkeyPatch) -> None:
    venue = _Venue(has=10, lacks={"ETHUSDT": set(range(6, 99))})
    venue._lines = [_minutes(venue, 11, 13, "BTCUSDT")]
    monkeypatch.setattr(live_bars, "_GRACE_SECONDS", 60.0)
    source = _source(venue, monkeypatch)
    source.resume({BTC: _at(10), ETH: _at(5)})
    assert _told(_until(source, 13), BTC) == [11, 12, 13]
    # None of them by REST.
    assert venue.asked.count("BTCUSDT") == 1


def test_a_stream_that_stays_deaf_to_one_instrument_is_subscribed_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    venue = _Venue(has=10)
    # The third bar by REST ends the first line.
    both = _minutes(venue, 14, 17, "BTCUSDT", "ETHUSDT")
    venue._lines = [_minutes(venue, 11, 99, "BTCUSDT"), both]
    steps = _until(_source(venue, monkeypatch), 17, ETH)
    assert _told(steps, BTC) == _told(steps, ETH) == list(range(7, 18))
    assert venue._lines == []


def test_one_whose_history_cannot_be_had_stops_nobody_and_is_not_believed_until_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    venue = _Venue(has=10)
    venue.refuses = {"ETHUSDT"}
    venue._lines = [
        [
            *_minutes(venue, 11, 12, "BTCUSDT", "ETHUSDT"),
            venue.refuses.clear,
            *_minutes(venue, 13, 14, "BTCUSDT", "ETHUSDT"),
        ]
    ]
    monkeypatch.setattr(live_bars, "_FIRST_LOOK_SECONDS", 0.0)
    source = _source(venue, monkeypatch)
    source.resume({BTC: _at(8), ETH: _at(8)})
    steps = _until(source, 14, ETH)
    assert _told(steps, BTC) == _told(steps, ETH) == list(range(9, 15))
    assert not any(step.gaps for step in steps)
    alone = [step for step in steps if step.open_time <= _at(12) and BTC in step.bars]
    assert all(ETH not in step.bars for step in alone)


def test_bars_of_one_instant_that_are_waited_for_go_out_before_those_of_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = [_frame("BTCUSDT", 11), _frame("BTCUSDT", 12), _frame("ETHUSDT", 12)]
    venue = _Venue([*line, _frame("ETHUSDT", 11)], has=10)
    steps = _until(_source(venue, monkeypatch), 12)
    assert _told(steps, BTC) == [7, 8, 9, 10, 11, 12]
