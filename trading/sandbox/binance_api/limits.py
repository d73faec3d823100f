"""The exchange's patience: request weight by address, unfilled orders by account, bans.

1. Intervals are aligned to the clock: a minute's weight is gone when the next minute begins.
2. Beyond the weight a request is refused with 429 and `Retry-After`; whoever goes on is banned
   with 418, for two minutes first and twice as long each time, up to three days.
3. Orders count when they are accepted; the first fill of one takes it off again, and four more
   if it was the maker's.

Source: binance-spot-api-docs, rest-api.md "Limits", faqs/order_count_decrement.md.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from trading.sandbox.binance_api.amounts import millis
from trading.sandbox.binance_api.errors import ApiError

_MINUTE_MS, _TEN_SECONDS_MS, _DAY_MS = 60_000, 10_000, 86_400_000
_FIRST_BAN = timedelta(minutes=2)
_LONGEST_BAN = timedelta(days=3)


@dataclass(slots=True)
class Limits:
    """The counters of one exchange; the clock comes in with every question."""

    weight_per_minute: int = 6_000
    orders_per_ten_seconds: int = 100
    orders_per_day: int = 200_000
    refusals_before_ban: int = 10
    _weight: dict[str, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    _orders: dict[str, dict[tuple[int, int], int]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    _refused: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _banned_until: dict[str, datetime] = field(default_factory=dict)
    _bans: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def charge(self, address: str, weight: int, now: datetime) -> None:
        """Raises ApiError 429 beyond the weight of this minute, 418 for going on after that."""
        minute = millis(now) // _MINUTE_MS
        used = self._weight[address].get(minute, 0) + weight
        self._weight[address] = {minute: used}
        if used <= self.weight_per_minute:
            self._refused[address] = 0
            return
        self._refused[address] += 1
        if self._refused[address] > self.refusals_before_ban:
            self.ban(address, now)
            self.check_ban(address, now)
        raise self.impatience(now, timedelta(seconds=_until_next(now, _MINUTE_MS)))

    def impatience(self, now: datetime, wait: timedelta) -> ApiError:
        """The answer to a request too many."""
        message = (
            f"Too much request weight used; current limit is {self.weight_per_minute} request "
            "weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid "
            "polling the API."
        )
        return _patience(429, message, now, max(1, -(-wait // timedelta(seconds=1))))

    def refund(self, address: str, weight: int, now: datetime) -> None:
        """Take back what a request was charged, within its minute."""
        minute = millis(now) // _MINUTE_MS
        used = self._weight[address].get(minute, 0)
        self._weight[address] = {minute: max(0, used - weight)}

    def ban(self, address: str, now: datetime, length: timedelta = timedelta(0)) -> None:
        """Shut an address out for that long, or for twice as long as the time before."""
        usual = min(_FIRST_BAN * 2 ** self._bans[address], _LONGEST_BAN)
        self._bans[address] += 1
        self._banned_until[address] = now + (length or usual)

    def used_weight(self, address: str, now: datetime) -> int:
        return self._weight[address].get(millis(now) // _MINUTE_MS, 0)

    def check_orders(self, account: str, count: int, now: datetime) -> None:
        """Raises ApiError 429 if the account may not place so many orders now."""
        for length, most, name in (
            (_TEN_SECONDS_MS, self.orders_per_ten_seconds, "10 SECOND"),
            (_DAY_MS, self.orders_per_day, "1 DAY"),
        ):
            if self._count(account, length, now) + count > most:
                message = f"Too many new orders; current limit is {most} orders per {name}."
                seconds = _until_next(now, length)
                raise ApiError(-1015, message, 429, retry_after_seconds=seconds)

    def count_orders(self, account: str, count: int, now: datetime) -> None:
        """Add accepted orders, or with a negative count take traded ones off again."""
        stamp = millis(now)
        self._orders[account] = {
            (length, stamp // length): max(0, self._count(account, length, now) + count)
            for length in (_TEN_SECONDS_MS, _DAY_MS)
        }

    def order_counts(self, account: str, now: datetime) -> tuple[int, int]:
        """Unfilled orders of this ten seconds and of this day."""
        return (
            self._count(account, _TEN_SECONDS_MS, now),
            self._count(account, _DAY_MS, now),
        )

    def rules(self) -> list[dict[str, Any]]:
        """As exchangeInfo lists them."""
        return [
            _rule("REQUEST_WEIGHT", "MINUTE", 1, self.weight_per_minute),
            _rule("ORDERS", "SECOND", 10, self.orders_per_ten_seconds),
            _rule("ORDERS", "DAY", 1, self.orders_per_day),
        ]

    def order_status(self, account: str, now: datetime) -> list[dict[str, Any]]:
        """The order rules with the account's counts."""
        counts = self.order_counts(account, now)
        return [
            {**rule, "count": count} for rule, count in zip(self.rules()[1:], counts, strict=True)
        ]

    def weight_status(self, address: str, now: datetime) -> dict[str, Any]:
        return {**self.rules()[0], "count": self.used_weight(address, now)}

    def _count(self, account: str, length: int, now: datetime) -> int:
        return self._orders[account].get((length, millis(now) // length), 0)

    def check_ban(self, address: str, now: datetime) -> None:
        """Raises ApiError 418 while the address is banned."""
        until = self._banned_until.get(address)
        if until is None or now >= until:
            return
        message = (
            f"Way too much request weight used; IP banned until {millis(until)}. Please use "
            "WebSocket Streams for live updates to avoid bans."
        )
        raise _patience(418, message, now, -(-(until - now) // timedelta(seconds=1)))


def _until_next(now: datetime, length: int) -> int:
    """Whole seconds until the next interval begins, at least one."""
    return max(1, -(-(length - millis(now) % length) // 1_000))


def _patience(status: int, message: str, now: datetime, seconds: int) -> ApiError:
    again = {"serverTime": millis(now), "retryAfter": millis(now) + seconds * 1_000}
    return ApiError(-1003, message, status, again, retry_after_seconds=seconds)


def _rule(kind: str, interval: str, number: int, limit: int) -> dict[str, Any]:
    return {
        "rateLimitType": kind,
        "interval": interval,
        "intervalNum": number,
        "limit": limit,
    }
