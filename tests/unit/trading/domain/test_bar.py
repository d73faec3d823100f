"""A bar of the market, and what its length is called."""

from datetime import timedelta

import pytest

from trading.domain.bar import interval_name


@pytest.mark.parametrize(
    ("seconds", "name"), [(1, "1s"), (60, "1m"), (900, "15m"), (14_400, "4h"), (86_400, "1d")]
)
def test_an_interval_is_named_by_its_greatest_unit(seconds: int, name: str) -> None:
    assert interval_name(timedelta(seconds=seconds)) == name
