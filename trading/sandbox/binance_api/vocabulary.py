"""Binance's words for the exchange's FIX words, and back.

Source: binance-spot-api-docs, enums.md; user-data-stream.md for the expiry reasons.
"""

from aitrader.kernel.fix import OrdStatus, OrdType
from trading.sandbox.events import Execution
from trading.sandbox.orders import CONTINGENT, Ending, Order

#: Order type on the wire: type, and whether it is post-only.
TYPES = {
    "LIMIT": (OrdType.LIMIT, False),
    "LIMIT_MAKER": (OrdType.LIMIT, True),
    "MARKET": (OrdType.MARKET, False),
    "STOP_LOSS": (OrdType.STOP, False),
    "STOP_LOSS_LIMIT": (OrdType.STOP_LIMIT, False),
    "TAKE_PROFIT": (OrdType.MARKET_IF_TOUCHED, False),
    "TAKE_PROFIT_LIMIT": (OrdType.LIMIT_IF_TOUCHED, False),
}
_NAMES = {value: name for name, value in TYPES.items()}
EXPIRY_REASONS = {
    Ending.NO_LIQUIDITY: "INSUFFICIENT_LIQUIDITY",
    Ending.IMMEDIATE: "UNFILLED_IOC_QUANTITY_EXPIRED",
    Ending.FILL_OR_KILL: "UNFILLED_FOK_ORDER_EXPIRED",
    Ending.LIST: "OCO_TRIGGER",
    Ending.EXCHANGE: "EXCHANGE_CANCELED",
    Ending.BALANCE: "REJECTED",
    Ending.WOULD_TAKE: "REJECTED",
}
#: A triggered stop tells NEW a second time, now on the book.  A busted trade has no word of its
#: own here: the balances tell it.
EXECUTIONS = {
    Execution.NEW: "NEW",
    Execution.TRIGGERED: "NEW",
    Execution.TRADE: "TRADE",
    Execution.TRADE_PREVENTION: "TRADE_PREVENTION",
    Execution.CANCELED: "CANCELED",
    Execution.REPLACED: "REPLACED",
    Execution.EXPIRED: "EXPIRED",
    Execution.REJECTED: "REJECTED",
}


def type_name(order: Order) -> str:
    return _NAMES[(order.ord_type, order.request.post_only)]


def status_name(order: Order) -> str:
    """The order's status; expired by self-trade prevention has a word of its own."""
    if order.ord_status is OrdStatus.EXPIRED and order.ending is Ending.SELF_TRADE:
        return "EXPIRED_IN_MATCH"
    return order.ord_status.value


def is_contingent(order: Order) -> bool:
    return order.ord_type in CONTINGENT
