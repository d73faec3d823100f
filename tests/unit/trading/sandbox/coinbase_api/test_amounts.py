"""Numbers, instants and ids on Coinbase's wire."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.sandbox.coinbase_api.amounts import nanos, number_of, read_instant, text, uuid


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        (None, "0"),
        ("0E-8", "0"),
        ("-0.00", "0"),
        ("1E+3", "1000"),
        ("60000.10", "60000.1"),
        ("0.00000001", "0.00000001"),
        ("0.33333333333333333333", "0.3333333333333333"),
    ],
)
def test_an_amount_is_written_short_and_without_exponent(amount: str | None, written: str) -> None:
    assert text(None if amount is None else Decimal(amount)) == written


@pytest.mark.parametrize(
    ("given_text", "micros"),
    [
        ("2026-11-20T09:57:03Z", 0),
        ("2026-11-20T09:57:03.5Z", 500_000),
        ("2026-11-20T09:57:03.123456789Z", 123_456),
        ("2026-11-20T10:57:03.000001+01:00", 1),
    ],
)
def test_an_instant_has_up_to_nine_decimals(given_text: str, micros: int) -> None:
    assert read_instant(given_text) == datetime(2026, 11, 20, 9, 57, 3, micros, tzinfo=UTC)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "soon",
        "2026-11-20",
        "2026-11-20T09:57:03",
        "1700000000",
        "0001-01-01T00:00:00+23:59",
    ],
)
def test_what_has_no_zone_is_no_instant(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_instant(wrong)


def test_the_channels_write_nine_decimals() -> None:
    told = nanos(datetime(2026, 11, 20, 9, 57, 3, 12, tzinfo=UTC))
    assert told == "2026-11-20T09:57:03.000012000Z"
    assert read_instant(told).microsecond == 12


@given(number=st.integers(0, 2**48 - 1), seed=st.integers(0, 1_000))
def test_an_id_carries_its_number_and_no_other(number: int, seed: int) -> None:
    told = uuid("order", number, seed)
    assert number_of("order", told, seed) == number
    assert number_of("fill", told, seed) is None
    assert number_of("order", told, seed + 1) is None


@pytest.mark.parametrize("strange", ["", "7", "00000000-0000-4000-8000-000000000001", "x" * 36])
def test_a_strange_id_carries_no_number(strange: str) -> None:
    assert number_of("order", strange, 1) is None
