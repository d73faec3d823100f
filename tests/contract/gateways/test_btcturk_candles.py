"""BTCTurk's bars in real time: every word of the line and every second is written here."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal as D
from threading import Event
from typing import Any

import pytest

from aitrader.kernel.clock import EPOCH
from aitrader.kernel.errors import BadInput, NotSent
from trading.gateways import live_bars
from trading.gateways.btcturk import candles
from trading.gateways.btcturk.candles import Candles
from trading.services.bar_steps import Gap, Step

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
BTC, ETH = "SIM:BTC-TRY", "SIM:ETH-TRY"
SYMBOLS = {BTC: "BTCTRY", ETH: "ETHTRY"}
OVER = object()


def _at(number: float) -> datetime:
    return EPOCH + number * MINUTE


def _frame(symbol: str, number: int, close: str = "105") -> str:
    told = {"D": number * 60, "P": symbol, "R": "1", "O": "100", "H": "110", "L": "90", "V": "1"}
    return json.dumps([428, {"type": 428, **told, "C": close}])


class _Venue:
    """Its clock, its charts and the words of each connection in turn.

    A word is a frame, the instant that it has become, or OVER: the line breaks.
    """

    def __init__(self, *lines: list[Any], lacks: Mapping[str, set[int]] | None = None) -> None:
        self._lines = list(lines)
        self._now = _at(10) + 5 * SECOND
        self.lacks = dict(lacks or {})
        self.asked: list[tuple[str, str, datetime]] = []
        self.sent: list[str] = []
        self.answers: list[Any] = []
        self.clock_is_off = False

    @contextmanager
    def connect(self, *_: object, **__: object) -> Iterator["_Venue"]:
        if not self._lines:
            raise AssertionError("nobody expected another connection")
        self._words = self._lines.pop(0)
        yield self

    def send(self, message: str) -> None:
        self.sent.append(message)

    def recv(self, timeout: float) -> str:
        while self._words:
            word = self._words.pop(0)
            if word is OVER:
                raise OSError("the line broke")
            if isinstance(word, str):
                return word
            self._now = word
            break
        raise TimeoutError

    def now(self) -> datetime:
        return self._now

    def check_clock(self) -> None:
        if self.clock_is_off:
            raise NotSent("our clock is off")

    def graph(self, path: str, params: Mapping[str, str]) -> Any:
        """Bars that have begun, with the one that runs, except those it lacks."""
        symbol = params["symbol"]
        self.asked.append((symbol, params["resolution"], self._now))
        if self.answers:
            return self.answers.pop(0)
        first, last = int(params["from"]), int(params["to"])
        numbers = range(-(-first // 60), last // 60 + 1)
        found = [each for each in numbers if each not in self.lacks.get(symbol, set())]
        if not found:
            return {"s": "no_data"}
        prices = {"o": D(100), "h": D(110), "l": D("90.5"), "c": 105, "v": D("1.5")}
        told = {name: [price] * len(found) for name, price in prices.items()}
        return {"s": "ok", "t": [60 * each for each in found], **told}


def _source(venue: _Venue, monkeypatch: pytest.MonkeyPatch, *codes: str) -> Candles:
    monkeypatch.setattr(live_bars, "connect", venue.connect)
    monkeypatch.setattr(live_bars, "_FIRST_PAUSE_SECONDS", 0.01)
    connection: Any = venue
    symbols = {code: SYMBOLS[code] for code in codes or SYMBOLS}
    return Candles(connection, "ws://nowhere", symbols, MINUTE, history_bars=2)


def _until(source: Candles, number: int, code: str = BTC) -> list[Step]:
    """Steps up to the one with this finished bar."""
    found: list[Step] = []
    for step in source.steps(Event()):
        found.append(step)
        if not step.running and code in step.bars and step.open_time >= _at(number):
            return found
    raise AssertionError("the steps have ended")


def _told(steps: list[Step], code: str = BTC, *, running: bool = False) -> list[int]:
    found = [step for step in steps if code in step.bars and step.running is running]
    return [(step.open_time - EPOCH) // MINUTE for step in found]


def test_history_comes_first_and_each_bar_after_its_close(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = [_at(11) + each * SECOND for each in (1, 1.9, 2)]
    venue = _Venue([_frame("BTCTRY", 10), *seconds])
    steps = _until(_source(venue, monkeypatch), 10)
    assert _told(steps) == _told(steps, ETH) == [8, 9, 10]
    assert _told(steps, running=True) == [10]
    (last,) = (step for step in steps if step.open_time == _at(10) and not step.running)
    assert (set(last.bars), last.missed, last.bars[BTC].low) == ({BTC, ETH}, False, D("90.5"))
    assert [json.loads(each)[1]["event"] for each in venue.sent] == ["BTCTRY_1", "ETHTRY_1"]


def test_a_bar_that_is_not_there_yet_is_asked_for_again_a_few_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seconds = [_at(11) + each * SECOND for each in range(1, 60)]
    venue = _Venue([*seconds, _at(12) + 2 * SECOND], lacks={"BTCTRY": {10}})
    steps = _until(_source(venue, monkeypatch, BTC), 11)
    assert _told(steps) == [8, 9, 11]
    assert steps[-1].gaps == [(BTC, Gap(_at(10), 1))]
    after = [at for _, _, at in venue.asked if _at(11) <= at < _at(12)]
    assert [(at - _at(11)) // SECOND for at in after] == [2, 5, 10]


def test_nothing_is_asked_of_the_charts_while_the_bars_are_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seconds = [_at(11) + each * SECOND for each in range(2, 60)]
    venue = _Venue([*seconds, _at(12) + 2 * SECOND])
    _until(_source(venue, monkeypatch, BTC), 11)
    # The history, and once after each close.
    assert len(venue.asked) == 3


def test_a_running_bar_waits_for_the_one_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    venue = _Venue(
        [
            _at(11) + SECOND, _frame("BTCTRY", 11), _at(11) + 2 * SECOND, _frame("BTCTRY", 11),
            _at(12) + 2 * SECOND,
        ]
    )  # fmt: skip
    steps = _until(_source(venue, monkeypatch, BTC), 11)
    kinds = [((step.open_time - EPOCH) // MINUTE, step.running) for step in steps]
    assert kinds == [(8, False), (9, False), (10, False), (11, True), (11, False)]


def test_what_was_missed_while_the_line_was_down_comes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    venue = _Venue([OVER], [_at(11) + 2 * SECOND], lacks={})
    assert _told(_until(_source(venue, monkeypatch), 10)) == [8, 9, 10]


@pytest.mark.parametrize(
    "bad",
    [
        "<html>502 Bad Gateway</html>", "[]", "{}", "[428]", "[428, null]",
        _frame("BTCTRY", 10).replace('"105"', '"NaN"'),
        _frame("BTCTRY", 10).replace('"D": 600', '"D": "soon"'),
    ],
)  # fmt: skip
def test_a_frame_that_cannot_be_read_is_a_broken_line(
    bad: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue = _Venue([bad], [_at(11) + 2 * SECOND])
    assert _told(_until(_source(venue, monkeypatch), 10)) == [8, 9, 10]


@pytest.mark.parametrize(
    "bad", [None, [], {"s": "error"}, {"s": "ok"}, {"s": "ok", **{name: [1] for name in "ohlcv"}}]
)
def test_charts_that_cannot_be_read_are_a_broken_line(
    bad: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue = _Venue([], [_at(11) + 2 * SECOND])
    venue.answers = [bad]
    assert _told(_until(_source(venue, monkeypatch, BTC), 10)) == [8, 9, 10]


def test_a_long_past_is_asked_for_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candles, "_PAGE", 3)
    venue = _Venue([_at(11) + 2 * SECOND])
    source = _source(venue, monkeypatch, BTC)
    source.resume({BTC: _at(0)})
    assert _told(_until(source, 10)) == list(range(1, 11))


def test_bars_of_others_are_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    hour = _frame("BTCTRY", 10).replace('"R": "1"', '"R": "60"')
    other = [_frame("XRPTRY", 10), hour, json.dumps([402, {"PS": "BTCTRY"}])]
    venue = _Venue([*other, _at(11) + 2 * SECOND])
    steps = _until(_source(venue, monkeypatch), 10)
    assert _told(steps, running=True) == []


def test_no_bar_is_cut_by_a_clock_that_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    venue = _Venue([], [])
    venue.clock_is_off = True
    stop = Event()
    source = _source(venue, monkeypatch)
    monkeypatch.setattr(stop, "wait", lambda _: stop.set())
    assert list(source.steps(stop)) == []
    assert venue.asked == []


def test_an_interval_that_the_venue_does_not_have_is_refused() -> None:
    connection: Any = _Venue()
    with pytest.raises(BadInput, match="no bars of"):
        Candles(connection, "ws://nowhere", SYMBOLS, SECOND, history_bars=1)
