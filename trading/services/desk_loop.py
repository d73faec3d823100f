"""The road in one thread: a step of bars through venue, books, strategies and back to the venue.

The same services run as tasks in the live desk; here they are called in one fixed order, so that
the same bars and seed give the same rows.

1. At a bar's open the venue fills what waited; what follows from the fills happens at that open.
2. At its close the venue tests resting orders against the range before anything is decided.
3. Fed again from where the database stands, the loop goes on as if it had never stopped.
"""

from collections.abc import Mapping
from datetime import datetime

from aitrader.kernel import crash
from aitrader.kernel.clock import Clock, Moment
from aitrader.kernel.money import ZERO
from trading.domain.bar import Bar
from trading.domain.ports import Gateway, MatchingEngine
from trading.models import BarRow, InstrumentRow, StrategyCursor
from trading.selectors import sql
from trading.selectors.account_state import AccountState
from trading.selectors.desk import VOLATILITY_BARS, Desk
from trading.services import alignment, decide, executions, market_data, reconciliation, routing
from trading.services.bar_steps import Step
from trading.services.monitor import Monitor

#: A cycle that never gets quiet is a fault, not patience.
_MOST_ROUNDS = 50


class DeskLoop:
    """Drives one account's desk."""

    def __init__(
        self, *, desk: Desk, gateway: Gateway, engine: MatchingEngine, wall: Clock
    ) -> None:
        self._desk = desk
        self._gateway = gateway
        self._engine = engine
        self._wall = wall
        self._monitor = Monitor(desk)
        self._by_code: dict[str, InstrumentRow] = {
            row.code: row for row in desk.instruments.values()
        }
        self._recorded: dict[str, datetime] = {}
        self.peak = ZERO
        self.max_drawdown = ZERO
        self.state: AccountState | None = None

    @property
    def warmup_bars(self) -> int:
        """Bars per instrument that are recorded before the first decision."""
        needed = [each.warmup for each in self._desk.strategies.values()]
        return max([*needed, VOLATILITY_BARS + 1])

    def resume(self) -> None:
        """Take up what the database holds: bars, then orders that a dead process left behind."""
        desk = self._desk
        desk.refresh_bars()
        for code, row in self._by_code.items():
            last = desk.bars.last(desk.feed.pk, row.pk)
            if last is not None:
                self._recorded[code] = last.open_time
                self._engine.prime(code, last)
        if desk.feed.market_at is not None and self._recorded:
            at = self._at(desk.feed.market_at)
            reconciliation.recover(desk=desk, gateway=self._gateway, at=at)
            self._settle(at)

    def run(self, step: Step) -> None:
        """One step; a step that was recorded before is passed over."""
        fresh = {
            code: bar
            for code, bar in step.bars.items()
            if code not in self._recorded or bar.open_time > self._recorded[code]
        }
        if not fresh:
            return
        self._note_faults(step)
        if self._warming(fresh):
            self._warm(fresh)
        else:
            self._open(step.open_time, fresh)
            self._close(fresh)
        for code, bar in fresh.items():
            self._recorded[code] = bar.open_time

    def _open(self, open_time: datetime, bars: Mapping[str, Bar]) -> None:
        at = self._at(open_time)
        if self._engine.open_phase(bars):
            self._drain(at)
            self._settle(at)

    def _close(self, bars: Mapping[str, Bar]) -> None:
        at = self._at(max(bar.close_time for bar in bars.values()))
        reports = self._engine.range_phase(bars)
        crash.point("loop.range_matched")
        if reports:
            self._drain(at)
        with sql.atomic():
            self._record(bars, at)
            self._value(at)
            signals = decide.run(desk=self._desk, at=at)
        crash.point("loop.decided")
        if reports or signals:
            self._settle(at)

    def _record(self, bars: Mapping[str, Bar], at: Moment) -> None:
        pairs = [(self._by_code[code], bar) for code, bar in bars.items()]
        market_data.record(feed=self._desk.feed, bars=pairs, at=at)
        for row, bar in pairs:
            self._desk.bars.append(self._desk.feed.pk, row.pk, bar)

    def _settle(self, at: Moment) -> None:
        """Settle, align and send until nothing more follows at this instant."""
        for _ in range(_MOST_ROUNDS):
            alignment.align_all(desk=self._desk, at=at)
            sent = routing.send_all(desk=self._desk, gateway=self._gateway, at=at)
            sent += reconciliation.resolve(desk=self._desk, gateway=self._gateway, at=at)
            crash.point("loop.routed")
            if not sent:
                return
            self._engine.match_arrivals()
            self._drain(at)
        raise RuntimeError(f"the desk did not get quiet at {at.market}")

    def _drain(self, at: Moment) -> int:
        settled = executions.drain(desk=self._desk, gateway=self._gateway, at=at)
        if settled:
            self._monitor.holdings_changed()
        return settled

    def _value(self, at: Moment) -> None:
        self.state = self._monitor.value(at)
        if self.state.equity is None:
            return
        self.peak = max(self.peak, self.state.equity)
        if self.peak > 0:
            fallen = (self.peak - self.state.equity) / self.peak
            self.max_drawdown = max(self.max_drawdown, fallen)

    def _warming(self, bars: Mapping[str, Bar]) -> bool:
        counts = [
            self._desk.bars.count(self._desk.feed.pk, self._by_code[code].pk) for code in bars
        ]
        return min(counts) < self.warmup_bars

    def _warm(self, bars: Mapping[str, Bar]) -> None:
        """Record history: no decision is made on it, and cursors move past it."""
        at = self._at(max(bar.close_time for bar in bars.values()))
        with sql.atomic():
            self._record(bars, at)
            for code, bar in bars.items():
                StrategyCursor.objects.filter(
                    version__strategy__account=self._desk.account,
                    instrument=self._by_code[code],
                ).update(last_open_time=bar.open_time)
        for code, bar in bars.items():
            self._engine.prime(code, bar)

    def _note_faults(self, step: Step) -> None:
        at = self._at(step.open_time)
        for code, row in step.quarantined:
            repeated = market_data.Repeated(
                self._by_code[code], row.open_time, row.line, row.identical
            )
            market_data.quarantine(feed=self._desk.feed, row=repeated, at=at)
        for code, gap in step.gaps:
            market_data.note_gap(
                feed=self._desk.feed,
                instrument=self._by_code[code],
                first_missing=gap.first_missing,
                bars=gap.bars,
                at=at,
            )

    def _at(self, market: datetime) -> Moment:
        return Moment(market=market, wall=self._wall.now())

    def bars_recorded(self) -> int:
        """All bars of the feed, history included."""
        return BarRow.objects.filter(feed=self._desk.feed).count()
