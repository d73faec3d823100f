"""Two clocks, passed in and never read from the side.

*Market* time drives trading and the journal: the venue's time live, the bar's time in a replay.
*Wall* time drives log-ins, one-time passwords, approvals and leases.

1. Every instant is an aware `datetime` in UTC.
2. Only this module reads the machine's clock.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    def now(self) -> datetime:
        """The current instant, UTC."""
        ...


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant on both clocks: `market` for trading and the journal, `wall` for the rest."""

    market: datetime
    wall: datetime


class WallClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


WALL = WallClock()


def monotonic() -> float:
    """Seconds for measuring durations and lease deadlines; unaffected by clock steps."""
    return time.monotonic()


def utc(instant: datetime) -> datetime:
    """Return the instant in UTC. Raises ValueError for a naive datetime."""
    if instant.tzinfo is None:
        raise ValueError(f"naive datetime {instant!r}")
    return instant.astimezone(UTC)


def from_millis(millis: int) -> datetime:
    """Milliseconds since the epoch to an instant, exactly."""
    return EPOCH + timedelta(milliseconds=millis)


def to_millis(instant: datetime) -> int:
    """Whole milliseconds since the epoch, rounded down."""
    return (utc(instant) - EPOCH) // timedelta(milliseconds=1)


def iso(instant: datetime) -> str:
    """`2026-11-20T09:57:03.214000Z`: fixed width, so that text order is time order."""
    return utc(instant).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def day_start(instant: datetime) -> datetime:
    """Midnight UTC of the instant's day: a trading day is a UTC day."""
    return utc(instant).replace(hour=0, minute=0, second=0, microsecond=0)
