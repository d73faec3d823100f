"""A finished candle and the rules that make it trustworthy.

1. A bar is named by its `open_time`; it is known at `open_time + interval`, not before.
2. 0 < low ≤ open, close ≤ high; volume ≥ 0; every number finite.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from aitrader.kernel.errors import InvalidBar


@dataclass(frozen=True, slots=True)
class Bar:
    """Prices in quote per base, `volume` in the base asset."""

    open_time: datetime
    interval: timedelta
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal

    @property
    def close_time(self) -> datetime:
        return self.open_time + self.interval

    @property
    def range_share(self) -> Decimal:
        """(high - low) / open."""
        return (self.high - self.low) / self.open

    def exceeds(self, bound: Decimal) -> bool:
        """Whether the range is wider than this share of the open: no price of it is believed."""
        return self.range_share > bound


def interval_name(interval: timedelta) -> str:
    """`1s`, `15m`, `4h`, `1d`: the greatest unit that measures it."""
    seconds = int(interval.total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def check(bar: Bar) -> None:
    """Raise InvalidBar, saying which rule the bar breaks."""
    numbers = {
        "open": bar.open,
        "high": bar.high,
        "low": bar.low,
        "close": bar.close,
        "volume": bar.volume,
    }
    for name, value in numbers.items():
        if not value.is_finite():
            raise InvalidBar(f"{name} {value} is not finite")
    if bar.low <= 0:
        raise InvalidBar(f"low {bar.low} is not positive")
    if bar.volume < 0:
        raise InvalidBar(f"volume {bar.volume} is negative")
    if not bar.low <= min(bar.open, bar.close) or not max(bar.open, bar.close) <= bar.high:
        raise InvalidBar(
            f"open {bar.open} and close {bar.close} are not within {bar.low} to {bar.high}"
        )
