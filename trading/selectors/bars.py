"""Recent bars of each feed and instrument, kept in memory and filled from the database.

1. The database is the truth: what is missing here is read from there, in order.
2. A window holds finished bars that follow one another in the table; a gap does not reset it.
3. One cache per process thread of work; it is never shared between threads.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice

import numpy as np

from trading.domain.bar import Bar
from trading.models import BarRow
from trading.strategies.base import Window

#: Bars kept per instrument; a strategy's warm-up must fit.
CAPACITY = 1024
_FIELDS = ("open_time", "open", "high", "low", "close", "volume")


class _Series:
    """The latest bars of one instrument, as objects and as columns of floats."""

    def __init__(self) -> None:
        self.bars: list[Bar] = []
        self.times: list[datetime] = []
        self._columns = np.empty((5, 2 * CAPACITY), dtype=np.float64)

    def append(self, bar: Bar) -> None:
        size = len(self.bars)
        if size == 2 * CAPACITY:
            del self.bars[:CAPACITY], self.times[:CAPACITY]
            self._columns[:, :CAPACITY] = self._columns[:, CAPACITY:]
            size = CAPACITY
        self.bars.append(bar)
        self.times.append(bar.open_time)
        self._columns[:, size] = (bar.open, bar.high, bar.low, bar.close, bar.volume)

    def window(self, end: int, length: int) -> Window:
        columns = self._columns[:, end - length : end]
        return Window(*columns)


class BarCache:
    """Bars by (feed, instrument)."""

    def __init__(self) -> None:
        self._series: dict[tuple[int, int], _Series] = {}

    def append(self, feed_id: int, instrument_id: int, bar: Bar) -> None:
        """Add a bar that was just recorded; one that is not newer is ignored."""
        series = self._series.get((feed_id, instrument_id))
        if series is not None and (not series.times or bar.open_time > series.times[-1]):
            series.append(bar)

    def refresh(self, feed_id: int, instrument_id: int, interval: timedelta) -> None:
        """Read what was recorded since the last bar held here."""
        series = self._series.setdefault((feed_id, instrument_id), _Series())
        rows = BarRow.objects.filter(feed_id=feed_id, instrument_id=instrument_id)
        if series.times:
            rows = rows.filter(open_time__gt=series.times[-1])
        latest = list(rows.order_by("-open_time").values_list(*_FIELDS)[:CAPACITY])
        for values in reversed(latest):
            series.append(Bar(values[0], interval, *values[1:]))

    def after(self, feed_id: int, instrument_id: int, open_time: datetime | None) -> Sequence[Bar]:
        """Bars later than `open_time` (all that are held when None), oldest first."""
        series = self._held(feed_id, instrument_id)
        start = 0 if open_time is None else bisect_right(series.times, open_time)
        return series.bars[start:]

    def window(
        self, feed_id: int, instrument_id: int, open_time: datetime, length: int
    ) -> Window | None:
        """The `length` bars ending with the one of `open_time`; None when too few are held."""
        series = self._held(feed_id, instrument_id)
        end = bisect_left(series.times, open_time) + 1
        if end > len(series.times) or series.times[end - 1] != open_time or end < length:
            return None
        return series.window(end, length)

    def closes(
        self, feed_id: int, instrument_id: int, count: int, *, bound: Decimal
    ) -> list[Decimal]:
        """The last `count` closes of bars within the bound, oldest first; fewer when fewer are
        held."""
        held = reversed(self._held(feed_id, instrument_id).bars)
        return list(islice((bar.close for bar in held if not bar.exceeds(bound)), count))[::-1]

    def last_within(self, feed_id: int, instrument_id: int, bound: Decimal) -> Bar | None:
        """The last bar whose price can be believed."""
        held = self._held(feed_id, instrument_id).bars
        return next((bar for bar in reversed(held) if not bar.exceeds(bound)), None)

    def count(self, feed_id: int, instrument_id: int) -> int:
        """How many bars are held; stops growing near CAPACITY."""
        return len(self._held(feed_id, instrument_id).bars)

    def last(self, feed_id: int, instrument_id: int) -> Bar | None:
        bars = self._held(feed_id, instrument_id).bars
        return bars[-1] if bars else None

    def _held(self, feed_id: int, instrument_id: int) -> _Series:
        return self._series.setdefault((feed_id, instrument_id), _Series())
