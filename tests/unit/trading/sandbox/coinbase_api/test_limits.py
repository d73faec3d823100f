"""The patience of Coinbase's exchange."""

from datetime import UTC, datetime, timedelta

import pytest

from trading.sandbox.coinbase_api.errors import ApiError
from trading.sandbox.coinbase_api.limits import Limits

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def test_a_key_is_refused_beyond_its_hour_and_no_other_key() -> None:
    limits = Limits(requests_per_hour=3)
    at = NOON + timedelta(minutes=59, seconds=30)
    for _ in range(3):
        limits.charge("mine", at)
    with pytest.raises(ApiError) as refused:
        limits.charge("mine", at)
    assert (refused.value.status, refused.value.retry_after_seconds) == (429, 30)
    limits.charge("theirs", at)
    limits.charge("mine", NOON + timedelta(hours=1))
    assert limits.used("mine", NOON + timedelta(hours=1)) == 1


def test_the_documented_limit_is_ten_thousand() -> None:
    limits = Limits()
    for _ in range(10_000):
        limits.charge("mine", NOON)
    with pytest.raises(ApiError):
        limits.charge("mine", NOON)


def test_whoever_is_shut_out_waits_for_the_end_of_it() -> None:
    limits = Limits()
    limits.shut_out("mine", NOON, timedelta(seconds=90))
    with pytest.raises(ApiError) as refused:
        limits.charge("mine", NOON + timedelta(seconds=80, milliseconds=500))
    assert refused.value.retry_after_seconds == 10
    limits.charge("mine", NOON + timedelta(seconds=90))
