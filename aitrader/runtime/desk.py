"""Everything in one process: web, worker, schedule, sequencer and feed.

1. What an earlier process left behind is taken up before anything can be sent.
2. A first signal stops feed, schedule, worker and sequencer in that order, then the web server;
   the database of our own stops when the process ends.
3. A fault of one part is said; it does not end the others.
"""

import signal
import socket
from collections.abc import Callable
from threading import Event, Thread
from types import FrameType

from aitrader.runtime import worker
from aitrader.runtime.feed import FeedThread
from aitrader.runtime.web import Web
from compliance.services.sequencer import Sequencer

_WORKER_SECONDS = 15.0
_FEED_SECONDS = 3.0
_SEQUENCER_SECONDS = 2.0


class DeskProcess:
    """Runs until a signal asks it to stop."""

    def __init__(self, feed: FeedThread, *, on_ready: Callable[[], None]) -> None:
        self._feed = feed
        self._asked = Event()
        self._sequencer = Sequencer()
        self._worker = worker.WorkerThread()
        self._beat = worker.beat()
        self._web = Web(on_ready)

    def run(self, listening: socket.socket) -> None:
        """Trade and answer on this socket."""
        self._feed.recover()
        before = {number: signal.signal(number, self._on_signal) for number in _STOPPING}
        stopper = Thread(target=self._stop_when_asked, name="stopper", daemon=True)
        stopper.start()
        self._sequencer.start()
        self._worker.start()
        self._beat.start()
        Thread(target=self._feed_when_ready, name="starter", daemon=True).start()
        try:
            self._web.run(sockets=[listening])
        finally:
            self._asked.set()
            stopper.join()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _feed_when_ready(self) -> None:
        """The market's patience is for a busy desk, not for one that is still being set up."""
        self._worker.ready.wait(_WORKER_SECONDS)
        if not self._asked.is_set():
            self._feed.start()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._asked.is_set():
            self._web.force_exit = True
        self._asked.set()

    def _stop_when_asked(self) -> None:
        self._asked.wait()
        self._feed.stop()
        if self._feed.is_alive():
            self._feed.join(_FEED_SECONDS)
        self._beat.stop()  # type: ignore[attr-defined]  # Celery's own kind of thread
        self._worker.stop()
        self._sequencer.stop()
        self._sequencer.join(_SEQUENCER_SECONDS)
        self._web.should_exit = True


_STOPPING = (signal.SIGINT, signal.SIGTERM)
