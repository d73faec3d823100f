"""The sandbox exchange: instruments, accounts, orders, one matching engine.

1. Pure: no clock, no socket, no thread. `now` comes with every call and never goes back (an earlier
   one counts as the latest seen); ids come from counters; the same calls give the same events.
2. A refused request changes nothing and makes no event; a refusal is a return value, `Refused`.
3. Every change is told to the listener as an immutable event (events.py) before the call returns;
   the listener must not call back into the exchange.
4. An order is matched, and every stop that its trades trigger too, before the call returns.

Venue document: venues.md 2.1 and 2.3.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from trading.sandbox.accounts import Fees
from trading.sandbox.events import Event, Level
from trading.sandbox.orders import Fill, NewList, NewOrder, Order, OrderList, PublicTrade
from trading.sandbox.records import Records
from trading.sandbox.rules import Listing, Refused, Status

#: Ten basis points, maker and taker, taken from what is received.
USUAL_FEES = Fees()


class ClientIds(StrEnum):
    """OPEN_ONLY: a client id is refused while an open order has it (Binance). FOREVER: a used one
    makes no order and the original is returned (Coinbase)."""

    OPEN_ONLY = "OPEN_ONLY"
    FOREVER = "FOREVER"


class ReplaceMode(StrEnum):
    """Whether the new order is tried although the cancel failed."""

    STOP_ON_FAILURE = "STOP_ON_FAILURE"
    ALLOW_FAILURE = "ALLOW_FAILURE"


@dataclass(frozen=True, slots=True)
class Placed:
    """`order` after matching, `fills` its own fills in this call. `original` says that the client
    id was used before and `order` is that older order (ClientIds.FOREVER)."""

    order: Order
    fills: tuple[Fill, ...] = ()
    original: bool = False


@dataclass(frozen=True, slots=True)
class PlacedList:
    """`orders` in the order of the request's legs, after matching."""

    order_list: OrderList
    orders: tuple[Order, ...]


@dataclass(frozen=True, slots=True)
class Replaced:
    """The two outcomes of a cancel-replace; `placed` is None if it was not tried."""

    canceled: Order | Refused
    placed: Placed | Refused | None


@dataclass(frozen=True, slots=True)
class Depth:
    """Best levels first. A stream's first event to apply has `first_update_id` ≤
    `last_update_id` + 1 ≤ its `last_update_id`."""

    instrument: str
    last_update_id: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class Exchange:
    """The exchange. `records` is its read side, always up to date."""

    records: Records

    def __init__(self, listings: Iterable[Listing], listener: Callable[[Event], None]) -> None:
        raise NotImplementedError

    # Accounts and what comes from outside

    def open_account(
        self,
        account: str,
        *,
        fees: Fees = USUAL_FEES,
        client_ids: ClientIds = ClientIds.OPEN_ONLY,
    ) -> None:
        """Raises BadInput if the account exists."""
        raise NotImplementedError

    def deposit(self, account: str, asset: str, amount: Decimal, *, now: datetime) -> None:
        """Add `amount` of `asset` to free. Raises BadInput: unknown account, amount not > 0."""
        raise NotImplementedError

    def withdraw(
        self, account: str, asset: str, amount: Decimal, *, now: datetime
    ) -> Refused | None:
        """Take `amount` of `asset` from free; INSUFFICIENT_BALANCE if there is less."""
        raise NotImplementedError

    def lock(self, account: str, asset: str, amount: Decimal, *, now: datetime) -> Refused | None:
        """Move `amount` from free to locked from outside (a margin call, a human in the app)."""
        raise NotImplementedError

    def unlock(self, account: str, asset: str, amount: Decimal, *, now: datetime) -> Refused | None:
        """Give back what `lock` took; INSUFFICIENT_BALANCE if less is locked from outside."""
        raise NotImplementedError

    # Orders

    def submit(self, request: NewOrder, *, now: datetime) -> Placed | Refused:
        """Take in an order and match it."""
        raise NotImplementedError

    def examine(self, request: NewOrder, *, now: datetime) -> Refused | None:
        """What `submit` would refuse, without placing anything."""
        raise NotImplementedError

    def submit_list(self, request: NewList, *, now: datetime) -> PlacedList | Refused:
        """Take in an OCO, OTO or OTOCO list, all legs or none."""
        raise NotImplementedError

    def cancel(
        self,
        account: str,
        instrument: str | None,
        *,
        order_id: int | None = None,
        cl_ord_id: str | None = None,
        cancel_cl_ord_id: str = "",
        now: datetime,
    ) -> Order | Refused:
        """Cancel an order, and with it the list it belongs to. UNKNOWN_ORDER, ORDER_CLOSED,
        MARKET_CLOSED."""
        raise NotImplementedError

    def cancel_list(
        self,
        account: str,
        *,
        list_id: int | None = None,
        list_cl_ord_id: str | None = None,
        now: datetime,
    ) -> PlacedList | Refused:
        """Cancel every open leg of a list."""
        raise NotImplementedError

    def cancel_all(
        self, account: str, instrument: str | None = None, *, now: datetime
    ) -> tuple[Order, ...] | Refused:
        """Cancel all open orders of the account; UNKNOWN_ORDER if it has none."""
        raise NotImplementedError

    def cancel_replace(
        self,
        account: str,
        request: NewOrder,
        *,
        order_id: int | None = None,
        cl_ord_id: str | None = None,
        cancel_cl_ord_id: str = "",
        mode: ReplaceMode = ReplaceMode.STOP_ON_FAILURE,
        now: datetime,
    ) -> Replaced:
        """Cancel one order, then place another of the same instrument: two outcomes."""
        raise NotImplementedError

    def advance(self, now: datetime) -> None:
        """Move the time on: GTD orders whose time has come expire."""
        raise NotImplementedError

    # The operator's side of the exchange

    def set_status(self, instrument: str, status: Status, *, now: datetime) -> None:
        """Change an instrument's status. Raises BadInput for an unknown instrument."""
        raise NotImplementedError

    def expel(self, instrument: str, *, now: datetime) -> tuple[Order, ...]:
        """Cancel every open order of the instrument for the exchange's own reasons (delisting)."""
        raise NotImplementedError

    def bust(self, instrument: str, trade_id: int, *, now: datetime) -> PublicTrade | Refused:
        """Undo a trade: assets and fees go back, both fills and the trade are marked, `cum_qty` of
        both orders falls and nothing re-opens. INSUFFICIENT_BALANCE if a side has spent it."""
        raise NotImplementedError

    # Market data

    def listing(self, instrument: str) -> Listing | None:
        """The instrument and its filters."""
        raise NotImplementedError

    def listings(self) -> tuple[Listing, ...]:
        """All instruments, in the order given."""
        raise NotImplementedError

    def status(self, instrument: str) -> Status:
        """Raises BadInput for an unknown instrument."""
        raise NotImplementedError

    def depth(self, instrument: str, limit: int = 100) -> Depth:
        """The best `limit` levels of each side. Raises BadInput for an unknown instrument."""
        raise NotImplementedError

    def last_px(self, instrument: str) -> Decimal | None:
        """The last trade's price; None before the first."""
        raise NotImplementedError
