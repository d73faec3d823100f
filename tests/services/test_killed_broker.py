"""Redis itself is killed in the middle of a call and started again, empty: what its messages were
about is found all the same, and no order reaches the venue twice."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import redis

from tests.integration.trading.at_venue import at_venue
from tests.services.processes import Desk, kill
from tests.services.test_failover import Pair

_PROGRAM = shutil.which("redis-server")
pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(_PROGRAM is None, reason="redis-server is not on this machine"),
]
_HOST = "127.0.0.1"


class _Server:
    """A Redis of this test's own, that keeps nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with closing(socket.create_server((_HOST, 0))) as free:
            self._port = free.getsockname()[1]
        self.url = f"redis://{_HOST}:{self._port}/0"
        self.start()

    def start(self) -> None:
        assert _PROGRAM is not None
        self._process = subprocess.Popen(
            [
                *(_PROGRAM, "--port", str(self._port), "--bind", _HOST),
                *("--save", "", "--appendonly", "no", "--dir", str(self._folder)),
            ],
            stdout=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def _served(folder: Path) -> Iterator[_Server]:
    made = _Server(folder)
    try:
        yield made
    finally:
        made.kill()


@pytest.mark.timeout(300)
def test_redis_is_killed_in_the_middle_of_a_call_and_comes_back_empty(
    fresh_database: str, broker: "redis.Redis", tmp_path: Path
) -> None:
    with at_venue(tmp_path) as venue, _served(tmp_path) as server:
        there = {**venue.variables, "REDIS_URL": server.url}
        desk = Desk(fresh_database, broker, tmp_path, there)
        try:
            pair = Pair(venue, desk)
            pair.send_late("one")
            server.kill()
            pair.heal()
            pair.order("while it is away")
            server.start()
            pair.until_all_rest()
            pair.order("after")
            pair.until_all_rest()
            pair.nothing_was_doubled()
        finally:
            for process in desk.processes:
                kill(process)
