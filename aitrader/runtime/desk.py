"""Everything in one process: web, worker, schedule, sequencer and feed.

1. What an earlier process left behind is taken up before anything can be sent.
2. A first signal stops feed, schedule, worker and sequencer in that order, then the web server;
   the database of our own stops when the process ends.
3. A signal's handler only puts into a queue that is made for it: a second signal may interrupt the
   first one's handler, and an Event would then wait for itself.
4. A fault of one part is said; it does not end the others. Without a database, or with another
   desk on it, all of it ends.
"""

import signal
import socket
from collections.abc import Callable
from queue import SimpleQueue
from threading import Event, Thread
from types import FrameType

from aitrader.kernel.errors import BadInput
from aitrader.runtime import worker
from aitrader.runtime.alone import OnlyRun
from aitrader.runtime.feed import FeedThread
from aitrader.runtime.keeper import Keeper
from aitrader.runtime.web import Web
from compliance.services.sequencer import Sequencer

_WORKER_SECONDS = 15.0
_FEED_SECONDS = 3.0
_SEQUENCER_SECONDS = 2.0


class DeskProcess:
    """Runs until a signal asks it to stop."""

    def __init__(self, feed: FeedThread, only: OnlyRun, *, on_ready: Callable[[], None]) -> None:
        self._feed = feed
        self._keeper = Keeper(only, self._end_because)
        self._reason: str | None = None
        self._asked: SimpleQueue[int] = SimpleQueue()
        self._signals = 0
        self._stopping = Event()
        self._sequencer = Sequencer()
        self._worker = worker.WorkerThread()
        self._beat = worker.BeatThread()
        self._web = Web(on_ready)

    def run(self, listening: socket.socket) -> None:
        """Trade and answer on this socket. Raises BadInput when it cannot go on."""
        self._feed.recover()
        for number in _STOPPING:
            signal.signal(number, self._on_signal)
        stopper = Thread(target=self._stop_when_asked, name="stopper", daemon=True)
        stopper.start()
        self._keeper.start()
        self._sequencer.start()
        self._worker.start()
        self._beat.start()
        Thread(target=self._feed_when_ready, name="starter", daemon=True).start()
        try:
            self._web.run(sockets=[listening])
        finally:
            self._asked.put(0)
            stopper.join()
            # What is left is to stop the database, and nothing may cut that short.
            for number in _STOPPING:
                signal.signal(number, signal.SIG_IGN)
        if self._reason is not None:
            raise BadInput(self._reason)

    def _end_because(self, reason: str) -> None:
        self._reason = reason
        self._asked.put(0)

    def _feed_when_ready(self) -> None:
        """The market's patience is for a busy desk, not for one that is still being set up."""
        self._worker.ready.wait(_WORKER_SECONDS)
        if not self._stopping.is_set():
            self._feed.start()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._signals += 1
        # Some senders repeat themselves at once; a person who insists presses a third time.
        if self._signals > _PATIENT_SIGNALS:
            self._web.force_exit = True
        self._asked.put(number)

    def _stop_when_asked(self) -> None:
        self._asked.get()
        self._stopping.set()
        self._keeper.stop()
        self._feed.stop()
        if self._feed.is_alive():
            self._feed.join(_FEED_SECONDS)
        self._beat.stop()
        self._worker.stop()
        self._sequencer.stop()
        self._sequencer.join(_SEQUENCER_SECONDS)
        self._web.should_exit = True


_PATIENT_SIGNALS = 2
_STOPPING = (signal.SIGINT, signal.SIGTERM)
