"""A one-time password is fresh for five minutes of wall time."""

from datetime import UTC, datetime, timedelta

import pytest

from aitrader.kernel.errors import StepUpRequired
from compliance.domain import step_up

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("age_seconds", "fresh"),
    [(0, True), (300, True), (300.001, False), (86_400, False), (-5, True), (-6, False)],
)
def test_freshness(age_seconds: float, fresh: bool) -> None:
    verified_at = NOW - timedelta(seconds=age_seconds)
    assert step_up.is_fresh(verified_at, now=NOW) is fresh


def test_never_verified_is_never_fresh() -> None:
    with pytest.raises(StepUpRequired, match="releasing trading"):
        step_up.require(None, now=NOW, action="releasing trading")
