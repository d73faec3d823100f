"""An order as its owner sees it, whatever the engine made of it.

1. An edit is a new order of the engine under the same client id; to the owner it is one order, with
   the id of the first and the fills of all.
2. A client id belongs to one order for ever, so it names the chain.
3. What was asked for is told back as it was asked; an order that came another way is described.

Venue document: venues.md 2.1 ("Client-id classes": amend, unique for ever).
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from aitrader.kernel.money import ZERO
from trading.sandbox.coinbase_api.amounts import uuid
from trading.sandbox.coinbase_api.configurations import describe
from trading.sandbox.orders import Fill, Order
from trading.sandbox.records import Records

Json = dict[str, Any]
_EVERY = 1_000_000


@dataclass(frozen=True, slots=True)
class View:
    """`parts` are the engine's orders, the first one placed first; `fills` those not busted."""

    number: int
    order_id: str
    parts: tuple[Order, ...]
    fills: tuple[Fill, ...]
    configuration: Json

    @property
    def latest(self) -> Order:
        return self.parts[-1]

    @property
    def created_at(self) -> datetime:
        return self.parts[0].created_at

    @property
    def cum_qty(self) -> Decimal:
        return sum((each.cum_qty for each in self.parts), ZERO)

    @property
    def cum_quote(self) -> Decimal:
        return sum((each.cum_quote for each in self.parts), ZERO)

    @property
    def order_qty(self) -> Decimal:
        """The whole size as it is wanted now."""
        before = sum((each.cum_qty for each in self.parts[:-1]), ZERO)
        return before + self.latest.order_qty

    @property
    def avg_px(self) -> Decimal:
        return self.cum_quote / self.cum_qty if self.cum_qty else ZERO

    @property
    def fees(self) -> Decimal:
        return sum((each.fee for each in self.fills), ZERO)


@dataclass(slots=True)
class Views:
    """Which orders of the engine are one order, and what each was asked as."""

    seed: int
    _chains: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    _asked: dict[tuple[str, str], Json] = field(default_factory=dict)

    def remember(self, account: str, cl_ord_id: str, configuration: Json) -> None:
        """Keep what an order was asked as."""
        self._asked[account, cl_ord_id] = configuration

    def add(self, order: Order) -> None:
        """An order of the engine has begun."""
        chain = self._chains.setdefault((order.account, order.cl_ord_id), [])
        if order.order_id not in chain:
            chain.append(order.order_id)

    def number(self, order: Order | Fill) -> int:
        """The number of the first order of the chain: the one that is told."""
        return self._chains.get((order.account, order.cl_ord_id), [order.order_id])[0]

    def of(self, records: Records, order: Order) -> View:
        """The order as these records know it."""
        key = (order.account, order.cl_ord_id)
        found = (
            records.order(order.account, None, order_id=each)
            for each in self._chains.get(key, [order.order_id])
        )
        parts = tuple(each for each in found if each is not None)
        fills = [
            fill
            for part in parts
            for fill in records.account_trades(part.account, order_id=part.order_id, limit=_EVERY)
            if not fill.busted
        ]
        number = self.number(order)
        return View(
            number=number,
            order_id=uuid("order", number, self.seed),
            parts=parts,
            fills=tuple(fills),
            configuration=describe(self._asked.get(key), parts),
        )

    def all(self, records: Records, account: str) -> list[View]:
        """Every order of the account, the newest first."""
        orders = records.all_orders(account, limit=_EVERY)
        firsts = [each for each in orders if self.number(each) == each.order_id]
        return [self.of(records, each) for each in reversed(firsts)]
