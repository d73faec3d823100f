"""One desk in one process per database: a second would show the first one's market as its own.

1. The lock belongs to a database session, so it ends with the process, however that ends.
2. It ends with the session, too: whoever holds it looks after it with `hold`.
"""

from typing import Any

import psycopg
from django.db import connections

from aitrader.kernel.errors import BadInput

_RUN_LOCK = 0x6169_0010
_WANTED = ("host", "port", "user", "password", "dbname", "sslmode", "connect_timeout")
# A server may not have noticed yet that a session of ours is lost.
_END_LOST = """
SELECT pg_terminate_backend(pid, 2000) FROM pg_locks
 WHERE locktype = 'advisory' AND pid = %s AND objid = %s::oid
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class OnlyRun:
    """Holds the lock for as long as it is kept. Raises BadInput when another process holds it."""

    def __init__(self) -> None:
        parameters = connections["default"].get_connection_params()
        self._given = {key: parameters[key] for key in _WANTED if parameters.get(key)}
        self._backend: int | None = None
        self._session = self._taken()

    def hold(self) -> None:
        """Take the lock again if its session has died.

        Raises BadInput when another process was quicker, psycopg.Error while the database is away.
        """
        try:
            self._session.execute("SELECT 1")
        except psycopg.Error:
            self._session.close()
            self._session = self._taken()

    def release(self) -> None:
        """Let another process run; ending does the same."""
        self._session.close()

    def _taken(self) -> "psycopg.Connection[tuple[Any, ...]]":
        session = psycopg.connect(**self._given, autocommit=True)
        if self._backend is not None:
            session.execute(_END_LOST, [self._backend, _RUN_LOCK])
        row = session.execute("SELECT pg_try_advisory_lock(%s)", [_RUN_LOCK]).fetchone()
        if row is None or not row[0]:
            session.close()
            raise BadInput(
                "another desk runs on this database: stop it, or choose another AITRADER_HOME"
            )
        self._backend = session.info.backend_pid
        return session
