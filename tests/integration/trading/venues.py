"""The simulated venue behind a line that fails on purpose."""

import threading
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal as D

from aitrader.kernel.errors import GatewayError, NotSent, OutcomeUnknown
from trading.domain.execution_report import ExecutionReport, StreamedReport
from trading.domain.ports import ClientIdClass, NewOrder, OpenOrder, VenueTrade
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


class Says(SimGateway):
    """A venue whose stream does not tell everything. Tells `stream`, `rests`, `traded` and `held`
    (of each look the next, then the last again), or fails with `error`; `asked` notes the calls
    about orders."""

    capabilities = replace(SimGateway.capabilities, streams=False)

    def __init__(self, rules: SimRules) -> None:
        super().__init__(rules)
        self.stream: list[ExecutionReport] = []
        self.rests: list[OpenOrder] = []
        self.traded: list[VenueTrade] = []
        self.held: list[dict[str, D]] = []
        self.error: GatewayError | None = None
        self.asked: list[str] = []

    def executions(self, *, account: str, after: int, limit: int) -> Sequence[StreamedReport]:
        told = [StreamedReport(at, report) for at, report in enumerate(self.stream, start=100_000)]
        return [each for each in told if each.seq > after]

    def open_orders(
        self, *, account: str, instruments: Collection[str] = ()
    ) -> Sequence[OpenOrder]:
        self.asked.append(f"open orders of {' '.join(instruments) or 'all'}")
        if self.error:
            raise self.error
        return self.rests

    def query(
        self, *, account: str, instrument: str, cl_ord_id: str
    ) -> Sequence[ExecutionReport] | None:
        self.asked.append("query")
        if self.error:
            raise self.error
        return super().query(account=account, instrument=instrument, cl_ord_id=cl_ord_id)

    def cancel(self, **asked: object) -> ExecutionReport:
        self.asked.append("cancel")
        return super().cancel(**asked)  # type: ignore[arg-type]  # as the port has it

    def trades(self, *, account: str, instrument: str, since: datetime) -> Sequence[VenueTrade]:
        return self.traded

    def balances(self, *, account: str) -> dict[str, D]:
        if not self.held:
            return super().balances(account=account)
        found = self.held.pop(0) if len(self.held) > 1 else self.held[0]
        return super().balances(account=account) | found
