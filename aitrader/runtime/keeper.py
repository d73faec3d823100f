"""What must hold while a desk runs: its database answers, and no other desk uses it.

1. A database of our own that died is started again; every thread then reconnects by itself.
2. The lock that keeps other desks out ends with its session, so it is taken again.
3. What cannot be mended ends the process with one line.
"""

from collections.abc import Callable
from pathlib import Path
from subprocess import SubprocessError
from threading import Event, Thread

import psycopg
import structlog
from django.conf import settings

from aitrader import env
from aitrader.embedded import postgres
from aitrader.kernel.clock import monotonic
from aitrader.kernel.errors import BadInput
from aitrader.runtime.alone import OnlyRun

_LOOK_SECONDS = 0.5
_STOP_SECONDS = 5.0
_MOST_STARTS = 3
_WITHIN_SECONDS = 60.0

log = structlog.get_logger(__name__)


class Keeper(Thread):
    """Looks twice a second; calls `give_up` with the reason, once, and ends."""

    def __init__(self, only: OnlyRun, give_up: Callable[[str], None]) -> None:
        super().__init__(name="keeper", daemon=True)
        self._only = only
        self._give_up = give_up
        self._stopping = Event()
        # A server that others run is theirs to start.
        embedded = env.load().database_url is None
        self._home: Path | None = settings.AITRADER_HOME if embedded else None
        self._starts: list[float] = []
        self._failed = 0

    def run(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            try:
                if self._home is not None and not postgres.is_alive(self._home):
                    self._start_again(self._home)
                self._only.hold()
            except BadInput as error:
                self._give_up(str(error))
                return
            except psycopg.Error as error:
                log.warning("database.away", error=_line(error))

    def stop(self) -> None:
        """From here on the database may stop."""
        self._stopping.set()
        if self.is_alive():
            self.join(_STOP_SECONDS)

    def _start_again(self, home: Path) -> None:
        now = monotonic()
        self._starts = [each for each in self._starts if now - each < _WITHIN_SECONDS]
        if len(self._starts) >= _MOST_STARTS:
            raise BadInput(
                f"the database died {_MOST_STARTS + 1} times within a minute: "
                f"see {postgres.log_file(home)}"
            )
        self._starts.append(now)
        try:
            cluster = postgres.start(home)
        except (BadInput, psycopg.Error, OSError, SubprocessError) as error:
            self._failed += 1
            if self._failed >= _MOST_STARTS:
                raise BadInput(
                    f"the database died and does not start again: {_line(error)}"
                ) from None
            log.warning("database.not_started", error=_line(error))
            return
        self._failed = 0
        log.warning("database.started_again", pid=cluster.pid)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
