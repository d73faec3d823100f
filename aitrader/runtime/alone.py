"""One desk in one process per database: a second would show the first one's market as its own.

1. The lock belongs to a database session, so it ends with the process, however that ends.
"""

import psycopg
from django.db import connections

from aitrader.kernel.errors import BadInput

_RUN_LOCK = 0x6169_0010
_WANTED = ("host", "port", "user", "password", "dbname", "sslmode")


class OnlyRun:
    """Holds the lock for as long as it is kept. Raises BadInput when another process holds it."""

    def __init__(self) -> None:
        parameters = connections["default"].get_connection_params()
        given = {key: parameters[key] for key in _WANTED if parameters.get(key)}
        self._session = psycopg.connect(**given, autocommit=True)
        row = self._session.execute("SELECT pg_try_advisory_lock(%s)", [_RUN_LOCK]).fetchone()
        if row is None or not row[0]:
            self._session.close()
            raise BadInput(
                "another desk runs on this database: stop it, or choose another AITRADER_HOME"
            )

    def release(self) -> None:
        """Let another process run; ending does the same."""
        self._session.close()
