"""Candles of the exchange's own trades.

1. Minutes are kept for good, seconds for an hour; a longer interval is put together from minutes.
2. A candle opens at its first trade; an interval without one continues flat from the close before.
3. A week begins on Monday, a month on its first day, all in UTC.

Venue document: none; every venue tells its candles in its own shape.
"""

from bisect import bisect_left
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import reduce

from aitrader.kernel.clock import EPOCH
from aitrader.kernel.money import ZERO
from trading.sandbox.orders import PublicTrade

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
_KEPT_SECONDS = 3_600
#: A month has no length of its own: None.
INTERVALS: dict[str, timedelta | None] = {
    "1s": SECOND,
    "1m": MINUTE,
    "3m": 3 * MINUTE,
    "5m": 5 * MINUTE,
    "15m": 15 * MINUTE,
    "30m": 30 * MINUTE,
    "1h": timedelta(hours=1),
    "2h": timedelta(hours=2),
    "4h": timedelta(hours=4),
    "6h": timedelta(hours=6),
    "8h": timedelta(hours=8),
    "12h": timedelta(hours=12),
    "1d": timedelta(days=1),
    "3d": timedelta(days=3),
    "1w": timedelta(weeks=1),
    "1M": None,
}
_LONGEST_MONTH = timedelta(days=31)
_MONDAY = EPOCH + timedelta(days=4)


@dataclass(frozen=True, slots=True)
class Kline:
    """Prices in quote per base; `taker_*` is the part in which the buyer took."""

    open_time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal = ZERO
    quote_volume: Decimal = ZERO
    trades: int = 0
    taker_volume: Decimal = ZERO
    taker_quote_volume: Decimal = ZERO
    first_trade_id: int = -1
    last_trade_id: int = -1

    def followed_by(self, later: "Kline") -> "Kline":
        """Both as one, under the earlier one's open time."""
        first = self.first_trade_id if self.trades else later.first_trade_id
        return Kline(
            self.open_time,
            self.open,
            max(self.high, later.high),
            min(self.low, later.low),
            later.close,
            self.volume + later.volume,
            self.quote_volume + later.quote_volume,
            self.trades + later.trades,
            self.taker_volume + later.taker_volume,
            self.taker_quote_volume + later.taker_quote_volume,
            first,
            later.last_trade_id if later.trades else self.last_trade_id,
        )


def opening(instant: datetime, interval: str) -> datetime:
    """When the interval began that the instant lies in."""
    length = INTERVALS[interval]
    if length is None:
        return datetime(instant.year, instant.month, 1, tzinfo=UTC)
    origin = _MONDAY if interval == "1w" else EPOCH
    return instant - (instant - origin) % length


def closing(open_time: datetime, interval: str) -> datetime:
    """When the next interval begins."""
    length = INTERVALS[interval]
    if length is not None:
        return open_time + length
    return (open_time.replace(day=28) + timedelta(days=4)).replace(day=1)


class _Series:
    """Candles of one short interval by open time, which only grows."""

    def __init__(self, interval: str, most: int | None = None) -> None:
        self.times: list[datetime] = []
        self.candles: list[Kline] = []
        self._interval = interval
        self._most = most

    def add(self, trade: PublicTrade) -> None:
        single = _single(trade, opening(trade.transact_time, self._interval))
        if self.times and self.times[-1] == single.open_time:
            self.candles[-1] = self.candles[-1].followed_by(single)
            return
        self.times.append(single.open_time)
        self.candles.append(single)
        if self._most is not None and len(self.times) > 2 * self._most:
            del self.times[: self._most], self.candles[: self._most]


class Klines:
    """The candles of one instrument."""

    def __init__(self) -> None:
        self._seconds = _Series("1s", _KEPT_SECONDS)
        self._minutes = _Series("1m")

    def add(self, trade: PublicTrade) -> None:
        self._seconds.add(trade)
        self._minutes.add(trade)

    def between(
        self, interval: str, start: datetime | None, end: datetime, limit: int
    ) -> list[Kline]:
        """Oldest first, opened in [start, end]; without a start the newest ones."""
        span = (INTERVALS[interval] or _LONGEST_MONTH) * limit
        if start is None:
            return self._collect(interval, opening(end - span, interval), end)[-limit:]
        first = opening(start, interval)
        first = first if first == start else closing(first, interval)
        return self._collect(interval, first, min(end, first + span))[:limit]

    def current(self, interval: str, now: datetime) -> Kline | None:
        """The candle that is open now, flat if nothing was traded in it; None before any trade."""
        found = self._collect(interval, opening(now, interval), now)
        return found[-1] if found else None

    def _collect(self, interval: str, first: datetime, end: datetime) -> list[Kline]:
        """Every candle from the one that opens at `first` to the one that holds `end`."""
        series = self._seconds if interval == "1s" else self._minutes
        index = bisect_left(series.times, first)
        before = series.candles[index - 1] if index else None
        found: list[Kline] = []
        open_time = first
        while open_time <= end:
            after = closing(open_time, interval)
            upto = bisect_left(series.times, after, index)
            inside = series.candles[index:upto]
            if inside:
                whole = replace(inside[0], open_time=open_time)
                found.append(reduce(Kline.followed_by, inside[1:], whole))
                before = found[-1]
            elif before is not None:
                found.append(Kline(open_time, *(before.close,) * 4))
            index, open_time = upto, after
        return found


def _single(trade: PublicTrade, open_time: datetime) -> Kline:
    quote = trade.px * trade.qty
    taken = not trade.buyer_is_maker
    return Kline(
        open_time,
        *(trade.px,) * 4,
        trade.qty,
        quote,
        1,
        trade.qty if taken else ZERO,
        quote if taken else ZERO,
        trade.trade_id,
        trade.trade_id,
    )
