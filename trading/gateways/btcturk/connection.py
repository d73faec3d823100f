"""Signed and public calls to BTCTurk: a thin client of our own over `requests`.

ccxt knows the venue and signs rightly, but the rest of what a call needs is not there: its stamp is
the clock's millisecond, so that two calls may share one; it loads all markets before the first
order; an error keeps neither status nor code; it has no single order and no cancel's result, and it
asks for all orders with a parameter that the venue does not have. What would remain of it is one
HMAC, which is below.

1. One attempt a call: nothing is sent again, no redirect is followed.
2. A stamp is used once and only rises, for every thread that shares the key: a signature that was
   used before is refused, and it signs the key and the stamp only, not the body.
3. A host that wants silence (429) has it, for as long as it says. Nothing is signed while our clock
   is off: the venue takes stamps within 5 s, we stop at 1 s.
4. Numbers with a point are read as Decimal, never as float. A body that is not JSON, or that says
   one thing twice, is no answer. Keys, signatures and bodies are in no exception's text.

docs.btcturk.com: Authentication V1; Rate Limits.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Lock
from typing import Any, TypeVar

import requests
from pydantic import SecretStr

from aitrader.kernel.clock import Clock, from_millis, to_millis
from aitrader.kernel.errors import BadInput, OutcomeUnknown
from trading.gateways.btcturk import errors
from trading.gateways.btcturk.errors import Answer
from trading.gateways.clock_check import ClockCheck
from trading.gateways.silence import Silence
from trading.gateways.transport import Capped, broken

T = TypeVar("T")
Timeout = tuple[float, float]
Params = Mapping[str, str]
TIME = "/api/v2/server/time"
#: Connecting and reading. With the clock's and the order book's time, a submission ends within the
#: longest call that a sender's lease allows for.
TIMEOUT_SECONDS: Timeout = (2.0, 6.0)
#: For what is asked on the way to an order or right after it.
QUICK_SECONDS: Timeout = (0.5, 0.5)
_SAMPLE_SECONDS: Timeout = (1.0, 1.0)
_NONE: Params = {}
_UNREADABLE = (BadInput, LookupError, TypeError, ValueError, ArithmeticError, AttributeError)


@dataclass(frozen=True, slots=True)
class Address:
    """Where the venue is and who we are there; the secret is text in base64, as the venue gives
    it. `rest_url` and `graph_url` are without a path."""

    rest_url: str
    graph_url: str
    api_key: SecretStr
    api_secret: SecretStr


class Stamps:
    """Milliseconds since the epoch that only rise, whoever asks."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._last = 0

    def next(self, now: datetime) -> int:
        with self._lock:
            self._last = max(self._last + 1, to_millis(now))
            return self._last


#: Of each key in this process: connections that share a key share its stamps.
_STAMPS: dict[str, Stamps] = {}


def signature(api_key: str, api_secret: str, stamp: int) -> str:
    """Base64 of HMAC-SHA256 over key and stamp. Raises BadInput for a secret not in base64."""
    try:
        secret = base64.b64decode(api_secret, validate=True)
    except binascii.Error:
        raise BadInput("BTCTurk: the secret is not base64") from None
    digest = hmac.new(secret, f"{api_key}{stamp}".encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


class Connection:
    """Calls the venue for one API key."""

    def __init__(
        self,
        address: Address,
        *,
        wall: Clock,
        timeout_seconds: Timeout = TIMEOUT_SECONDS,
        silence: Silence | None = None,
        carrier: Callable[[], Capped] = Capped,
        stamps: Stamps | None = None,
    ) -> None:
        self._address = address
        self._wall = wall
        self._timeout = timeout_seconds
        self._session = requests.Session()
        # Proxies and password files of the machine are not for signed calls.
        self._session.trust_env = False
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, carrier())
        key = address.api_key.get_secret_value()
        self._stamps = stamps or _STAMPS.setdefault(key, Stamps())
        self._silence = silence or Silence()
        self.clock = ClockCheck(self._ask_time, wall=wall)

    def now(self) -> datetime:
        """The venue's time, as far as it is known."""
        return self._wall.now() + timedelta(seconds=self.clock.offset_seconds)

    def check_clock(self) -> None:
        """Raises NotSent while our clock is off, or the venue's cannot be read."""
        self.clock.check()

    def public(self, path: str, params: Params = _NONE, *, quick: bool = False) -> Any:
        """What a public GET says; no key is needed."""
        return self._call("GET", self._address.rest_url + path, params, quick=quick)

    def graph(self, path: str, params: Params) -> Any:
        """What the venue's charts say."""
        return self._call("GET", self._address.graph_url + path, params)

    def read(self, path: str, params: Params = _NONE, *, quick: bool = False) -> Any:
        """What a signed GET says."""
        return self._signed("GET", path, params, quick=quick)

    def post(self, path: str, body: str) -> Any:
        """Say what is in the body, JSON, as it is."""
        return self._signed("POST", path, _NONE, body=body)

    def delete(self, path: str, params: Params) -> Any:
        return self._signed("DELETE", path, params)

    def credentials(self) -> dict[str, str]:
        """A fresh stamp and its signature, as headers. Raises NotSent while our clock is off."""
        self.clock.check()
        key = self._address.api_key.get_secret_value()
        stamp = self._stamps.next(self._wall.now())
        signed = signature(key, self._address.api_secret.get_secret_value(), stamp)
        return {"X-PCK": key, "X-Stamp": str(stamp), "X-Signature": signed}

    def _signed(
        self,
        method: str,
        path: str,
        params: Params,
        *,
        body: str | None = None,
        quick: bool = False,
    ) -> Any:
        url = self._address.rest_url + path
        return self._call(method, url, params, self.credentials(), body=body, quick=quick)

    def _call(
        self,
        method: str,
        url: str,
        params: Params,
        headers: Mapping[str, str] = _NONE,
        *,
        body: str | None = None,
        quick: bool = False,
        timeout: Timeout | None = None,
    ) -> Any:
        """Raises NotSent, RejectedByVenue or OutcomeUnknown, nothing else."""
        self._silence.check(url)
        patience = min(self._timeout, QUICK_SECONDS, key=sum) if quick else self._timeout
        try:
            response = self._session.request(
                method,
                url,
                params=dict(params),
                headers={**headers, "Content-Type": "application/json"},
                data=body,
                timeout=timeout or patience,
                allow_redirects=False,
            )
        except requests.exceptions.RequestException as error:
            raise broken(error) from error
        except Exception as error:  # whatever broke, the call may have arrived
            raise OutcomeUnknown(f"{type(error).__name__} during the call") from error
        return self._told(url, Answer(response.status_code, response.headers, read(response)))

    def _told(self, url: str, answer: Answer) -> Any:
        wait = errors.retry_after_seconds(answer)
        if wait is not None:
            self._silence.begin(url, wait)
        if answer.status == errors.UNAUTHORISED:
            # The stamp may be what was wrong.
            self.clock.forget()
        if answer.status != requests.codes.ok or _failed(answer.body):
            raise errors.translate(answer)
        body = answer.body
        return body["data"] if "success" in body and "data" in body else body

    def _ask_time(self) -> datetime:
        patience = min(self._timeout, _SAMPLE_SECONDS, key=sum)
        told = self._call("GET", self._address.rest_url + TIME, _NONE, timeout=patience)
        return from_millis(int(told["serverTime"]))


def read(response: requests.Response) -> Any:
    """What the answer's JSON says; None for what cannot be read."""
    try:
        return json.loads(
            response.content, parse_float=Decimal, parse_constant=_nonsense, object_pairs_hook=_once
        )
    except (ValueError, RecursionError):
        return None


def _nonsense(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


def _failed(body: Any) -> bool:
    """Charts and the time come without an envelope; nothing comes without an object."""
    return not isinstance(body, dict) or body.get("success", True) is not True


def understood(work: Callable[[], T]) -> T:
    """What is made of an answer. Raises OutcomeUnknown for one that we cannot make sense of: the
    venue may have acted."""
    try:
        return work()
    except _UNREADABLE as error:
        text = f"an answer that cannot be read: {type(error).__name__}: {error}"
        raise OutcomeUnknown(text[:200]) from error
