"""Parameters have bounds, names and defaults; windows hold what the bars held."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from aitrader.kernel.errors import ParameterOutOfBounds, UnknownStrategy
from trading.domain.bar import Bar
from trading.strategies import catalogue
from trading.strategies.base import EXIT_PARAMETERS, Window, resolve


def test_defaults_fill_what_is_not_given_in_declared_order() -> None:
    resolved = catalogue.by_name("sma_cross").resolve({"slow": "30"})
    assert list(resolved.items()) == [
        ("fast", Decimal(5)),
        ("slow", Decimal(30)),
        ("stop_loss_pct", Decimal(1)),
        ("take_profit_pct", Decimal(2)),
        ("trailing_pct", Decimal(0)),
    ]


@pytest.mark.parametrize(
    ("name", "given", "line"),
    [
        ("sma_cross", {"fast": 0}, "sma_cross: fast=0 is outside 1 to 500"),
        ("sma_cross", {"fast": "2.5"}, "sma_cross: fast=2.5 is not a whole number"),
        ("sma_cross", {"fast": "quick"}, "sma_cross: fast='quick' is not a number"),
        ("sma_cross", {"fast": True}, "sma_cross: fast=True is not a number"),
        ("sma_cross", {"fast": float("nan")}, "sma_cross: fast=nan is not a number"),
        ("sma_cross", {"stop_loss_pct": 50.5}, "sma_cross: stop_loss_pct=50.5 is outside 0 to 50"),
        ("sma_cross", {"fast": 20}, "sma_cross: fast=20 must be less than slow=20"),
        ("donchian", {"exit": 21}, "donchian: exit=21 must not be more than entry=20"),
        (
            "donchian",
            {"fast": 1},
            (
                "donchian: unknown parameter 'fast'; known are"
                " entry, exit, stop_loss_pct, take_profit_pct, trailing_pct"
            ),
        ),
    ],
)
def test_a_wrong_parameter_is_refused_in_one_clear_line(
    name: str, given: dict[str, object], line: str
) -> None:
    with pytest.raises(ParameterOutOfBounds) as refusal:
        catalogue.by_name(name).resolve(given)
    assert str(refusal.value) == line


def test_a_float_of_a_json_body_means_its_shortest_text() -> None:
    assert resolve(EXIT_PARAMETERS, {"trailing_pct": 0.1})["trailing_pct"] == Decimal("0.1")


@pytest.mark.parametrize("name", catalogue.names())
def test_every_strategy_has_the_common_exits_and_sound_defaults(name: str) -> None:
    strategy = catalogue.by_name(name)
    own = [parameter.name for parameter in strategy.parameters]
    assert own[-3:] == [parameter.name for parameter in EXIT_PARAMETERS]
    assert strategy.name == name
    assert strategy.warmup(strategy.resolve({})) > 0
    assert all(parameter.about for parameter in strategy.parameters)


def test_a_strategy_is_found_by_its_path_and_is_one_object() -> None:
    found = catalogue.by_path("trading.strategies.sma_cross.SmaCross")
    assert found is catalogue.by_name("sma_cross")


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownStrategy) as refusal:
        catalogue.by_name("macd")
    assert str(refusal.value) == "unknown strategy 'macd'; known are donchian, sma_cross"


@pytest.mark.parametrize(
    "path",
    [
        "os.path.join",
        "trading.strategies.base.Strategy",
        "trading.strategies.base.Window",
        "trading.strategies.sma_cross.Missing",
        "trading.strategies.missing.Missing",
        "mlops.strategies.missing.Missing",
        "",
    ],
)
def test_a_path_that_is_no_strategy_of_ours_is_unknown(path: str) -> None:
    with pytest.raises(UnknownStrategy):
        catalogue.by_path(path)


def test_a_window_holds_the_bars_oldest_first() -> None:
    at, minute = datetime(2026, 1, 1, tzinfo=UTC), timedelta(minutes=1)
    bars = [
        Bar(at + number * minute, minute, *(Decimal(number + add) for add in (2, 4, 1, 3, 9)))
        for number in range(3)
    ]
    window = Window.of(bars)
    assert len(window) == 3
    assert window.open.tolist() == [2, 3, 4]
    assert window.high.tolist() == [4, 5, 6]
    assert window.low.tolist() == [1, 2, 3]
    assert window.close.tolist() == [3, 4, 5]
    assert window.volume.tolist() == [9, 10, 11]
