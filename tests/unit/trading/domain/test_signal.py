"""When a stance is news."""

import pytest

from trading.domain.signal import Stance, transition

LONG, SHORT, FLAT, HOLD = Stance.LONG, Stance.SHORT, Stance.FLAT, Stance.HOLD


@pytest.mark.parametrize(
    ("previous", "current", "news"),
    [
        (FLAT, LONG, LONG),
        (LONG, SHORT, SHORT),
        (LONG, FLAT, FLAT),
        (LONG, LONG, None),
        (LONG, HOLD, None),
        (HOLD, HOLD, None),
        (HOLD, FLAT, None),
        (HOLD, SHORT, SHORT),
    ],
)
def test_only_a_different_stance_is_news(
    previous: Stance, current: Stance, news: Stance | None
) -> None:
    assert transition(previous, current) is news
