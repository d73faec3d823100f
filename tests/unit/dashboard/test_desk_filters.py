"""How numbers, times and directions look."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.templatetags import desk as show


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        ("1234.5", 2, "1,234.50"),
        ("-88.1", 2, "\u221288.10"),
        ("0", 2, "0.00"),
        ("-0.001", 2, "0.00"),
        ("0.125", 2, "0.12"),
        ("1E+3", 0, "1,000"),
        (None, 2, "—"),
    ],
)
def test_numbers_are_grouped_and_never_negative_zero(
    value: str | None, places: int, text: str
) -> None:
    assert show.number(None if value is None else Decimal(value), places) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12))
def test_a_number_can_be_read_back(value: Decimal) -> None:
    text = show.number(value, 8)
    back = Decimal(text.replace(",", "").replace(show.MINUS, "-"))
    assert abs(back - value) <= Decimal("0.00000001")


@pytest.mark.parametrize(
    ("value", "text"),
    [("412.77", "▲ +412.77"), ("-88.1", "▼ \u221288.10"), ("0", "0.00")],
)
def test_direction_is_glyph_and_sign(value: str, text: str) -> None:
    assert text in show.pnl(Decimal(value))


@pytest.mark.parametrize(
    ("step", "places"), [("0.01", 2), ("0.00001", 5), ("1", 0), ("10", 0), ("0.50", 1)]
)
def test_decimals_come_from_the_step(step: str, places: int) -> None:
    assert show.decimals(Decimal(step)) == places


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0.4 s"), (14, "14 s"), (252, "4 m 12 s"), (11_100, "3 h 05 m"), (183_600, "2 d 3 h")],
)
def test_ages(seconds: float, text: str) -> None:
    assert show.age(timedelta(seconds=seconds)) == text


def test_the_day_is_left_out_on_the_same_day_only() -> None:
    at = datetime(2026, 1, 5, 9, 57, 3, 214_000, tzinfo=UTC)
    assert ">09:57:03<" in show.instant(at, at)
    assert ">2026-01-05 09:57:03<" in show.instant(at, at + timedelta(days=1))
    assert ">09:57:03.214<" in show.instant_ms(at, at)
    assert 'datetime="2026-01-05T09:57:03.214000Z"' in show.instant(at)
