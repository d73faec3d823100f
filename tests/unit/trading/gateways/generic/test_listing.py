"""A venue's rules as steps, however the library counts them."""

from decimal import Decimal as D

import pytest

from trading.gateways.generic import listing
from trading.gateways.generic.listing import DECIMAL_PLACES, SIGNIFICANT_DIGITS, TICK_SIZE


@pytest.mark.parametrize(
    ("precision", "mode", "expected"),
    [
        ("0.0100", TICK_SIZE, "0.01"),
        ("1e-8", TICK_SIZE, "0.00000001"),
        ("25", TICK_SIZE, "25"),
        ("0", TICK_SIZE, "0.00000001"),
        (None, TICK_SIZE, "0.00000001"),
        ("2", DECIMAL_PLACES, "0.01"),
        (0, DECIMAL_PLACES, "1"),
        ("-1", DECIMAL_PLACES, "10"),
    ],
)
def test_a_precision_is_a_step(precision: object, mode: int, expected: str) -> None:
    assert listing.step(precision, mode) == D(expected)


@pytest.mark.parametrize(
    ("price", "step"), [("60000", "10"), ("9.5", "0.001"), ("0.02", "0.00001")]
)
def test_a_step_of_significant_digits_holds_up_to_ten_times_the_price(
    price: str, step: str
) -> None:
    found = listing.step("5", SIGNIFICANT_DIGITS, price=D(price))
    assert found == D(step)
    for times in ("0.5", "1", "3", "9.9"):
        quantized = (D(price) * D(times) / found).to_integral_value() * found
        assert len(quantized.normalize().as_tuple().digits) <= 5


def test_a_symbol_may_be_written_with_a_dash() -> None:
    assert listing.symbol_in("btc-usd") == "BTC/USD"
