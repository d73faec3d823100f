"""The processes of a desk on servers: a database and a numbered Redis for each test."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import redis
from psycopg.conninfo import make_conninfo

from aitrader import env
from aitrader.env import REPOSITORY

Process = subprocess.Popen[bytes]

_SECONDS = 60.0


def numbered(url: str, number: int) -> str:
    """The address of another database of the same Redis."""
    parts = urlsplit(url)
    return parts._replace(path=f"/{number}").geturl()


class Desk:
    """The processes of one desk on one database."""

    def __init__(
        self,
        database: str,
        broker: "redis.Redis",
        folder: Path,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """`variables` of the environment are given to all of them: other servers, too."""
        self.database = database
        self._folder = folder
        self.processes: list[Process] = []
        settings = env.load()
        owner = settings.database_owner_url or settings.database_url
        assert owner is not None
        assert settings.database_url is not None
        assert settings.redis_url is not None
        number = broker.get_connection_kwargs()["db"]
        self._environment = {
            "PATH": os.defpath,
            "AITRADER_HOME": str(folder),
            "AITRADER_SECRET_KEY": "for this test only, not a key of anybody",
            "DATABASE_URL": _named(settings.database_url.get_secret_value(), database),
            "DATABASE_OWNER_URL": _named(owner.get_secret_value(), database),
            "REDIS_URL": numbered(settings.redis_url.get_secret_value(), number),
            **(variables or {}),
        }
        self.owner = make_conninfo(self._environment["DATABASE_OWNER_URL"])
        self.application = make_conninfo(self._environment["DATABASE_URL"])

    def start(self, *arguments: str) -> Process:
        with self._log(len(self.processes)).open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=REPOSITORY,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A worker has children: they are killed with it.
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def worker(self) -> Process:
        return self.start(
            *("-m", "celery", "-A", "aitrader", "worker", "--concurrency", "2"),
            *("--loglevel", "WARNING", "--without-mingle", "--without-gossip"),
        )

    def beat(self) -> Process:
        return self.start("-m", "celery", "-A", "aitrader", "beat", "--loglevel", "WARNING")

    def count(self, table: str) -> int:
        return int(self.ask(f"SELECT count(*) FROM {table}")[0][0])

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """As the application's role: of sessions, a role sees what is its own."""
        with psycopg.connect(self.application) as connection:
            return connection.execute(query).fetchall()

    def until(self, told: Callable[[], Any], what: str, *, seconds: float = _SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not told():
            assert time.monotonic() < deadline, f"{what}\n{self.logs()}"
            time.sleep(0.05)

    def said(self, process: Process) -> str:
        """All that the process has said."""
        return self._log(self.processes.index(process)).read_text()

    def _log(self, number: int) -> Path:
        return self._folder / f"{number}.log"

    def logs(self) -> str:
        return "\n".join(path.read_text()[-1500:] for path in sorted(self._folder.glob("*.log")))


def _named(url: str, database: str) -> str:
    return urlsplit(url)._replace(path=f"/{database}").geturl()


def kill(process: Process, number: int = signal.SIGKILL) -> None:
    """End a process with its children; one that was stopped, too."""
    if process.poll() is None:
        os.killpg(process.pid, number)
    process.wait(20)
