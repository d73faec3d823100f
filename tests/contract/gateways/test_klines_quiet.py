"""A line of bars on which nothing trades, and history that is owed: both are asked for again."""

import json
from threading import Timer

import pytest

from aitrader.kernel.clock import monotonic
from tests.contract.gateways.test_klines_scripted import (
    ETH,
    _frame,
    _one,
    _source,
    _told,
    _until,
    _Venue,
)
from trading.gateways import live_bars


def test_history_that_could_not_be_had_is_tried_again_within_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    venue = _Venue([], has=10)
    venue.refuses.add("ETHUSDT")
    source = _source(venue, monkeypatch)
    monkeypatch.setattr(live_bars, "OWED_SECONDS", 0.05)
    # Looks for a late bar would be a second apart by now, and there is one connection.
    monkeypatch.setattr(live_bars, "SILENCE_SECONDS", 0.9)
    Timer(0.2, venue.refuses.clear).start()
    assert _told(_until(source, 10, ETH), ETH) == [7, 8, 9, 10]
    assert 3 <= venue.asked.count("ETHUSDT") <= 12


def _answer(*streams: str) -> str:
    return json.dumps({"id": 1, "result": [f"{each}@kline_1m" for each in streams]})


@pytest.mark.parametrize(
    ("answer", "lives"),
    [
        (_answer("btcusdt"), True),
        (_answer("ethusdt", "btcusdt"), True),
        (_answer("ethusdt"), False),
        (_answer(), False),
        (json.dumps({"id": 1, "error": {"code": 2, "msg": "Invalid request"}}), False),
    ],
)
def test_a_stream_on_which_nothing_trades_is_asked_and_lives_while_it_has_what_is_wanted(
    monkeypatch: pytest.MonkeyPatch, answer: str, lives: bool
) -> None:
    monkeypatch.setattr(live_bars, "ASK_SECONDS", 0.0)
    venue = _Venue([answer], [], has=10)
    source, begun, heard = _one(venue, monkeypatch), monotonic(), []
    # The second connection: the first was silent, or broken by what it said.
    venue._lines[1].append(lambda: heard.append(source.heard_at))
    venue._lines[1].append(_frame("BTCUSDT", 11))
    _until(source, 11)
    assert venue.sent[0] == {"method": "LIST_SUBSCRIPTIONS", "id": 1}
    assert (heard[0] >= begun) is lives


def test_while_the_stream_speaks_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    venue = _Venue([_frame("BTCUSDT", 11), _frame("BTCUSDT", 12)], has=10)
    _until(_one(venue, monkeypatch), 12)
    assert venue.sent == []
