"""One process of a simulated account: it may die, stop for a while, and have a wrong clock."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Protocol

from aitrader.kernel.clock import Moment
from aitrader.kernel.errors import GatewayError
from trading.domain.ports import Gateway
from trading.sandbox.audit import Audit
from trading.sandbox.simulated_desk import Books
from trading.sandbox.wire import Process, Wire
from trading.selectors.desk import Desk
from trading.services import executions, external, reconciliation, routing


class Died(BaseException):
    """The process ends here; nothing may catch it on the way."""


class Run(Protocol):
    """The simulation that a process lives in."""

    books: Books
    wire: Wire
    audit: Audit
    deaths: int

    def connect(self, process: Process) -> Gateway:
        """The process's own way to the venue."""
        ...

    def now(self) -> datetime: ...

    def passed(self) -> timedelta:
        """Since the run began."""
        ...

    def is_time_to_reconcile(self) -> bool: ...

    def may_die(self, where: str) -> None: ...

    def may_stop(self, process: "SimulatedProcess", where: str) -> None: ...

    def may_come_late(self, process: "SimulatedProcess") -> bool: ...


def _reconcile(*, desk: Desk, gateway: Gateway, at: Moment) -> None:
    with suppress(GatewayError):
        external.reconcile(desk=desk, gateway=gateway, at=at)


class SimulatedProcess:
    """One process of the account: it may die at every commit and call, stop for a while, and have a
    clock that is wrong."""

    def __init__(self, simulation: Run, number: int) -> None:
        self._simulation = simulation
        self.number = number
        self.offset = timedelta(0)
        self.desk = simulation.books.desk(self)
        self.gateway = simulation.connect(self)

    def now(self) -> datetime:
        return self._simulation.now() + self.offset

    def at(self) -> Moment:
        return Moment(self.now(), self.now())

    def go_on(self) -> None:
        self._simulation.may_die("commit")

    def calls(self) -> None:
        self._simulation.audit.look()

    def signed(self) -> None:
        self._simulation.may_stop(self, "signed")

    def placed(self) -> bool:
        return self._simulation.may_come_late(self)

    def answered(self) -> None:
        self._simulation.may_die("answer")

    def seconds(self) -> float:
        self._simulation.may_stop(self, "claimed")
        return self._simulation.passed().total_seconds()

    def sweep(self) -> None:
        """What the desk's tasks do in a sweep; a process that dies is started again."""
        works: list[Callable[..., object]] = [
            executions.drain,
            routing.cancel_all,
            routing.send_all,
            reconciliation.follow,
            reconciliation.resolve,
        ]
        if self._simulation.is_time_to_reconcile():
            works.append(_reconcile)
        for work in works:
            try:
                work(desk=self.desk, gateway=self.gateway, at=self.at())
            except Died:
                self._simulation.deaths += 1
                self.desk = self._simulation.books.desk(self)
                return
