"""The clocks of the venues that this process talks to, as they were sampled last.

1. A clock is watched from before the first call: one that blocks the very first is seen, too,
   whatever becomes of the connection.
2. Threads have connections of their own; the newest sample of a venue counts.
"""

from threading import Lock
from typing import Protocol, TypeVar

from trading.gateways.clock_check import ClockCheck, Reading


class Clocked(Protocol):
    """A connection that checks a clock."""

    clock: ClockCheck


C = TypeVar("C", bound=Clocked)

_lock = Lock()
_newest: dict[str, Reading] = {}


def watched(venue: str, connection: C) -> C:
    """The same connection; what its clock shows is kept from now on."""

    def keep(reading: Reading) -> None:
        with _lock:
            before = _newest.get(venue)
            if before is None or before.at <= reading.at:
                _newest[venue] = reading

    connection.clock.on_sample = keep
    return connection


def readings() -> dict[str, Reading]:
    """The last sample of each venue's clock; none of one that was not sampled yet."""
    with _lock:
        return dict(_newest)
