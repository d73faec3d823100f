"""A PostgreSQL of one test's own, which may be killed: the services' server is everybody's.

It is made and kept as the desk makes and keeps its own: what is committed is on the disk.
"""

import os
import shutil
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
from django.db import connections

from aitrader import databases
from aitrader.embedded import layout, postgres, roles

NAME = roles.DATABASE
_ROLES: Mapping[str, roles.Role] = {"default": roles.APP, "venue": roles.APP, "owner": roles.OWNER}


class OwnDatabase:
    """A server with a migrated database, by the name `NAME`."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.start()

    @property
    def variables(self) -> dict[str, str]:
        """Where it is, for processes of their own."""
        return {
            "DATABASE_URL": self._url(roles.APP),
            "DATABASE_OWNER_URL": self._url(roles.OWNER),
        }

    def start(self) -> None:
        """Start it, after a kill too: it recovers what was committed."""
        self._postmaster = psutil.Process(postgres.start(self._home).pid)

    def kill(self) -> None:
        """End the server with all that serves a session, at once and in the middle of whatever
        they do."""
        # Stopped, it makes no more of them.
        self._postmaster.suspend()
        every = [*self._postmaster.children(recursive=True), self._postmaster]
        for process in every:
            os.kill(process.pid, signal.SIGKILL)
        _, left = psutil.wait_procs(every, timeout=10)
        assert left == []
        connections.close_all()

    def parameters(self, role: roles.Role) -> roles.Parameters:
        return postgres.parameters(role, home=self._home)

    def _url(self, role: roles.Role) -> str:
        given = self.parameters(role)
        return (
            f"postgresql://{given.user}:{quote(given.password)}@/{given.dbname}"
            f"?host={quote(given.host, safe='')}&port={given.port}"
        )

    def remove(self) -> None:
        postgres.stop(self._home)
        shutil.rmtree(layout.locate(self._home).socket, ignore_errors=True)


@contextmanager
def own_database(home: Path) -> Iterator[OwnDatabase]:
    """A server with a migrated database, which this process works on too, until the block ends."""
    server = OwnDatabase(home)
    try:
        with _in_use(server):
            databases.migrate()
            yield server
    finally:
        server.remove()


@contextmanager
def _in_use(server: OwnDatabase) -> Iterator[None]:
    connections.close_all()
    before = {alias: dict(connections.settings[alias]) for alias in databases.ALIASES}
    for alias, role in _ROLES.items():
        given = server.parameters(role)
        _point(
            alias,
            {
                "HOST": given.host,
                "PORT": str(given.port),
                "USER": given.user,
                "PASSWORD": given.password,
                "NAME": given.dbname,
            },
        )
    try:
        yield
    finally:
        connections.close_all()
        for alias, known in before.items():
            _point(alias, known)


def _point(alias: str, address: Mapping[str, Any]) -> None:
    # The dictionary that other threads' connections are made from, and that of this one's.
    connections.settings[alias].update(address)
    connections[alias].settings_dict.update(address)
