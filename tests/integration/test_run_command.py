"""`run`: the whole desk in one process, started, killed, started again and stopped."""

import re
import signal
import time
import urllib.request
from pathlib import Path

import pytest

from tests.factories import candles
from tests.integration.desks import (
    Running,
    address,
    copy,
    fills,
    manage,
    server,
    servers_of,
    serving,
    started,
)
from tests.simulation import auditor

BARS = 105


def test_killed_and_started_again_it_trades_as_the_headless_run(
    installed_home: Path, tmp_path: Path
) -> None:
    own = copy(installed_home, tmp_path)
    market = ("--speed", "max", "--bars", str(BARS), "--symbol", "BTCUSDT", "--history", "0")
    with started(own, *market) as first:
        first.until_said("http://")
        page = f"http://127.0.0.1:{first.port}/healthz"
        with urllib.request.urlopen(page, timeout=5) as answer:
            assert answer.status == 200
        assert re.search(r"aitrader 0\.1 · PAPER · SIMULATED .*SIM:BTC-USDT 1m", first.said)
        [password] = re.findall(r"operator admin, password (\S+), shown once", first.said)
        first.until(lambda: fills(own) >= 1, "no fill")
        second = manage(own, "run", "--port", str(first.port))
        assert second.returncode == 1
        assert second.stderr.startswith(f"aitrader: port {first.port} cannot be used")
        assert second.stderr.count("\n") == 1
        first.process.kill()
        first.process.wait(10)
    with started(own, *market) as again:
        again.until_said("has ended")
        assert "password" not in again.said
        assert again.stop() < 8
    assert server(own) is None
    assert password not in again.errors.read_text() + first.errors.read_text()
    headless = manage(own, "paper", "--database", "headless", *market)
    assert headless.returncode == 0, headless.stderr
    with serving(own):
        live = auditor.audit(address(own))
        theirs = auditor.audit(address(own, "headless"))
    assert live.findings == []
    told = [
        [(row["side"], row["last_qty"], row["last_px"], row["transact_time"]) for row in books]
        for books in (live.books["fills"], theirs.books["fills"])
    ]
    assert told[0] == told[1], first.errors.read_text() + again.errors.read_text()
    assert told[0]


def test_a_second_desk_of_the_same_home_is_refused_in_one_line(
    installed_home: Path, tmp_path: Path
) -> None:
    own = copy(installed_home, tmp_path)
    with started(own) as first:
        first.until_said("http://")
        for other in (("run", "--port", "0"), ("feed", "--symbol", "ETHUSDT")):
            second = manage(own, *other)
            assert (second.returncode, second.stdout) == (1, "")
            assert second.stderr.startswith("aitrader: another desk runs on this database: ")
            assert second.stderr.count("\n") == 1
        # Who was refused has not taken the first one's database along.
        assert fills(own) >= 0
        assert first.stop() < 8
    with started(own) as third:
        third.until_said("http://")
        assert third.stop() < 8


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.prove)]
)
def test_a_signal_at_any_moment_of_the_start_leaves_no_server_behind(
    installed_home: Path, tmp_path: Path, number: int
) -> None:
    own = copy(installed_home, tmp_path)
    for tenths in (2, 3, 4, 5, 6, 7, 8, 10, 13, 18):
        running = Running(own)
        time.sleep(tenths / 10)
        running.process.send_signal(number)
        running.process.send_signal(number)
        running.process.wait(20)
        assert servers_of(own) == [], f"left behind after {tenths / 10} s"
        said = running.errors.read_text(encoding="utf-8")
        # Before our first line of code Python itself answers a Ctrl-C, and within a callback of
        # its own it says that the exception is lost: then the signal has come again.
        lost = "Exception ignored in" in said
        assert "Traceback" not in said or tenths <= 2 or lost, said


def test_what_is_wrong_is_one_line(installed_home: Path, tmp_path: Path) -> None:
    bad = tmp_path / "btcusdt_1m.csv"
    candles.write(bad, [candles.row(bar) for bar in candles.simulated(30)] + ["1,2,3"])
    file = tmp_path / "file"
    file.touch()
    own = copy(installed_home, tmp_path)
    for arguments, where, reason in (
        (("--replay", str(bad)), own, f"{bad}:32"),
        (("--replay", str(tmp_path / "none.csv")), own, "none.csv"),
        (("--speed", "-1"), own, "--speed"),
        (("--port", "99999"), own, "port 99999 is not between 0 and 65535"),
        ((), file / "home", "AITRADER_HOME"),
    ):
        done = manage(where, "run", *arguments)
        assert done.returncode == 1, done.stderr
        assert done.stderr.startswith("aitrader: "), done.stderr
        assert done.stderr.count("\n") == 1, done.stderr
        assert reason in done.stderr
