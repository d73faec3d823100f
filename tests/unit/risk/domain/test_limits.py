from decimal import Decimal
from pathlib import Path

import pytest

from aitrader.kernel.errors import BadInput
from risk.domain import limits, reason
from risk.domain.checks import CHECKS
from risk.domain.limits import SPECS, LimitKey, Profile, check_value, profile, read_limits
from risk.domain.reason import MEANINGS, ReasonCode

DOC = (Path(__file__).parents[4] / "docs" / "limits.md").read_text(encoding="utf-8")


def test_every_key_has_a_row_and_both_defaults_are_valid() -> None:
    assert list(SPECS) == list(LimitKey)
    for name in Profile:
        stored = {key.value: str(value) for key, value in profile(name).items()}
        assert read_limits(stored) == profile(name)


def test_the_cautious_profile_is_the_one_that_was_promised() -> None:
    cautious = profile("cautious")
    promised = {
        "MAX_ORDER_NOTIONAL": "100",
        "MAX_DAY_NOTIONAL": "500",
        "MAX_OPEN_POSITIONS": "3",
        "MAX_DAY_LOSS": "100",
        "MAX_POSITION_SHARE": "0.20",
        "MAX_PORTFOLIO_VOLATILITY": "0.25",
    }
    assert {key: cautious[LimitKey(key)] for key in promised} == {
        key: Decimal(value) for key, value in promised.items()
    }


def test_demo_is_nowhere_tighter_than_cautious() -> None:
    assert all(profile("demo")[key] >= value for key, value in profile("cautious").items())


def test_an_unknown_profile_is_refused_by_name() -> None:
    with pytest.raises(BadInput, match=r"'bold' is not one of cautious, demo"):
        profile("bold")


@pytest.mark.parametrize(
    "value", ["0", "-1", "NaN", "Infinity", "", "ten", None, True, 1.5, "1e400", "1e-30", "1e20"]
)
def test_a_value_that_is_not_a_positive_number_is_refused(value: object) -> None:
    with pytest.raises(BadInput, match="MAX_DAY_LOSS"):
        check_value(LimitKey.MAX_DAY_LOSS, value)


def test_a_count_is_whole() -> None:
    with pytest.raises(BadInput, match="whole number"):
        check_value(LimitKey.MAX_OPEN_POSITIONS, "2.5")
    assert check_value(LimitKey.MAX_OPEN_POSITIONS, "2.0") == 2


def test_an_unknown_key_is_refused_and_an_absent_one_stays_absent() -> None:
    with pytest.raises(BadInput, match="'MAX_FUN' does not exist"):
        read_limits({"MAX_FUN": "1"})
    assert read_limits({"MAX_DAY_LOSS": "7"}) == {LimitKey.MAX_DAY_LOSS: Decimal(7)}


def test_the_document_shows_the_limits_as_they_are() -> None:
    assert limits.table() in DOC


def test_the_document_shows_the_reason_codes_as_they_are() -> None:
    assert list(MEANINGS) == list(ReasonCode)
    assert reason.table() in DOC


def test_the_document_shows_who_is_excused_from_each_check() -> None:
    rows = "\n".join(f"| `{check.name}` | {check.excuses} |" for check in CHECKS)
    assert f"|---|---|\n{rows}\n\n" in DOC
