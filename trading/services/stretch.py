"""Quiet stretches: closes at which nothing happens are written down together.

1. A close is quiet when nothing is left to do, no bar is extreme, no order fills and no strategy
   changes its stance. All it leaves are bars, a point of equity and how far the cursors are.
2. They are written before anything else is. A process that dies before that is fed them again.
3. The rows are those that one close at a time would have left.
"""

from collections.abc import Mapping

from aitrader.kernel.clock import Moment
from trading.domain.bar import Bar
from trading.domain.ports import MatchingEngine
from trading.models import InstrumentRow
from trading.selectors import sql
from trading.selectors.desk import Desk
from trading.services import alignment, decide, market_data, warmup
from trading.services.decide import Cursor
from trading.services.monitor import Monitor

#: Closes that wait at most, which is also what is lost and fed again after a crash.
LONGEST = 250


class Stretch:
    """For a loop that is alone with the account and the venue's books."""

    def __init__(self, desk: Desk, engine: MatchingEngine, monitor: Monitor) -> None:
        self._desk = desk
        self._engine = engine
        self._monitor = monitor
        self._cursors: list[Cursor] | None = None
        self._bars: list[tuple[InstrumentRow, Bar]] = []
        #: How many closes wait.
        self.closes = 0
        self._at: Moment | None = None

    def take(self, bars: Mapping[str, Bar], at: Moment) -> bool:
        """Pass by one close. False, with all that waited written, when it is not quiet."""
        if not self._is_quiet(bars):
            self.end()
            self._cursors = None
            return False
        self._engine.pass_by(bars)
        self._monitor.note(at)
        self.closes, self._at = self.closes + 1, at
        if self.closes == LONGEST:
            self.end()
        return True

    def end(self) -> None:
        """Write what waits."""
        if self._at is None or self._cursors is None:
            return
        self._engine.keep_trailed()
        with sql.atomic():
            market_data.record(feed=self._desk.feed, bars=self._bars, at=self._at)
            self._monitor.write()
            decide.move(self._cursors)
        self._bars, self.closes, self._at = [], 0, None

    def _is_quiet(self, bars: Mapping[str, Bar]) -> bool:
        desk, rows = self._desk, warmup.by_code(self._desk)
        pairs = [(rows[code], bar) for code, bar in bars.items()]
        if self._cursors is None:
            if alignment.is_restless(desk=desk):
                return False
            self._cursors = decide.enabled(desk)
        if any(bar.exceeds(row.max_bar_range) for row, bar in pairs):
            return False
        if not self._engine.fills_nothing(bars):
            return False
        for row, bar in pairs:
            desk.bars.append(desk.feed.pk, row.pk, bar)
        changes = [self._change(cursor, bar) for row, bar in pairs for cursor in self._on(row)]
        if any(changes):
            return False
        for row, bar in pairs:
            for cursor in self._on(row):
                cursor.last_open_time = bar.open_time
        self._bars += pairs
        return True

    def _on(self, row: InstrumentRow) -> list[Cursor]:
        known = self._desk.strategies
        return [
            cursor
            for cursor in self._cursors or ()
            if cursor.instrument_id == row.pk and cursor.version_id in known
        ]

    def _change(self, cursor: Cursor, bar: Bar) -> bool:
        """Whether the strategy changes its stance at this bar, or has others to decide first."""
        undecided = self._desk.bars.after(
            self._desk.feed.pk, cursor.instrument_id, cursor.last_open_time
        )
        return len(undecided) != 1 or decide.change_at(self._desk, cursor, bar) is not None
