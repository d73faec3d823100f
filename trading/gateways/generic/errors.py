"""What a failed call through ccxt proves.

1. An error is definite if its class is on the list and the venue answered it: well-formed JSON,
   status below 500. Everything else is unknown; a class that nobody listed is, too.
2. What failed before anything left is definite; what failed after the library had taken the answer
   for no error is unknown, whatever its class: the venue has acted.
3. A refusal that speaks of a duplicate, or of the client order id, may prove that a first copy
   exists: unknown.
4. What the library says of a call can name its address with the signature: only the venue's own
   words go into a text, or the library's where nothing was signed.
"""

import re
from collections.abc import Mapping
from enum import StrEnum

from aitrader.kernel.errors import GatewayError, NotSent, OutcomeUnknown, RejectedByVenue
from trading.gateways.generic.wire import Heard


class Proof(StrEnum):
    """What an error says about the call that it answers."""

    REFUSED = "REFUSED"
    NOT_DONE = "NOT_DONE"
    UNKNOWN = "UNKNOWN"


_REFUSED = (
    "AuthenticationError", "PermissionDenied", "AccountNotEnabled", "AccountSuspended",
    "ArgumentsRequired", "BadRequest", "BadSymbol", "MarketClosed", "RestrictedLocation",
    "InsufficientFunds", "InvalidOrder", "OrderNotFound", "OrderImmediatelyFillable",
    "ContractUnavailable", "NotSupported",
)  # fmt: skip
# The rate and the nonce are looked at before the order is.
_NOT_DONE = ("DDoSProtection", "RateLimitExceeded", "InvalidNonce")
_UNKNOWN = (
    "BaseError", "ExchangeError", "OperationRejected", "NoChange", "MarginModeAlreadySet",
    "ManualInteractionNeeded", "InvalidAddress", "AddressPending", "OrderNotCached",
    "OrderNotFillable", "DuplicateOrderId", "InvalidProxySettings", "ExchangeClosedByUser",
    "OperationFailed", "NetworkError", "ExchangeNotAvailable", "OnMaintenance", "ChecksumError",
    "RequestTimeout", "BadResponse", "NullResponse", "CancelPending", "UnsubscribeError",
)  # fmt: skip
#: Every class of the library by name; a class that is not here counts as the nearest above it.
PROOFS: Mapping[str, Proof] = {
    **dict.fromkeys(_REFUSED, Proof.REFUSED),
    **dict.fromkeys(_NOT_DONE, Proof.NOT_DONE),
    **dict.fromkeys(_UNKNOWN, Proof.UNKNOWN),
}
_OF_KEY = ("AuthenticationError", "PermissionDenied", "AccountSuspended")
_IMPATIENT = ("DDoSProtection", "RateLimitExceeded")
_BLOCKED = (418, 429)
_FIRST_COPY = re.compile(
    r"duplicat|already (exist|in use|been used)|not unique|cl_?ord_?id|client_?order_?id",
    re.IGNORECASE,
)
_CODES = ("code", "errorCode", "error_code", "err_code", "retCode", "ret_code")
_TEXTS = ("msg", "message", "retMsg", "errorMessage", "error_message", "error")
_LONGEST_TEXT = 200


def translate(error: Exception, heard: Heard, codes: Mapping[str, Proof]) -> GatewayError:
    """The one of our three errors that this one proves; `codes` are a venue's own that we know."""
    listed = _listed(error)
    if heard.taken:
        return OutcomeUnknown(f"an answer that cannot be read: {type(error).__name__}")
    if not heard.reached:
        if listed and PROOFS[listed] is Proof.REFUSED:
            return RejectedByVenue(listed, str(error)[:_LONGEST_TEXT])
        return NotSent(f"{listed or type(error).__name__} before anything was sent")
    said = heard.said()
    if heard.status is None or heard.status >= 500 or not isinstance(said, dict | list):
        found = "no answer" if heard.status is None else f"HTTP {heard.status}"
        return OutcomeUnknown(f"{type(error).__name__}: {found}")
    return _answered(listed, said, codes)


def is_blocked(error: Exception, heard: Heard) -> bool:
    """Whether the venue wants silence for a while."""
    if heard.status in _BLOCKED:
        return True
    answered = heard.status is not None and heard.status < 500 and not heard.taken
    return answered and _listed(error) in _IMPATIENT


def silence_seconds(heard: Heard, *, usual: float) -> float:
    """How long the venue wants silence; the usual time when it does not say."""
    return float(heard.retry_after) if heard.retry_after.isdigit() else usual


def _listed(error: Exception) -> str:
    """The nearest class of the error that is on the list; empty for one that is none of theirs."""
    names = (each.__name__ for each in type(error).__mro__ if each.__module__.startswith("ccxt"))
    return next((name for name in names if name in PROOFS), "")


def _answered(listed: str, said: object, codes: Mapping[str, Proof]) -> GatewayError:
    code, text = _words(said)
    proof = _known(code, codes) or PROOFS.get(listed, Proof.UNKNOWN)
    if _FIRST_COPY.search(text) or _FIRST_COPY.search(code):
        proof = Proof.UNKNOWN
    code = code or listed
    if proof is Proof.NOT_DONE:
        return NotSent(f"{code}: {text}")
    if proof is Proof.UNKNOWN:
        return OutcomeUnknown(f"{code}: {text}")
    return RejectedByVenue(
        code,
        text or listed,
        gone=listed == "OrderNotFound",
        of_key=listed in _OF_KEY,
        of_balance=listed == "InsufficientFunds",
    )


def _known(code: str, codes: Mapping[str, Proof]) -> Proof | None:
    """By the whole code or by what stands before one of its colons."""
    while code not in codes and ":" in code:
        code = code.rpartition(":")[0]
    return codes.get(code)


def _words(said: object) -> tuple[str, str]:
    """The venue's code and text, as far as they are where they usually are."""
    if isinstance(said, list) and len(said) == 1:
        said = said[0]
    if not isinstance(said, dict):
        return "", ""
    listed = said.get("error")
    if isinstance(listed, list) and listed:
        return str(listed[0])[:_LONGEST_TEXT], ", ".join(map(str, listed))[:_LONGEST_TEXT]
    code = next((str(said[name]) for name in _CODES if said.get(name) is not None), "")
    text = next((said[name] for name in _TEXTS if isinstance(said.get(name), str)), "")
    return code[:_LONGEST_TEXT], text[:_LONGEST_TEXT]
