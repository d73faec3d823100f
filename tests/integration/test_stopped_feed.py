"""A feed that is stopped, not dead: one in waiting takes its place, and it ends when it goes on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aitrader.env import REPOSITORY
from tests.simulation import paper_process
from trading.models import BarRow, Feed

_SECONDS = 40.0
_FEED = """
import sys
import django
django.setup()
from django.core.management import call_command
from aitrader import databases
from aitrader.kernel.errors import BadInput
from aitrader.runtime import alone
databases.use(sys.argv[1])
alone._LONGEST_SILENCE = "2s"
try:
    call_command("feed", *sys.argv[2:])
except BadInput as error:
    sys.exit(str(error))
"""
_MARKET = ("--source", "simulated", "--speed", "600", "--history", "0")
Process = subprocess.Popen[bytes]


class _Feeds:
    """Processes that are ended with the test."""

    def __init__(self, database: str, folder: Path) -> None:
        self._database = database
        self._folder = folder
        self.all: list[Process] = []

    def start(self, *arguments: str) -> tuple[Process, Callable[[], str]]:
        """A process, and what it has said."""
        path = self._folder / f"{len(self.all)}.log"
        with path.open("wb") as log:
            made = subprocess.Popen(
                [sys.executable, "-c", _FEED, self._database, *_MARKET, *arguments],
                cwd=REPOSITORY, env=paper_process.environment(), stdout=log, stderr=log,
            )  # fmt: skip
        self.all.append(made)
        return made, path.read_text


@pytest.fixture
def feeds(fresh_database: str, tmp_path: Path) -> Iterator[_Feeds]:
    made = _Feeds(fresh_database, tmp_path)
    yield made
    for each in made.all:
        each.kill()
        each.wait()


def _until(told: Callable[[], bool], said: Callable[[], str]) -> None:
    deadline = time.monotonic() + _SECONDS
    while not told():
        assert time.monotonic() < deadline, said()
        time.sleep(0.05)


def test_a_standby_takes_over_from_a_feed_that_was_stopped(feeds: _Feeds) -> None:
    stopped, first_said = feeds.start()
    _until(lambda: BarRow.objects.count() > 2, first_said)
    _, second_said = feeds.start("--standby")
    _until(lambda: second_said().startswith("standby: "), second_said)
    os.kill(stopped.pid, signal.SIGSTOP)
    recorded = BarRow.objects.count()
    _until(lambda: BarRow.objects.count() > recorded + 2, second_said)
    os.kill(stopped.pid, signal.SIGCONT)
    assert stopped.wait(_SECONDS) == 1
    assert "another desk runs on this database" in first_said()
    recorded = BarRow.objects.count()
    _until(lambda: BarRow.objects.count() > recorded, second_said)
    assert Feed.objects.get().status == "RUNNING"


def test_a_standby_is_told_its_market(feeds: _Feeds) -> None:
    refused, said = feeds.start("--source", "auto", "--standby")
    assert refused.wait(_SECONDS) == 1
    assert "--standby: name its market" in said()
