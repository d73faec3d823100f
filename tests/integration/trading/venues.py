"""The simulated venue behind a line that fails on purpose."""

import threading
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from aitrader.kernel.errors import NotSent, OutcomeUnknown
from trading.domain.execution_report import ExecutionReport
from trading.domain.ports import ClientIdClass, NewOrder, OpenOrder
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


class OpenOnly(SimGateway):
    """A venue that knows a client order id only while its order is open, and whose reads lag.

    `lost`: requests do not arrive; else they arrive and are not answered. `shows` says whether the
    reads have caught up. `asked` notes the calls.
    """

    capabilities = replace(SimGateway.capabilities, client_id_class=ClientIdClass.OPEN_ONLY)

    def __init__(self, rules: SimRules, *, lost: bool) -> None:
        super().__init__(rules)
        self._lost = lost
        self.shows = False
        self.asked: list[str] = []

    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        self.asked.append("submit")
        if not self._lost:
            super().submit(account=account, order=order)
        raise OutcomeUnknown("no answer")

    def query(
        self, *, account: str, instrument: str, cl_ord_id: str
    ) -> Sequence[ExecutionReport] | None:
        self.asked.append("query")
        if not self.shows:
            return None
        return super().query(account=account, instrument=instrument, cl_ord_id=cl_ord_id)

    def open_orders(
        self, *, account: str, instruments: Collection[str] = ()
    ) -> Sequence[OpenOrder]:
        return super().open_orders(account=account) if self.shows else []

    def cancel(
        self, *, account: str, instrument: str, cl_ord_id: str, at: datetime
    ) -> ExecutionReport:
        self.asked.append("cancel")
        return super().cancel(account=account, instrument=instrument, cl_ord_id=cl_ord_id, at=at)
