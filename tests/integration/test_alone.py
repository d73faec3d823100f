"""One desk per database: the second is refused in one line, and let in when the first has gone."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connections

from aitrader import databases
from aitrader.env import REPOSITORY
from aitrader.kernel.errors import BadInput
from aitrader.runtime import alone
from aitrader.runtime.alone import OnlyRun
from tests.simulation import paper_process

REFUSAL = "another desk runs on this database: stop it, or choose another AITRADER_HOME"
_SECONDS = 10.0
_ELSEWHERE = """
import sys
import django
django.setup()
from aitrader import databases
from aitrader.runtime.alone import OnlyRun
databases.use(sys.argv[1])
only = OnlyRun()
print("alone", flush=True)
sys.stdin.read()
"""


@contextmanager
def _another_process(database: str) -> "Iterator[subprocess.Popen[str]]":
    """A process that is the desk of the database until it is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", _ELSEWHERE, database],
        cwd=REPOSITORY,
        env=paper_process.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "alone\n"
            yield process
        finally:
            process.kill()


def _refusal() -> str:
    with pytest.raises(BadInput) as refused:
        OnlyRun()
    return str(refused.value)


def _in_when_the_server_has_noticed() -> OnlyRun:
    """The server ends a session a moment after its process, or after it was told to."""
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            return OnlyRun()
        except BadInput:
            assert time.monotonic() < deadline, "the lock outlived its session"
            time.sleep(0.02)


def _end_session_of_the_lock() -> None:
    # A session of the same role may end it.
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks"
            " JOIN pg_database ON pg_database.oid = pg_locks.database"
            " WHERE locktype = 'advisory' AND datname = current_database()"
        )
        assert cursor.fetchall() == [(True,)]


def test_a_second_desk_is_refused_in_one_line_until_the_first_lets_go(fresh_database: str) -> None:
    first = OnlyRun()
    assert _refusal() == REFUSAL
    # A refused one leaves nothing behind, and takes nothing away from the first.
    assert _refusal() == REFUSAL
    first.release()
    second = OnlyRun()
    assert _refusal() == REFUSAL
    second.release()


def test_another_process_is_refused_until_the_first_has_died(fresh_database: str) -> None:
    with _another_process(fresh_database) as first:
        assert _refusal() == REFUSAL
        first.kill()
        first.wait()
        _in_when_the_server_has_noticed().release()


def test_a_session_that_the_server_ends_holds_nothing(fresh_database: str) -> None:
    first = OnlyRun()
    _end_session_of_the_lock()
    second = _in_when_the_server_has_noticed()
    with pytest.raises(psycopg.OperationalError):
        first._session.execute("SELECT 1")
    first.release()
    assert _refusal() == REFUSAL
    second.release()


def test_a_lost_lock_is_taken_again(fresh_database: str) -> None:
    first = OnlyRun()
    first.hold()
    _end_session_of_the_lock()
    first.hold()
    assert _refusal() == REFUSAL
    first.release()


def test_a_process_that_was_stopped_loses_its_place_and_is_told_so(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alone, "_LONGEST_SILENCE", "300ms")
    first = OnlyRun()
    # Before anybody looks after it the place is kept, however long a start takes.
    time.sleep(0.5)
    assert _refusal() == REFUSAL
    first.hold()
    second = _in_when_the_server_has_noticed()
    with pytest.raises(BadInput, match="another desk runs on this database"):
        first.hold()
    second.release()


def test_a_session_lost_on_this_side_only_does_not_stand_in_its_own_way(
    fresh_database: str,
) -> None:
    first = OnlyRun()
    # The server knows nothing of it and keeps the session, and with it the lock.
    lost = socket.socket(fileno=os.dup(first._session.pgconn.socket))
    kept, theirs = socket.socketpair()
    os.dup2(theirs.fileno(), first._session.pgconn.socket)
    kept.close()
    theirs.close()
    first.hold()
    assert _refusal() == REFUSAL
    lost.close()
    first.release()


def test_a_desk_whose_lock_went_to_another_is_told_so(fresh_database: str) -> None:
    first = OnlyRun()
    _end_session_of_the_lock()
    second = _in_when_the_server_has_noticed()
    with pytest.raises(BadInput, match="another desk runs on this database"):
        first.hold()
    second.release()


def test_a_desk_on_another_database_is_none_of_its_business(
    fresh_database: str, template_database: str
) -> None:
    first = OnlyRun()
    other = f"{fresh_database}_b"
    databases.create(other, template=template_database)
    try:
        databases.use(other)
        OnlyRun().release()
    finally:
        databases.use(fresh_database)
        databases.drop(other)
    first.release()
