"""Limits are versions: tightening is immediate, loosening asks for a fresh one-time password."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest

from aitrader.kernel.errors import BadInput, StepUpRequired
from aitrader.kernel.events import EventName
from compliance.models import JournalEntry
from risk.domain import limits as rules
from risk.domain.limits import LimitKey
from risk.models import Limit
from risk.selectors.limits import history
from risk.services import limits

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEY = LimitKey.MAX_ORDER_NOTIONAL


def apply(profile: str, **given: Any) -> list[Limit]:
    arguments = {"set_by": "ann", "now": NOW, "market_at": NOW, **given}
    return limits.apply_profile(account_code="paper", profile=profile, **arguments)


def change(value: str, key: str = KEY, **given: Any) -> Limit | None:
    arguments = {"purpose": "a test", "set_by": "ann", "now": NOW, "market_at": NOW, **given}
    return limits.change(account_code="paper", key=key, value=value, **arguments)


def journalled() -> list[dict[str, Any]]:
    rows = JournalEntry.objects.filter(event=EventName.LIMIT_CHANGED).order_by("id")
    return [orjson.loads(bytes(row.payload))["body"]["data"] for row in rows]


@pytest.mark.parametrize("profile", ["cautious", "demo"])
def test_a_profile_puts_every_limit_in_force_once(profile: str) -> None:
    assert limits.in_force("paper") == {}
    assert len(apply(profile)) == len(LimitKey)
    assert limits.in_force("paper") == rules.profile(profile)
    assert apply(profile) == []
    assert len(journalled()) == len(LimitKey)
    assert limits.in_force("another") == {}


def test_a_tighter_profile_is_immediate_and_a_looser_one_is_not() -> None:
    apply("demo")
    apply("cautious")
    with pytest.raises(StepUpRequired):
        apply("demo")
    assert limits.in_force("paper") == rules.profile("cautious")
    apply("demo", verified_at=NOW)
    assert limits.in_force("paper") == rules.profile("demo")


def test_an_unknown_profile_is_one_clear_line() -> None:
    with pytest.raises(BadInput, match="'brave' is not one of cautious, demo"):
        apply("brave")


def test_tightening_needs_no_password_and_is_a_new_version() -> None:
    apply("demo")
    row = change("20000")
    assert row is not None
    assert (row.version, row.value, row.purpose) == (2, Decimal(20000), "a test")
    assert limits.in_force("paper")[KEY] == 20000
    assert [each.version for each in history("paper", KEY)] == [2, 1]
    assert journalled()[-1] == {
        "key": KEY,
        "version": 2,
        "before": "25000",
        "after": "20000",
        "purpose": "a test",
    }


@pytest.mark.parametrize("age", [None, timedelta(minutes=6), timedelta(minutes=-1)])
def test_loosening_without_a_fresh_password_is_refused(age: timedelta | None) -> None:
    apply("demo")
    with pytest.raises(StepUpRequired):
        change("30000", verified_at=None if age is None else NOW - age)
    assert limits.in_force("paper")[KEY] == 25000


def test_loosening_with_a_fresh_password() -> None:
    apply("demo")
    assert change("30000", verified_at=NOW - timedelta(minutes=4)) is not None
    assert limits.in_force("paper")[KEY] == 30000


def test_setting_a_missing_limit_loosens_for_a_missing_one_denies() -> None:
    with pytest.raises(StepUpRequired):
        change("1")
    assert change("1", verified_at=NOW) is not None


def test_the_same_value_is_no_change() -> None:
    apply("demo")
    assert change("25000.00") is None
    assert len(journalled()) == len(LimitKey)


@pytest.mark.parametrize(
    ("value", "key", "line"),
    [
        ("1", "MAX_LUCK", "'MAX_LUCK' does not exist"),
        ("0", KEY, "must be positive"),
        ("-1", KEY, "must be positive"),
        ("NaN", KEY, "not finite"),
        ("1.5", LimitKey.MAX_OPEN_ORDERS, "whole number"),
    ],
)
def test_a_wrong_limit_is_one_clear_line(value: str, key: str, line: str) -> None:
    with pytest.raises(BadInput, match=line):
        change(value, key, verified_at=NOW)


def test_a_change_states_its_purpose() -> None:
    with pytest.raises(BadInput, match="purpose"):
        change("1", purpose=" ", verified_at=NOW)
