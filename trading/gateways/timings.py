"""How long calls to venues take, counted in this process.

1. Every call of a gateway that the registry connects is timed at this one place. On the way to a
   venue nothing is written to the database: whoever runs the gateway writes a summary down now and
   then (trading/tasks/figures.py).
2. A call that ends with an error has taken its time, too; one that was not sent has taken none.
3. The last `KEPT` calls of a kind are looked at, whenever they were.
"""

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from threading import Lock
from typing import Any, TypeVar

from aitrader.kernel.clock import monotonic
from aitrader.kernel.errors import NotSent
from trading.domain.ports import Gateway

G = TypeVar("G", bound=Gateway)

KEPT = 500
#: What each call of the port is counted as.
KINDS = {
    "submit": "submit",
    "submit_group": "submit",
    "cancel": "cancel",
    "query": "query",
    "executions": "list",
    "open_orders": "list",
    "trades": "list",
    "balances": "list",
}
_SHARES = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Summary:
    """Calls of one kind at one venue since the process began, and how long the last ones took."""

    venue: str
    kind: str
    calls: int
    p50_ms: int
    p95_ms: int
    p99_ms: int


class Timings:
    """Shared by all threads of a process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._calls: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._last: defaultdict[tuple[str, str], deque[float]] = defaultdict(
            lambda: deque(maxlen=KEPT)
        )

    def note(self, venue: str, kind: str, seconds: float) -> None:
        """Count one call."""
        with self._lock:
            self._calls[(venue, kind)] += 1
            self._last[(venue, kind)].append(seconds)

    def summaries(self) -> list[Summary]:
        """By venue and kind."""
        with self._lock:
            seen = {key: (self._calls[key], list(kept)) for key, kept in self._last.items()}
        return [
            Summary(*key, calls, *(_millis(sorted(kept), share) for share in _SHARES))
            for key, (calls, kept) in sorted(seen.items())
        ]


#: Of this process.
TIMINGS = Timings()


def timed(gateway: G, timings: Timings = TIMINGS) -> G:
    """The same gateway; from now on its calls are counted. Doing it again changes nothing."""
    for name, kind in KINDS.items():
        if hasattr(type(gateway), name) and name not in vars(gateway):
            setattr(gateway, name, _counted(gateway, name, kind, timings))
    return gateway


def _counted(gateway: Gateway, name: str, kind: str, timings: Timings) -> Callable[..., Any]:
    @wraps(getattr(type(gateway), name))
    def call(*args: Any, **named: Any) -> Any:
        began = monotonic()
        try:
            # Looked up each time: the class is the gateway's, this is only its clock.
            answer = getattr(type(gateway), name)(gateway, *args, **named)
        except NotSent:
            raise
        except BaseException:
            timings.note(gateway.venue, kind, monotonic() - began)
            raise
        timings.note(gateway.venue, kind, monotonic() - began)
        return answer

    return call


def _millis(ordered: list[float], share: int) -> int:
    """The nearest rank, rounded up: a call that took any time took a millisecond."""
    at = max(0, -(-len(ordered) * share // 100) - 1)
    return -int(-ordered[at] * 1000 // 1)
