"""The simulated venue behind a line that fails on purpose."""

import threading
from collections.abc import Sequence
from datetime import datetime

from aitrader.kernel.errors import NotSent, OutcomeUnknown
from trading.domain.execution_report import ExecutionReport
from trading.domain.ports import NewOrder
from trading.gateways.sim.gateway import SimGateway
from trading.gateways.sim.rules import SimRules


class Unreachable(SimGateway):
    """Nothing reaches the venue, and that is certain; `attempts` counts, at most a hundred."""

    def __init__(self, rules: SimRules) -> None:
        super().__init__(rules)
        self.attempts = 0

    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        self.attempts += 1
        if self.attempts >= 100:
            raise AssertionError("a hundred attempts and no pause")
        raise NotSent("the line is down")


class Lost(SimGateway):
    """Orders get lost on their way, and nobody can tell."""

    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        raise OutcomeUnknown("no answer")


class DeafToCancels(SimGateway):
    """Cancels are not answered while `deaf`."""

    deaf = True

    def cancel(
        self, *, account: str, instrument: str, cl_ord_id: str, at: datetime
    ) -> ExecutionReport:
        if self.deaf:
            raise OutcomeUnknown("no answer")
        return super().cancel(account=account, instrument=instrument, cl_ord_id=cl_ord_id, at=at)


class Slow(SimGateway):
    """Holds a send until it is let go; `inside` says that one is under way."""

    def __init__(self, rules: SimRules) -> None:
        super().__init__(rules)
        self.inside, self.go = threading.Event(), threading.Event()

    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        self.inside.set()
        assert self.go.wait(10)
        return super().submit(account=account, order=order)
