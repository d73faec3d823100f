"""An instrument of the sandbox exchange, its rules, and every reason to refuse a request.

1. A refusal is a return value; each protocol maps `Refusal` to its own code and text.
2. The rules are judged before anything is touched.

Venue document: venues.md 2.1 and X9, X20 (filters, statuses).
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from aitrader.kernel.fix import Side
from aitrader.kernel.money import ZERO


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
    #: What the account has of the base asset, and would with its orders.
    MAX_POSITION = "MAX_POSITION"
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
    to five times), for sellers the `ask_percent_*` where they are given; None leaves the filter
    out. `market_*` are of orders without a limit, zero switching a rule off; `*_of_market` say
    whether the bounds of the notional are a MARKET order's too."""

    instrument: str
    base: str
    quote: str
    tick: Decimal = Decimal("0.01")
    lot: Decimal = Decimal("0.00001")
    min_price: Decimal = Decimal("0.01")
    max_price: Decimal = Decimal(1_000_000)
    min_qty: Decimal = Decimal("0.00001")
    max_qty: Decimal = Decimal(9_000)
    market_lot: Decimal = ZERO
    market_min_qty: Decimal = ZERO
    market_max_qty: Decimal = Decimal(1_000)
    min_notional: Decimal = Decimal(5)
    max_notional: Decimal = Decimal(9_000_000)
    min_notional_of_market: bool = True
    max_notional_of_market: bool = True
    percent_down: Decimal | None = Decimal("0.2")
    percent_up: Decimal | None = Decimal(5)
    ask_percent_down: Decimal | None = None
    ask_percent_up: Decimal | None = None
    trailing_min_bps: Decimal = Decimal(10)
    trailing_max_bps: Decimal = Decimal(2_000)
    max_orders: int = 200
    max_stop_orders: int = 5
    max_position: Decimal | None = None

    def band(self, side: Side) -> tuple[Decimal | None, Decimal | None]:
        """The least and the greatest share of the last price of a limit on this side."""
        if side is Side.BUY:
            return self.percent_down, self.percent_up
        return self.ask_percent_down or self.percent_down, self.ask_percent_up or self.percent_up
