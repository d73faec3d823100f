"""The library's client, pointed where we say and held to our limits.

1. One attempt a call, nothing is sent again and no redirection is followed: it would carry a
   signature elsewhere. Nothing of a request or an answer is logged.
2. Calls stop while the venue wants silence (429), while our clock is off, and when the share of the
   hour that reads may use is spent: what is left is for orders and cancels.
3. Certificates are checked. What is signed goes in the clear to this very machine only.
4. Numbers are read as Decimal, whether they came as text or as JSON numbers.

API reference: Authentication (JWT of method, host and path, two minutes), Rate limits (10,000
requests an hour for a key), Get Server Time.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import urlsplit

import orjson
import requests
from coinbase.constants import API_PREFIX
from coinbase.jwt_generator import build_ws_jwt
from coinbase.rest import RESTClient
from pydantic import SecretStr

from aitrader.kernel.clock import Clock, from_millis, monotonic
from aitrader.kernel.errors import BadInput, NotSent, RejectedByVenue
from trading.gateways.clock_check import ClockCheck
from trading.gateways.coinbase import errors
from trading.gateways.meters import Used
from trading.gateways.silence import Silence
from trading.gateways.transport import Capped

T = TypeVar("T")

#: Connecting and reading; a sender's lease allows for both.
TIMEOUT_SECONDS = (3.0, 7.0)
#: Connecting to the venue's clock and reading it: two seconds in all.
_SAMPLE_TIMEOUT_SECONDS = (1.0, 1.0)
#: A burst and what comes after it, in an hour: a little less than 10,000.
BURST, PER_SECOND = 900.0, 2.5
#: What reads leave to orders and cancels.
_RESERVE = 100.0
#: How well the venue's clock is known.
_MARGIN_SECONDS = 0.02
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Address:
    """Where the venue is and who we are there; without a key only what is public is asked for.
    `ca` is a file with the authority to trust in place of the usual ones."""

    rest_url: str
    api_key: SecretStr | None = None
    api_secret: SecretStr | None = None
    ca: str = ""


class _Client(RESTClient):  # type: ignore[misc]  # the library ships no types
    """Signs as the library does, and sends as we want it."""

    def __init__(
        self, address: Address, timeout_seconds: tuple[float, float], carrier: Callable[[], Capped]
    ) -> None:
        to = urlsplit(address.rest_url)
        if to.scheme != "https" and address.api_key and to.hostname not in _LOOPBACK:
            raise BadInput(f"{address.rest_url}: a key is only used over https")
        key, secret = address.api_key, address.api_secret
        # Without both, the library would look into the environment.
        super().__init__(
            api_key=key.get_secret_value() if key else None,
            api_secret=secret.get_secret_value() if secret else None,
            base_url=to.netloc,
        )
        self._origin = f"{to.scheme}://{to.netloc}"
        self._verify: str | bool = address.ca or True
        self.timeout = timeout_seconds
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, carrier())

    def set_headers(self, method: str, path: str) -> Mapping[str, str]:
        try:
            return dict(super().set_headers(method, path))
        except Exception:  # noqa: BLE001  # the library raises a bare one; it may tell of the key
            raise NotSent("the key cannot sign") from None

    def token(self) -> str:
        try:
            return str(build_ws_jwt(self.api_key, self.api_secret))
        except Exception:  # noqa: BLE001  # as above; without a key there is nothing to sign with
            raise NotSent("the key cannot sign") from None

    def send_request(
        self,
        http_method: str,
        url_path: str,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str],
        data: Mapping[str, Any] | None = None,
    ) -> Any:
        response = self.session.request(
            http_method,
            self._origin + url_path,
            params=params,
            data=orjson.dumps(data) if data else None,
            headers=headers,
            timeout=self.timeout,
            verify=self._verify,
            allow_redirects=False,
        )
        if response.status_code == requests.codes.ok:
            return _loaded(response)
        raise errors.Unanswered(
            response.status_code, _told(response), response.headers.get("Retry-After", "")
        )


class Connection:
    """Calls the venue for one API key, or for nobody."""

    def __init__(
        self,
        address: Address,
        *,
        wall: Clock,
        timeout_seconds: tuple[float, float] = TIMEOUT_SECONDS,
        silence: Silence | None = None,
        carrier: Callable[[], Capped] = Capped,
    ) -> None:
        self._client = _Client(address, timeout_seconds, carrier)
        sample = min(timeout_seconds, _SAMPLE_TIMEOUT_SECONDS, key=sum)
        self._asking_time = _Client(Address(address.rest_url, ca=address.ca), sample, carrier)
        self._wall = wall
        self.clock = ClockCheck(self._venues_time, wall=wall)
        self._pace = _Pace()
        #: Told of every request how much of our share is used.
        self.on_used: Callable[[Used], None] | None = None
        self._silence = silence or Silence()
        self._url = address.rest_url

    @property
    def offset_seconds(self) -> float:
        """How far the venue's clock is ahead of ours."""
        return self.clock.offset_seconds

    def now(self) -> datetime:
        """The instant by our clock, which is within a second of the venue's."""
        return self._wall.now()

    def read(self, path: str, **params: Any) -> Any:
        """Ask for something, signed. Raises NotSent, RejectedByVenue or OutcomeUnknown."""
        return self._call(lambda client: client.get(API_PREFIX + path, params), _RESERVE)

    def read_public(self, path: str, **params: Any) -> Any:
        """Ask for what everybody may know. Raises as `read` does."""
        return self._call(
            lambda client: client.get(API_PREFIX + path, params, public=True), _RESERVE
        )

    def write(self, path: str, body: Mapping[str, Any]) -> Any:
        """Ask to act. Raises as `read` does."""
        return self._call(lambda client: client.post(API_PREFIX + path, data=dict(body)), 0.0)

    def token(self) -> str:
        """What lets a WebSocket subscribe as us, for two minutes. Raises NotSent."""
        self.check_clock()
        self._wait_for_our_second()
        return self._client.token()

    def check_clock(self) -> None:
        """Raises NotSent when nothing should be signed now."""
        self.clock.check()
        self._silence.check(self._url)

    def _call(self, work: Callable[[_Client], T], reserve: float) -> T:
        self.clock.check()
        left = self._pace.take(leave=reserve)
        if self.on_used is not None:
            per = f"requests at once by this process, {PER_SECOND:g} more a second"
            self.on_used(Used(round(BURST - left), round(BURST), per, self._wall.now()))
        self._wait_for_our_second()
        try:
            return self._attempt(work, self._client)
        except RejectedByVenue as error:
            if error.code == errors.UNAUTHENTICATED:
                # Of the key it says nothing while our clock is off.
                self.clock.forget()
                self.clock.check()
            raise

    def _wait_for_our_second(self) -> None:
        """A token is good from the whole second in which we sign it, by the venue's clock: where
        that is behind ours, until its second has begun, too."""
        behind = _MARGIN_SECONDS - self.offset_seconds
        passed = self._wall.now().microsecond / 1_000_000
        if passed < behind:
            time.sleep(behind - passed)

    def _attempt(self, work: Callable[[_Client], T], client: _Client) -> T:
        self._silence.check(self._url)
        try:
            return work(client)
        except Exception as error:  # noqa: BLE001  # what is not ours is translated
            if silence := errors.silence_seconds(error):
                self._silence.begin(self._url, silence)
            # The library's own words stay out of it: they may hold what was sent.
            raise errors.translate(error) from None

    def _venues_time(self) -> datetime:
        told = self._attempt(
            lambda client: client.get(f"{API_PREFIX}/time", public=True), self._asking_time
        )
        return from_millis(int(told["epochMillis"]))


class _Pace:
    """How much of the hour is left to us; refills as time goes by."""

    def __init__(self) -> None:
        self._left = BURST
        self._at = monotonic()
        self._lock = Lock()

    def take(self, *, leave: float) -> float:
        """One request; what is left. Raises NotSent when no more than `leave` would be."""
        with self._lock:
            now = monotonic()
            self._left = min(BURST, self._left + (now - self._at) * PER_SECOND)
            self._at = now
            if self._left - 1 < leave:
                raise NotSent("the requests of this hour are used up")
            self._left -= 1
            return self._left


def _loaded(response: requests.Response) -> Any:
    try:
        return json.loads(response.content, parse_float=Decimal, parse_constant=_no_number)
    except ValueError as error:
        raise requests.exceptions.JSONDecodeError(str(error), "", 0) from None


def _told(response: requests.Response) -> object:
    """The body of an error, if it is JSON."""
    try:
        return _loaded(response)
    except requests.exceptions.JSONDecodeError:
        return None


def _no_number(word: str) -> object:
    raise ValueError(f"{word} is not a number")
