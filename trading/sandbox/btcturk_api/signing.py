"""Who signs, what is signed, and when.

1. X-Signature is base64 of HMAC-SHA256 over key + stamp, with the secret decoded from base64. The
   body and the path are not signed.
2. A stamp is good for 5 s on either side of the server's clock, and once only for a key.

Source: docs.btcturk.com "Authentication V1"; venues.md 2.1.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from aitrader.kernel.clock import to_millis
from trading.sandbox.btcturk_api import errors

WINDOW_MS = 5_000
_STAMP = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Key:
    """One API key of one account; the secret as the client has it, in base64."""

    api_key: str
    api_secret: str
    account: str

    def sign(self, stamp: str) -> str:
        """The signature of a request with this stamp."""
        raw = base64.b64decode(self.api_secret)
        digest = hmac.new(raw, f"{self.api_key}{stamp}".encode(), hashlib.sha256).digest()
        return base64.b64encode(digest).decode()

    def signed(self, stamp: str, signature: str) -> bool:
        """Whether the signature is right, however its base64 is padded."""
        try:
            given = base64.b64decode(signature)
        except (binascii.Error, ValueError):
            return False
        return hmac.compare_digest(base64.b64decode(self.sign(stamp)), given)


@dataclass(slots=True)
class Stamps:
    """The stamps that each key has used, as long as they are good."""

    _used: dict[str, set[int]] = field(default_factory=dict)
    _order: dict[str, "deque[int]"] = field(default_factory=dict)

    def use(self, api_key: str, stamp: int) -> bool:
        """Note a stamp that is good now; False for one that was used before."""
        used = self._used.setdefault(api_key, set())
        order = self._order.setdefault(api_key, deque())
        while order and order[0] < stamp - 2 * WINDOW_MS:
            used.discard(order.popleft())
        if stamp in used:
            return False
        used.add(stamp)
        order.append(stamp)
        return True

    def remembered(self, api_key: str) -> int:
        """How many of a key are kept."""
        return len(self._used.get(api_key, ()))


def authorise(keys: Mapping[str, Key], headers: Mapping[str, str]) -> tuple[Key, int]:
    """The key and the stamp of a signed request. Raises ApiError 401."""
    key = keys.get(headers.get("X-PCK", ""))
    if key is None:
        raise errors.unauthorized("API Key")
    stamp = headers.get("X-Stamp", "")
    if not _STAMP.fullmatch(stamp):
        raise errors.unauthorized("Nonce")
    if not key.signed(stamp, headers.get("X-Signature", "")):
        raise errors.unauthorized("Signature")
    return key, int(stamp)


def check_time(stamp: int, now: datetime) -> None:
    """Raises ApiError 401 outside the window."""
    if abs(to_millis(now) - stamp) > WINDOW_MS:
        raise errors.unauthorized("Nonce")
