"""Asks the venue of a market in real time again for bars that it did not have.

1. At the start and every ten minutes, for what is missing of the last day, by REST alone.
2. Whatever happens here ends nothing: what could not be had is asked for again.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta

import structlog

from aitrader.kernel.clock import WALL
from aitrader.runtime.beside import Beside
from trading.gateways import registry
from trading.gateways.prices import PublicData
from trading.gateways.sockets import LINE_FAULTS
from trading.models import FeedGap, InstrumentRow
from trading.services import late_bars

EVERY_SECONDS = 600.0

log = structlog.get_logger(__name__)


class LateBars(Beside):
    """`venue` gives the bars of the feed."""

    def __init__(
        self,
        venue: str,
        *,
        feed_id: int,
        interval: timedelta,
        instruments: Mapping[int, InstrumentRow],
    ) -> None:
        super().__init__("late-bars")
        self._venue = venue
        self._feed_id = feed_id
        self._interval = interval
        self._pairs = {row.code: (row.base, row.quote) for row in instruments.values()}
        self._data: PublicData | None = None

    def pause_seconds(self) -> float:
        return EVERY_SECONDS

    def look(self) -> bool:
        by_code: dict[str, list[FeedGap]] = defaultdict(list)
        for gap in late_bars.open_gaps(self._feed_id, WALL.now()):
            by_code[gap.instrument.code].append(gap)
        for code, gaps in by_code.items():
            if self._stopping.is_set():
                return False
            try:
                self._fill(code, gaps)
            except LINE_FAULTS as error:
                log.warning("late_bars.not_told", code=code, error=str(error)[:200])
        return True

    def _fill(self, code: str, gaps: list[FeedGap]) -> None:
        self._data = self._data or registry.public(self._venue)
        symbols = {code: self._data.symbol_of(*self._pairs[code])}
        source = self._data.klines(symbols, self._interval, history_bars=0)
        told = source.after(code, gaps[0].first_missing - self._interval)
        for gap in gaps:
            late_bars.fill(gap=gap, told=told, now=WALL.now())
