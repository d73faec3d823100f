"""`run`: the whole desk in one process, started, killed, started again and stopped."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from aitrader.embedded import postgres, roles
from aitrader.env import REPOSITORY
from tests.factories import candles
from tests.simulation import auditor

BARS = 105
_SECONDS = 60.0
_INSTALL = """
import django
from aitrader import databases, env
env.choose_settings("aitrader.settings.base")
django.setup()
from aitrader.embedded import postgres
from aitrader.kernel.clock import WALL
from compliance.services import installation
postgres.start()
databases.migrate()
installation.install(namespace="seed-1", now=WALL.now())
"""


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
                _command("run", "--port", str(self.port), *arguments),
                cwd=REPOSITORY,
                env=_environment(home),
                stdout=out,
                stderr=errors,
            )

    @property
    def said(self) -> str:
        return self.out.read_text(encoding="utf-8")

    def until(self, told: Callable[[], Any], what: str) -> None:
        deadline = time.monotonic() + _SECONDS
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


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-u", "manage.py", *arguments]


def _environment(home: Path) -> dict[str, str]:
    return {"PATH": os.defpath, "AITRADER_HOME": str(home)}


@contextmanager
def _started(home: Path, *arguments: str) -> Iterator[Running]:
    running = Running(home, *arguments)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.terminate()
            running.process.wait(20)


def _manage(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        _command(*arguments),
        cwd=REPOSITORY,
        env=_environment(home),
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )


def _server(home: Path) -> int | None:
    """The process id of the home's PostgreSQL, if it lives."""
    file = home / "pg" / "postmaster.pid"
    try:
        pid = int(file.read_text(encoding="utf-8").split()[0])
    except (FileNotFoundError, IndexError):
        return None
    return pid if psutil.pid_exists(pid) else None


def _address(home: Path, database: str = roles.DATABASE) -> dict[str, Any]:
    given = postgres.parameters(roles.OWNER, home=home, dbname=database)
    return {
        "host": given.host,
        "port": given.port,
        "user": given.user,
        "password": given.password,
        "dbname": given.dbname,
    }


def _fills(home: Path) -> int:
    with psycopg.connect(**_address(home)) as connection:
        row = connection.execute("SELECT count(*) FROM trading_fill").fetchone()
    return int(row[0]) if row else 0


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose cluster is made and migrated, and whose ids are those of a headless run."""
    folder = tmp_path_factory.mktemp("run") / "home"
    subprocess.run(
        [sys.executable, "-c", _INSTALL],
        cwd=REPOSITORY,
        env=_environment(folder),
        check=True,
        timeout=_SECONDS,
    )
    return folder


def _copy(home: Path, folder: Path) -> Path:
    own = folder / "own"
    subprocess.run(["cp", "-a", str(home), str(own)], check=True)
    return own


def test_killed_and_started_again_it_trades_as_the_headless_run(home: Path, tmp_path: Path) -> None:
    own = _copy(home, tmp_path)
    market = ("--speed", "max", "--bars", str(BARS), "--symbol", "BTCUSDT", "--history", "0")
    with _started(own, *market) as first:
        first.until_said("http://")
        address = f"http://127.0.0.1:{first.port}/healthz"
        with urllib.request.urlopen(address, timeout=5) as answer:
            assert answer.status == 200
        assert re.search(r"aitrader 0\.1 · PAPER · SIMULATED .*SIM:BTC-USDT 1m", first.said)
        [password] = re.findall(r"operator admin, password (\S+), shown once", first.said)
        first.until(lambda: _fills(own) >= 1, "no fill")
        second = _manage(own, "run", "--port", str(first.port))
        assert second.returncode == 1
        assert second.stderr.startswith(f"aitrader: port {first.port} cannot be used")
        assert second.stderr.count("\n") == 1
        first.process.kill()
        first.process.wait(10)
    with _started(own, *market) as again:
        again.until_said("has ended")
        assert "password" not in again.said
        assert again.stop() < 8
    assert _server(own) is None
    assert password not in again.errors.read_text() + first.errors.read_text()
    headless = _manage(own, "paper", "--database", "headless", *market)
    assert headless.returncode == 0, headless.stderr
    with _serving(own):
        live = auditor.audit(_address(own))
        theirs = auditor.audit(_address(own, "headless"))
    assert live.findings == []
    told = [
        [(row["side"], row["last_qty"], row["last_px"], row["transact_time"]) for row in books]
        for books in (live.books["fills"], theirs.books["fills"])
    ]
    assert told[0] == told[1], first.errors.read_text() + again.errors.read_text()
    assert told[0]


@contextmanager
def _serving(home: Path) -> Iterator[None]:
    postgres.start(home)
    try:
        yield
    finally:
        postgres.stop(home)


def test_a_second_desk_of_the_same_home_is_refused_in_one_line(home: Path, tmp_path: Path) -> None:
    own = _copy(home, tmp_path)
    with _started(own) as first:
        first.until_said("http://")
        second = _manage(own, "run", "--port", "0")
        assert (second.returncode, second.stdout) == (1, "")
        assert second.stderr.startswith("aitrader: another desk runs on this database: ")
        assert second.stderr.count("\n") == 1
        # Who was refused has not taken the first one's database along.
        assert _fills(own) >= 0
        assert first.stop() < 8
    with _started(own) as third:
        third.until_said("http://")
        assert third.stop() < 8


def _servers_of(home: Path) -> list[int]:
    """Servers of this home, whatever its files say."""
    data = str(home / "pg")
    told = [(each.pid, each.info["cmdline"]) for each in psutil.process_iter(["cmdline"])]
    return [pid for pid, words in told if words and "postgres" in words[0] and data in words]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_at_any_moment_of_the_start_leaves_no_server_behind(
    home: Path, tmp_path: Path, number: int
) -> None:
    own = _copy(home, tmp_path)
    for tenths in (2, 3, 4, 5, 6, 7, 8, 10, 13, 18):
        running = Running(own)
        time.sleep(tenths / 10)
        running.process.send_signal(number)
        running.process.send_signal(number)
        running.process.wait(20)
        assert _servers_of(own) == [], f"left behind after {tenths / 10} s"
        said = running.errors.read_text(encoding="utf-8")
        # Before our first line of code Python itself answers a Ctrl-C.
        assert "Traceback" not in said or tenths <= 2, said


def test_what_is_wrong_is_one_line(home: Path, tmp_path: Path) -> None:
    bad = tmp_path / "btcusdt_1m.csv"
    candles.write(bad, [candles.row(bar) for bar in candles.simulated(30)] + ["1,2,3"])
    file = tmp_path / "file"
    file.touch()
    for arguments, where, reason in (
        (("--replay", str(bad)), home, f"{bad}:32"),
        (("--replay", str(tmp_path / "none.csv")), home, "none.csv"),
        (("--speed", "-1"), home, "--speed"),
        (("--port", "99999"), home, "port 99999 is not between 0 and 65535"),
        ((), file / "home", "AITRADER_HOME"),
    ):
        done = _manage(where, "run", *arguments)
        assert done.returncode == 1, done.stderr
        assert done.stderr.startswith("aitrader: "), done.stderr
        assert done.stderr.count("\n") == 1, done.stderr
        assert reason in done.stderr
