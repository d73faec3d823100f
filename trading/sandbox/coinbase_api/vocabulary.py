"""Coinbase's words for the exchange's FIX words.

1. An order that rests while its product is not open for trading is QUEUED: accepted, still to be
   cancelled, and not OPEN. PENDING is told on the user channel only, before the order is OPEN.
2. What ends an immediate order is a cancel; only an end by the clock is an expiry.

Source: docs.cdp.coinbase.com, Advanced Trade API, "List Orders" (enums); venues.md 2.1.
"""

from aitrader.kernel.fix import OrdStatus, OrdType, TimeInForce
from trading.sandbox.orders import CONTINGENT, Ending, Order
from trading.sandbox.rules import Status

PENDING, OPEN, QUEUED = "PENDING", "OPEN", "QUEUED"
CANCELLED, EXPIRED, FILLED, FAILED = "CANCELLED", "EXPIRED", "FILLED", "FAILED"
STATUSES = {PENDING, OPEN, QUEUED, CANCELLED, EXPIRED, FILLED, FAILED, "CANCEL_QUEUED"}
_TYPES = {
    OrdType.MARKET: "MARKET",
    OrdType.LIMIT: "LIMIT",
    OrdType.STOP: "STOP",
    OrdType.STOP_LIMIT: "STOP_LIMIT",
    OrdType.MARKET_IF_TOUCHED: "STOP",
    OrdType.LIMIT_IF_TOUCHED: "STOP_LIMIT",
    OrdType.TRAILING_STOP: "STOP",
}
#: As the user channel writes them.
CHANNEL_TYPES = {
    "MARKET": "Market",
    "LIMIT": "Limit",
    "STOP": "Stop",
    "STOP_LIMIT": "Stop Limit",
    "BRACKET": "Bracket",
}
TIMES = {
    TimeInForce.GTC: "GOOD_UNTIL_CANCELLED",
    TimeInForce.GTD: "GOOD_UNTIL_DATE_TIME",
    TimeInForce.IOC: "IMMEDIATE_OR_CANCEL",
    TimeInForce.FOK: "FILL_OR_KILL",
}
_CLOSED = {
    OrdStatus.FILLED: FILLED,
    OrdStatus.CANCELED: CANCELLED,
    OrdStatus.REJECTED: FAILED,
}


def status_name(order: Order, market: Status) -> str:
    if order.is_open:
        return OPEN if market is Status.TRADING else QUEUED
    if order.ord_status is OrdStatus.EXPIRED:
        return EXPIRED if order.ending is Ending.EXPIRE_AT else CANCELLED
    return _CLOSED[order.ord_status]


def order_type(order: Order) -> str:
    return "BRACKET" if order.request.bracket_px is not None else _TYPES[order.ord_type]


def time_in_force(order: Order) -> str:
    """A market order never rests, whatever the engine calls it."""
    if order.ord_type is OrdType.MARKET:
        return TIMES[TimeInForce.IOC]
    return TIMES[order.request.time_in_force]


def trigger_status(order: Order) -> str:
    if order.request.bracket_px is not None:
        return "STOP_PENDING" if order.ord_type is OrdType.LIMIT else "STOP_TRIGGERED"
    if order.ord_type not in CONTINGENT:
        return "INVALID_ORDER_TYPE"
    return "STOP_TRIGGERED" if order.working else "STOP_PENDING"


def cancel_message(order: Order) -> str:
    return "User requested cancel" if order.ending is Ending.REQUESTED else ""
