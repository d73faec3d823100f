"""Writing journal entries in tests: from this thread and from others."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction

from aitrader.kernel.events import Event, EventName
from compliance.services import journal

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def event(number: int = 0, name: EventName = EventName.ORDER_CREATED, **changes: Any) -> Event:
    """One entry about order `number`."""
    given = {"actor": "desk", "object_type": "order", "object_id": f"ORDER{number}"}
    return Event(name=name, market_at=NOW, **{**given, "data": {"number": number}, **changes})


def write(*events: Event, now: datetime = NOW) -> None:
    """Record in a transaction of its own."""
    with transaction.atomic():
        journal.record(events, now=now)


def settle() -> None:
    """Wait until nothing outside a test holds back what it has committed.

    Transaction ids are the server's: a test on another database may still have an older one open.
    """
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT NOT EXISTS (SELECT FROM compliance_journalentry "
                "WHERE xid >= pg_snapshot_xmin(pg_current_snapshot()))"
            )
            if cursor.fetchone()[0]:
                return
        time.sleep(0.005)
    raise AssertionError("another transaction stays open")


class OpenTransaction:
    """A transaction on a connection of its own: it writes one entry, then waits to be ended."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._written = threading.Event()
        self._end = threading.Event()
        self._commit = True
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "OpenTransaction":
        self._thread.start()
        assert self._written.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self, *, commit: bool = True) -> None:
        """Commit or roll back, and wait until that is done."""
        self._commit = commit
        self._end.set()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        try:
            with transaction.atomic():
                journal.record([event(self.number)], now=NOW)
                self._written.set()
                self._end.wait(30)
                transaction.set_rollback(not self._commit)
        finally:
            connection.close()


def in_thread(work: Callable[[], None]) -> threading.Thread:
    """Start `work` on a thread whose database connection is closed at the end."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread
