"""Whether prices still move: of a feed, and of each instrument that it carries.

1. Silent is what has told no bar for two intervals at the feed's speed, and for as long as a bar
   may take to get here. A feed is as fresh as its freshest instrument: while others move, one that
   stands still is noticed by how far its last bar lies behind the market's time.
2. The market's time of what has gone silent runs on with the wall, and its price ages with it.
3. In real time the market's time is the wall's: bars that come long after their close (a start
   after a night, a line that was down) make nothing fresh until the newest of them has come.
4. What is opened anew is not believed before it has told something, and what is not heard any more
   (trading/gateways/line_watch.py) until it is: however long its bars, the price of the one that
   runs is unknown.
5. An instrument of which a feed in real time has told no bar since it was opened is silent after
   `_FIRST_BAR` and an interval, however well the line is heard.
6. Looked up in the bars themselves: no process has to be alive for a screen to say it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from aitrader.kernel.clock import Moment
from aitrader.kernel.events import EventName
from aitrader.kernel.fix import IN_REAL_TIME
from trading.selectors import sql

_NONE = timedelta(0)
#: What a bar may take from its close to our tables: a quarter of its interval within these bounds.
_LEAST_DELIVERY, _LONGEST_DELIVERY = timedelta(seconds=5), timedelta(seconds=15)
#: As long as a line may be silent (trading/gateways/line_watch.py).
_FIRST_BAR = timedelta(seconds=35)
_OPENED = """
SELECT max(entry.recorded_at) FROM compliance_journalentry entry
  JOIN trading_feed feed ON feed.code = entry.object_id
 WHERE feed.id = %s AND entry.object_type = 'feed' AND entry.event = %s
"""
_LAST_BARS = """
SELECT instrument.code,
       (SELECT max(bar.open_time) FROM trading_bar bar
         WHERE bar.feed_id = carried.feed_id AND bar.instrument_id = carried.instrument_id)
  FROM trading_feedinstrument carried
  JOIN trading_instrument instrument ON instrument.id = carried.instrument_id
 WHERE carried.feed_id = %s ORDER BY instrument.code
"""


class Paced(Protocol):
    """A feed, as a row or as a screen has it; `speed` is market time over wall time."""

    @property
    def interval_seconds(self) -> int: ...
    @property
    def source(self) -> str: ...
    @property
    def speed(self) -> Decimal | None: ...
    @property
    def market_at(self) -> datetime | None: ...
    @property
    def received_at(self) -> datetime | None: ...
    @property
    def line_down_at(self) -> datetime | None: ...
    @property
    def started_at(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Price:
    """When an instrument's last bar closed, in market time; None while it has none."""

    instrument: str
    since: datetime | None
    silent: bool


def silence(feed: Paced, now: datetime) -> timedelta:
    """Wall time since the feed's last bar: since its close in real time, else since it came; since
    the feed's start when there is none."""
    heard = feed.market_at if feed.source in IN_REAL_TIME else feed.received_at
    return max(_NONE, now - (heard or feed.started_at))


def is_heard(feed: Paced) -> bool:
    """Whether a feed in real time has told anything since its source was opened, and its line is
    up."""
    by_the_wall = feed.source in IN_REAL_TIME and feed.speed is not None
    told = feed.received_at is not None or not by_the_wall
    return told and feed.line_down_at is None


def is_silent(feed: Paced, now: datetime, *, behind: timedelta = _NONE) -> bool:
    """Whether a feed has gone silent; or what is `behind` its market's time, in market time."""
    if not is_heard(feed):
        return True
    interval = timedelta(seconds=feed.interval_seconds) / _pace(feed)
    delivery = min(_LONGEST_DELIVERY, max(_LEAST_DELIVERY, interval / 4))
    return silence(feed, now) + behind / _pace(feed) > 2 * interval + delivery


def market_now(feed: Paced, at: Moment, *, behind: timedelta = _NONE) -> datetime:
    """The market's time: of a feed that has gone silent it runs on, and of what is `behind` it."""
    if feed.speed is None or not is_silent(feed, at.wall, behind=behind):
        return at.market
    return at.market + silence(feed, at.wall) * _pace(feed)


def silent_seconds(feed: Paced, at: Moment, *, behind: timedelta) -> Decimal:
    """How far the market's time of what is `behind` has run on from `at`."""
    beyond = market_now(feed, at, behind=behind) - at.market
    return Decimal(beyond // timedelta(microseconds=1)).scaleb(-6)


def prices(feed_id: int, feed: Paced, now: datetime) -> Sequence[Price]:
    """Of each instrument that the feed carries, by code."""
    interval = timedelta(seconds=feed.interval_seconds)
    found = []
    for code, open_time in sql.fetch_all(_LAST_BARS, [feed_id]):
        since = None if open_time is None else open_time + interval
        missing = (
            _never_began(feed_id, feed, now) if since is None else _is_behind(feed, since, now)
        )
        found.append(Price(code, since, missing))
    return found


def _never_began(feed_id: int, feed: Paced, now: datetime) -> bool:
    """Whether what has no bar yet should have one."""
    if feed.market_at is not None or feed.line_down_at is not None:
        # One without a bar is as old as it gets once the others have theirs.
        return True
    if feed.source not in IN_REAL_TIME:
        return False
    (opened_at,) = sql.fetch_one(_OPENED, [feed_id, EventName.RUN_STARTED.value])
    patience = _FIRST_BAR + timedelta(seconds=feed.interval_seconds)
    return opened_at is not None and now - opened_at > patience


def _is_behind(feed: Paced, since: datetime, now: datetime) -> bool:
    return is_silent(feed, now, behind=max(_NONE, (feed.market_at or since) - since))


def _pace(feed: Paced) -> float:
    return float(feed.speed or 1)
