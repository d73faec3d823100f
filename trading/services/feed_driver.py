"""Releases bars to the simulated market and to the desk at a chosen speed of time.

1. A bar's open is matched at its open, its range at its close; it is recorded right after that,
   and only then may anything be decided on it.
2. The market waits for the desk, a few seconds at most: until every strategy has decided the last
   bar and nothing is left to send, so that any speed gives the fills of an endlessly fast desk.
3. Fed again from where the database stands it goes on as if it had never stopped.
4. It sends nothing and, once it has started, decides nothing: it wakes those who do.
5. Bars that nobody was there for are recorded and matched, but not decided on.
6. A market in real time tells its bars while they run: what comes during one is filled at the
   price of that moment, what rests at the open or the range.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Event

import structlog

from aitrader.kernel import crash
from aitrader.kernel.clock import Clock, Moment, monotonic
from aitrader.kernel.topics import Task
from trading.domain.bar import Bar
from trading.domain.ports import Gateway, MatchingEngine
from trading.selectors.desk import Desk
from trading.services import exit_watch, feeds, pairs, stop_watch, turns, warmup
from trading.services.bar_steps import Step

Wake = Callable[[Task], None]

#: How often orders that came after the open are looked for while a bar runs.
ARRIVALS_SECONDS = 0.05
#: Looking costs the desk some of its time: soon at first, then less and less often.
_FIRST_LOOK_SECONDS = 0.005
_LAST_LOOK_SECONDS = 0.04
_PATIENCE_SECONDS = 4.0
#: Once a desk was given up on, until it is seen quiet again.
_SHORT_PATIENCE_SECONDS = 0.25

log = structlog.get_logger(__name__)


class FeedDriver:
    """Drives one feed. `speed` is market time over wall time; None is as fast as the desk goes."""

    def __init__(
        self,
        *,
        desk: Desk,
        gateway: Gateway,
        engine: MatchingEngine,
        wake: Wake,
        wall: Clock,
        stop: Event,
        speed: Decimal | None,
    ) -> None:
        self._desk = desk
        self._gateway = gateway
        self._engine = engine
        self._wake = wake
        self._wall = wall
        self._stop = stop
        self._pace = 0.0 if speed is None else desk.interval / timedelta(seconds=1) / float(speed)
        self._recorded: dict[str, datetime] = {}
        #: Open time of the bars that began already.
        self._begun: dict[str, datetime] = {}
        self._due = 0.0
        self._given_up = False
        self._heard = False

    def run(self, steps: Iterable[Step]) -> bool:
        """Release step after step; True when there are no more, False when asked to stop.

        Raises what reading the steps raises, such as InvalidBar.
        """
        self._resume()
        self._due = monotonic()
        for step in steps:
            if self._stop.is_set():
                return False
            fresh = {
                code: bar
                for code, bar in step.bars.items()
                if code not in self._recorded or bar.open_time > self._recorded[code]
            }
            if step.running:
                self._run_on(step.open_time, fresh)
            elif fresh:
                self._release(step, fresh)
            elif not step.bars:
                warmup.note_faults(self._desk, step, self._at(step.open_time))
        return not self._stop.is_set()

    def _resume(self) -> None:
        desk = self._desk
        desk.refresh_bars()
        for code, row in warmup.by_code(desk).items():
            last = desk.bars.last(desk.feed.pk, row.pk)
            if last is not None:
                self._recorded[code] = last.open_time
                self._engine.prime(code, last)
        desk.feed.refresh_from_db(fields=["market_at"])
        if desk.feed.market_at is None:
            return
        # Whoever died here may have settled without aligning, which no row shows: a desk like
        # that looks quiet, and the market would go on over a position without protection.
        with turns.alone(desk.account.pk):
            at = self._at(desk.feed.market_at)
            turns.turn(desk=desk, gateway=self._gateway, at=at)
        self._wake(Task.ROUTE)
        self._await_quiet()

    def _release(self, step: Step, bars: Mapping[str, Bar]) -> None:
        warmup.note_faults(self._desk, step, self._at(step.open_time))
        closed_at = self._at(max(bar.close_time for bar in bars.values()))
        if warmup.is_warming(self._desk, bars):
            warmup.warm(self._desk, bars, closed_at)
            for code, bar in bars.items():
                self._engine.prime(code, bar)
            self._due = monotonic()
        elif step.missed:
            self._pass_over(bars, closed_at)
        elif not self._trade(bars, closed_at):
            return
        for code, bar in bars.items():
            self._recorded[code] = bar.open_time

    def _pass_over(self, bars: Mapping[str, Bar], closed_at: Moment) -> None:
        with turns.alone(self._desk.account.pk):
            self._engine.open_phase(bars)
            self._engine.range_phase(bars)
            warmup.warm(self._desk, bars, closed_at)
        self._wake(Task.SETTLE)
        self._await_quiet()

    def _run_on(self, open_time: datetime, bars: Mapping[str, Bar]) -> None:
        """Bars that are not over: the first word of each is its open."""
        if not self._heard:
            feeds.hear(feed_id=self._desk.feed.pk, now=self._wall.now())
            self._heard = True
        if not bars or warmup.is_warming(self._desk, bars):
            return
        begin = {code: bar for code, bar in bars.items() if self._begun.get(code) != open_time}
        if begin and self._engine.open_phase(begin):
            self._wake(Task.SETTLE)
        self._begun |= dict.fromkeys(begin, open_time)
        self._engine.run_on(bars)
        self._match_arrivals()
        rows = warmup.by_code(self._desk)
        prices = {rows[code].pk: bar.close for code, bar in bars.items()}
        # Nothing is recorded of a bar that runs: the market's time is the last close.
        at = self._at(self._desk.feed.market_at or open_time)
        reached = exit_watch.watch(desk=self._desk, prices=prices, at=at)
        reached += pairs.look(desk=self._desk, prices=prices, at=at)
        if reached + stop_watch.look(desk=self._desk, prices=prices, at=at):
            self._wake(Task.SETTLE)

    def _trade(self, bars: Mapping[str, Bar], closed_at: Moment) -> bool:
        """Let one bar happen; False when asked to stop before its close."""
        self._stop.wait(max(0.0, self._due - monotonic()))
        if self._stop.is_set():
            return False
        begin = {code: bar for code, bar in bars.items() if self._begun.get(code) != bar.open_time}
        if begin and self._engine.open_phase(begin):
            self._wake(Task.SETTLE)
        # A stall is made up for by one bar at most, or the desk would be rushed afterwards.
        self._due = max(self._due + self._pace, monotonic() - self._pace)
        while (left := self._due - monotonic()) > 0:
            if self._stop.wait(min(ARRIVALS_SECONDS, left)):
                return False
            self._match_arrivals()
        self._await_quiet()
        if self._stop.is_set():
            return False
        # No turn may begin between the two: it would settle the range at the bar's open.
        with turns.alone(self._desk.account.pk):
            self._engine.range_phase(bars)
            crash.point("feed.range_matched")
            warmup.record(self._desk, bars, Moment(closed_at.market, self._wall.now()))
        crash.point("feed.recorded")
        # Deciding settles first: what the range filled needs no message of its own.
        self._wake(Task.DECIDE)
        self._await_quiet()
        return True

    def _match_arrivals(self) -> int:
        written = self._engine.match_arrivals()
        if written:
            self._wake(Task.SETTLE)
        return written

    def _await_quiet(self) -> None:
        """Hold the market until the desk has nothing left to do, or patience ends."""
        patience = _SHORT_PATIENCE_SECONDS if self._given_up else _PATIENCE_SECONDS
        deadline = monotonic() + patience
        look = _FIRST_LOOK_SECONDS
        while not self._stop.is_set():
            if turns.is_quiet(desk=self._desk, gateway=self._gateway):
                self._given_up = False
                if not self._match_arrivals():
                    return
                look = _FIRST_LOOK_SECONDS
            elif monotonic() > deadline:
                if not self._given_up:
                    log.warning(
                        "feed.desk_behind", feed=self._desk.feed.code, waited_seconds=patience
                    )
                self._given_up = True
                return
            self._stop.wait(look)
            look = min(2 * look, _LAST_LOOK_SECONDS)

    def _at(self, market: datetime) -> Moment:
        return Moment(market=market, wall=self._wall.now())
