"""An instrument of the sandbox exchange, its rules, and every reason to refuse a request.

1. A refusal is a return value; each protocol maps `Refusal` to its own code and text.
2. The rules are judged before anything is touched.

Venue document: venues.md 2.1 and X9, X20 (filters, statuses).
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Status(StrEnum):
    """TRADING allows all; CANCEL_ONLY cancels only; HALT and BREAK nothing."""

    TRADING = "TRADING"
    HALT = "HALT"
    BREAK = "BREAK"
    CANCEL_ONLY = "CANCEL_ONLY"


class Refusal(StrEnum):
    UNKNOWN_ACCOUNT = "UNKNOWN_ACCOUNT"
    UNKNOWN_INSTRUMENT = "UNKNOWN_INSTRUMENT"
    UNKNOWN_ORDER = "UNKNOWN_ORDER"
    #: The order exists and is closed: filled, cancelled or expired before.
    ORDER_CLOSED = "ORDER_CLOSED"
    MARKET_CLOSED = "MARKET_CLOSED"
    CANCEL_ONLY = "CANCEL_ONLY"
    #: A field that the type needs is missing, or one that it may not have is there.
    BAD_COMBINATION = "BAD_COMBINATION"
    PRICE_TICK = "PRICE_TICK"
    PRICE_RANGE = "PRICE_RANGE"
    PERCENT_PRICE = "PERCENT_PRICE"
    QTY_LOT = "QTY_LOT"
    QTY_RANGE = "QTY_RANGE"
    MARKET_QTY_RANGE = "MARKET_QTY_RANGE"
    MIN_NOTIONAL = "MIN_NOTIONAL"
    MAX_NOTIONAL = "MAX_NOTIONAL"
    TRAILING_RANGE = "TRAILING_RANGE"
    EXPIRE_AT = "EXPIRE_AT"
    MAX_ORDERS = "MAX_ORDERS"
    MAX_STOP_ORDERS = "MAX_STOP_ORDERS"
    DUPLICATE_CL_ORD_ID = "DUPLICATE_CL_ORD_ID"
    INSUFFICIENT_BALANCE = "INSUFFICIENT_BALANCE"
    #: A post-only order would take.
    WOULD_TAKE = "WOULD_TAKE"
    #: A stop or target whose price has been reached already.
    WOULD_TRIGGER = "WOULD_TRIGGER"
    LIST_PRICES = "LIST_PRICES"


@dataclass(frozen=True, slots=True)
class Refused:
    """`text` is for a log; the protocol writes its own."""

    reason: Refusal
    text: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """What can be traded and its filters: prices in quote per base, quantities in base, notionals
    in quote. `percent_down` and `percent_up` are shares of the last price (0.2 and 5: from a fifth
    to five times); None leaves the filter out."""

    instrument: str
    base: str
    quote: str
    tick: Decimal = Decimal("0.01")
    lot: Decimal = Decimal("0.00001")
    min_price: Decimal = Decimal("0.01")
    max_price: Decimal = Decimal(1_000_000)
    min_qty: Decimal = Decimal("0.00001")
    max_qty: Decimal = Decimal(9_000)
    market_max_qty: Decimal = Decimal(1_000)
    min_notional: Decimal = Decimal(5)
    max_notional: Decimal = Decimal(9_000_000)
    percent_down: Decimal | None = Decimal("0.2")
    percent_up: Decimal | None = Decimal(5)
    trailing_min_bps: Decimal = Decimal(10)
    trailing_max_bps: Decimal = Decimal(2_000)
    max_orders: int = 200
    max_stop_orders: int = 5
