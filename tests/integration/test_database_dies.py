"""The desk's own database is killed: it is started again and trading goes on, or all of it ends."""

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path

import psycopg
import pytest

from aitrader.env import REPOSITORY
from tests.integration.desks import (
    SECONDS,
    Running,
    address,
    command,
    copy,
    environment,
    fills,
    manage,
    server,
    servers_of,
    serving,
    started,
)
from tests.simulation import auditor

_BARS = 180


def _ready(desk: Running) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{desk.port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _bars(home: Path) -> int:
    with psycopg.connect(**address(home)) as connection:
        row = connection.execute("SELECT count(*) FROM trading_bar").fetchone()
    return int(row[0]) if row else 0


def _more_bars(home: Path, than: int) -> bool:
    return _bars(home) > than


def _another_server(home: Path, than: int) -> bool:
    return server(home) not in (None, than)


def _kill_server(home: Path) -> int:
    pid = server(home)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    return pid


def _is_trading(home: Path) -> bool:
    """Whether a headless run has written bars into the database that it passes through."""
    runs = "SELECT datname FROM pg_database WHERE starts_with(datname, 'aitrader_paper_')"
    try:
        with psycopg.connect(**address(home)) as connection:
            rows = connection.execute(runs).fetchall()
        for (name,) in rows:
            with psycopg.connect(**{**address(home), "dbname": name}) as connection:
                row = connection.execute("SELECT EXISTS (SELECT FROM trading_bar)").fetchone()
            return bool(row and row[0])
    except psycopg.Error:
        # It has not come so far.
        pass
    return False


def _logged(desk: Running) -> list[str]:
    return [
        str(json.loads(line)["event"]) if line.startswith("{") else line
        for line in desk.errors.read_text(encoding="utf-8").splitlines()
    ]


def test_a_killed_database_is_started_again_and_trading_goes_on(
    installed_home: Path, tmp_path: Path
) -> None:
    own = copy(installed_home, tmp_path)
    market = ("--speed", "max", "--bars", str(_BARS), "--symbol", "BTCUSDT", "--history", "0")
    with started(own, *market) as desk:
        desk.until_said("http://")
        for more in (1, 2):
            desk.until(lambda: fills(own) >= 1, "no fill")
            before = _bars(own)
            killed = _kill_server(own)
            desk.until(partial(_another_server, own, killed), "not started again")
            desk.until(lambda: _ready(desk), "never ready again")
            desk.until(partial(_more_bars, own, before), "no bar after the kill")
            assert _logged(desk).count("database.started_again") == more
        # The lock that keeps others out went with the server, and was taken again.
        second = manage(own, "run", "--port", "0")
        assert second.stderr.startswith("aitrader: another desk runs on this database: ")
        desk.until_said("has ended")
        assert desk.stop() < 8
    said = desk.errors.read_text(encoding="utf-8")
    assert "Traceback" not in said
    assert '"exception"' not in said
    assert max(map(len, said.splitlines())) < 1_000
    assert servers_of(own) == []
    with serving(own):
        audit = auditor.audit(address(own))
        verified = manage(own, "verify_journal")
        assert _bars(own) == _BARS
    assert audit.findings == []
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_a_database_that_does_not_start_again_ends_the_desk_in_one_line(
    installed_home: Path, tmp_path: Path
) -> None:
    own = copy(installed_home, tmp_path)
    with started(own) as desk:
        desk.until_said("http://")
        (own / "pg" / "local.conf").write_text("max_connections = many\n")
        _kill_server(own)
        assert desk.process.wait(SECONDS) == 1
        last = desk.errors.read_text(encoding="utf-8").splitlines()[-1]
        assert last.startswith("aitrader: the database died and does not start again: ")
        assert _logged(desk).count("database.not_started") == 2
    assert servers_of(own) == []


@pytest.mark.prove
@pytest.mark.timeout(240)
def test_a_database_that_dies_over_and_over_ends_the_desk_in_one_line(
    installed_home: Path, tmp_path: Path
) -> None:
    own = copy(installed_home, tmp_path)
    with started(own) as desk:
        desk.until_said("http://")
        deadline = time.monotonic() + SECONDS
        while desk.process.poll() is None and time.monotonic() < deadline:
            for pid in servers_of(own):
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.1)
        assert desk.process.wait(20) == 1
        last = desk.errors.read_text(encoding="utf-8").splitlines()[-1]
        assert last.startswith("aitrader: the database died ")
    assert servers_of(own) == []


def test_a_paper_run_whose_database_dies_ends_in_one_line(
    installed_home: Path, tmp_path: Path
) -> None:
    own = copy(installed_home, tmp_path)
    with subprocess.Popen(
        command("paper", "--bars", "100000"),
        cwd=REPOSITORY,
        env=environment(own),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as paper:
        deadline = time.monotonic() + SECONDS
        while not _is_trading(own):
            assert paper.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        _kill_server(own)
        _, said = paper.communicate(timeout=SECONDS)
    assert paper.returncode == 1
    assert said.startswith("aitrader: the database does not answer: "), said
    assert said.count("\n") == 1
    assert servers_of(own) == []
