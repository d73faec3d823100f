"""Runs the tests tier by tier: `python -m tests.tiers unit embedded services browser`.

1. A tier that this machine cannot run says so; where CI is set, that is a failure.
2. Only tiers on servers see DATABASE_URL and REDIS_URL: the others use the embedded PostgreSQL.
3. Databases and files of a run lie in memory where it has room, and are gone with the run: a file
   system takes longer to make the hundreds of files of a database than to fill them.
4. What is compiled is kept, whatever the environment says: hundreds of processes start.
5. The browser waits more than it works: its tier runs beside the others, and is told at the end.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil
import psycopg
import redis
from psycopg.conninfo import make_conninfo

ROOT = Path(__file__).parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SERVERS = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")
_NO_TESTS = 5
_MEMORY, _ROOM_BYTES = Path("/dev/shm"), 6 * 2**30
#: Short: a socket's path has a hundred characters.
_FOLDER = "aitrader-"
_COMPLIANCE, _TRADING = "tests/integration/compliance", "tests/integration/trading"
_TASKS = "tests/integration/trading_tasks"
#: What a server may do otherwise than the embedded one: it is older, and only used by us.
_ON_THE_SERVER_TOO = (
    # Rights, triggers, constraints; the journal's order; commands that are done once.
    "tests/integration/test_databases.py",
    *(f"{_COMPLIANCE}/test_{name}.py" for name in ("journal", "journal_refusal", "sequencer")),
    *(f"{_COMPLIANCE}/test_{name}.py" for name in ("alerts", "commands", "installation")),
    *(f"{_TRADING}/test_{name}.py" for name in ("database_rules", "written_facts")),
    # SQL of our own: limits, halts and decisions, candles, books, silences, figures.
    *("tests/integration/risk", f"{_TASKS}/test_figures.py"),
    *(f"{_TRADING}/test_{name}.py" for name in ("candle_store", "settling", "silence")),
    *(f"{_TRADING}/test_{name}.py" for name in ("simulated_venue", "reconcile_command")),
    # Locks, turns and sessions that end.
    *("tests/integration/test_alone.py", f"{_TASKS}/test_tasks.py"),
    *(f"{_TRADING}/test_{name}.py" for name in ("routing", "stopped_in_a_turn", "late_sender")),
    f"{_TRADING}/test_configuration.py::test_a_new_version_waits_for_the_turn",
    f"{_TRADING}/test_twap.py::test_two_workers_at_once_cut_one_slice",
    # A whole desk, and who waits for it.
    f"{_TASKS}/test_order_command.py",
    f"{_TASKS}/test_same_as_headless.py::test_the_same_bars_give_the_same_books",
)
#: Reads files; the rows are written as those of the other candles.
_NOT_THERE = f"{_TRADING}/test_candle_store.py::test_recorded_candles_come_back_row_by_row"


def chromium() -> str | None:
    """Return the path of the system's Chromium, if there is one."""
    return next((path for path in map(shutil.which, BROWSERS) if path), None)


def _servers_missing() -> str | None:
    """Say what keeps the services tier from running."""
    database, cache = os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL")
    if not database or not cache:
        return "DATABASE_URL and REDIS_URL are not both set"
    owner = os.environ.get("DATABASE_OWNER_URL") or database
    try:
        psycopg.connect(make_conninfo(owner, dbname="postgres", connect_timeout=5)).close()
        with redis.Redis.from_url(cache, socket_connect_timeout=5) as client:
            client.ping()
    except (psycopg.Error, redis.RedisError, OSError) as error:
        return f"a server does not answer: {str(error).splitlines()[0]}"
    return None


def _browser_missing() -> str | None:
    return None if chromium() else "no Chromium found"


def _never() -> str | None:
    return None


# name: what is missing, and what pytest is given
TIERS: Mapping[str, tuple[Callable[[], str | None], tuple[str, ...]]] = {
    "unit": (_never, ("tests/unit",)),
    "embedded": (
        _never,
        ("tests", "--ignore=tests/unit", "-m", "not services and not browser and not prove"),
    ),
    "services": (
        _servers_missing,
        ("tests/services", *_ON_THE_SERVER_TOO, "--deselect", _NOT_THERE, "-m", "not browser"),
    ),
    "browser": (_browser_missing, ("tests/browser", "-m", "browser", "-n", "0")),
    "prove": (_never, ("tests", "-m", "prove and not services", "--timeout=3600")),
    "proofs-on-servers": (
        _servers_missing,
        ("tests/services", "-m", "prove and services", "-n", "0", "--timeout=3600"),
    ),
}
_ON_SERVERS = ("services", "proofs-on-servers")
#: Whose tests wait for sockets and databases: twice as many workers keep the processor busy.
_WAITING = ("embedded", "services")
_BESIDE = "browser"


@contextmanager
def _in_memory() -> Iterator[Path | None]:
    """A folder in memory, for the length of the block; none where there is no room."""
    if not _has_room():
        yield None
        return
    for left in _MEMORY.glob(f"{_FOLDER}[0-9]*"):
        if not psutil.pid_exists(int(left.name.removeprefix(_FOLDER))):
            shutil.rmtree(left, ignore_errors=True)
    folder = _MEMORY / f"{_FOLDER}{os.getpid()}"
    folder.mkdir()
    # The server is another user where this one is root.
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _has_room() -> bool:
    try:
        told = os.statvfs(_MEMORY)
    except OSError:
        return False
    free = min(told.f_bavail * told.f_frsize, psutil.virtual_memory().available)
    closed = not os.access(_MEMORY, os.W_OK) or told.f_flag & os.ST_NOEXEC
    return free >= _ROOM_BYTES and not closed


def _environment(tier: str) -> dict[str, str]:
    kept = dict(os.environ)
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    if tier not in _ON_SERVERS:
        for name in SERVERS:
            kept.pop(name, None)
    return kept


def _run(tier: str, workers: int, folder: Path | None) -> str:
    """Run one tier, with databases and files in the folder if there is one; return "passed",
    "failed", or why it was skipped. What the one beside the others says comes when it has ended."""
    missing, arguments = TIERS[tier]
    reason = missing()
    if reason:
        return f"skipped: {reason}"
    number = workers * 2 if tier in _WAITING else workers
    title = f"\n{tier}: pytest {' '.join(arguments)}"
    if tier != _BESIDE:
        print(title, flush=True)
    command = [sys.executable, "-m", "pytest", "-q", "-n", str(number), "--dist", "worksteal"]
    variables = _environment(tier)
    if folder is not None:
        variables["AITRADER_HOME"] = str(folder)
        command.append(f"--basetemp={folder / tier[0]}")
    done = subprocess.run(
        [*command, *arguments],
        cwd=ROOT,
        env=variables,
        check=False,
        stdout=subprocess.PIPE if tier == _BESIDE else None,
        text=True,
    )
    if tier == _BESIDE:
        print(f"{title}\n{done.stdout}", flush=True)
    if done.returncode == _NO_TESTS:
        return "skipped: no tests"
    return "failed" if done.returncode else "passed"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tiers", nargs="+", choices=list(TIERS))
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with _in_memory() as folder, ThreadPoolExecutor(1) as pool:
        run = partial(_run, workers=options.workers, folder=folder)
        beside = {tier: pool.submit(run, tier) for tier in options.tiers if tier == _BESIDE}
        results = {tier: run(tier) for tier in options.tiers if tier != _BESIDE}
        results |= {tier: waited.result() for tier, waited in beside.items()}
    print()
    for tier, result in results.items():
        print(f"{tier} tier {result}")
    accepted = {"passed"} if os.environ.get("CI") else {"passed", "skipped"}
    return int(any(result.split(":")[0] not in accepted for result in results.values()))


if __name__ == "__main__":
    sys.exit(main())
