"""The venue's private stream inside a simulation: reports as they happen, more or less.

1. A report is lost, doubled, late or overtaken as the plan says; while a connection is cut or
   silent all are lost. What was told once is never taken back.
2. A connection that is cut is made anew at once, a silent one when its silence is noticed; both may
   begin with reports of the past.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from trading.domain.execution_report import ExecutionReport
from trading.sandbox import inside_reports
from trading.sandbox.events import Event, OrderEvent
from trading.sandbox.stage import Stage

_NEVER = timedelta(days=365)
_AGAIN, _NOTICED = timedelta(seconds=2), timedelta(seconds=35)


class HintStream:
    """A listener of the exchange; `sent` are the client ids of the desk's orders, `told` is what
    has reached it so far."""

    def __init__(
        self, stage: Stage, account: str, codes: Mapping[str, str], sent: Collection[str]
    ) -> None:
        self._stage = stage
        self._account = account
        self._codes = codes
        self._sent = sent
        self._number = 0
        self._past: list[ExecutionReport] = []
        #: When each is told; those of one instant in the order in which they came.
        self._coming: list[tuple[datetime, int, ExecutionReport]] = []
        self._dead_from = self._alive_from = stage.now()
        self.told: list[ExecutionReport] = []

    def __call__(self, event: Event) -> None:
        """Take in what happened at the exchange."""
        if not isinstance(event, OrderEvent) or event.order.account != self._account:
            return
        if event.order.cl_ord_id not in self._sent:
            # A stream speaks of other hands too; what they did is read, not heard.
            return
        for report in inside_reports.of_event(event, self._codes[event.order.instrument]):
            self._number += 1
            self._past.append(report)
            if self._dead_from <= event.at < self._alive_from:
                continue
            fate = self._stage.plan.event(self._account, self._number, self._stage.elapsed())
            # Without a clock of its own, what is overtaken comes a little later.
            at = event.at + fate.delay + timedelta(seconds=fate.overtaken_by)
            self._coming += [(at, self._number, report)] * fate.copies

    def deliver(self) -> None:
        """Tell what has come by now, and connect anew where that is due."""
        now = self._stage.now()
        if now >= self._alive_from:
            self._connect(now)
        due = sorted((each for each in self._coming if each[0] <= now), key=lambda each: each[:2])
        if due:
            self._coming = [each for each in self._coming if each[0] > now]
            self.told += [report for _, _, report in due]

    def _connect(self, now: datetime) -> None:
        fate = self._stage.next_connection()
        silent, cut = fate.silent_after or _NEVER, fate.cut_after or _NEVER
        self._dead_from = now + min(silent, cut)
        self._alive_from = self._dead_from + (_NOTICED if silent < cut else _AGAIN)
        if fate.replay:
            self.told += self._past[-fate.replay :]
