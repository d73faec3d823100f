"""The made-up market is the same everywhere, sound, and moves like a market."""

import hashlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice, pairwise

import pytest

from aitrader.kernel.errors import BadInput
from trading.domain import simulated_market
from trading.domain.bar import Bar, check

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def market(seed: int, code: str, count: int, interval: timedelta = MINUTE) -> list[Bar]:
    return list(islice(simulated_market.bars(seed, code, START, interval), count))


def test_the_same_seed_makes_the_same_bars_on_every_machine() -> None:
    text = repr(market(7, "SIM:BTC-USDT", 500))
    assert text == repr(market(7, "SIM:BTC-USDT", 500))
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "1c5ce27151f3d7da"


def test_another_seed_or_instrument_makes_other_bars() -> None:
    moves = [
        [bar.close / bar.open for bar in market(seed, code, 50)]
        for seed, code in ((7, "SIM:BTC-USDT"), (8, "SIM:BTC-USDT"), (7, "SIM:BTC-USDT-PERP"))
    ]
    assert moves[0] != moves[1] != moves[2] != moves[0]


@pytest.mark.parametrize("code", ["SIM:BTC-USDT", "SIM:ETH-USDT-PERP", "SIM:XYZ-USDT"])
@pytest.mark.parametrize("interval", [MINUTE, timedelta(hours=1)])
def test_every_bar_is_sound_and_opens_where_the_last_one_closed(
    code: str, interval: timedelta
) -> None:
    bars = market(1, code, 2_000, interval)
    for bar in bars:
        check(bar)
        assert all(price % Decimal("0.01") == 0 for price in (bar.open, bar.high, bar.low))
    for earlier, later in pairwise(bars):
        assert later.open == earlier.close
        assert later.open_time == earlier.close_time


def test_a_day_moves_plausibly_and_trends_both_ways() -> None:
    bars = market(3, "SIM:BTC-USDT", 10_080)
    assert max(bar.range_share for bar in bars) < Decimal("0.05")
    assert Decimal(30_000) < min(bar.low for bar in bars)
    assert max(bar.high for bar in bars) < Decimal(120_000)
    hours = [later.close / earlier.close for earlier, later in zip(bars, bars[60:], strict=False)]
    assert min(hours) < Decimal("0.99")
    assert max(hours) > Decimal("1.01")


def test_bars_shorter_than_a_minute_are_refused() -> None:
    with pytest.raises(BadInput, match="a minute or more"):
        simulated_market.bars(1, "SIM:BTC-USDT", START, timedelta(seconds=30))
