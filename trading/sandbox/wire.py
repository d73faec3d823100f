"""What all processes of one simulated account share with its venue, and what a process is to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from trading.domain.execution_report import ExecutionReport
from trading.domain.ports import NewOrder
from trading.sandbox import orders
from trading.sandbox.orders import Fill, Order
from trading.sandbox.promises import Promises
from trading.sandbox.stage import Stage

#: recvWindow and the engine's own ten seconds.
LATEST_ARRIVAL = timedelta(seconds=15)
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class OnTheWay:
    """A request that its sender gave up on, and the order that it may make."""

    at: datetime
    arrive: Callable[[], object]
    order: orders.NewOrder | None


class Names:
    """What the venue calls what the exchange has; here the same."""

    def exec_id(self, fill: Fill) -> str:
        return str(fill.trade_id)

    def cl_ord_id(self, order: Order) -> str:
        """As it came."""
        return order.cl_ord_id

    def order_id(self, order: Order) -> str:
        """The id that the venue gave it first."""
        return str(order.order_id)


@dataclass(slots=True)
class Wire:
    """What all processes of one account share with its venue. `symbols` names instruments there;
    `sent` are client order ids in the order in which they left, `told` what its stream has told."""

    stage: Stage
    account: str
    symbols: Mapping[str, str]
    promises: Promises
    pass_time: Callable[[timedelta], None]
    clock: Callable[[], datetime]
    #: Of the clock that no step moves.
    seconds: Callable[[], float]
    names: Names = field(default_factory=Names)
    #: What the processes know of a silence that was asked for.
    quiet_until: datetime = _NEVER
    #: The venue's own record of it: from when until when, and the calls begun in between.
    silence: tuple[datetime, datetime] = (_NEVER, _NEVER)
    calls_in_silence: int = 0
    on_the_way: list[OnTheWay] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    told: list[ExecutionReport] = field(default_factory=list)

    @property
    def codes(self) -> dict[str, str]:
        """Instruments by the names they have at the venue."""
        return {symbol: code for code, symbol in self.symbols.items()}

    def order(self, placed: NewOrder) -> orders.NewOrder:
        """As the exchange takes it in."""
        return orders.NewOrder(
            self.account,
            self.symbols[placed.instrument],
            placed.side,
            placed.ord_type,
            order_qty=placed.order_qty,
            price=placed.price,
            stop_px=placed.stop_px,
            time_in_force=placed.time_in_force,
            expire_at=placed.expire_time,
            post_only=placed.post_only,
            cl_ord_id=placed.cl_ord_id,
        )

    def deliver(self) -> None:
        """Let what is due by now arrive."""
        now = self.stage.now()
        due = [each for each in self.on_the_way if each.at <= now]
        if not due:
            return
        self.on_the_way = [each for each in self.on_the_way if each.at > now]
        for each in due:
            each.arrive()

    def ask_for_silence(self, by: timedelta) -> None:
        now = self.clock()
        self.silence = (now, now + by)

    def count_in_silence(self, begun_at: datetime) -> None:
        """A call that began before the venue asked for silence is forgiven."""
        asked_at, until = self.silence
        self.calls_in_silence += asked_at <= begun_at < until


class Process(Protocol):
    """The process that a gateway belongs to."""

    def now(self) -> datetime:
        """Its clock, which may be wrong."""
        ...

    def calls(self) -> None:
        """Called when a request begins."""
        ...

    def signed(self) -> None:
        """Called when a request is signed and has not left; the process may be paused here."""
        ...

    def placed(self) -> bool:
        """Called when an order is signed and has not left; the process may be stopped until another
        has taken the order over. Whether the venue refuses what comes so late."""
        ...

    def answered(self) -> None:
        """Called when the venue has acted; may raise what ends the process."""
        ...
