"""The exchange's memory, and the one way to change an order and tell of it.

1. An order changes through `change` only: record, hold and event stay together.
2. What is held for an order is a function of the order alone (`need`), and of its list the greatest
   need of the legs of one side, since at most one of them can trade.
"""

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from aitrader.kernel.clock import EPOCH
from aitrader.kernel.errors import BadInput
from aitrader.kernel.fix import OrdStatus, Side
from aitrader.kernel.money import ONE, ZERO
from trading.sandbox.accounts import FEE_ACCOUNT, Accounts, Fees
from trading.sandbox.answers import ClientIds
from trading.sandbox.book import Book
from trading.sandbox.events import (
    BalanceCause,
    BalanceEvent,
    DepthEvent,
    Event,
    Execution,
    OrderEvent,
)
from trading.sandbox.orders import CONTINGENT, PRICED, Fill, Order
from trading.sandbox.records import Records
from trading.sandbox.rules import Listing, Status


@dataclass(slots=True)
class Market:
    """One instrument. `waiting` are its untriggered stops, `timed` its GTD orders, `printed` the
    prices of trades that no stop has been tested with yet."""

    listing: Listing
    status: Status = Status.TRADING
    book: Book = field(default_factory=Book)
    last_px: Decimal | None = None
    trades: int = 0
    waiting: dict[int, None] = field(default_factory=dict)
    timed: dict[int, datetime] = field(default_factory=dict)
    printed: deque[Decimal] = field(default_factory=deque)


@dataclass(frozen=True, slots=True)
class Policy:
    """What an account was opened with."""

    fees: Fees
    client_ids: ClientIds


class State:
    """Everything the exchange knows."""

    def __init__(self, listener: Callable[[Event], None]) -> None:
        self._listener = listener
        self._seq = 0
        self.now = EPOCH
        self.accounts = Accounts()
        self.records = Records()
        self.markets: dict[str, Market] = {}
        self.policies: dict[str, Policy] = {}
        self.orders = 0
        self.lists = 0
        #: Lists whose waiting legs are due.
        self.due: deque[int] = deque()
        self.accounts.open(FEE_ACCOUNT)

    def market(self, instrument: str) -> Market:
        """Raises BadInput for an unknown instrument."""
        if instrument not in self.markets:
            raise BadInput(f"the exchange does not list {instrument!r}")
        return self.markets[instrument]

    def next_seq(self) -> int:
        """The number of the event that is told next."""
        self._seq += 1
        return self._seq

    def tell(self, event: Event) -> None:
        """Give the event to the listener."""
        self._listener(event)

    def tell_order(
        self,
        execution: Execution,
        order: Order,
        *,
        fill: Fill | None = None,
        prevented_qty: Decimal | None = None,
        counter_order_id: int | None = None,
    ) -> None:
        """Tell what happened to an order."""
        self.tell(
            OrderEvent(
                self.next_seq(), self.now, execution, order, fill, prevented_qty, counter_order_id
            )
        )

    def put(self, order: Order, **changes: Any) -> Order:
        """Record a change and bring the hold in line, without telling of it yet."""
        changed = replace(order, transact_time=self.now, version=order.version + 1, **changes)
        self.records.put_order(changed)
        self.bring_hold_in_line(changed)
        return changed

    def change(self, order: Order, execution: Execution, **changes: Any) -> Order:
        """Record a change and tell of it."""
        changed = self.put(order, **changes)
        self.tell_order(execution, changed)
        return changed

    def flush(self, cause: BalanceCause = BalanceCause.ORDER, delta: Decimal | None = None) -> None:
        """End an operation: tell the balances and depths that it changed."""
        for account, balances in self.accounts.take_touched():
            self.records.put_balances(account, balances)
            seq = self.next_seq()
            self.tell(BalanceEvent(seq, self.now, account, balances, cause, delta))
        for instrument, market in self.markets.items():
            cut = market.book.cut()
            if cut:
                first, last = cut.first_update_id, cut.last_update_id
                seq = self.next_seq()
                self.tell(DepthEvent(seq, self.now, instrument, first, last, cut.bids, cut.asks))

    def held_asset(self, order: Order) -> str:
        """The asset that the order pays with."""
        listing = self.markets[order.instrument].listing
        return listing.quote if order.side is Side.BUY else listing.base

    def hold_key(self, order: Order) -> Hashable:
        """Legs of one side of one list share a hold."""
        return order.order_id if order.list_id is None else (order.list_id, order.side)

    def need(self, order: Order) -> Decimal:
        """What has to be held for the order, in `held_asset`: nothing for a leg in waiting and for
        what trades at any price, since that either trades at once or never."""
        if not order.is_open or order.ord_status is OrdStatus.PENDING_NEW:
            return ZERO
        if order.ord_type not in PRICED and (order.working or order.ord_type not in CONTINGENT):
            return ZERO
        px = (order.hold_px or ZERO) if order.side is Side.BUY else ONE
        return order.leaves_qty * px * self.policies[order.account].fees.markup(order.side)

    def bring_hold_in_line(self, order: Order) -> None:
        """Hold what the order, or its list, needs now. Raises BadInput if free does not reach."""
        need = self.need(order)
        if order.list_id is not None:
            for each in self.records.list_by_id(order.list_id).order_ids:
                leg = self.records.by_id(each)
                if leg.side is order.side:
                    need = max(need, self.need(leg))
        key = self.hold_key(order)
        self.accounts.hold(key, order.account, self.held_asset(order), need)

    def new_order_id(self) -> int:
        self.orders += 1
        return self.orders

    def new_list_id(self) -> int:
        self.lists += 1
        return self.lists


def takes_any_price(order: Order) -> bool:
    """Whether the order, once it works, has no limit."""
    return order.ord_type not in PRICED
