"""A broker of one's own, and the processes of a desk that end with the test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from aitrader import env
from tests.services.processes import Desk, kill, numbered

_CLAIM = "aitrader-test"


@pytest.fixture
def broker() -> Iterator["redis.Redis"]:
    """A numbered database of the Redis server that nobody else uses."""
    url = env.load().redis_url
    assert url is not None
    for number in range(15, 0, -1):
        client = redis.Redis.from_url(numbered(url.get_secret_value(), number))
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


@pytest.fixture
def desk(fresh_database: str, broker: "redis.Redis", tmp_path: Path) -> Iterator[Desk]:
    made = Desk(fresh_database, broker, tmp_path)
    try:
        yield made
    finally:
        for process in made.processes:
            kill(process)
