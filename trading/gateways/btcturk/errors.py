"""What an answer of BTCTurk that is not a success proves about the call.

1. The venue's name of an error decides ("message" on the wire). Its numbers moved twice (the change
   of 6 May 2024 tells): a number decides only where the name is one that nobody knows.
2. Only a well-formed refusal is definite: a status of the table, `success` false, a known name.
   Everything else is unknown, and so is a refusal in an answer with status 200.
3. "Not enough balance" is a refusal in whatever status it comes: the venue has answered it as 502.
4. A refusal for the rate, or for the stamp, never reached the engine: nothing was done, and the
   next call has another stamp. Two processes that share a key may hit upon the same millisecond.

docs.btcturk.com: Errors; Error Handling For Order Operations; Recent changes; Rate Limits.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aitrader.kernel.errors import GatewayError, NotSent, OutcomeUnknown, RejectedByVenue

UNAUTHORISED, TOO_MANY = 401, 429
BAD_GATEWAY = 502


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is what its JSON says, None for a body that cannot be read."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Proof(StrEnum):
    """What an error says about the call it answers; GONE: there is no such open order."""

    REFUSED = "REFUSED"
    GONE = "GONE"
    NOT_DONE = "NOT_DONE"
    UNKNOWN = "UNKNOWN"


NO_SUCH_ORDER = "NO_ORDER_MATCHES_YOUR_REQUEST"
#: "The order is closed, or the operation fails": which of the two, only a read can tell.
NOT_CANCELLED = "ORDER_COULD_NOT_BE_CANCELED"
_BALANCE = ("BALANCE_NOT_ENOUGH", "BALANCE_NOT_ENOUGH_WITHOUT_OPEN_ORDERS")
_REFUSED = (
    *_BALANCE,
    "FAILED_ORDER_PARAMETER", "PARAMETERS_ERROR", "FAILED_ORDER_WITH_OPEN_ORDERS",
    "FAILED_MIN_TOTAL_AMOUNT", "MIN_TOTAL", "FAILED_MARKET_ORDER", "FAILED_LIMIT_ORDER",
    "STOP_PRICE_GREATER_THAN_MARKET", "STOP_PRICE_LESS_THAN_MARKET",
    "FAILED_STOP_PRICE_GREATER_THAN_BEST_ASK", "FAILED_STOP_PRICE_LESS_THAN_BEST_BID",
    "PRICE_MUST_BE_LESS_THAN_MAXPRICE", "PRICE_MUST_BE_LESS_THAN_MAX_PRICE",
    "PRICE_MUST_BE_LESS_THAN_MINPRICE", "PRICE_MUST_BE_LESS_THAN_MIN_PRICE",
    "ORDER_MIN_PRICE_EXCEEDED", "ORDER_MAX_PRICE_EXCEEDED", "PRICE_MUST_BE_AN_INTEGER",
    "INVALID_PRICE_SCALE", "INVALID_QUANTITY_SCALE", "INVALID_STOP_PRICE_SCALE",
    "FAILED_INVALID_PRICE_SCALE", "FAILED_INVALID_QUANTITY_SCALE",
    "FAILED_INVALID_STOP_PRICE_SCALE", "ORDER_METHOD_NOT_SUPPORTED", "ORDER_TYPE_NOT_SUPPORTED",
    "VALUE_BELOW_MINIMUM", "VALUE_ABOVE_MAXIMUM", "PAIR_NOT_FOUND", "PAIR_SYMBOL_NECESSARY",
    "INVALID_MODEL", "INVALID_PARAMETER", "INVALID_REQUEST", "REQUEST_VALIDATION_FAILED",
    "NOT_ALLOWED", "ACCESS_DENIED", "LOCKED_OUT", "USER_NOT_FOUND", "USER_UNVERIFIED",
    "USER_STATUS_FROZEN", "USER_STATUS_NOT_VALID", "START_DATE_END_DATE_INVALID",
    "START_DATE_CANNOT_BE_GREATER_THAN_END_DATE", "ERROR_DATE_RANGE_MAX3_MONTH",
    "ERROR_DATE_RANGE_MAX30_DAYS", NOT_CANCELLED, "ORDER_CANCEL_BLOCKED",
)  # fmt: skip
#: Named by the venue for a failure of its own: it may have acted.
_ITS_OWN = (
    "DB_ERROR", "NONE", "UNDEFINED", "INTERNAL_ERROR", "TIMEOUT", "FAILED_SEND_TO_SERVICE",
    "FAILED_SET_ORDER_UNEXPECTED", "KORDER_INSERT_ERROR", "SYSTEM_UNDER_MAINTENANCE", "SUCCESS",
)  # fmt: skip
NAMES: Mapping[str, Proof] = {
    **dict.fromkeys(_REFUSED, Proof.REFUSED),
    **dict.fromkeys(_ITS_OWN, Proof.UNKNOWN),
    **dict.fromkeys((NO_SUCH_ORDER, "ORDER_NOT_FOUND"), Proof.GONE),
    "TOO_MANY_REQUESTS": Proof.NOT_DONE,
}
#: As told on 6 May 2024 or seen since; "no such order" has had two.
_OF_ORDERS = (1051, 1055, 1118, *range(1120, 1129), 1134, 1193, 1226, 1227)
NUMBERS: Mapping[int, Proof] = {
    **dict.fromkeys(_OF_ORDERS, Proof.REFUSED),
    **dict.fromkeys((1052, 1152), Proof.GONE),
    TOO_MANY: Proof.NOT_DONE,
}
#: What a status allows to be proved; any other proves nothing. A 401 stands for itself.
_STATUSES = frozenset({400, UNAUTHORISED, 404, 405, 422, TOO_MANY, BAD_GATEWAY})
_WORDS_OF_BALANCE = re.compile(r"(not enough|insufficient).*balance|balance.*(not enough|insuff)")
_OF_STAMP = re.compile(r"nonce|stamp")
_LONGEST_TEXT = 200


def translate(answer: Answer) -> GatewayError:
    """The one of our three errors that an answer proves which is no success."""
    status, body = answer.status, answer.body
    if not isinstance(body, Mapping) or body.get("success") is not False:
        return OutcomeUnknown(f"HTTP {status}, no refusal of the venue's form")
    name, number = _name(body), body.get("code")
    text = str(body.get("message"))[:_LONGEST_TEXT]
    proof = _proof(status, name, number, text)
    if proof is Proof.UNKNOWN:
        return OutcomeUnknown(f"HTTP {status}, {number}: {text}")
    if proof is Proof.NOT_DONE:
        return NotSent(f"HTTP {status}, {number}: {text}")
    return RejectedByVenue(
        _code(status, name, number),
        text,
        gone=proof is Proof.GONE,
        of_key=status == UNAUTHORISED,
        of_balance=_is_of_balance(name, text),
    )


def retry_after_seconds(answer: Answer) -> float | None:
    """How long the venue wants silence; a minute, its usual block, when it does not say. None if
    it wants none."""
    if answer.status != TOO_MANY:
        return None
    told = answer.headers.get("Retry-After", "")
    return float(told) if told.isdigit() else 60.0


def _proof(status: int, name: str, number: object, text: str) -> Proof:
    if status not in _STATUSES:
        return Proof.UNKNOWN
    of_balance = _is_of_balance(name, text)
    if status == BAD_GATEWAY:
        return Proof.REFUSED if of_balance else Proof.UNKNOWN
    if status == UNAUTHORISED:
        return Proof.NOT_DONE if _OF_STAMP.search(text.lower()) else Proof.REFUSED
    if name in NAMES:
        return NAMES[name]
    if of_balance:
        return Proof.REFUSED
    return NUMBERS.get(number, Proof.UNKNOWN) if isinstance(number, int) else Proof.UNKNOWN


def _is_of_balance(name: str, text: str) -> bool:
    return name in _BALANCE or bool(_WORDS_OF_BALANCE.search(text.lower()))


def _name(body: Mapping[str, object]) -> str:
    """The error's name in capitals; "Order not found" is written as a sentence."""
    for told in (body.get("message"), body.get("code")):
        if isinstance(told, str) and told.strip():
            return re.sub(r"\W+", "_", told.strip()).upper()
    return ""


def _code(status: int, name: str, number: object) -> str:
    if name in NAMES:
        return name
    return str(status if number in (None, 0) else number)
