"""What the exchange answers when it does not do what was asked.

Codes and messages are those of Binance's error list, because clients branch on both.
Source: binance-spot-api-docs, errors.md (2026-07).
"""

from typing import Any

from trading.sandbox import calls


class ApiError(calls.ApiError):
    """One refused request."""

    def __init__(
        self,
        code: int,
        message: str,
        status: int = 400,
        data: dict[str, Any] | None = None,
        *,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(code, message, status=status, retry_after_seconds=retry_after_seconds)
        self.code = code
        self.message = message
        self.data = data

    def body(self) -> dict[str, Any]:
        """The JSON of the answer."""
        told: dict[str, Any] = {"code": self.code, "msg": self.message}
        if self.data is not None:
            told["data"] = self.data
        return told


def mandatory(name: str) -> ApiError:
    return ApiError(
        -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    )


def either(first: str, second: str) -> ApiError:
    return ApiError(-1102, f"Param '{first}' or '{second}' must be sent, but both were empty/null!")


def too_great(name: str, most: int) -> ApiError:
    return ApiError(-1102, f"'{name}' contains unexpected value. Cannot be greater than {most}.")


def illegal_characters(name: str, pattern: str) -> ApiError:
    return ApiError(
        -1100, f"Illegal characters found in parameter '{name}'; legal range is '{pattern}'."
    )


def duplicated() -> ApiError:
    return ApiError(-1101, "Duplicate values for a parameter detected.")


def unread(read: int, sent: int) -> ApiError:
    return ApiError(
        -1104,
        f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'.",
    )


def empty(name: str) -> ApiError:
    return ApiError(-1105, f"Parameter '{name}' was empty.")


def not_required(name: str) -> ApiError:
    return ApiError(-1106, f"Parameter '{name}' sent when not required.")


def too_precise(name: str) -> ApiError:
    return ApiError(-1111, f"Parameter '{name}' has too much precision.")


def invalid(name: str) -> ApiError:
    return ApiError(-1130, f"Data sent for parameter '{name}' is not valid.")


def filtered(name: str) -> ApiError:
    return ApiError(-1013, f"Filter failure: {name}")


def rejected(message: str) -> ApiError:
    """The engine took no order."""
    return ApiError(-2010, message)


def not_cancelled(message: str = "Unknown order sent.") -> ApiError:
    return ApiError(-2011, message)


def no_such_order() -> ApiError:
    return ApiError(-2013, "Order does not exist.")


def bad_symbol() -> ApiError:
    return ApiError(-1121, "Invalid symbol.")


def bad_interval() -> ApiError:
    return ApiError(-1120, "Invalid interval.")


def bad_side() -> ApiError:
    return ApiError(-1117, "Invalid side.")


def bad_type() -> ApiError:
    return ApiError(-1116, "Invalid orderType.")


def bad_tif() -> ApiError:
    return ApiError(-1115, "Invalid timeInForce.")


def bad_signature() -> ApiError:
    return ApiError(-1022, "Signature for this request is not valid.")


def stale() -> ApiError:
    return ApiError(-1021, "Timestamp for this request is outside of the recvWindow.")


def ahead() -> ApiError:
    return ApiError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")


def key_format() -> ApiError:
    return ApiError(-2014, "API-key format invalid.", 401)


def key_unknown() -> ApiError:
    return ApiError(-2015, "Invalid API-key, IP, or permissions for action.", 401)


def too_long() -> ApiError:
    return ApiError(-1127, "More than 24 hours between startTime and endTime.")


def bad_json() -> ApiError:
    return ApiError(-1135, "Invalid JSON Request")


def unknown_method() -> ApiError:
    return ApiError(-1020, "This operation is not supported.", 404)


def subscribed() -> ApiError:
    return ApiError(-2035, "User Data Stream subscription already active.")


def not_subscribed() -> ApiError:
    return ApiError(-2036, "User Data Stream subscription not active.")


def unsupported() -> ApiError:
    return ApiError(-1014, "Unsupported order combination.")


def unexpected_response() -> ApiError:
    """The outcome is unknown: the exchange itself has not understood its engine."""
    message = "An unexpected response was received from the message bus. Execution status unknown."
    return ApiError(-1006, message, 502)


def timed_out() -> ApiError:
    """The outcome is unknown: the engine did not answer in time."""
    message = (
        "Timeout waiting for response from backend server. Send status unknown; execution status "
        "unknown."
    )
    return ApiError(-1007, message, 504)
