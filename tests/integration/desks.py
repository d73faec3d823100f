"""`run` as a process of its own, on a home of its own: started, watched, killed, stopped."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg

from aitrader.embedded import postgres, roles
from aitrader.env import REPOSITORY

SECONDS = 60.0


class Running:
    """A `run` process; everything it says is in `lines`."""

    def __init__(self, home: Path, *arguments: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.out = home.with_name(f"{home.name}.{self.port}.out")
        self.errors = self.out.with_suffix(".err")
        with self.out.open("wb") as out, self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                command("run", "--port", str(self.port), *arguments),
                cwd=REPOSITORY,
                env=environment(home),
                stdout=out,
                stderr=errors,
            )

    @property
    def said(self) -> str:
        return self.out.read_text(encoding="utf-8")

    def until(self, told: Callable[[], Any], what: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not told():
            text = f"{what}: {self.said}\n{self.errors.read_text(encoding='utf-8')[-2000:]}"
            assert self.process.poll() is None, text
            assert time.monotonic() < deadline, text
            time.sleep(0.05)

    def until_said(self, text: str) -> None:
        self.until(lambda: text in self.said, f"never said {text!r}")

    def stop(self) -> float:
        """SIGTERM, twice as some senders do; the seconds until the end."""
        began = time.monotonic()
        for _ in range(2):
            self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0
        return time.monotonic() - began


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-u", "manage.py", *arguments]


def environment(home: Path) -> dict[str, str]:
    return {"PATH": os.defpath, "AITRADER_HOME": str(home)}


@contextmanager
def started(home: Path, *arguments: str) -> Iterator[Running]:
    running = Running(home, *arguments)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.terminate()
            running.process.wait(20)


def manage(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command(*arguments),
        cwd=REPOSITORY,
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def server(home: Path) -> int | None:
    """The process id of the home's PostgreSQL, if it lives."""
    file = home / "pg" / "postmaster.pid"
    try:
        pid = int(file.read_text(encoding="utf-8").split()[0])
    except (FileNotFoundError, IndexError):
        return None
    return pid if psutil.pid_exists(pid) else None


def address(home: Path, database: str = roles.DATABASE) -> dict[str, Any]:
    given = postgres.parameters(roles.OWNER, home=home, dbname=database)
    return {
        "host": given.host,
        "port": given.port,
        "user": given.user,
        "password": given.password,
        "dbname": given.dbname,
    }


def fills(home: Path) -> int:
    with psycopg.connect(**address(home)) as connection:
        row = connection.execute("SELECT count(*) FROM trading_fill").fetchone()
    return int(row[0]) if row else 0


def copy(home: Path, folder: Path) -> Path:
    # Closed, it would be opened for the server, which is said.
    folder.chmod(0o711)
    own = folder / "own"
    subprocess.run(["cp", "-a", str(home), str(own)], check=True)
    return own


@contextmanager
def serving(home: Path) -> Iterator[None]:
    postgres.start(home)
    try:
        yield
    finally:
        postgres.stop(home)


def servers_of(home: Path) -> list[int]:
    """Servers of this home, whatever its files say."""
    data = str(home / "pg")
    told = [(each.pid, each.info["cmdline"]) for each in psutil.process_iter(["cmdline"])]
    return [pid for pid, words in told if words and "postgres" in words[0] and data in words]
