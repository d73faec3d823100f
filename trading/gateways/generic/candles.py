"""Bars of an exchange in real time, by asking again and again.

1. A finished bar comes once, in order of time per instrument. One that was over for more than an
   interval before it came is `missed`; what the venue does not have any more is a gap.
2. A bar is finished when its time was over before it was asked for, by the venue's clock.
3. A bar counts as told when its step has gone out, no earlier.
4. A venue that does not answer, or not with bars, is asked again later, and later still.
"""

import random
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from threading import Event
from typing import Any

import structlog

from aitrader.kernel.clock import from_millis, to_millis
from aitrader.kernel.errors import BadInput, GatewayError
from aitrader.kernel.money import amount
from trading.domain.bar import Bar, interval_name
from trading.gateways.generic.connection import Connection
from trading.services.bar_steps import Gap, Step

#: Between two rounds of questions: a twelfth of the interval within these bounds.
_SHORTEST_SECONDS, _LONGEST_SECONDS = 1.0, 15.0
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0
_PAGE = 500
#: What reading something that is not a bar raises.
_UNREADABLE = (BadInput, LookupError, TypeError, ValueError, ArithmeticError, AttributeError)

log = structlog.get_logger(__name__)


class _Unreadable(OSError):
    """The venue, or whoever answers in its place, sent what is no bar."""


class Candles:
    """The bars of some instruments, by code; `symbols` names them as the library does. Raises
    BadInput for an interval that the exchange does not have."""

    def __init__(
        self,
        connection: Connection,
        symbols: Mapping[str, str],
        interval: timedelta,
        *,
        history_bars: int,
    ) -> None:
        self._connection = connection
        self._symbols = dict(symbols)
        self._interval = interval
        self._name = interval_name(interval)
        if self._name not in connection.timeframes or not connection.has("fetchOHLCV"):
            raise BadInput(f"{connection.exchange} has no bars of {self._name}")
        self._history = history_bars
        self._round = min(max(interval.total_seconds() / 12, _SHORTEST_SECONDS), _LONGEST_SECONDS)
        #: Open time of the last finished bar that went out.
        self._last: dict[str, datetime] = {}

    def resume(self, last: Mapping[str, datetime]) -> None:
        """Begin after these bars, named by code and open time; call it before `steps`."""
        self._last |= {code: at for code, at in last.items() if code in self._symbols}

    def steps(self, stop: Event) -> Iterator[Step]:
        """Steps until `stop` is set; faults of the line are waited out."""
        pause = _FIRST_PAUSE_SECONDS
        while not stop.is_set():
            try:
                yield from self._look()
                pause = _FIRST_PAUSE_SECONDS
                stop.wait(self._round)
            except (GatewayError, OSError) as error:
                venue = self._connection.exchange
                log.warning("candles.line_broken", venue=venue, error=str(error)[:200])
                # Not all clients at the same instant.
                stop.wait(pause * random.uniform(0.5, 1.0))
                pause = min(_LONGEST_PAUSE_SECONDS, 2 * pause)

    def _look(self) -> Iterator[Step]:
        """One round of questions."""
        finished: dict[datetime, dict[str, Bar]] = {}
        running: dict[datetime, dict[str, Bar]] = {}
        for code, symbol in self._symbols.items():
            for bar, over in self._news(symbol, self._last.get(code)):
                (finished if over else running).setdefault(bar.open_time, {})[code] = bar
        for open_time in sorted(finished):
            missed = self._connection.now() - open_time > 2 * self._interval
            yield self._told(open_time, finished[open_time], missed=missed)
        for open_time in sorted(running):
            bars = {
                code: bar
                for code, bar in running[open_time].items()
                if self._last.get(code) in (None, open_time - self._interval)
            }
            if bars:
                yield Step(open_time, bars, running=True)

    def _told(self, open_time: datetime, bars: dict[str, Bar], *, missed: bool) -> Step:
        step = Step(open_time, bars, missed=missed)
        for code in bars:
            last = self._last.get(code)
            if last is not None and open_time > last + self._interval:
                missing = (open_time - last) // self._interval - 1
                step.gaps.append((code, Gap(last + self._interval, missing)))
        self._last |= dict.fromkeys(bars, open_time)
        return step

    def _news(self, symbol: str, last: datetime | None) -> list[tuple[Bar, bool]]:
        """Bars after the last one, oldest first, and whether each is over."""
        start = last + self._interval if last else self._beginning()
        found: list[tuple[Bar, bool]] = []
        while True:
            # What was over before it was asked for is finished.
            now = self._connection.now()
            page = self._page(symbol, start)
            found += [(bar, bar.close_time <= now) for bar in page]
            if not page or page[-1].close_time > now:
                break
            start = page[-1].close_time
        return found if last else found[-self._history - 1 :]

    def _beginning(self) -> datetime:
        """Where a history of so many bars begins."""
        now = self._connection.now()
        opened = from_millis(to_millis(now) - to_millis(now) % (self._interval // _MILLISECOND))
        return opened - self._history * self._interval

    def _page(self, symbol: str, start: datetime) -> list[Bar]:
        rows = self._connection.call(
            lambda client: client.fetch_ohlcv(symbol, self._name, to_millis(start), _PAGE)
        )
        try:
            bars = {bar.open_time: bar for bar in (self._bar(row) for row in rows)}
        except _UNREADABLE as error:
            raise _Unreadable(f"a bar cannot be read: {type(error).__name__}: {error}") from error
        # Some venues answer from an earlier bar on than they were asked.
        return [bars[at] for at in sorted(bars) if at >= start]

    def _bar(self, row: list[Any]) -> Bar:
        return Bar(from_millis(int(row[0])), self._interval, *map(amount, row[1:6]))


_MILLISECOND = timedelta(milliseconds=1)
