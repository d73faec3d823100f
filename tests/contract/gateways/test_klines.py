"""Bars in real time come once, in order and without a hole, whatever the line does.

The clock of the exchange and of its client runs twice as fast as the machine's.
"""

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
import requests
from pydantic import SecretStr

from aitrader.kernel.clock import monotonic
from aitrader.kernel.errors import BadInput
from tests.factories.clocks import Hastened
from trading.domain.bar import Bar
from trading.gateways import live_bars
from trading.gateways.binance import listing
from trading.gateways.binance.connection import Address, Connection
from trading.gateways.binance.klines import Klines
from trading.sandbox import server
from trading.sandbox.stand import serving
from trading.services.bar_steps import Step

SECOND = timedelta(seconds=1)
CLOCK = Hastened(2)
SYMBOLS = {"SIM:BTC-USDT": "BTCUSDT", "SIM:ETH-USDT": "ETHUSDT"}


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exchange tells its bars every two seconds of the machine, which are four of its own."""
    monkeypatch.setattr(live_bars, "_LATE", 2 * live_bars._LATE)


@pytest.fixture
def exchange() -> Iterator[Mapping[str, Any]]:
    with serving(server.Options(seed=3, clock=CLOCK)) as told:
        yield told["binance"]


def _connection(exchange: Mapping[str, Any]) -> Connection:
    nobody = SecretStr("")
    return Connection(Address(f"{exchange['rest']}/api", nobody, nobody), wall=CLOCK)


def _klines(exchange: Mapping[str, Any], history: int = 3) -> Klines:
    return Klines(
        _connection(exchange), exchange["ws"], SYMBOLS, SECOND, history_bars=history, wall=CLOCK
    )


def _collected(
    source: Klines, *, bars: int, then: Callable[[int], None] = lambda count: None
) -> list[Step]:
    """Steps until so many finished bars of each instrument came; `then` is told each count."""
    stop, found, counts = threading.Event(), [], dict.fromkeys(SYMBOLS, 0)
    watch = threading.Timer(30, stop.set)
    watch.start()
    for step in source.steps(stop):
        found.append(step)
        if not step.running:
            for code in step.bars:
                counts[code] += 1
            then(counts["SIM:BTC-USDT"])
        if min(counts.values()) >= bars:
            break
    watch.cancel()
    assert min(counts.values()) >= bars
    return found


def _finished(steps: list[Step], code: str) -> list[Bar]:
    return [step.bars[code] for step in steps if code in step.bars and not step.running]


def _see_that_nothing_is_missing(steps: list[Step]) -> None:
    for code in SYMBOLS:
        times = [bar.open_time for bar in _finished(steps, code)]
        assert {later - earlier for earlier, later in itertools.pairwise(times)} == {SECOND}
        assert not any(step.gaps for step in steps)


def test_bars_come_once_and_in_order(exchange: Mapping[str, Any]) -> None:
    steps = _collected(_klines(exchange), bars=5)
    _see_that_nothing_is_missing(steps)
    began = {code: [s.open_time for s in steps if s.running and code in s.bars] for code in SYMBOLS}
    for times in began.values():
        assert times == sorted(times)


def test_nothing_of_a_bar_comes_after_it_is_over(exchange: Mapping[str, Any]) -> None:
    over: dict[str, object] = {}
    for step in _collected(_klines(exchange), bars=5):
        for code in step.bars:
            assert code not in over or step.open_time > over[code]  # type: ignore[operator]  # instants
            if not step.running:
                over[code] = step.open_time


@pytest.mark.parametrize("streams", ["cut", "shutdown", "silence"])
def test_a_line_that_breaks_leaves_no_hole(
    exchange: Mapping[str, Any], streams: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_bars, "SILENCE_SECONDS", 1.5)
    monkeypatch.setattr(live_bars, "_FIRST_PAUSE_SECONDS", 0.1)
    broken: list[int] = []

    def after(count: int) -> None:
        if count == 4 and not broken:
            broken.append(count)
            answer = requests.post(
                f"{exchange['control']}/faults", json={"streams": streams}, timeout=5
            )
            assert answer.ok

    steps = _collected(_klines(exchange), bars=7, then=after)
    assert broken
    _see_that_nothing_is_missing(steps)


def test_bars_that_were_over_long_before_are_missed_and_the_newest_is_not(
    exchange: Mapping[str, Any],
) -> None:
    _collected(_klines(exchange), bars=5)
    steps = [step for step in _collected(_klines(exchange, history=6), bars=8) if not step.running]
    missed = [step.missed for step in steps]
    assert missed[0]
    assert not missed[-1]
    assert missed == sorted(missed, reverse=True)


def test_what_the_venue_lists_has_its_rules(exchange: Mapping[str, Any]) -> None:
    found = listing.instruments(_connection(exchange), ["BTCUSDT"], venue="SIM")["BTCUSDT"]
    assert (found.code, found.base, found.quote) == ("SIM:BTC-USDT", "BTC", "USDT")
    assert (found.tick > 0, found.lot > 0, found.min_notional > 0) == (True, True, True)


def test_a_symbol_that_is_not_listed_is_one_line(exchange: Mapping[str, Any]) -> None:
    with pytest.raises(BadInput) as refused:
        listing.instruments(_connection(exchange), ["NOPEUSDT"], venue="SIM")
    assert "\n" not in str(refused.value)


def test_a_network_that_was_away_leaves_no_hole(exchange: Mapping[str, Any]) -> None:
    def cut(count: int) -> None:
        if count == 5:
            requests.post(f"{exchange['control']}/network", json={"seconds": 2}, timeout=5)

    _see_that_nothing_is_missing(_collected(_klines(exchange), bars=10, then=cut))


@pytest.mark.parametrize("silent", [False, True])
def test_a_pair_in_which_nothing_trades_lives_while_its_line_does(
    monkeypatch: pytest.MonkeyPatch, silent: bool
) -> None:
    monkeypatch.setattr(live_bars, "SILENCE_SECONDS", 0.6)
    monkeypatch.setattr(live_bars, "ASK_SECONDS", 0.1)
    plan = "stream_silent_s=0.001" if silent else ""
    with serving(server.Options(seed=3, clock=CLOCK, market=False, plan=plan)) as told:
        source, stop = _klines(told["binance"]), threading.Event()
        begun = monotonic()
        watch = threading.Timer(1.5, stop.set)
        watch.start()
        assert [*source.steps(stop)] == []
        assert (source.heard_at > begun + 0.8) is not silent
