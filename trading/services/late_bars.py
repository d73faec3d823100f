"""Bars that a venue lists late: a gap is filled when its venue has the missing bars after all.

1. They are recorded, and no more: nothing is decided or matched on them, the market's clock and
   the feed's freshness stay, and no gap is filled that a strategy has not passed yet.
2. What is held in a process' memory goes on as it was; who starts later reads them with the others.
3. A gap is filled when all its bars are there. What is older than `LONGEST` stays one.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from aitrader.kernel.clock import Moment
from aitrader.kernel.events import Event, EventName
from compliance.services import journal
from trading.domain.bar import Bar
from trading.models import FeedGap
from trading.selectors import sql
from trading.services import market_data

LONGEST = timedelta(days=1)
_PASSED = """
SELECT NOT EXISTS (
    SELECT 1 FROM trading_strategycursor cursor
      JOIN trading_strategyversion version ON version.id = cursor.version_id AND version.current
      JOIN trading_strategy strategy ON strategy.id = version.strategy_id
      JOIN trading_feed feed ON feed.account_id = strategy.account_id
     WHERE feed.id = %s AND cursor.instrument_id = %s
       AND coalesce(cursor.last_open_time, '-infinity') < %s)
"""
_HELD = """
SELECT count(*) FROM trading_bar
 WHERE feed_id = %s AND instrument_id = %s AND open_time >= %s AND open_time < %s
"""


def open_gaps(feed_id: int, now: datetime) -> list[FeedGap]:
    """What is still missing of the last day, oldest first."""
    found = FeedGap.objects.filter(feed_id=feed_id, filled_at=None)
    found = found.filter(first_missing__gte=now - LONGEST)
    return list(found.select_related("feed", "instrument").order_by("first_missing"))


def fill(*, gap: FeedGap, told: Sequence[Bar], now: datetime) -> bool:
    """Record those of the bars that the gap misses; True when it is filled. `now` is wall time."""
    feed, row, first = gap.feed, gap.instrument, gap.first_missing
    end = first + gap.bars * timedelta(seconds=feed.interval_seconds)
    bars = [(row, bar) for bar in told if first <= bar.open_time < end]
    if not bars or not sql.fetch_one(_PASSED, [feed.pk, row.pk, end - bars[0][1].interval])[0]:
        return False
    at = Moment(market=feed.market_at or now, wall=now)
    with sql.atomic():
        market_data.supply(feed=feed, bars=bars, at=at)
        (held,) = sql.fetch_one(_HELD, [feed.pk, row.pk, first, end])
        still = FeedGap.objects.filter(pk=gap.pk, filled_at=None)
        whole = held == gap.bars and still.update(filled_at=now) == 1
        if whole:
            event = Event(
                name=EventName.FEED_GAP_FILLED,
                actor=f"feed:{feed.code}",
                object_type="instrument",
                object_id=row.code,
                market_at=at.market,
                data={"first_missing": first, "bars": gap.bars},
            )
            journal.record([event], now=now)
    return whole
