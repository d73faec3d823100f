"""One account's user stream, watched over: it tells hints, the venue's reads are the truth.

1. A line is believed once its subscription is confirmed, and then first of all everything is asked
   for that was missed: `on_news` is called at once.
2. News never carries facts into the books: it only makes the desk ask.
3. A line that is silent too long, ends, says goodbye, or tells what cannot be read is closed and
   opened anew, and subscribed anew; the pauses between grow, and no two clients share them.
4. Liveness is what was last heard, never what a library or TCP believes.

venues.md 2.1 and X13, X17.
"""

import random
from collections.abc import Callable, Sequence
from enum import StrEnum
from threading import Event, Thread
from typing import Protocol

import structlog

from aitrader.kernel.clock import monotonic
from trading.gateways.sockets import LINE_FAULTS, Socket, connect

_CONFIRM_SECONDS = 5.0
_LOOK_SECONDS = 0.25
#: Asking costs the venue's patience: news that come close together are asked about together.
_NEWS_SECONDS = 0.2
_LEAST_SECONDS = 0.01
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 15.0


log = structlog.get_logger(__name__)


class Heard(StrEnum):
    """What a message means: the subscription stands; orders or balances moved; the venue lives;
    the line is over; nothing of ours."""

    CONFIRMED = "CONFIRMED"
    NEWS = "NEWS"
    ALIVE = "ALIVE"
    OVER = "OVER"
    NOTHING = "NOTHING"


class Line(Protocol):
    """How one venue's user stream is opened and understood; made anew for no connection."""

    @property
    def venue(self) -> str: ...

    @property
    def url(self) -> str: ...

    @property
    def silence_seconds(self) -> float:
        """A line that told nothing of ours for so long is dead."""
        ...

    @property
    def keep_alive_seconds(self) -> float:
        """How often `keep_alive` is sent; 0 where the venue speaks by itself."""
        ...

    def greetings(self) -> Sequence[str]:
        """What is sent right after connecting, signed at this moment. Raises NotSent."""
        ...

    def keep_alive(self) -> str: ...

    def heard(self, message: str) -> Heard:
        """What the message means; raises ValueError, LookupError or TypeError for an unreadable
        one."""
        ...


class UserStream(Thread):
    """Keeps one line open. `on_news` is called from this thread; `on_line` when trust in the line
    comes (True) and goes (False, with the reason)."""

    def __init__(
        self,
        line: Line,
        *,
        on_news: Callable[[], None],
        on_line: Callable[[bool, str], None],
    ) -> None:
        super().__init__(name=f"user-stream-{line.venue.lower()}", daemon=True)
        self._line = line
        self._on_news = on_news
        self._on_line = on_line
        self._stopping = Event()
        self._trusted = False
        self._pause = _FIRST_PAUSE_SECONDS
        self._has_news = False
        self._told_at = -_NEWS_SECONDS

    def stop(self) -> None:
        """Ask the thread to end."""
        self._stopping.set()

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                with connect(self._line.url) as socket:
                    reason = self._converse(socket)
            except LINE_FAULTS as error:
                reason = f"{type(error).__name__}: {error}"
            except Exception as error:
                # A listener's fault: the line goes on, for nobody would miss a thread that ended.
                log.exception("user_stream.listener_failed", venue=self._line.venue)
                reason = f"{type(error).__name__} in a listener"
            self._distrust(reason)
            if not self._stopping.is_set():
                # Not all clients at the same instant.
                self._stopping.wait(self._pause * random.uniform(0.5, 1.0))
                self._pause = min(_LONGEST_PAUSE_SECONDS, 2 * self._pause)

    def _converse(self, socket: Socket) -> str:
        """Until the line is over; returns why."""
        for greeting in self._line.greetings():
            socket.send(greeting)
        opened = heard_at = kept_at = monotonic()
        self._told_at = -_NEWS_SECONDS
        while not self._stopping.is_set():
            now = monotonic()
            if self._has_news and now - self._told_at >= _NEWS_SECONDS:
                self._tell()
            if not self._trusted and now - opened > _CONFIRM_SECONDS:
                return "the subscription was not confirmed"
            if now - heard_at > self._line.silence_seconds:
                return "the line is silent"
            every = self._line.keep_alive_seconds
            if every and self._trusted and now - kept_at >= every:
                kept_at = now
                socket.send(self._line.keep_alive())
            try:
                message = socket.recv(timeout=self._patience())
            except TimeoutError:
                continue
            heard = self._heard(message)
            if heard is Heard.OVER:
                return "the venue ended it"
            if heard is not Heard.NOTHING:
                heard_at = monotonic()
                self._act(heard)
        return "asked to stop"

    def _heard(self, message: str | bytes) -> Heard:
        text = message if isinstance(message, str) else message.decode("utf-8", "replace")
        try:
            return self._line.heard(text)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise OSError(f"a frame cannot be read: {type(error).__name__}") from error

    def _act(self, heard: Heard) -> None:
        if heard is Heard.CONFIRMED and not self._trusted:
            self._trusted = True
            self._pause = _FIRST_PAUSE_SECONDS
            self._on_line(True, "")
            # What happened while nobody listened.
            self._tell()
        elif heard is Heard.NEWS and self._trusted:
            self._has_news = True
            if monotonic() - self._told_at >= _NEWS_SECONDS:
                self._tell()

    def _patience(self) -> float:
        """How long to wait for the next message: until news that wait are to be told."""
        if not self._has_news:
            return _LOOK_SECONDS
        due = self._told_at + _NEWS_SECONDS - monotonic()
        return min(_LOOK_SECONDS, max(_LEAST_SECONDS, due))

    def _tell(self) -> None:
        self._has_news, self._told_at = False, monotonic()
        self._on_news()

    def _distrust(self, reason: str) -> None:
        log.warning("user_stream.down", venue=self._line.venue, reason=reason[:200])
        if self._trusted:
            self._trusted = False
            self._on_line(False, reason[:200])
