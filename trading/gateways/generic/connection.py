"""Calls of one account at one exchange, held to our limits.

1. One call at a time: the library keeps state from one to the next.
2. Calls stop while the venue wants silence and while our clock is off, where the venue tells its
   time. A time told in whole seconds may be off by one more.
3. The venue's clock is asked with little patience: the call that waits for it has its own.
4. What a call raises is one of our three errors, and no error of the library's hangs on it: those
   name addresses with signatures.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, TypeVar

from aitrader.kernel.clock import Clock, from_millis, to_millis
from aitrader.kernel.errors import GatewayError, NotSent, OutcomeUnknown
from trading.gateways.clock_check import ClockCheck
from trading.gateways.generic import errors, library, profiles
from trading.gateways.generic.library import Address
from trading.gateways.generic.wire import Heard, Wire
from trading.gateways.silence import Silence

T = TypeVar("T")

#: Connecting and reading. With the turn, the clock and the library's pace a call ends within what a
#: sender's lease allows for.
TIMEOUT_SECONDS = (3.0, 6.0)
#: Connecting to the venue's clock and reading it: two seconds in all.
_SAMPLE_TIMEOUT_SECONDS = (1.0, 1.0)
_TURN_SECONDS = 0.5
#: For a venue that wants silence and does not say how long.
SILENCE_SECONDS = 60.0
#: When a venue may be asked again, by whoever in this process.
_SILENCE = Silence()


class Connection:
    """Calls the exchange for one API key; `paced` keeps to the library's rate limit."""

    def __init__(
        self,
        address: Address,
        *,
        wall: Clock,
        timeout_seconds: tuple[float, float] = TIMEOUT_SECONDS,
        silence_seconds: float = SILENCE_SECONDS,
        paced: bool = True,
        silence: Silence | None = None,
    ) -> None:
        self.exchange = address.exchange
        self.profile = profiles.of(address.exchange)
        self._wire = Wire(timeout_seconds)
        self._client = library.client(address, self._wire, self.profile, paced=paced)
        self._timeout_seconds = timeout_seconds
        self._wall = wall
        self._silence_seconds = silence_seconds
        self._silence = silence or _SILENCE
        self._host = address.rest_url or address.exchange
        self._turn = Lock()
        self.clock = ClockCheck(self._venues_time, wall=wall)

    @property
    def offset_seconds(self) -> float:
        """How far the venue's clock is ahead of ours; 0 where it does not tell its time."""
        return self.clock.offset_seconds

    def check_trading(self) -> None:
        """See library.check_trading."""
        library.check_trading(self._client)

    def has(self, name: str) -> bool:
        """Whether the exchange itself can do this; what the library makes up does not count."""
        return self._client.has.get(name) is True

    def offers(self, name: str) -> bool:
        """Whether it can be had at all, by whatever way the library has."""
        return bool(self._client.has.get(name))

    def feature(self, name: str) -> Mapping[str, Any]:
        """See library.feature."""
        return library.feature(self._client, name)

    @property
    def timeframes(self) -> Mapping[str, object]:
        return self._client.timeframes or {}

    @property
    def precision_mode(self) -> int:
        return int(self._client.precisionMode)

    def now(self) -> datetime:
        """The venue's time."""
        return self._wall.now() + timedelta(seconds=self.offset_seconds)

    def markets(self, *, again: bool = False) -> Mapping[str, Any]:
        """What is listed, by the library's symbol; asked for once unless `again`."""
        found: Mapping[str, Any] = self.call(lambda client: client.load_markets(again))
        return found

    def ping(self) -> None:
        """Raises what a call raises when the venue does not answer."""
        if self.has("fetchTime"):
            self._attempt(lambda client: client.fetch_time())
        else:
            self.markets()

    def call(self, work: Callable[[Any], T]) -> T:
        """Make one call. Raises NotSent, RejectedByVenue or OutcomeUnknown, nothing else."""
        if not self._turn.acquire(timeout=_TURN_SECONDS):
            raise NotSent("another call is under way")
        try:
            self._silence.check(self._host)
            if self.has("fetchTime"):
                self.clock.check()
            self._load_markets()
            return self._attempt(work)
        finally:
            self._turn.release()

    def _load_markets(self) -> None:
        """The library needs them for most calls, and would ask in the middle of one."""
        if self._client.markets:
            return
        try:
            self._attempt(lambda client: client.load_markets())
        except GatewayError as error:
            raise NotSent(f"what is listed could not be read: {error}") from None

    def _attempt(self, work: Callable[[Any], T]) -> T:
        self._wire.heard = Heard()
        try:
            return work(self._client)
        except Exception as error:  # noqa: BLE001  # what is not ours is translated
            raise self._translated(error) from None

    def _translated(self, error: Exception) -> GatewayError:
        heard = self._wire.heard
        if isinstance(error, library.NotJson):
            return OutcomeUnknown(f"HTTP {heard.status}: an answer that is not JSON")
        if errors.is_blocked(error, heard):
            silence = errors.silence_seconds(heard, usual=self._silence_seconds)
            self._silence.begin(self._host, silence)
        return errors.translate(error, heard, self.profile.codes)

    def _venues_time(self) -> datetime:
        self._wire.timeout_seconds = min(self._timeout_seconds, _SAMPLE_TIMEOUT_SECONDS, key=sum)
        try:
            told = int(self._attempt(lambda client: client.fetch_time()))
        finally:
            self._wire.timeout_seconds = self._timeout_seconds
        if told % 1000:
            return from_millis(told)
        # Whole seconds are rounded down: it is somewhere in the second that begins there.
        return from_millis(min(max(told, to_millis(self._wall.now())), told + 999))
