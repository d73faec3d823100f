"""Whether the line of a market in real time still tells anything, however long its bars are.

1. A line without a word for `DOWN_SECONDS` is down, until the next one. A stream that fell silent
   is opened anew before that (trading/gateways/live_bars.py).
2. It is looked at from a thread of its own: who reads the line may be waiting for an answer.
3. What is so is told at once when it changes, and again from time to time: a process that lost the
   feed to this one may have told otherwise since.
"""

from collections.abc import Callable
from threading import Event, Thread

import structlog

from aitrader.kernel.clock import monotonic

DOWN_SECONDS = 35.0
_LOOK_SECONDS = 0.5
_AGAIN_SECONDS = 10.0

log = structlog.get_logger(__name__)


class LineWatch(Thread):
    """`heard_at` gives the monotonic seconds of the line's last word; `on_line` is called from this
    thread: True while it is up, False with the reason while it is down."""

    def __init__(
        self, heard_at: Callable[[], float], *, on_line: Callable[[bool, str], None]
    ) -> None:
        super().__init__(name="line-watch", daemon=True)
        self._heard_at = heard_at
        self._on_line = on_line
        self._stopping = Event()

    def stop(self) -> None:
        """Ask the thread to end."""
        self._stopping.set()

    def run(self) -> None:
        began = last = monotonic()
        told: bool | None = None
        told_at = began
        while not self._stopping.wait(_LOOK_SECONDS):
            last = max(last, self._heard_at())
            up = monotonic() - last <= DOWN_SECONDS
            if up and last == began:
                # Nothing was heard yet, and it is not too long either.
                continue
            if up == told and monotonic() - told_at < _AGAIN_SECONDS:
                continue
            try:
                self._on_line(up, "" if up else f"nothing was heard for {DOWN_SECONDS:g} s")
            except Exception:
                # A listener's fault: it is told again, for nobody would miss a thread that ended.
                log.exception("line_watch.listener_failed")
                continue
            told, told_at = up, monotonic()
