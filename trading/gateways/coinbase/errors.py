"""What a call to Coinbase that did not succeed proves; the words are in reasons.py.

1. Only a well-formed answer whose every reason is listed as a refusal is definite; everything else
   is unknown.
2. `success` alone says whether an order was taken or a cancel asked for: an answer that succeeded
   names a reason for failure too.
3. A refusal for the rate (429) and one for the key (401) came before the venue acted.
"""

from collections.abc import Mapping
from typing import Any

import requests

from aitrader.kernel.errors import GatewayError, NotSent, OutcomeUnknown, RejectedByVenue
from trading.gateways import transport
from trading.gateways.coinbase import reasons
from trading.gateways.coinbase.reasons import Proof

Answer = Mapping[str, Any]

TOO_MANY = 429
_UNAUTHORIZED = 401
#: The code of the refusal of a key, a signature, or the time of one.
UNAUTHENTICATED = str(_UNAUTHORIZED)
#: How long we are silent when the venue does not say.
_SILENCE_SECONDS = 30.0
NOT_FOUND = "NOT_FOUND"
#: Our own code: the venue has another order under our client order id.
CL_ORD_ID_TAKEN = "CL_ORD_ID_TAKEN"


class Unanswered(Exception):
    """The venue's answer is an HTTP error; `told` is its body if that is JSON."""

    def __init__(self, status: int, told: object, retry_after: str = "") -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.told = told if isinstance(told, dict) else {}
        self.retry_after = retry_after


def translate(error: Exception) -> GatewayError:
    """The one of our three errors that what the call raised proves."""
    if isinstance(error, GatewayError):
        return error
    if isinstance(error, Unanswered):
        return _by_status(error)
    if isinstance(error, requests.exceptions.JSONDecodeError):
        return OutcomeUnknown("an answer that is not JSON")
    if isinstance(error, requests.exceptions.RequestException):
        return transport.broken(error)
    return OutcomeUnknown(f"{type(error).__name__} during the call")


def silence_seconds(error: Exception) -> float:
    """How long the venue wants silence; 0 when it does not."""
    if not isinstance(error, Unanswered) or error.status != TOO_MANY:
        return 0.0
    told = error.retry_after
    return float(told) if told.isdigit() else _SILENCE_SECONDS


def order_refused(answer: Answer) -> GatewayError:
    """What an answer with `success` false proves of a new order."""
    told = answer.get("error_response")
    told = told if isinstance(told, dict) else {}
    fields = ("new_order_failure_reason", "error", "preview_failure_reason")
    named = [*(told.get(field) for field in fields), answer.get("failure_reason")]
    text = " ".join(str(told[field]) for field in ("message", "error_details") if told.get(field))
    return _by_reason(named, text, reasons.NEW_ORDER)


def cancel_refused(result: Answer) -> GatewayError:
    """What a result with `success` false proves of a cancel."""
    reason = result.get("failure_reason")
    return _by_reason([reason], "", reasons.CANCEL, gone=reason in reasons.GONE)


def _by_reason(
    named: list[object], text: str, table: Mapping[str, Proof], *, gone: bool = False
) -> GatewayError:
    told = [str(each) for each in named if each is not None and each not in reasons.UNSET]
    if not told:
        return OutcomeUnknown(f"refused without a reason {text}".rstrip())
    if any(table.get(each) is not Proof.REFUSED for each in told):
        return OutcomeUnknown(f"{', '.join(told)}: {text}")
    of_balance = not reasons.OF_BALANCE.isdisjoint(told)
    return RejectedByVenue(told[0], text, gone=gone, of_balance=of_balance)


def _by_status(error: Unanswered) -> GatewayError:
    name, status = str(error.told.get("error") or ""), error.status
    text = str(error.told.get("message") or error.told.get("error_details") or "")
    if status == TOO_MANY:
        return NotSent("HTTP 429: too many requests")
    if status == _UNAUTHORIZED:
        said = f"{name} {text}".strip()
        said = said or "the key or its signature is refused"
        return RejectedByVenue(UNAUTHENTICATED, said, of_key=True)
    proof = reasons.HTTP_ERRORS.get(name.upper(), Proof.UNKNOWN)
    if not 400 <= status < 500 or proof is Proof.UNKNOWN:
        return OutcomeUnknown(f"HTTP {status} {name}".rstrip())
    if proof is Proof.NOT_DONE:
        return NotSent(f"HTTP {status} {name}")
    return RejectedByVenue(name.upper(), text)
