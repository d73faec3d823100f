"""What the exchange answers, and the choices that a caller has.

Venue document: venues.md, "Client-id classes", X16 (cancel-replace), X19 (depth).
"""

from dataclasses import dataclass
from enum import StrEnum

from trading.sandbox.book import Level
from trading.sandbox.orders import Fill, Order, OrderList
from trading.sandbox.rules import Refused


class ClientIds(StrEnum):
    """NONE: a client id is a note, any number of orders may bear it (BTCTurk). OPEN_ONLY: it is
    refused while an open order has it (Binance). FOREVER: a used one makes no order and the
    original is returned (Coinbase)."""

    NONE = "NONE"
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
