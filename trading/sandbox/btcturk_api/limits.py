"""How much may be asked: requests for each path, by account and by address.

1. The period of a rule begins with the first request and ends by the clock; one request too many
   shuts the path out for the rule's own time, which Retry-After tells.
2. A ban shuts an address out of everything.

Source: docs.btcturk.com "Rate Limits".
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from trading.sandbox.btcturk_api import errors

_SECOND, _MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Rule:
    """At most `limit` in `period`, counted by account or by address."""

    limit: int
    period: timedelta = _MINUTE
    policy: str = "ip"

    @property
    def shown(self) -> str:
        """As the venue writes it: 1s, 1m, 10m."""
        seconds = int(self.period.total_seconds())
        return f"{seconds // 60}m" if seconds >= 60 else f"{seconds}s"


ORDERS = (Rule(10, _SECOND, "account"), Rule(300, _MINUTE, "account"))
SINGLE = (Rule(30, _SECOND, "account"), Rule(900, _MINUTE, "account"))
BALANCES = (Rule(120),)
ORDER_LISTS = (Rule(300),)
TRANSACTIONS = (Rule(120),)
TRADES = (Rule(90),)
TICKER = (Rule(600),)
ORDER_BOOK = (Rule(180),)
GRAPH = (Rule(600, 10 * _MINUTE),)


@dataclass(slots=True)
class _Count:
    began: datetime
    used: int = 0
    blocked_until: datetime | None = None


@dataclass(slots=True)
class Limits:
    """The counters of one exchange; the clock comes in with every question."""

    _counts: dict[tuple[str, Rule, str], _Count] = field(default_factory=dict)
    _banned: dict[str, datetime] = field(default_factory=dict)

    def charge(
        self, path: str, rules: Iterable[Rule], account: str, address: str, now: datetime
    ) -> None:
        """Raises ApiError 429 beyond a rule."""
        for rule in rules:
            whose = account if rule.policy == "account" else address
            count = self._counts.get((path, rule, whose))
            if count is None or (count.blocked_until is None and now >= count.began + rule.period):
                count = self._counts[path, rule, whose] = _Count(now)
            if count.blocked_until is not None:
                if now < count.blocked_until:
                    raise _impatient(rule, count.blocked_until - now)
                count = self._counts[path, rule, whose] = _Count(now)
            count.used += 1
            if count.used > rule.limit:
                count.blocked_until = now + rule.period
                raise _impatient(rule, rule.period)

    def ban(self, address: str, now: datetime, length: timedelta) -> None:
        """Shut an address out for that long."""
        self._banned[address] = now + length

    def check_ban(self, address: str, now: datetime) -> None:
        """Raises ApiError 429 while the address is shut out."""
        until = self._banned.get(address)
        if until is not None and now < until:
            raise _impatient(Rule(0), until - now)


def impatience(wait: timedelta) -> errors.ApiError:
    """The answer to a request too many that the plan makes one."""
    return _impatient(Rule(300, _MINUTE, "account"), wait)


def _impatient(rule: Rule, wait: timedelta) -> errors.ApiError:
    whole = max(1, -(-wait // _SECOND))
    return errors.too_many(rule.limit, rule.shown, rule.policy, whole)
