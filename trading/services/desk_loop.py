"""The road in one thread: a step of bars through venue, books, strategies and back to the venue.

The same services run as tasks in the live desk; here they are called in one fixed order, so that
the same bars and seed give the same rows.

1. At a bar's open the venue fills what waited; what follows from the fills happens at that open.
2. At its close the venue tests resting orders against the range before anything is decided.
3. Fed again from where the database stands, the loop goes on as if it had never stopped.
4. Played as a whole, closes at which nothing happens are written together (see stretch.py).
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from aitrader.kernel import crash
from aitrader.kernel.clock import Clock, Moment
from trading.domain.bar import Bar
from trading.domain.ports import Gateway, MatchingEngine
from trading.selectors import sql
from trading.selectors.desk import Desk
from trading.services import (
    alignment,
    decide,
    executions,
    exit_watch,
    reconciliation,
    routing,
    warmup,
)
from trading.services.bar_steps import Step
from trading.services.monitor import Monitor
from trading.services.stretch import Stretch

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
        self._stretch = Stretch(desk, engine, self._monitor)
        self._recorded: dict[str, datetime] = {}
        #: When orders were last taken: the stream repeats the answers that are settled already.
        self._unread: Moment | None = None

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

    def play(self, steps: Iterable[Step]) -> None:
        """Every step, for a loop that is alone with the account and the venue's books."""
        for step in steps:
            self._run(step, self._stretch.take)
        self._stretch.end()
        self._read_to_the_end()

    def run(self, step: Step) -> None:
        """One step, written when this returns; one that was recorded before is passed over."""
        self._run(step, None)
        self._read_to_the_end()

    def _run(self, step: Step, passes: Callable[[Mapping[str, Bar], Moment], bool] | None) -> None:
        fresh = {
            code: bar
            for code, bar in step.bars.items()
            if code not in self._recorded or bar.open_time > self._recorded[code]
        }
        if (step.quarantined or step.gaps) and (fresh or not step.bars):
            self._stretch.end()
            warmup.note_faults(self._desk, step, self._at(step.open_time))
        if not fresh:
            return
        if warmup.is_warming(self._desk, fresh):
            self._warm(fresh)
        elif passes is None or not passes(fresh, self._closing(fresh)):
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
        at = self._closing(bars)
        reports = self._engine.range_phase(bars)
        crash.point("loop.range_matched")
        if reports:
            self._drain(at)
        with sql.atomic():
            warmup.record(self._desk, bars, at)
            self._monitor.value(at)
            prices = {pk: mark.px for pk, mark in self._desk.marks().items()}
            left = exit_watch.watch(desk=self._desk, prices=prices, at=at)
            signals = decide.run(desk=self._desk, at=at)
        crash.point("loop.decided")
        if reports or left or signals or alignment.is_restless(desk=self._desk):
            self._settle(at)

    def _settle(self, at: Moment) -> None:
        """Settle, align and send until nothing more follows at this instant."""
        for _ in range(_MOST_ROUNDS):
            alignment.align_all(desk=self._desk, at=at)
            cleared = routing.cancel_all(desk=self._desk, gateway=self._gateway, at=at)
            sent = routing.send_all(desk=self._desk, gateway=self._gateway, at=at)
            cleared += reconciliation.resolve(desk=self._desk, gateway=self._gateway, at=at)
            crash.point("loop.routed")
            if not sent and not cleared:
                return
            self._unread = at
            news = self._engine.match_arrivals() + cleared
            if news:
                self._drain(at)
            elif not alignment.is_restless(desk=self._desk):
                # All that the orders met was a venue that took them.
                return
        raise RuntimeError(f"the desk did not get quiet at {at.market}")

    def _drain(self, at: Moment) -> int:
        self._unread = None
        settled = executions.drain(desk=self._desk, gateway=self._gateway, at=at)
        if settled:
            self._monitor.holdings_changed()
        return settled

    def _read_to_the_end(self) -> None:
        if self._unread is not None:
            self._drain(self._unread)

    def _warm(self, bars: Mapping[str, Bar]) -> None:
        at = self._closing(bars)
        self._stretch.end()
        warmup.warm(self._desk, bars, at)
        for code, bar in bars.items():
            self._engine.prime(code, bar)

    def _closing(self, bars: Mapping[str, Bar]) -> Moment:
        return self._at(max(bar.close_time for bar in bars.values()))

    def _at(self, market: datetime) -> Moment:
        return Moment(market=market, wall=self._wall.now())
