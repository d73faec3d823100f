"""Bars of an exchange in real time, by asking again and again: the library has no stream.

1. What trading/gateways/live_bars.py promises of finished bars holds here, without a line that
   could break: a round of questions begins where the last one ended.
2. A bar is finished when its time was over before it was asked for, by the venue's clock.
3. A venue that does not answer, or not with bars, is asked again later, and later still. Every
   answer is a word of the line.
"""

import random
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from threading import Event
from typing import Any

import structlog

from aitrader.kernel.clock import EPOCH, from_millis, monotonic, to_millis
from aitrader.kernel.errors import BadInput, GatewayError
from aitrader.kernel.money import amount
from trading.domain.bar import Bar, interval_name
from trading.gateways.generic.connection import Connection
from trading.gateways.live_bars import LiveBars
from trading.services.bar_steps import Step

#: Between two rounds of questions: a twelfth of the interval within these bounds.
_SHORTEST_SECONDS, _LONGEST_SECONDS = 1.0, 15.0
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 15.0
_PAGE = 500

log = structlog.get_logger(__name__)


class Candles(LiveBars):
    """`symbols` are the library's. Raises BadInput for an interval that the exchange lacks."""

    def __init__(
        self,
        connection: Connection,
        symbols: Mapping[str, str],
        interval: timedelta,
        *,
        history_bars: int,
    ) -> None:
        super().__init__(symbols, interval, history_bars=history_bars, url="")
        self.venue = connection.exchange
        self._connection = connection
        self._name = interval_name(interval)
        if self._name not in connection.timeframes or not connection.has("fetchOHLCV"):
            raise BadInput(f"{connection.exchange} has no bars of {self._name}")
        self._round = min(max(interval.total_seconds() / 12, _SHORTEST_SECONDS), _LONGEST_SECONDS)
        self._page_bars = min(_PAGE, int(connection.feature("fetchOHLCV").get("limit") or _PAGE))
        #: Bars that had begun and were not over when they were asked for, by symbol.
        self._running: dict[str, Bar] = {}

    def steps(self, stop: Event) -> Iterator[Step]:
        """Steps until `stop` is set; faults of the line are waited out."""
        pause = _FIRST_PAUSE_SECONDS
        while not stop.is_set():
            try:
                yield from self._caught_up()
                yield from self._under_way()
                pause = _FIRST_PAUSE_SECONDS
                stop.wait(self._round)
            except (GatewayError, OSError) as error:
                log.warning("bars.line_broken", venue=self.venue, error=str(error)[:200])
                # Not all clients at the same instant.
                stop.wait(pause * random.uniform(0.5, 1.0))
                pause = min(_LONGEST_PAUSE_SECONDS, 2 * pause)

    def _under_way(self) -> Iterator[Step]:
        """Nothing of a later bar before the finished one has gone out."""
        for symbol, bar in self._running.items():
            code = self._codes[symbol]
            if self._last.get(code) in (None, bar.open_time - self._interval):
                yield Step(bar.open_time, {code: bar}, running=True)

    def _now(self) -> datetime:
        return self._connection.now()

    def _read(self, message: str | bytes) -> tuple[str, Bar, bool] | None:
        """There is no stream."""
        return None

    def _history_of(self, symbol: str, last: datetime | None, count: int) -> list[Bar]:
        start = self._beginning(count) if last is None else last + self._interval
        found: list[Bar] = []
        self._running.pop(symbol, None)
        while True:
            # What was over before it was asked for is finished.
            now = self._now()
            page = self._page(symbol, start)
            found += [bar for bar in page if bar.close_time <= now]
            if page and page[-1].close_time > now:
                self._running[symbol] = page[-1]
            if not page or page[-1].close_time > now - self._interval:
                return found
            start = page[-1].close_time

    def _beginning(self, count: int) -> datetime:
        """Where the last so many bars begin."""
        now = self._now()
        return now - (now - EPOCH) % self._interval - count * self._interval

    def _page(self, symbol: str, start: datetime) -> list[Bar]:
        rows = self._connection.call(
            lambda client: client.fetch_ohlcv(symbol, self._name, to_millis(start), self._page_bars)
        )
        bars = {bar.open_time: bar for bar in map(self._bar, rows)}
        self._heard_at = monotonic()
        # Some venues answer from an earlier bar on than they were asked.
        return [bars[at] for at in sorted(bars) if at >= start]

    def _bar(self, row: list[Any]) -> Bar:
        return Bar(from_millis(int(row[0])), self._interval, *map(amount, row[1:6]))
