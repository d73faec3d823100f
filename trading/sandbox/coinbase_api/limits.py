"""The exchange's patience: requests an hour for each key, or for an address without one.

1. Hours are aligned to the clock; beyond the limit a request is refused with 429.
2. Whoever a plan shuts out stays out for its time, whatever is asked.

Source: docs.cdp.coinbase.com, Advanced Trade API, "REST API Rate Limits"; venues.md 2.1.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aitrader.kernel.clock import EPOCH
from trading.sandbox.coinbase_api import errors

_HOUR = timedelta(hours=1)
_SECOND = timedelta(seconds=1)


@dataclass(slots=True)
class Limits:
    """The counters of one exchange; the clock comes in with every question."""

    requests_per_hour: int = 10_000
    _used: dict[str, tuple[int, int]] = field(default_factory=dict)
    _shut_until: dict[str, datetime] = field(default_factory=dict)

    def charge(self, who: str, now: datetime) -> None:
        """Count a request. Raises ApiError 429 beyond the limit, or while `who` is shut out."""
        until = self._shut_until.get(who)
        if until is not None and now < until:
            raise errors.impatience(_seconds(until - now))
        hour = (now - EPOCH) // _HOUR
        used = self.used(who, now) + 1
        self._used[who] = (hour, used)
        if used > self.requests_per_hour:
            raise errors.impatience(self.seconds_left(now))

    def shut_out(self, who: str, now: datetime, length: timedelta) -> None:
        self._shut_until[who] = now + length

    def used(self, who: str, now: datetime) -> int:
        """Requests of this hour."""
        hour, used = self._used.get(who, (0, 0))
        return used if hour == (now - EPOCH) // _HOUR else 0

    def seconds_left(self, now: datetime) -> int:
        """Until the next hour begins."""
        return _seconds(_HOUR - (now - EPOCH) % _HOUR)


def _seconds(length: timedelta) -> int:
    """Whole seconds, at least one."""
    return max(1, -(-length // _SECOND))
