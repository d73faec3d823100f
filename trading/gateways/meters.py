"""How much of what a venue allows is used, as this process was told or has counted last.

1. Where a venue tells it with every answer, that is of all who share the limit; where it does not,
   this process counts its own. A venue of neither kind has no meter.
2. Threads have connections of their own; the newest reading of a venue counts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Protocol, TypeVar


@dataclass(frozen=True, slots=True)
class Used:
    """`used` of `allowed`, in the unit and for the time that `per` says, as of `at`."""

    used: int
    allowed: int
    per: str
    at: datetime


class Metered(Protocol):
    """A connection that knows how much it may still ask."""

    on_used: Callable[[Used], None] | None


M = TypeVar("M", bound=Metered)

_lock = Lock()
_newest: dict[str, Used] = {}


def metered(venue: str, connection: M) -> M:
    """The same connection; what it learns of its limit is kept from now on."""

    def keep(used: Used) -> None:
        with _lock:
            _newest[venue] = used

    connection.on_used = keep
    return connection


def used() -> dict[str, Used]:
    """The last reading of each venue that has a meter."""
    with _lock:
        return dict(_newest)
