"""What each strategy wants on shapes a reader can draw."""

import numpy as np
import pytest

from aitrader.kernel.fix import AccountKind
from trading.domain.signal import Stance
from trading.strategies.base import Window
from trading.strategies.donchian import Donchian
from trading.strategies.sma_cross import SmaCross

SPOT, PERP = AccountKind.SPOT, AccountKind.PERP
LONG, SHORT, FLAT, HOLD = Stance.LONG, Stance.SHORT, Stance.FLAT, Stance.HOLD


def window(*closes: float, wick: float = 0.25) -> Window:
    close = np.array(closes, dtype=np.float64)
    return Window(close, close + wick, close - wick, close, np.ones_like(close))


@pytest.mark.parametrize(
    ("closes", "on_spot", "on_perp"),
    [
        ((1, 2, 3, 4), LONG, LONG),
        ((4, 3, 2, 1), FLAT, SHORT),
        ((2, 2, 2, 2), HOLD, HOLD),
    ],
)
def test_the_averages_decide_the_side(
    closes: tuple[float, ...], on_spot: Stance, on_perp: Stance
) -> None:
    strategy = SmaCross()
    params = strategy.resolve({"fast": 2, "slow": 4})
    assert strategy.warmup(params) == len(closes)
    assert strategy.stance(window(*closes), params, SPOT) is on_spot
    assert strategy.stance(window(*closes), params, PERP) is on_perp


@pytest.mark.parametrize(
    ("closes", "on_spot", "on_perp"),
    [
        # above every high of the last four
        ((5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 6), LONG, LONG),
        # below every low of the last four
        ((5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 4), FLAT, SHORT),
        # inside the channel
        ((5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5), HOLD, HOLD),
        # a rise, then below the last two lows but not the last four
        ((5, 5, 5, 5, 5, 5, 5, 5, 6, 7, 9, 9, 8), FLAT, FLAT),
        # a rise, then a pause
        ((5, 5, 5, 5, 5, 5, 5, 5, 6, 7, 8, 9, 9), HOLD, HOLD),
        # a fall, then above the last two highs but not the last four
        ((9, 9, 9, 9, 9, 9, 9, 9, 8, 7, 5, 5, 6), FLAT, FLAT),
        # a fall, a bounce, and lower again within the four: a short is not left on its way down
        ((9, 9, 9, 9, 9, 9, 9, 9, 6, 6.2, 6.4, 6.4, 5.9), HOLD, HOLD),
        # no breakout in sight: either exit channel asks to be flat
        ((5, 5, 5, 5, 5, 5, 5, 5, 4.8, 5.2, 5.2, 5.2, 4.9), FLAT, FLAT),
    ],
)
def test_the_channels_decide_entry_and_exit(
    closes: tuple[float, ...], on_spot: Stance, on_perp: Stance
) -> None:
    strategy = Donchian()
    params = strategy.resolve({"entry": 4, "exit": 2})
    assert strategy.warmup(params) == len(closes)
    assert strategy.stance(window(*closes), params, SPOT) is on_spot
    assert strategy.stance(window(*closes), params, PERP) is on_perp


def test_the_current_bar_never_belongs_to_its_own_channel() -> None:
    strategy = Donchian()
    params = strategy.resolve({"entry": 4, "exit": 2})
    # Its own high and low are far outside; only its close may count.
    calm = window(*[5.0] * 13)
    calm.high[-1], calm.low[-1] = 100, 0.01
    assert strategy.stance(calm, params, PERP) is HOLD
    # A close above the channel is a breakout though the bar's own high is higher still.
    calm.close[-1] = 6
    assert strategy.stance(calm, params, PERP) is LONG


@pytest.mark.parametrize("strategy", [SmaCross(), Donchian()], ids=lambda each: each.name)
def test_spot_is_never_asked_to_be_short(strategy: SmaCross | Donchian) -> None:
    params = strategy.resolve({})
    length = strategy.warmup(params)
    falling = window(*np.linspace(200, 100, length))
    assert strategy.stance(falling, params, SPOT) is FLAT
    assert strategy.stance(falling, params, PERP) is SHORT
