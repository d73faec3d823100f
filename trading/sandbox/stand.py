"""A sandbox exchange beside the code that is tried on it, with its control at hand.

1. It serves from a thread of its own, so that a blocking gateway can talk to it.
2. The control tells the truth of the exchange, whatever a lagging read would answer.
"""

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import requests

from aitrader.kernel import ids
from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import BadInput
from aitrader.kernel.fix import OrdType, Side, TimeInForce
from trading.domain.ports import Gateway, NewOrder
from trading.sandbox import server

_START_SECONDS = 10.0
_CALL_SECONDS = 10.0
Connect = Callable[[Mapping[str, Any]], Gateway]


@dataclass(frozen=True, slots=True)
class Scene:
    """How a venue's gateway is made from what `ready` tells of the venue, and what it trades:
    bitcoin as `instrument`, which is `symbol` on the exchange, and `other` beside it. `excused` are
    cards by number that do not apply to the venue, each with the reason. Without `trades_at_once`
    the answer to a new order never tells its trades: they are asked for right after. `venue` is
    the sandbox's venue where the gateway goes by another name."""

    connect: Connect
    instrument: str
    symbol: str
    other: str
    excused: Mapping[str, str] = field(default_factory=dict)
    venue: str = ""
    trades_at_once: bool = True


@dataclass(slots=True)
class Stand:
    """A gateway, the exchange that it talks to, and orders of bitcoin at about 60,000."""

    gateway: Gateway
    control: str
    account: str
    scene: Scene
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def order(self, **changes: Any) -> NewOrder:
        """A limit order to buy a little, far from the market, unless told otherwise."""
        usual: dict[str, Any] = {
            # As the desk names its orders: by that a gateway may know them.
            "cl_ord_id": ids.derive("cards", "order", next(self._numbers)),
            "instrument": self.scene.instrument,
            "side": Side.BUY,
            "ord_type": OrdType.LIMIT,
            "order_qty": Decimal("0.01"),
            "time_in_force": TimeInForce.GTC,
            "sent_at": self.now(),
            "price": Decimal(50_000),
        }
        return NewOrder(**{**usual, **changes})

    def market_order(self, **changes: Any) -> NewOrder:
        return self.order(ord_type=OrdType.MARKET, price=None, **changes)

    def quotes(self, *, bid: str = "59990", ask: str = "60000", qty: str = "1") -> None:
        """Somebody else rests on both sides."""
        for side, price in (("BUY", bid), ("SELL", ask)):
            self.change("book", instrument=self.scene.symbol, side=side, price=price, qty=qty)

    def faults(self, plan: str) -> None:
        """From now on the exchange behaves by this plan."""
        self.change("faults", plan=plan)

    def at_venue(self) -> list[dict[str, Any]]:
        """Every order of the account that the exchange ever took."""
        answer = requests.get(
            f"{self.control}/account", params={"account": self.account}, timeout=_CALL_SECONDS
        )
        return list(answer.json()["orders"])

    def change(self, what: str, **asked: Any) -> None:
        answer = requests.post(f"{self.control}/{what}", json=asked, timeout=_CALL_SECONDS)
        answer.raise_for_status()

    def now(self) -> datetime:
        return WALL.now()


@contextmanager
def stand(scene: Scene, *, venue: str, plan: str = "") -> Iterator[Stand]:
    """A fresh exchange without a market of its own, until the block ends."""
    venue = scene.venue or venue
    with serving(server.Options(venues=(venue,), plan=plan, market=False)) as told:
        addresses = told[venue]
        yield Stand(
            gateway=scene.connect(addresses),
            control=addresses["control"],
            account=addresses["accounts"][0]["account"],
            scene=scene,
        )


@contextmanager
def serving(options: server.Options) -> Iterator[Mapping[str, Any]]:
    """An exchange in a thread of its own, until the block ends; gives what `ready` tells."""
    ready: list[Mapping[str, Any] | Exception] = []
    up = threading.Event()
    loop = asyncio.new_event_loop()
    over = asyncio.Event()

    async def serve() -> None:
        async with server.running(options) as told:
            ready.append(told)
            up.set()
            await over.wait()

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        except (OSError, BadInput) as error:
            ready.append(error)
            up.set()
        finally:
            loop.close()

    thread = threading.Thread(target=run, name="sandbox", daemon=True)
    thread.start()
    if not up.wait(_START_SECONDS):
        raise TimeoutError("the sandbox does not start")
    told = ready[0]
    if isinstance(told, Exception):
        raise told
    try:
        yield told
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(_START_SECONDS)
