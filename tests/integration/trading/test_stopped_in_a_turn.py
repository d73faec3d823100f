"""A process that is stopped in the middle of a turn does not keep the account for ever."""

import threading
from collections.abc import Callable

import pytest
from django.db import OperationalError, connection, connections

from trading.models import Order
from trading.services import turns

pytestmark = pytest.mark.usefixtures("fresh_database")

ACCOUNT = 1
_SECONDS = 10


def _thread(work: Callable[[], None]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_turn_that_says_nothing_is_somebody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_LONGEST_SILENCE", "500ms")
    holds, go_on = threading.Event(), threading.Event()
    ended: list[type[Exception]] = []

    def stopped() -> None:
        try:
            with turns.alone(ACCOUNT):
                holds.set()
                assert go_on.wait(_SECONDS)
                Order.objects.exists()
        except OperationalError as error:
            ended.append(type(error))

    thread = _thread(stopped)
    assert holds.wait(_SECONDS)
    with turns.alone(ACCOUNT):
        go_on.set()
        thread.join(_SECONDS)
    assert ended == [OperationalError]


def test_between_turns_a_session_may_be_idle_for_long() -> None:
    with turns.alone(ACCOUNT), connection.cursor() as cursor:
        cursor.execute("SHOW idle_session_timeout")
        assert cursor.fetchone() == ("30s",)
    with connection.cursor() as cursor:
        cursor.execute("SHOW idle_session_timeout")
        assert cursor.fetchone() == ("0",)
