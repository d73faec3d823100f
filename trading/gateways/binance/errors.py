"""What a failed call to Binance proves (errors.md and "General Information on Endpoints").

1. Only a well-formed 4xx answer with a code of the table is definite; everything else is unknown.
2. A refusal for the rate is proof that nothing was done: it never reached the engine.
3. So is a refusal for the time of the call (-1021): it was looked at before the order was.
4. "Duplicate order sent." proves that the first copy exists: its outcome is to be asked for.
"""

from collections.abc import Mapping
from enum import StrEnum

import requests
from binance.exceptions import BinanceAPIException, BinanceRequestException

from aitrader.kernel.errors import GatewayError, NotSent, OutcomeUnknown, RejectedByVenue
from trading.gateways import transport


class Proof(StrEnum):
    """What a code says about the call it answers."""

    REFUSED = "REFUSED"
    NOT_DONE = "NOT_DONE"
    UNKNOWN = "UNKNOWN"


def _refused(*codes: int) -> dict[int, Proof]:
    return dict.fromkeys(codes, Proof.REFUSED)


_FORMAT = (
    *range(-1106, -1099), -1108, -1111, -1112, *range(-1122, -1113), -1125, -1127, -1128, -1130,
    -1134, -1135, -1139, -1145, *range(-1153, -1150), -1155, -1158, -1160, -1161, -1165, -1166,
    *range(-1191, -1167), -1194, *range(-1199, -1195), -1210, -1211, *range(-1225, -1219),
)  # fmt: skip
CODES: Mapping[int, Proof] = {
    **dict.fromkeys((-1000, -1001, -1006, -1007, -1008, -1016, -2021, -2022), Proof.UNKNOWN),
    **dict.fromkeys((-1003, -1034, -1021), Proof.NOT_DONE),
    **_refused(-1002, -1013, -1014, -1015, -1020, -1022, -1033, -1035),
    **_refused(*_FORMAT),
    **_refused(-2010, -2011, -2013, -2014, -2015, -2016, -2026, -2035, -2036, -2039, -2042, -2043),
}
NO_SUCH_ORDER = -2013
WRONG_TIME = -1021
CANCEL_REFUSED = -2011
_ORDER_REFUSED = -2010
#: No such key, or not from this address, or not for this.
_OF_KEY = (-2014, -2015)
_DUPLICATE = "Duplicate order sent."
_OF_BALANCE = "insufficient balance"
_BLOCKED = (418, 429)


def translate(error: Exception) -> GatewayError:
    """The one of our three errors that the library's exception proves."""
    if isinstance(error, BinanceAPIException):
        return _answered(error)
    if isinstance(error, BinanceRequestException):
        return OutcomeUnknown("an answer that is not JSON")
    if isinstance(error, requests.exceptions.RequestException):
        return transport.broken(error)
    return OutcomeUnknown(f"{type(error).__name__}: {error}")


def is_blocked(error: Exception) -> bool:
    """Whether the venue has told this address to be silent for a while."""
    return isinstance(error, BinanceAPIException) and error.status_code in _BLOCKED


def retry_after_seconds(error: BinanceAPIException) -> float:
    """How long the venue wants silence; a minute, its shortest window, when it does not say."""
    told = error.response.headers.get("Retry-After", "")
    return float(told) if told.isdigit() else 60.0


def _answered(error: BinanceAPIException) -> GatewayError:
    status, code = error.status_code, error.code
    if not 400 <= status < 500 or not isinstance(code, int):
        return OutcomeUnknown(f"HTTP {status}, code {code}")
    proof = CODES.get(code, Proof.UNKNOWN)
    if status in _BLOCKED and proof is not Proof.UNKNOWN:
        proof = Proof.NOT_DONE
    text = str(error.message)
    if proof is Proof.NOT_DONE:
        return NotSent(f"{code}: {text}")
    if proof is Proof.UNKNOWN or (code == _ORDER_REFUSED and text == _DUPLICATE):
        return OutcomeUnknown(f"HTTP {status}, {code}: {text}")
    return RejectedByVenue(
        str(code),
        text,
        gone=code == CANCEL_REFUSED,
        of_key=code in _OF_KEY,
        of_balance=code == _ORDER_REFUSED and _OF_BALANCE in text.lower(),
    )
