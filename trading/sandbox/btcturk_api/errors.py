"""What the exchange answers when it does not do what was asked.

1. A client branches on the HTTP status and on `message`, the words of BTCTurk's list.
2. Codes 1051, 1052, 1055, 1118, 1122, 1123 and 1152 were seen on the wire; the others follow from
   the order of the words in the venue's own API description, or stand for one that is unknown.

Source: docs.btcturk.com "Errors", "Error Handling For Order Operations"; btcturk.api.v1.swagger;
broker-api-docs issues 181, 236, 299 and 572.
"""

from typing import Any

from aitrader.kernel.fix import OrdType, Side
from trading.sandbox import calls
from trading.sandbox.orders import NewOrder
from trading.sandbox.rules import Refusal, Refused

CODES = {
    "INVALID_MODEL": 1002,
    "PAIR_NOT_FOUND": 1027,
    "INVALID_REQUEST": 1038,
    "ORDER_COULD_NOT_BE_CANCELED": 1051,
    "NO_ORDER_MATCHES_YOUR_REQUEST": 1052,
    "BALANCE_NOT_ENOUGH": 1055,
    "PAIR_SYMBOL_NECESSARY": 1079,
    "INTERNAL_ERROR": 1081,
    "TIMEOUT": 1082,
    "FAILED_MARKET_ORDER": 1118,
    "FAILED_LIMIT_ORDER": 1120,
    "FAILED_ORDER_PARAMETER": 1121,
    "FAILED_ORDER_WITH_OPEN_ORDERS": 1122,
    "FAILED_MIN_TOTAL_AMOUNT": 1123,
    "STOP_PRICE_GREATER_THAN_MARKET": 1124,
    "STOP_PRICE_LESS_THAN_MARKET": 1125,
    "FAILED_INVALID_PRICE_SCALE": 1126,
    "FAILED_INVALID_QUANTITY_SCALE": 1127,
    "ORDER_METHOD_NOT_SUPPORTED": 1134,
    "Order not found": 1152,
    "SYSTEM_UNDER_MAINTENANCE": 1215,
    "PRICE_MUST_BE_LESS_THAN_MAXPRICE": 1225,
    "ORDER_MIN_PRICE_EXCEEDED": 1231,
    "ORDER_MAX_PRICE_EXCEEDED": 1232,
}
_WORDS = {
    Refusal.UNKNOWN_ACCOUNT: "FAILED_ORDER_PARAMETER",
    Refusal.UNKNOWN_INSTRUMENT: "PAIR_NOT_FOUND",
    Refusal.UNKNOWN_ORDER: "NO_ORDER_MATCHES_YOUR_REQUEST",
    Refusal.ORDER_CLOSED: "ORDER_COULD_NOT_BE_CANCELED",
    Refusal.MARKET_CLOSED: "FAILED_LIMIT_ORDER",
    Refusal.CANCEL_ONLY: "FAILED_LIMIT_ORDER",
    Refusal.BAD_COMBINATION: "FAILED_ORDER_PARAMETER",
    Refusal.PRICE_TICK: "FAILED_INVALID_PRICE_SCALE",
    Refusal.PRICE_RANGE: "PRICE_MUST_BE_LESS_THAN_MAXPRICE",
    Refusal.PERCENT_PRICE: "ORDER_MAX_PRICE_EXCEEDED",
    Refusal.QTY_LOT: "FAILED_INVALID_QUANTITY_SCALE",
    Refusal.QTY_RANGE: "FAILED_ORDER_PARAMETER",
    Refusal.MARKET_QTY_RANGE: "FAILED_ORDER_PARAMETER",
    Refusal.MIN_NOTIONAL: "FAILED_MIN_TOTAL_AMOUNT",
    Refusal.MAX_NOTIONAL: "FAILED_ORDER_PARAMETER",
    Refusal.TRAILING_RANGE: "FAILED_ORDER_PARAMETER",
    Refusal.EXPIRE_AT: "FAILED_ORDER_PARAMETER",
    Refusal.MAX_ORDERS: "FAILED_LIMIT_ORDER",
    Refusal.MAX_STOP_ORDERS: "FAILED_LIMIT_ORDER",
    Refusal.MAX_POSITION: "FAILED_LIMIT_ORDER",
    Refusal.DUPLICATE_CL_ORD_ID: "FAILED_ORDER_PARAMETER",
    Refusal.INSUFFICIENT_BALANCE: "BALANCE_NOT_ENOUGH",
    Refusal.WOULD_TAKE: "FAILED_ORDER_PARAMETER",
    Refusal.WOULD_TRIGGER: "STOP_PRICE_LESS_THAN_MARKET",
    Refusal.LIST_PRICES: "FAILED_ORDER_PARAMETER",
}
_CLOSED = {Refusal.MARKET_CLOSED, Refusal.CANCEL_ONLY}


class ApiError(calls.ApiError):
    """One refused request."""

    def __init__(
        self,
        message: str,
        status: int = 400,
        *,
        code: int | None = None,
        more: dict[str, Any] | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(message, status=status, retry_after_seconds=retry_after_seconds)
        self.message = message
        self.code = CODES[message] if code is None else code
        self.more = more or {}

    def body(self) -> dict[str, Any]:
        """The JSON of the answer."""
        return {
            "httpStatusCode": self.status,
            "data": None,
            "success": False,
            "message": self.message,
            "code": self.code,
            **self.more,
        }


def unauthorized(what: str) -> ApiError:
    """401: the key, the stamp or the signature is wrong."""
    return ApiError(f"Unauthorized - Invalid {what}", 401, code=401)


def too_many(limit: int, period: str, policy: str, wait_seconds: int) -> ApiError:
    """429, with how long nothing is answered."""
    details = f"Quota exceeded. Maximum allowed: {limit} per {period}."
    more = {"details": details, "limit": str(limit), "period": period, "policy": policy}
    return ApiError("TOO_MANY_REQUESTS", 429, code=429, more=more, retry_after_seconds=wait_seconds)


def refused(refusal: Refused, request: NewOrder, *, in_orders: bool, low: bool) -> ApiError:
    """The engine's refusal of a new order. `in_orders`: money of the asset is held by other orders;
    `low`: the price is below what is allowed, not above."""
    word = _WORDS[refusal.reason]
    market = request.ord_type is OrdType.MARKET
    if refusal.reason in _CLOSED and market:
        word = "FAILED_MARKET_ORDER"
    elif refusal.reason is Refusal.INSUFFICIENT_BALANCE and in_orders:
        word = "FAILED_ORDER_WITH_OPEN_ORDERS"
    elif refusal.reason is Refusal.WOULD_TRIGGER and request.side is Side.BUY:
        word = "STOP_PRICE_GREATER_THAN_MARKET"
    elif refusal.reason in {Refusal.PERCENT_PRICE, Refusal.PRICE_RANGE} and low:
        word = "ORDER_MIN_PRICE_EXCEEDED"
    return ApiError(word)
