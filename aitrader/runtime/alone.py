"""One desk in one process per database: a second would show the first one's market as its own.

1. The lock belongs to a database session, so it ends with the process, however that ends.
2. It ends with the session, too: whoever holds it looks after it with `hold`. From then on a
   process that was stopped, and says nothing for `_LONGEST_SILENCE`, has lost it.
3. A standby asks for it five times a second, on one session that holds nothing else: whatever ended
   the other process, the lock is free when the database has noticed.
"""

from collections.abc import Callable
from threading import Event
from typing import Any

import psycopg
import structlog
from django.db import connections

from aitrader.kernel.errors import BadInput

Session = psycopg.Connection[tuple[Any, ...]]

_RUN_LOCK = 0x6169_0010
_LOOK_SECONDS = 0.2
_LONGEST_SILENCE = "8s"
_RETRY_SECONDS = 1.0
_WANTED = ("host", "port", "user", "password", "dbname", "sslmode", "connect_timeout")
_HOLD = "SELECT set_config('idle_session_timeout', %s, false)"
# A server may not have noticed yet that a session of ours is lost.
_END_LOST = """
SELECT pg_terminate_backend(pid, 2000) FROM pg_locks
 WHERE locktype = 'advisory' AND pid = %s AND objid = %s::oid
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

log = structlog.get_logger(__name__)


class OnlyRun:
    """Holds the lock for as long as it is kept. Raises BadInput when another process holds it,
    unless `on_wait` is given: it is called once, and the lock waited for."""

    def __init__(self, *, on_wait: Callable[[], None] | None = None) -> None:
        parameters = connections["default"].get_connection_params()
        self._given = {key: parameters[key] for key in _WANTED if parameters.get(key)}
        self._backend: int | None = None
        self._session = self._taken() if on_wait is None else self._awaited(on_wait)

    def hold(self) -> None:
        """Take the lock again if its session has died.

        Raises BadInput when another process was quicker, psycopg.Error while the database is away.
        """
        try:
            self._session.execute(_HOLD, [_LONGEST_SILENCE])
        except psycopg.Error:
            self._session.close()
            self._session = self._taken()

    def release(self) -> None:
        """Let another process run; ending does the same."""
        self._session.close()

    def _awaited(self, on_wait: Callable[[], None]) -> Session:
        patience, told = Event(), False
        while True:
            try:
                session = self._opened()
                while not _is_ours(session):
                    if not told:
                        on_wait()
                    told = True
                    patience.wait(_LOOK_SECONDS)
            except psycopg.Error as error:
                log.warning("standby.database_away", error=" ".join(str(error).split()))
                patience.wait(_RETRY_SECONDS)
                continue
            self._backend = session.info.backend_pid
            return session

    def _opened(self) -> Session:
        return psycopg.connect(**self._given, autocommit=True)

    def _taken(self) -> Session:
        session = self._opened()
        if self._backend is not None:
            session.execute(_END_LOST, [self._backend, _RUN_LOCK])
        if not _is_ours(session):
            session.close()
            raise BadInput(
                "another desk runs on this database: stop it, or choose another AITRADER_HOME"
            )
        self._backend = session.info.backend_pid
        return session


def _is_ours(session: Session) -> bool:
    row = session.execute("SELECT pg_try_advisory_lock(%s)", [_RUN_LOCK]).fetchone()
    return row is not None and bool(row[0])
