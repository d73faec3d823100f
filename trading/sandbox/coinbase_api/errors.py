"""What the exchange answers when it does not do what was asked.

1. A request that cannot be read, or whose sender is not known, is an `ApiError` with a status.
2. An order that the engine refuses is answered with 200 and `success: false`: `REASONS` has the
   venue's words for every refusal, the word of the order first, the word of its preview second.

Source: docs.cdp.coinbase.com, Advanced Trade API, "Create Order" and "Preview Order" (enums).
"""

from collections.abc import Mapping
from typing import Any

from trading.sandbox import calls
from trading.sandbox.rules import Refusal, Refused

Json = dict[str, Any]
UNKNOWN = "UNKNOWN_FAILURE_REASON"
_UNKNOWN_PREVIEW = "UNKNOWN_PREVIEW_FAILURE_REASON"


class ApiError(calls.ApiError):
    """One refused request. Without an `error` the answer is a bare line of text."""

    def __init__(
        self, status: int, error: str, message: str, *, retry_after_seconds: int | None = None
    ) -> None:
        super().__init__(error, message, status=status, retry_after_seconds=retry_after_seconds)
        self.error = error
        self.message = message

    def body(self) -> Json | str:
        if not self.error:
            return f"{self.message}\n"
        return {"error": self.error, "error_details": self.message, "message": self.message}


REASONS: Mapping[Refusal, tuple[str, str]] = {
    Refusal.UNKNOWN_ACCOUNT: ("INVALID_REQUEST", _UNKNOWN_PREVIEW),
    Refusal.UNKNOWN_INSTRUMENT: ("INVALID_PRODUCT_ID", "PREVIEW_INVALID_PRODUCT_ID"),
    Refusal.UNKNOWN_ORDER: ("INVALID_REQUEST", _UNKNOWN_PREVIEW),
    Refusal.ORDER_CLOSED: ("INVALID_REQUEST", _UNKNOWN_PREVIEW),
    Refusal.MARKET_CLOSED: ("ORDER_ENTRY_DISABLED", _UNKNOWN_PREVIEW),
    Refusal.CANCEL_ONLY: ("ORDER_ENTRY_DISABLED", _UNKNOWN_PREVIEW),
    Refusal.BAD_COMBINATION: ("UNSUPPORTED_ORDER_CONFIGURATION", "PREVIEW_INVALID_ORDER_CONFIG"),
    Refusal.PRICE_TICK: ("INVALID_PRICE_PRECISION", "PREVIEW_INVALID_PRICE_PRECISION"),
    Refusal.PRICE_RANGE: ("INVALID_LIMIT_PRICE", "PREVIEW_INVALID_LIMIT_PRICE"),
    Refusal.PERCENT_PRICE: ("INVALID_LIMIT_PRICE", "PREVIEW_BREACHED_PRICE_LIMIT"),
    Refusal.QTY_LOT: ("INVALID_SIZE_PRECISION", "PREVIEW_INVALID_SIZE_PRECISION"),
    Refusal.QTY_RANGE: (UNKNOWN, "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL"),
    Refusal.MARKET_QTY_RANGE: (UNKNOWN, "PREVIEW_INVALID_BASE_SIZE_TOO_LARGE"),
    Refusal.MIN_NOTIONAL: (UNKNOWN, "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL"),
    Refusal.MAX_NOTIONAL: (UNKNOWN, "PREVIEW_INVALID_QUOTE_SIZE_TOO_LARGE"),
    Refusal.TRAILING_RANGE: ("UNSUPPORTED_ORDER_CONFIGURATION", "PREVIEW_INVALID_ORDER_CONFIG"),
    Refusal.EXPIRE_AT: ("INVALID_REQUEST", "PREVIEW_INVALID_ORDER_CONFIG"),
    Refusal.MAX_ORDERS: ("COMMANDER_REJECTED_NEW_ORDER", _UNKNOWN_PREVIEW),
    Refusal.MAX_STOP_ORDERS: ("COMMANDER_REJECTED_NEW_ORDER", _UNKNOWN_PREVIEW),
    Refusal.MAX_POSITION: ("COMMANDER_REJECTED_NEW_ORDER", _UNKNOWN_PREVIEW),
    Refusal.DUPLICATE_CL_ORD_ID: ("DUPLICATE_CLIENT_ORDER_ID", _UNKNOWN_PREVIEW),
    Refusal.INSUFFICIENT_BALANCE: ("INSUFFICIENT_FUND", "PREVIEW_INSUFFICIENT_FUND"),
    Refusal.WOULD_TAKE: (
        "INVALID_LIMIT_PRICE_POST_ONLY",
        "PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY",
    ),
    Refusal.WOULD_TRIGGER: (UNKNOWN, "PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE"),
    Refusal.LIST_PRICES: ("UNSUPPORTED_ORDER_CONFIGURATION", "PREVIEW_INVALID_ORDER_CONFIG"),
}
_TOO_LARGE = "PREVIEW_INVALID_BASE_SIZE_TOO_LARGE"
_STOP_BELOW = "PREVIEW_STOP_PRICE_BELOW_LAST_TRADE_PRICE"


def words(refusal: Refused, *, large: bool = False, upwards: bool = False) -> tuple[str, str]:
    """The order's word and the preview's: `large` tells a size out of bounds apart, `upwards` a
    stop that waits for a rise."""
    if refusal.reason is Refusal.QTY_RANGE and large:
        return UNKNOWN, _TOO_LARGE
    if refusal.reason is Refusal.WOULD_TRIGGER and upwards:
        return UNKNOWN, _STOP_BELOW
    return REASONS[refusal.reason]


def refused(error: str, preview: str, message: str, configuration: object) -> Json:
    """The answer to an order that was not taken."""
    return {
        "success": False,
        "failure_reason": UNKNOWN,
        "order_id": "",
        "error_response": {
            "error": error,
            "message": message,
            "error_details": "",
            "preview_failure_reason": preview,
            "new_order_failure_reason": error,
        },
        "order_configuration": configuration,
    }


def unauthorized() -> ApiError:
    return ApiError(401, "", "Unauthorized")


def invalid(message: str) -> ApiError:
    return ApiError(400, "INVALID_ARGUMENT", message)


def not_found(message: str) -> ApiError:
    return ApiError(404, "NOT_FOUND", message)


def impatience(seconds: int) -> ApiError:
    return ApiError(429, "rate_limit_exceeded", "Too many requests", retry_after_seconds=seconds)


def unavailable() -> ApiError:
    return ApiError(503, "UNAVAILABLE", "The service is currently unavailable.")


def timed_out() -> ApiError:
    """The outcome is unknown: the exchange's own front has given up on its engine."""
    return ApiError(504, "DEADLINE_EXCEEDED", "context deadline exceeded")


def internal() -> ApiError:
    """The outcome is unknown: the exchange's own front has not understood its engine."""
    return ApiError(500, "INTERNAL", "internal server error")
