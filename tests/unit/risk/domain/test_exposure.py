from decimal import Decimal

import pytest

from aitrader.kernel.fix import Side
from risk.domain.exposure import (
    opening_qty,
    quantities_after,
    reduces,
    worst_qty,
    worst_qty_after,
)
from tests.factories.risk import BTC, ETH, intent, snapshot, view

EPS = Decimal("1e-18")


@pytest.mark.parametrize(
    ("position", "reserved", "side", "qty", "expected"),
    [
        ("0", "0", Side.SELL, "1e-18", False),
        ("0", "0", Side.BUY, "1e-18", False),
        ("1", "0", Side.SELL, "1", True),
        ("1", "0", Side.SELL, "1.000000000000000001", False),
        ("1", "0", Side.BUY, "1", False),
        ("-1", "0", Side.BUY, "1", True),
        ("-1", "0", Side.SELL, "0.5", False),
        ("1", "0.4", Side.SELL, "0.6", True),
        ("1", "0.4", Side.SELL, "0.600000000000000001", False),
        ("1", "1", Side.SELL, "1e-18", False),
    ],
)
def test_an_order_reduces_only_inside_the_position(
    position: str, reserved: str, side: Side, qty: str, expected: bool
) -> None:
    answer = reduces(
        position_qty=Decimal(position),
        reserved_qty=Decimal(reserved),
        side=side,
        order_qty=Decimal(qty),
    )
    assert answer is expected


def test_the_worst_position_takes_open_orders_at_full_size() -> None:
    assert worst_qty(view(quantity=Decimal(1), reserved_buy_qty=Decimal(2))) == 3
    assert worst_qty(view(quantity=Decimal(1), reserved_sell_qty=Decimal(5))) == 4
    assert (
        worst_qty(
            view(quantity=Decimal(1), reserved_buy_qty=Decimal(1), reserved_sell_qty=Decimal(4))
        )
        == 3
    )


def test_a_turn_around_counts_where_it_leads() -> None:
    short = view(quantity=Decimal(-1))
    assert worst_qty_after(intent(order_qty=Decimal("1.5")), short) == Decimal("0.5")
    protected = view(quantity=Decimal(-1), reserved_buy_qty=Decimal(1))
    assert worst_qty_after(intent(order_qty=Decimal("1.5")), protected) == Decimal("1.5")
    replacing = intent(order_qty=Decimal("1.5"), shared_qty=Decimal(1))
    assert worst_qty_after(replacing, protected) == Decimal("0.5")


def test_open_orders_of_the_other_side_still_count() -> None:
    resting = view(reserved_sell_qty=Decimal(3))
    assert worst_qty_after(intent(order_qty=Decimal(1)), resting) == 3


@pytest.mark.parametrize(
    ("position", "reserved", "qty", "expected"),
    [("0", "0", "2", "2"), ("-1", "0", "2", "1"), ("-3", "0", "2", "0"), ("-3", "2", "2", "1")],
)
def test_only_what_goes_beyond_the_position_opens(
    position: str, reserved: str, qty: str, expected: str
) -> None:
    held = view(quantity=Decimal(position), reserved_buy_qty=Decimal(reserved))
    assert opening_qty(intent(order_qty=Decimal(qty)), held) == Decimal(expected)


def test_dust_is_left_out_but_never_the_instrument_asked_about() -> None:
    dust = view(quantity=Decimal("0.009"), min_qty=Decimal("0.01"))
    positions = {BTC: dust, ETH: dust}
    after = quantities_after(intent(), snapshot(positions=positions))
    assert after == {BTC: Decimal("1.009")}
    positions[ETH] = view(quantity=Decimal("0.01"), min_qty=Decimal("0.01"))
    assert set(quantities_after(intent(), snapshot(positions=positions))) == {BTC, ETH}
