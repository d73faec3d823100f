"""Feed, worker and schedule as processes of their own: killed, emptied and still exact."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from aitrader import env
from aitrader.env import REPOSITORY
from tests.simulation import auditor

pytestmark = pytest.mark.services

BARS = 100
_SECONDS = 60.0
_CLAIM = "aitrader-test"


@pytest.fixture
def broker() -> Iterator["redis.Redis"]:
    """A numbered database of the Redis server that nobody else uses."""
    url = env.load().redis_url
    assert url is not None
    for number in range(15, 0, -1):
        client = redis.Redis.from_url(_numbered(url.get_secret_value(), number))
        if client.dbsize() == 0 and client.set(_CLAIM, "1", nx=True, ex=600):
            break
        client.close()
    else:
        pytest.fail("no numbered database of Redis is free")
    try:
        yield client
    finally:
        client.flushdb()
        client.close()


def _numbered(url: str, number: int) -> str:
    parts = urlsplit(url)
    return parts._replace(path=f"/{number}").geturl()


class Desk:
    """The processes of one desk on one database."""

    def __init__(self, database: str, broker: "redis.Redis", folder: Path) -> None:
        self._folder = folder
        self._number = 0
        self.processes: list[subprocess.Popen[bytes]] = []
        settings = env.load()
        owner = settings.database_owner_url or settings.database_url
        assert owner is not None
        assert settings.database_url is not None
        assert settings.redis_url is not None
        self.owner = make_conninfo(owner.get_secret_value(), dbname=database)
        number = broker.get_connection_kwargs()["db"]
        self._environment = {
            "PATH": os.defpath,
            "AITRADER_HOME": str(folder),
            "AITRADER_SECRET_KEY": "for this test only, not a key of anybody",
            "DATABASE_URL": _named(settings.database_url.get_secret_value(), database),
            "DATABASE_OWNER_URL": _named(owner.get_secret_value(), database),
            "REDIS_URL": _numbered(settings.redis_url.get_secret_value(), number),
        }

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        self._number += 1
        with (self._folder / f"{self._number}.log").open("wb") as log:
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

    def worker(self) -> "subprocess.Popen[bytes]":
        return self.start(
            *("-m", "celery", "-A", "aitrader", "worker", "--concurrency", "2"),
            *("--loglevel", "WARNING", "--without-mingle", "--without-gossip"),
        )

    def count(self, table: str) -> int:
        with psycopg.connect(self.owner) as connection:
            row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(row[0]) if row else 0

    def until(self, told: Callable[[], Any], what: str) -> None:
        deadline = time.monotonic() + _SECONDS
        while not told():
            assert time.monotonic() < deadline, f"{what}\n{self.logs()}"
            time.sleep(0.05)

    def said_last(self) -> str:
        """All that the process started last has said."""
        return (self._folder / f"{self._number}.log").read_text()

    def logs(self) -> str:
        return "\n".join(path.read_text()[-1500:] for path in sorted(self._folder.glob("*.log")))


def _named(url: str, database: str) -> str:
    return urlsplit(url)._replace(path=f"/{database}").geturl()


def _kill(process: "subprocess.Popen[bytes]", number: int = signal.SIGKILL) -> None:
    if process.poll() is None:
        os.killpg(process.pid, number)
    process.wait(20)


@pytest.fixture
def desk(fresh_database: str, broker: "redis.Redis", tmp_path: Path) -> Iterator[Desk]:
    made = Desk(fresh_database, broker, tmp_path)
    try:
        yield made
    finally:
        for process in made.processes:
            _kill(process)


def test_a_market_is_traded_to_its_end_whatever_is_killed(
    desk: Desk, broker: "redis.Redis"
) -> None:
    worker = desk.worker()
    desk.start("-m", "celery", "-A", "aitrader", "beat", "--loglevel", "WARNING")
    market = ("--speed", "max", "--bars", str(BARS), "--symbol", "BTCUSDT", "--history", "0")
    feed = desk.start("manage.py", "feed", *market)
    desk.until(lambda: desk.count("trading_fill") >= 1, "no fill")
    other = desk.start("manage.py", "feed", "--symbol", "ETHUSDT")
    assert other.wait(_SECONDS) == 1
    assert desk.said_last().startswith("aitrader: another desk runs on this database: ")
    _kill(worker)
    desk.worker()
    traded = desk.count("trading_fill")
    desk.until(lambda: desk.count("trading_fill") > traded, "no fill after the kill")
    broker.flushdb()
    desk.until(lambda: feed.poll() is not None, "the feed does not end")
    assert feed.returncode == 0, desk.logs()
    given = conninfo_to_dict(desk.owner)
    found: list[str] = ["not looked yet"]

    def sound() -> bool:
        found[:] = auditor.audit(given).findings
        return not found

    # What the last bar caused may still be on its way, by the sweep if by nothing else.
    desk.until(sound, "never sound")
    assert desk.count("trading_bar") == BARS
    assert desk.count("compliance_journalleaf") == desk.count("compliance_journalentry")
