"""Fill rules on round numbers: 1 bp of half spread, 2 bp of impact, prices of about 100."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from aitrader.kernel.errors import BadInput
from aitrader.kernel.fix import Liquidity, OrdType, Side
from trading.domain.matching import (
    Costs,
    Execution,
    Resting,
    at_open,
    capped_qty,
    fee,
    first_of_group,
    in_range,
    stop_level,
    trail,
)

D = Decimal
OPEN_TIME = datetime(2026, 1, 1, tzinfo=UTC)
TICK = D("0.01")
COSTS = Costs(D(1), D(2), maker_fee_bps=D(2), taker_fee_bps=D(4), participation=D("0.1"))
MAKER, TAKER = Liquidity.MAKER, Liquidity.TAKER


def resting(
    side: Side, ord_type: OrdType, level: str | None = None, *, rested: bool = True
) -> Resting:
    """An order at the venue; `level` is its price, its stop, or a trailing stop's best price."""
    number = None if level is None else D(level)
    trails = ord_type is OrdType.TRAILING_STOP
    priced = ord_type in {OrdType.LIMIT, OrdType.LIMIT_IF_TOUCHED}
    return Resting(
        side=side,
        ord_type=ord_type,
        leaves_qty=D(1),
        accepted_at=OPEN_TIME - timedelta(minutes=1) if rested else OPEN_TIME,
        price=number if priced else None,
        stop_px=None if priced or trails else number,
        trailing_bps=D(100) if trails else None,
        best_px=number if trails else None,
    )


def opened(order: Resting, px: str) -> tuple[Decimal, Liquidity] | None:
    return shown(at_open(order, D(px), open_time=OPEN_TIME, costs=COSTS, tick=TICK))


def ranged(order: Resting, high: str, low: str) -> tuple[Decimal, Liquidity] | None:
    return shown(in_range(order, D(high), D(low), costs=COSTS, tick=TICK))


def shown(execution: Execution | None) -> tuple[Decimal, Liquidity] | None:
    return None if execution is None else (execution.px, execution.liquidity)


@pytest.mark.parametrize(
    ("side", "ord_type", "level", "open_px", "filled"),
    [
        (Side.BUY, OrdType.MARKET, None, "100", (D("100.03"), TAKER)),
        (Side.SELL, OrdType.MARKET, None, "100", (D("99.97"), TAKER)),
        (Side.BUY, OrdType.MARKET, None, "100.01", (D("100.05"), TAKER)),
        (Side.SELL, OrdType.STOP, "99", "98", (D("97.99"), TAKER)),
        (Side.SELL, OrdType.STOP, "99", "99.01", None),
        (Side.BUY, OrdType.STOP, "101", "102", (D("102.02"), TAKER)),
        (Side.SELL, OrdType.TRAILING_STOP, "100", "98", (D("97.99"), TAKER)),
        (Side.BUY, OrdType.TRAILING_STOP, "100", "102", (D("102.02"), TAKER)),
        (Side.SELL, OrdType.LIMIT, "101", "102", (D(102), MAKER)),
        (Side.BUY, OrdType.LIMIT_IF_TOUCHED, "99", "98", (D(98), MAKER)),
        (Side.BUY, OrdType.LIMIT, "99", "99.01", None),
        (Side.SELL, OrdType.MARKET_IF_TOUCHED, "101", "102", (D("101.98"), TAKER)),
        (Side.BUY, OrdType.MARKET_IF_TOUCHED, "99", "98", (D("98.01"), TAKER)),
        (Side.BUY, OrdType.MARKET_IF_TOUCHED, "99", "100", None),
    ],
)
def test_what_an_open_price_does(
    side: Side, ord_type: OrdType, level: str | None, open_px: str, filled: object
) -> None:
    assert opened(resting(side, ord_type, level), open_px) == filled


def test_a_limit_that_has_just_come_crosses_the_spread_as_a_taker_or_waits() -> None:
    order = resting(Side.BUY, OrdType.LIMIT, "100.01", rested=False)
    assert opened(order, "100") == (D("100.01"), TAKER)
    assert opened(order, "100.01") is None


@pytest.mark.parametrize(
    ("side", "ord_type", "level", "high", "low", "filled"),
    [
        (Side.SELL, OrdType.STOP, "99", "101", "99", (D("98.99"), TAKER)),
        (Side.SELL, OrdType.STOP, "99", "101", "99.01", None),
        (Side.BUY, OrdType.STOP, "101", "101", "99", (D("101.02"), TAKER)),
        (Side.SELL, OrdType.TRAILING_STOP, "100", "101", "98", (D("98.99"), TAKER)),
        (Side.BUY, OrdType.TRAILING_STOP, "100", "101", "98", (D("101.02"), TAKER)),
        (Side.SELL, OrdType.LIMIT, "101", "101", "99", (D(101), MAKER)),
        (Side.SELL, OrdType.LIMIT, "101", "100.99", "99", None),
        (Side.BUY, OrdType.LIMIT_IF_TOUCHED, "99", "101", "98", (D(99), MAKER)),
        (Side.SELL, OrdType.MARKET_IF_TOUCHED, "101", "102", "99", (D("100.98"), TAKER)),
        (Side.BUY, OrdType.MARKET_IF_TOUCHED, "99", "102", "99", (D("99.01"), TAKER)),
        (Side.BUY, OrdType.MARKET, None, "102", "99", None),
    ],
)
def test_what_a_range_does(
    side: Side, ord_type: OrdType, level: str | None, high: str, low: str, filled: object
) -> None:
    assert ranged(resting(side, ord_type, level), high, low) == filled


def test_a_stop_that_came_after_the_open_does_not_fill_above_the_bar() -> None:
    assert ranged(resting(Side.SELL, OrdType.STOP, "105"), "101", "99") == (D("100.98"), TAKER)
    assert ranged(resting(Side.BUY, OrdType.STOP, "95"), "101", "99") == (D("99.01"), TAKER)


def test_a_trailing_stop_is_tested_with_the_best_price_before_the_bar() -> None:
    order = resting(Side.SELL, OrdType.TRAILING_STOP, "100")
    assert ranged(order, "110", "99.5") is None
    moved = trail(order, D(110), D("99.5"))
    assert stop_level(moved, TICK) == D("108.90")
    assert trail(moved, D(105), D(104)) == moved


def test_a_buying_trailing_stop_follows_the_lowest_price() -> None:
    order = trail(resting(Side.BUY, OrdType.TRAILING_STOP, "100"), D(99), D(90))
    assert stop_level(order, TICK) == D("90.90")


def test_a_trailing_stop_without_a_best_price_waits_for_its_first_bar() -> None:
    order = resting(Side.SELL, OrdType.TRAILING_STOP)
    assert (stop_level(order, TICK), ranged(order, "101", "50")) == (None, None)
    assert opened(order, "50") is None
    assert stop_level(trail(order, D(100), D(50)), TICK) == D(99)


def test_other_orders_do_not_trail() -> None:
    order = resting(Side.SELL, OrdType.STOP, "99")
    assert trail(order, D(110), D(100)) is order


def test_the_stop_wins_over_the_target_in_one_bar() -> None:
    stop = Execution(resting(Side.SELL, OrdType.STOP, "99"), D(99), TAKER)
    target = Execution(resting(Side.SELL, OrdType.LIMIT_IF_TOUCHED, "101"), D(101), MAKER)
    assert first_of_group([target, stop]) is stop
    assert first_of_group([target]) is target


def test_of_two_stops_the_nearer_is_reached_first() -> None:
    near = Execution(resting(Side.SELL, OrdType.TRAILING_STOP, "100"), D("99.5"), TAKER)
    far = Execution(resting(Side.SELL, OrdType.STOP, "98"), D(98), TAKER)
    assert first_of_group([far, near]) is near


def test_a_type_without_a_rule_is_refused() -> None:
    with pytest.raises(BadInput, match="no fill rule for an order of type STOP_LIMIT"):
        opened(resting(Side.BUY, OrdType.STOP_LIMIT, "101"), "100")


def test_a_fill_takes_no_more_than_its_share_of_the_prior_volume() -> None:
    lot = D("0.001")
    assert capped_qty(D(5), D("12.3456"), D("0.1"), lot) == D("1.234")
    assert capped_qty(D(1), D("12.3456"), D("0.1"), lot) == D(1)
    assert capped_qty(D(1), D(0), D("0.1"), lot) == 0
    assert capped_qty(D(1), None, D("0.1"), lot) == D(1)


def test_a_fee_is_basis_points_of_the_notional_or_of_the_base() -> None:
    assert fee(D("0.5"), D(200), D(4)) == D("0.04")
    assert fee(D("0.5"), D(200), D(4), in_base=True) == D("0.0002")
