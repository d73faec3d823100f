"""On real bars, a stance does not change when the future is cut off or replaced."""

from pathlib import Path

import pytest

from aitrader.kernel.fix import AccountKind
from trading.domain.bar import Bar
from trading.domain.signal import Stance
from trading.services import candle_files
from trading.strategies import catalogue
from trading.strategies.base import Parameters, Strategy, Window

BUNDLE = Path(__file__).parents[5] / "shared/data/bundle"
SCENES = ("btcusdt_1m_2025-05-05_25d.csv.gz", "ethusdt_spot_1m_2025-10-29_3d.csv.gz")
BARS = 1_500


def real_bars(scene: str) -> list[Bar]:
    if not (BUNDLE / scene).exists():
        pytest.skip(f"../shared/data/bundle/{scene} is not here")
    bars = [item for item in candle_files.read(BUNDLE / scene) if isinstance(item, Bar)]
    return bars[:BARS]


def stances(strategy: Strategy, params: Parameters, bars: list[Bar]) -> list[Stance]:
    """The stance after each bar, as the desk sees it: windows cut from one long record."""
    length = strategy.warmup(params)
    record = Window.of(bars)
    columns = (record.open, record.high, record.low, record.close, record.volume)
    return [
        strategy.stance(
            Window(*(column[end - length : end] for column in columns)), params, AccountKind.PERP
        )
        for end in range(length, len(bars) + 1)
    ]


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("name", catalogue.names())
def test_cutting_off_the_future_changes_no_stance(name: str, scene: str) -> None:
    bars = real_bars(scene)
    strategy = catalogue.by_name(name)
    params = strategy.resolve({})
    whole = stances(strategy, params, bars)
    assert {Stance.LONG, Stance.SHORT} <= set(whole), (
        "a test on bars that say nothing proves nothing"
    )
    for cut in range(200, BARS, 130):
        assert stances(strategy, params, bars[:cut]) == whole[: cut - strategy.warmup(params) + 1]


@pytest.mark.parametrize("name", catalogue.names())
def test_a_different_future_changes_no_earlier_stance(name: str) -> None:
    bars = real_bars(SCENES[0])
    strategy = catalogue.by_name(name)
    params = strategy.resolve({})
    turned = bars[:700] + [
        Bar(bar.open_time, bar.interval, bar.open * 3, bar.high * 3, bar.low * 3, bar.close * 3,
            bar.volume)
        for bar in bars[700:]
    ]  # fmt: skip
    known = 700 - strategy.warmup(params) + 1
    whole = stances(strategy, params, bars)
    assert stances(strategy, params, turned)[:known] == whole[:known]
    assert stances(strategy, params, turned) != whole


@pytest.mark.parametrize("name", catalogue.names())
def test_nothing_before_the_declared_warm_up_matters(name: str) -> None:
    bars = real_bars(SCENES[0])[:400]
    strategy = catalogue.by_name(name)
    params = strategy.resolve({})
    length = strategy.warmup(params)
    alone = strategy.stance(Window.of(bars[-length:]), params, AccountKind.PERP)
    assert alone is stances(strategy, params, bars)[-1]
