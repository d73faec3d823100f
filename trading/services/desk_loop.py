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
from trading.domain.bar import Bar
from trading.domain.ports import Gateway, MatchingEngine
from trading.selectors import sql
from trading.selectors.desk import Desk
from trading.services import alignment, decide, executions, reconciliation, routing, warmup
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
        self._recorded: dict[str, datetime] = {}

    def resume(self) -> None:
        """Take up what the database holds: bars, then orders that a dead process left behind."""
        desk = self._desk
        desk.refresh_bars()
        for code, row in warmup.by_code(desk).items():
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
        if fresh or not step.bars:
            warmup.note_faults(self._desk, step, self._at(step.open_time))
        if not fresh:
            return
        if warmup.is_warming(self._desk, fresh):
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
            warmup.record(self._desk, bars, at)
            self._monitor.value(at)
            signals = decide.run(desk=self._desk, at=at)
        crash.point("loop.decided")
        if reports or signals or alignment.is_restless(desk=self._desk):
            self._settle(at)

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

    def _warm(self, bars: Mapping[str, Bar]) -> None:
        at = self._at(max(bar.close_time for bar in bars.values()))
        warmup.warm(self._desk, bars, at)
        for code, bar in bars.items():
            self._engine.prime(code, bar)

    def _at(self, market: datetime) -> Moment:
        return Moment(market=market, wall=self._wall.now())
