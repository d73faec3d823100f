"""What the exchange tells its listener: immutable, in one rising sequence.

1. `seq` rises by one from event to event over all accounts and instruments.
2. One operation tells, in this order: order and list events and public trades as they happen, then
   the balances of each account it touched, then one depth change for each book it touched.
3. A refused request makes no event: only its answer says so. REJECTED is an order that had been
   taken in (a leg in waiting) and could not be placed when its turn came.

Venue document: venues.md 2.1 (executionReport, outboundAccountPosition, depth).
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from trading.sandbox.accounts import Balance
from trading.sandbox.book import Level as Level
from trading.sandbox.orders import Fill, Order, OrderList, PublicTrade
from trading.sandbox.rules import Status


class Execution(StrEnum):
    """FIX ExecType (150) as far as the exchange says it."""

    NEW = "NEW"
    TRIGGERED = "TRIGGERED"
    TRADE = "TRADE"
    TRADE_PREVENTION = "TRADE_PREVENTION"
    CANCELED = "CANCELED"
    REPLACED = "REPLACED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    TRADE_CANCEL = "TRADE_CANCEL"


class BalanceCause(StrEnum):
    """ORDER is trading; the rest comes from outside and carries a delta."""

    ORDER = "ORDER"
    DEPOSIT = "DEPOSIT"
    WITHDRAWAL = "WITHDRAWAL"
    LOCK = "LOCK"
    UNLOCK = "UNLOCK"
    BUST = "BUST"


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """`fill` with TRADE and TRADE_CANCEL; `prevented_qty` (base) with TRADE_PREVENTION, where
    `counter_order_id` is the other order of the same account. An order that is prevented
    altogether is told twice: TRADE_PREVENTION, then EXPIRED with Ending.SELF_TRADE."""

    seq: int
    at: datetime
    execution: Execution
    order: Order
    fill: Fill | None = None
    prevented_qty: Decimal | None = None
    counter_order_id: int | None = None


@dataclass(frozen=True, slots=True)
class ListEvent:
    """A list was placed, went on to its waiting legs, or is done (`order_list.open` is False)."""

    seq: int
    at: datetime
    order_list: OrderList


@dataclass(frozen=True, slots=True)
class TradeEvent:
    seq: int
    at: datetime
    trade: PublicTrade


@dataclass(frozen=True, slots=True)
class BalanceEvent:
    """The changed balances as they are now; `delta` (in the asset) unless the cause is ORDER."""

    seq: int
    at: datetime
    account: str
    balances: tuple[Balance, ...]
    cause: BalanceCause
    delta: Decimal | None = None


@dataclass(frozen=True, slots=True)
class DepthEvent:
    """Levels that changed, with their new quantity, zero for one that is gone. For each instrument
    `first_update_id` is the previous event's `last_update_id` + 1."""

    seq: int
    at: datetime
    instrument: str
    first_update_id: int
    last_update_id: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class StatusEvent:
    seq: int
    at: datetime
    instrument: str
    status: Status


Event = OrderEvent | ListEvent | TradeEvent | BalanceEvent | DepthEvent | StatusEvent


class EventLog:
    """A listener that keeps every event: same seed, same `digest()`."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def digest(self) -> str:
        """Hex SHA-256 over the text of all events so far."""
        digest = hashlib.sha256()
        for event in self.events:
            digest.update(repr(event).encode())
        return digest.hexdigest()
