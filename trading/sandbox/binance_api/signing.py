"""Who signs, what is signed, and when: the security of signed requests.

1. Over REST the payload is the query string and the body as they were sent, joined without a
   separator and without the signature: percent-encoding belongs to what is signed (2026-01-15).
2. Over the WebSocket API it is the parameters sorted by name; non-ASCII is percent-encoded.
3. A request is good from 1 s ahead of the server's clock to `recvWindow` behind it.

Source: binance-spot-api-docs, rest-api.md and web-socket-api.md, "Request security".
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from urllib.parse import quote, urlencode

from trading.sandbox.binance_api import errors
from trading.sandbox.binance_api.amounts import millis
from trading.sandbox.binance_api.parameters import Parameters

DEFAULT_WINDOW_MS = Decimal(5_000)
LONGEST_WINDOW_MS = 60_000
_AHEAD_MS = 1_000
_KEY = re.compile(r"[A-Za-z0-9]{16,128}")
_MICROSECONDS_FROM = 10**15


@dataclass(frozen=True, slots=True)
class Key:
    """One API key of one account; `can_trade` false is a key that may only read."""

    api_key: str
    api_secret: str
    account: str
    can_trade: bool = True

    def sign(self, payload: str) -> str:
        """HMAC-SHA256 in lower-case hex."""
        return hmac.new(self.api_secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


def rest_payload(query: str, body: str) -> str:
    """What a REST request signed: everything but the signature, exactly as sent."""
    return "".join(
        "&".join(part for part in text.split("&") if not part.startswith("signature="))
        for text in (query, body)
    )


def socket_payloads(params: Mapping[str, str]) -> tuple[str, str]:
    """What a WebSocket request may have signed: the raw text, or the whole of it form-encoded."""
    kept = sorted((name, value) for name, value in params.items() if name != "signature")
    raw = "&".join(f"{name}={value}" for name, value in kept)
    return quote(raw, safe="".join(map(chr, range(128)))), urlencode(kept)


def find_key(keys: Mapping[str, Key], given: str | None) -> Key:
    """The key that was named. Raises ApiError -2014 for no key at all, -2015 for a strange one."""
    if given is None or not _KEY.fullmatch(given):
        raise errors.key_format()
    if given not in keys:
        raise errors.key_unknown()
    return keys[given]


def check_signature(key: Key, payloads: tuple[str, ...], signature: str) -> None:
    """Raises ApiError -1022; the case of the hex digits does not matter."""
    given = signature.lower().encode()
    if not any(hmac.compare_digest(key.sign(each).encode(), given) for each in payloads):
        raise errors.bad_signature()


def check_time(params: Parameters, now: datetime) -> None:
    """Raises ApiError -1021 outside the window, -1102 for no timestamp or a window too long."""
    stamp = Decimal(params.required_integer("timestamp"))
    if stamp >= _MICROSECONDS_FROM:
        stamp /= 1_000
    window = params.decimal("recvWindow", places=3)
    window = DEFAULT_WINDOW_MS if window is None else window
    if window > LONGEST_WINDOW_MS:
        raise errors.too_great("recvWindow", LONGEST_WINDOW_MS)
    served = Decimal(millis(now))
    if stamp >= served + _AHEAD_MS:
        raise errors.ahead()
    if served - stamp > window:
        raise errors.stale()
