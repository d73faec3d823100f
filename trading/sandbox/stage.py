"""The stage of one sandbox run: the exchange, its clock, its faults, its crowd, who listens.

1. One clock for all venues: the machine's, moved by hand and by the plan's skew. It goes with every
   call into the exchange, and every protocol checks timestamps against it.
2. Listeners are told each event while the exchange is still in its call: they put it into queues
   and never call back.
3. Requests and connections are numbered from one, for the plan to know them by; a new plan begins
   its time and its numbers anew.
4. Each instrument has its crowd, which makes the market; nobody holds its keys.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count

from aitrader.kernel.clock import Clock
from aitrader.kernel.fix import OrdType, Side, TimeInForce
from trading.sandbox.crowd import Crowd
from trading.sandbox.engine import Exchange, Placed
from trading.sandbox.events import Event
from trading.sandbox.fault_knobs import KNOBS
from trading.sandbox.faults import ConnectionFate, FaultPlan, Request, RequestFate
from trading.sandbox.flow import Flow
from trading.sandbox.orders import NewOrder, Order
from trading.sandbox.records import Records
from trading.sandbox.replica import Replica
from trading.sandbox.rules import Listing, Refused

Listener = Callable[[Event], None]
_WHOLE_BOOK = 10_000
_AT_ONCE = timedelta(seconds=30)
#: The most that a plan may let a read lag.
_OLDEST_READ = timedelta(seconds=float(KNOBS["stale_read_s"].most))


class Stage:
    """What the protocols of all venues share."""

    def __init__(
        self, listings: Sequence[Listing], plan: FaultPlan, seed: int, clock: Clock
    ) -> None:
        self.offset = timedelta(0)
        self._clock = clock
        self._replica = Replica()
        self._listeners: list[Listener] = [self._replica]
        #: Accounts of clients, each with the instrument on which things happen to it.
        self.accounts: dict[str, str] = {}
        self.flows: list[Flow] = []
        #: Until when nobody gets through to it, as monotonic seconds.
        self.unreachable_until = 0.0
        #: How a request waits on its way, and what the way makes of its fate.
        self.pause: Callable[[timedelta], Awaitable[None]] = _asleep
        self.on_its_way: Callable[[Request, RequestFate], RequestFate] = lambda _kind, fate: fate
        #: Requests that came to the engine.
        self.entered = 0
        #: Tells a status that no list of statuses has.
        self.strange_status = False
        self.set_plan(plan, seed)
        self.exchange = Exchange(listings, self._tell)
        now = self.now()
        self.crowds = {each.instrument: Crowd(self.exchange, each, now=now) for each in listings}
        for crowd in self.crowds.values():
            for account in (crowd.maker, crowd.taker):
                self._replica.records.limit_history(account, 0)

    def set_plan(self, plan: FaultPlan, seed: int) -> None:
        self.plan, self.seed = plan, seed
        self._started = self._clock.now()
        self._requests, self._connections = count(1), count(1)
        self.acted_until = 0

    def now(self) -> datetime:
        """The exchange's time."""
        return self._clock.now() + self.offset + self.plan.clock_skew(self.elapsed())

    def elapsed(self) -> timedelta:
        """Since the plan began, whatever was done to the clock."""
        return self._clock.now() - self._started

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def next_request(self, kind: Request) -> tuple[int, RequestFate]:
        """The number and the fate of the request that has just come in."""
        number = next(self._requests)
        return number, self.on_its_way(kind, self.plan.request(number, kind, self.elapsed()))

    async def enter(self, fate: RequestFate) -> None:
        """A request that nobody has refused on its way comes to the engine, and waits there."""
        self.entered += 1
        await self.pause(fate.engine_delay)

    def next_connection(self) -> ConnectionFate:
        return self.plan.connection(next(self._connections), self.elapsed())

    def seen_by(self, fate: RequestFate) -> Records:
        """What a read answers from: the engine's truth, or what a lagging database knows."""
        if fate.stale > timedelta(0):
            return self._replica.catch_up(self.now() - fate.stale)
        return self.exchange.records

    def trade(
        self, instrument: str, side: Side, qty: Decimal, price: Decimal | None
    ) -> Placed | Refused:
        """An order of the crowd, resting at its price or taking what there is without one."""
        request = NewOrder(
            self.crowds[instrument].taker,
            instrument,
            side,
            OrdType.MARKET if price is None else OrdType.LIMIT,
            order_qty=qty,
            price=price,
        )
        return self.exchange.submit(request, now=self.now())

    def meet(self, order: Order) -> None:
        """Let the crowd fill a resting order, and whatever stands before it."""
        if order.price is None or not order.working or not order.is_open:
            return
        book = self.exchange.depth(order.instrument, _WHOLE_BOOK)
        levels = book.bids if order.side is Side.BUY else book.asks
        ahead = sum(
            (qty for price, qty in levels if (price - order.price) * order.side.sign >= 0),
            Decimal(0),
        )
        request = NewOrder(
            self.crowds[order.instrument].taker,
            order.instrument,
            order.side.opposite,
            OrdType.LIMIT,
            order_qty=ahead,
            price=order.price,
            time_in_force=TimeInForce.IOC,
        )
        self.exchange.submit(request, now=self.now())

    def advance(self) -> None:
        """Let the exchange and its markets come to now."""
        now = self.now()
        for flow in self.flows:
            due = flow.next_at()
            # After a jump of the clock the market catches up in pieces, and requests go between.
            if due is not None:
                flow.advance(min(now, due + _AT_ONCE))
        self.exchange.advance(now)
        # Nobody asks for an older past: it need not wait to be shown.
        self._replica.catch_up(now - _OLDEST_READ)

    def _tell(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)


async def _asleep(length: timedelta) -> None:
    if length > timedelta(0):
        await asyncio.sleep(length.total_seconds())
