"""Limits are kept to the last digit, and quantities beyond them come in even parts."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from aitrader.kernel.errors import InvalidAmount
from aitrader.kernel.fix import OrdType
from trading.domain.instrument_limits import Limits, most, parts, read, step_of

D = Decimal
LOT = D("0.01")


def test_what_is_told_is_read_again_and_nothing_else_is_told() -> None:
    limits = Limits(
        max_qty=D("9000.00000000"), max_orders=5, band_minutes=0, max_notional_of_market=False
    )
    told = {
        "max_qty": "9000", "max_orders": 5, "band_minutes": 0, "max_notional_of_market": False,
    }  # fmt: skip
    assert limits.told() == told
    assert read(told) == limits
    assert read({}) == Limits()


@pytest.mark.parametrize("kept", [{"max_qty": "much"}, {"no_such": "1"}])
def test_what_nobody_told_is_not_read(kept: dict[str, Any]) -> None:
    with pytest.raises((InvalidAmount, TypeError)):
        read(kept)


@pytest.mark.parametrize(
    ("limits", "ord_type", "greatest"),
    [
        ({}, OrdType.MARKET, None),
        ({"max_qty": D("7.019")}, OrdType.LIMIT, D("7.01")),
        ({"max_qty": D(7), "market_max_qty": D(3)}, OrdType.LIMIT, D(7)),
        ({"max_qty": D(7), "market_max_qty": D(3)}, OrdType.MARKET, D(3)),
        ({"max_qty": D(7), "market_max_qty": D(3)}, OrdType.STOP, D(3)),
        ({"max_qty": D(7), "market_lot": D(2)}, OrdType.MARKET, D(6)),
        ({"max_notional": D(100)}, OrdType.LIMIT, D(10)),
        # The price that the venue judges it by is not known to us.
        ({"max_notional": D(100)}, OrdType.MARKET, D("9.5")),
        ({"max_notional": D(100), "max_notional_of_market": False}, OrdType.MARKET, None),
        ({"max_notional": D(100), "max_notional_of_market": False}, OrdType.STOP, D("9.5")),
    ],
)
def test_the_greatest_quantity_of_one_order(
    limits: dict[str, Any], ord_type: OrdType, greatest: Decimal | None
) -> None:
    assert most(LOT, Limits(**limits), ord_type, D(10)) == greatest


def test_the_markets_lot_is_of_orders_without_a_limit() -> None:
    limits = Limits(market_lot=D("0.5"))
    assert step_of(LOT, limits, OrdType.MARKET) == D("0.5")
    assert step_of(LOT, limits, OrdType.LIMIT) == LOT
    assert step_of(LOT, Limits(market_lot=D("0.001")), OrdType.MARKET) == LOT


def test_a_quantity_comes_in_even_parts() -> None:
    assert parts(D(10), D(1), D(4)) == (D(4), D(3), D(3))
    assert parts(D(8), D(1), D(4)) == (D(4), D(4))
    assert parts(D(4), D(1), D(4)) == parts(D(4), D(1), None) == (D(4),)
    assert parts(D(0), D(1), D(4)) == parts(D(4), D(1), D(0)) == ()


@given(lots=some.integers(1, 100_000), greatest=some.integers(1, 5_000))
def test_no_part_is_too_large_and_none_is_dust(lots: int, greatest: int) -> None:
    found = parts(lots * LOT, LOT, greatest * LOT)
    assert sum(found) == lots * LOT
    assert max(found) <= greatest * LOT
    assert max(found) - min(found) <= LOT
    assert len(found) == -(-lots // greatest)
