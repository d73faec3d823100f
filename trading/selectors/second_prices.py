"""What the second source of a feed said last, and how long ago.

1. Only a feed in real time has one: the prices of a replay are of another day.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from aitrader.kernel.fix import IN_REAL_TIME
from risk.domain.freshness import SECOND_FRESH_SECONDS
from trading.models import Feed, SecondPrice
from trading.selectors import sql

#: Rows for `read`; `second_source` is the feed's key (see `of`).
OF_FEED = sql.Select(
    """
SELECT instrument_id, px, at FROM trading_second_price
 WHERE feed_id = %(second_source)s AND px IS NOT NULL
""",
    3,
)
_FRESH = timedelta(seconds=int(SECOND_FRESH_SECONDS))


@dataclass(frozen=True, slots=True)
class Second:
    """A second price and its age in seconds of wall time."""

    px: Decimal
    age_seconds: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One instrument for the screen; `px` and `at` are None until the source has told anything."""

    instrument: str
    source: str
    px: Decimal | None
    at: datetime | None
    stale: bool


def of(feed: Feed) -> int | None:
    """The feed whose second prices count: none but one in real time has any."""
    return feed.pk if feed.source in IN_REAL_TIME else None


def read(rows: Iterable[Any], wall: datetime) -> dict[int, Second]:
    """Rows of `OF_FEED`, by instrument."""
    return {pk: Second(px, _age(wall, at)) for pk, px, at in rows}


def compared(feed_id: int, now: datetime) -> list[Compared]:
    """Every instrument that has a second source, by code."""
    rows = SecondPrice.objects.filter(feed_id=feed_id).select_related("instrument")
    return [
        Compared(
            instrument=row.instrument.code,
            source=row.source,
            px=row.px,
            at=row.at,
            stale=is_stale(row, now),
        )
        for row in rows.order_by("instrument__code")
    ]


def is_stale(row: SecondPrice, now: datetime) -> bool:
    """Whether the source has been silent too long to be compared with."""
    return now - (row.at or row.since) > _FRESH


def _age(wall: datetime, at: datetime) -> Decimal:
    return Decimal((wall - at) // timedelta(microseconds=1)).scaleb(-6)
