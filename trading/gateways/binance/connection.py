"""The library's client, pointed where we say and held to our limits.

1. One attempt a call, nothing is sent again: the library's session has no retries.
2. Calls stop while the venue wants silence (429, 418) and while our clock is off.
3. The venue's clock is asked with little patience: the call that waits for it has its own.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from binance.client import Client
from binance.exceptions import BinanceAPIException
from pydantic import SecretStr

from aitrader.kernel.clock import Clock, from_millis
from trading.gateways.binance import errors
from trading.gateways.clock_check import ClockCheck
from trading.gateways.meters import Used
from trading.gateways.silence import Silence
from trading.gateways.transport import Capped

T = TypeVar("T")

RECV_WINDOW_MILLIS = 5000
#: Connecting and reading; a sender's lease allows for both.
TIMEOUT_SECONDS = (3.0, 7.0)
#: What an address may weigh in a minute, and where its answers say how much it did.
MOST_WEIGHT, _WEIGHT = 6000, "x-mbx-used-weight-1m"
#: Connecting to the venue's clock and reading it: two seconds in all.
_SAMPLE_TIMEOUT_SECONDS = (1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Address:
    """Where the venue is and who we are there; `rest_url` up to and with /api."""

    rest_url: str
    api_key: SecretStr
    api_secret: SecretStr


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
        silence: Silence | None = None,
        carrier: Callable[[], Capped] = Capped,
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
        # Proxies and password files of the machine are not for signed calls.
        self._client.session.trust_env = False
        # A signed call goes to the host that it was signed for, once.
        self._client.session.max_redirects = 0
        for scheme in ("http://", "https://"):
            self._client.session.mount(scheme, carrier())
        self._for_sample = {"timeout": min(timeout_seconds, _SAMPLE_TIMEOUT_SECONDS, key=sum)}
        self._silence = silence or Silence()
        #: Told of every answer that says how much of the limit is used.
        self.on_used: Callable[[Used], None] | None = None
        self._url = address.rest_url
        self._wall = wall
        # The venue refuses what is further off (-1021).
        self.clock = ClockCheck(self._venues_time, wall=wall, most_offset_seconds=1.0)

    @property
    def offset_seconds(self) -> float:
        """How far the venue's clock is ahead of ours."""
        return self.clock.offset_seconds

    def now(self) -> datetime:
        """By the machine's clock, which is not far from the venue's while anything is called."""
        return self._wall.now()

    def call(self, work: Callable[[Client], T]) -> T:
        """Make one call. Raises NotSent, RejectedByVenue or OutcomeUnknown, nothing else."""
        self.clock.check()
        return self._attempt(work)

    def _attempt(self, work: Callable[[Client], T]) -> T:
        self._silence.check(self._url)
        try:
            return work(self._client)
        except Exception as error:  # noqa: BLE001  # what is not ours is translated
            if isinstance(error, BinanceAPIException) and errors.is_blocked(error):
                self._silence.begin(self._url, errors.retry_after_seconds(error))
            if isinstance(error, BinanceAPIException) and error.code == errors.WRONG_TIME:
                self.clock.forget()
            # The library's own error may name the signed address: nobody gets to print it.
            raise errors.translate(error) from None
        finally:
            self._meter()

    def _meter(self) -> None:
        response = self._client.response
        told = "" if response is None else response.headers.get(_WEIGHT, "")
        if self.on_used is not None and told.isdigit():
            per = "weight of the address in a minute"
            self.on_used(Used(int(told), MOST_WEIGHT, per, self._wall.now()))

    def _venues_time(self) -> datetime:
        # The library's own question about the time takes no timeout.
        told = self._attempt(
            lambda client: client._get("time", data={"requests_params": self._for_sample})
        )
        return from_millis(int(told["serverTime"]))
