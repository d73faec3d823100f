"""The library's client, pointed where we say and held to our limits.

1. One attempt a call, nothing is sent again: the library's session has no retries.
2. Calls stop while the venue wants silence (429, 418) and while our clock is off.
3. An answer is read up to `MOST_BYTES`, no further, and as long as a call may last, however slowly
   it comes.
4. The venue's clock is asked with little patience: the call that waits for it has its own.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Timer
from typing import Any, TypeVar

import requests
from binance.client import Client
from binance.exceptions import BinanceAPIException
from pydantic import SecretStr
from requests.adapters import HTTPAdapter

from aitrader.kernel.clock import Clock, from_millis, monotonic
from aitrader.kernel.errors import GatewayError, NotSent
from trading.gateways.binance import errors

T = TypeVar("T")

RECV_WINDOW_MILLIS = 5000
#: Connecting and reading; a sender's lease allows for both.
TIMEOUT_SECONDS = (3.0, 7.0)
MOST_BYTES = 5 * 1024 * 1024
#: The venue refuses what is further off (-1021).
MOST_OFFSET_SECONDS = 1.0
_SAMPLE_SECONDS = 60.0
#: Connecting to the venue's clock and reading it: two seconds in all.
_SAMPLE_TIMEOUT_SECONDS = (1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Address:
    """Where the venue is and who we are there; `rest_url` up to and with /api."""

    rest_url: str
    api_key: SecretStr
    api_secret: SecretStr


class _Capped(HTTPAdapter):
    """Refuses an answer that is too long, before it is in memory, or that takes too long.

    The library's timeout is that of one read: a body that drips would never end.
    """

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        deadline = monotonic() + sum(kwargs["timeout"])
        response = super().send(*args, **{**kwargs, "stream": True})
        with _ended_by(deadline, response):
            body = response.raw.read(MOST_BYTES + 1, decode_content=True)
        if len(body) > MOST_BYTES:
            response.close()
            raise requests.exceptions.ContentDecodingError("the answer is too long")
        response._content, response._content_consumed = body, True
        return response


@contextmanager
def _ended_by(deadline: float, response: requests.Response) -> Iterator[None]:
    """Nothing more comes of the body after the deadline; what came of it by then is no answer."""
    late = Event()

    def end() -> None:
        late.set()
        # The body may have ended in this very moment.
        with suppress(ValueError, RuntimeError, OSError):
            response.raw.shutdown()

    timer = Timer(max(0.0, deadline - monotonic()), end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if late.is_set():
            response.close()
            raise requests.exceptions.ReadTimeout("the answer takes too long")


@contextmanager
def _lent_loop() -> Iterator[None]:
    """The library takes an event loop, or makes one that nobody closes, for calls it never makes
    from here."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield
    finally:
        asyncio.set_event_loop(None)
        loop.close()


class Connection:
    """Calls the venue for one API key."""

    def __init__(
        self,
        address: Address,
        *,
        wall: Clock,
        timeout_seconds: tuple[float, float] = TIMEOUT_SECONDS,
    ) -> None:
        # The library fills these templates in its constructor: set on the instance they come late.
        urls = {"API_URL": address.rest_url, "REQUEST_RECVWINDOW": RECV_WINDOW_MILLIS}
        with _lent_loop():
            self._client = type("Pointed", (Client,), urls)(
                address.api_key.get_secret_value(),
                address.api_secret.get_secret_value(),
                requests_params={"timeout": timeout_seconds},
                ping=False,
                verbose=False,
            )
        for scheme in ("http://", "https://"):
            self._client.session.mount(scheme, _Capped(max_retries=0))
        self._for_sample = {"timeout": min(timeout_seconds, _SAMPLE_TIMEOUT_SECONDS, key=sum)}
        self._wall = wall
        self._silent_until = 0.0
        self._sampled_at = -_SAMPLE_SECONDS
        self.offset_seconds = 0.0

    def call(self, work: Callable[[Client], T]) -> T:
        """Make one call. Raises NotSent, RejectedByVenue or OutcomeUnknown, nothing else."""
        if monotonic() < self._silent_until:
            raise NotSent("the venue asked for silence")
        self._check_clock()
        return self._attempt(work)

    def _attempt(self, work: Callable[[Client], T]) -> T:
        try:
            return work(self._client)
        except Exception as error:  # what is not ours is translated
            if isinstance(error, BinanceAPIException) and errors.is_blocked(error):
                self._silent_until = monotonic() + errors.retry_after_seconds(error)
            raise errors.translate(error) from error

    def _check_clock(self) -> None:
        """Sample the venue's clock now and then; sign nothing while ours is too far off."""
        if monotonic() - self._sampled_at >= _SAMPLE_SECONDS:
            self._sample_clock()
        if abs(self.offset_seconds) > MOST_OFFSET_SECONDS:
            self._sampled_at = -_SAMPLE_SECONDS
            raise NotSent(f"our clock is {self.offset_seconds:.3f} s off the venue's")

    def _sample_clock(self) -> None:
        before = self._wall.now()
        try:
            # The library's own question about the time takes no timeout.
            told = self._attempt(
                lambda client: client._get("time", data={"requests_params": self._for_sample})
            )
            theirs = from_millis(int(told["serverTime"]))
        except (GatewayError, LookupError, TypeError, ValueError) as error:
            # Whatever became of the question, the call that waited for it was not made.
            raise NotSent(f"the venue's clock could not be read: {error}") from error
        middle = before + (self._wall.now() - before) / 2
        self.offset_seconds = (theirs - middle).total_seconds()
        self._sampled_at = monotonic()
