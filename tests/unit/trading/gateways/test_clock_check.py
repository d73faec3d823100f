"""Whether a clock that is off, or steps, is seen before anything is signed."""

from datetime import datetime, timedelta

import pytest

from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import NotSent
from trading.gateways.clock_check import ClockCheck

OFFSETS = [*range(-10, -1), -1.1, -0.9, -0.5, 0, 0.5, 0.9, 1.1, *range(2, 11)]


class Stepping:
    """A clock that can be put forward or back."""

    def __init__(self) -> None:
        self.by = timedelta(0)

    def now(self) -> datetime:
        return WALL.now() + self.by


class Venue:
    """Its clock is right, and it counts who asks."""

    def __init__(self) -> None:
        self.asked = 0
        self.by = timedelta(0)

    def now(self) -> datetime:
        self.asked += 1
        return WALL.now() + self.by


@pytest.mark.parametrize("seconds", OFFSETS)
def test_nothing_is_signed_beyond_a_second(seconds: float) -> None:
    ours, venue = Stepping(), Venue()
    ours.by = timedelta(seconds=seconds)
    check = ClockCheck(venue.now, wall=ours)
    if abs(seconds) < 1:
        check.check()
        return
    with pytest.raises(NotSent, match="our clock is"):
        check.check()
    ours.by = timedelta(0)
    check.check()


@pytest.mark.parametrize("seconds", [each for each in OFFSETS if abs(each) > 1])
def test_a_step_of_our_clock_is_seen_before_the_next_call(seconds: float) -> None:
    ours, venue = Stepping(), Venue()
    check = ClockCheck(venue.now, wall=ours)
    check.check()
    ours.by = timedelta(seconds=seconds)
    with pytest.raises(NotSent, match="our clock is"):
        check.check()
    ours.by = timedelta(0)
    check.check()


def test_a_clock_that_goes_well_is_not_asked_about_again() -> None:
    venue = Venue()
    check = ClockCheck(venue.now, wall=WALL)
    for _ in range(5):
        check.check()
    assert venue.asked == 1


def test_a_venue_that_refused_the_time_is_asked_for_its_own_first() -> None:
    venue = Venue()
    check = ClockCheck(venue.now, wall=WALL)
    check.check()
    venue.by = timedelta(seconds=4)
    check.check()
    check.forget()
    with pytest.raises(NotSent, match="our clock is"):
        check.check()
