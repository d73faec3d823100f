"""Numbers without gaps, and no late commit skipped."""

import itertools
import random
import threading
import time
from collections.abc import MutableMapping
from typing import Any

import psycopg
import pytest
import structlog
from django.db import connection, transaction

from aitrader.kernel.errors import IntegrityFailure
from aitrader.kernel.topics import JOURNAL_CHANNEL, SEQUENCER_LOCK
from compliance.models import JournalEntry, JournalHead
from compliance.selectors import journal
from compliance.services import sequencer
from compliance.services.sequencer import Sequencer
from tests.integration.compliance.writing import OpenTransaction, event, in_thread, settle, write

pytestmark = pytest.mark.usefixtures("installed_fresh")


def order_ids() -> list[str]:
    entries = journal.entries_after(-1, 10_000)
    assert [entry.leaf_index for entry in entries] == list(range(len(entries)))
    return [entry.object_id for entry in entries]


def test_entries_are_numbered_once_from_zero() -> None:
    assert sequencer.advance() == 0
    write(event(0), event(1))
    write(event(2))
    settle()
    assert sequencer.advance() == 3
    assert sequencer.advance() == 0
    write(event(3))
    settle()
    assert sequencer.advance() == 1
    assert order_ids() == ["ORDER0", "ORDER1", "ORDER2", "ORDER3"]


def test_an_older_transaction_that_commits_later_is_not_skipped() -> None:
    with OpenTransaction(1) as late:
        write(event(2))
        # The older one may still commit: nothing after it gets a number yet.
        assert sequencer.advance() == 0
        late.end()
        settle()
        assert sequencer.advance() == 2
    assert order_ids() == ["ORDER1", "ORDER2"]


def test_what_committed_before_the_oldest_open_transaction_is_numbered() -> None:
    write(event(0))
    settle()
    with OpenTransaction(1), OpenTransaction(2) as younger:
        younger.end()
        assert sequencer.advance() == 1
    settle()
    assert sequencer.advance() == 2
    assert order_ids() == ["ORDER0", "ORDER1", "ORDER2"]


def test_a_rollback_leaves_no_gap() -> None:
    with OpenTransaction(1) as doomed:
        write(event(2))
        doomed.end(commit=False)
    settle()
    assert sequencer.advance() == 1
    assert order_ids() == ["ORDER2"]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_a_limit_never_splits_a_transaction_and_loses_nothing(limit: int) -> None:
    sizes = [1, 5, 2, 1, 1, 9, 3]
    for number, size in enumerate(sizes):
        write(*[event(number)] * size)
    settle()
    taken = []
    while rows := sequencer.advance(limit=limit):
        taken.append(rows)
    assert sum(taken) == sum(sizes)
    borders = {sum(sizes[:end]) for end in range(len(sizes) + 1)}
    assert {sum(taken[:end]) for end in range(len(taken) + 1)} <= borders
    assert all(rows <= max(limit, max(sizes)) for rows in taken)
    assert order_ids() == [f"ORDER{n}" for n, size in enumerate(sizes) for _ in range(size)]


def test_transactions_are_ordered_by_number_not_by_its_text() -> None:
    write(event(0))
    assert sequencer.catch_up() == 1
    JournalHead.objects.update(sequenced_below="0")
    columns = (
        "event, version, actor, on_behalf_of, object_type, trace_id, market_at, recorded_at, "
        "payload, leaf"
    )
    ids = [9, 10, 11, 99, 100, 101]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO compliance_journalentry (xid, object_id, {columns}) "
            f"SELECT chosen::text::xid8, chosen, {columns} "
            "FROM compliance_journalentry, unnest(%s::int[]) AS chosen",
            [ids],
        )
    taken = [
        journal.entries_after(size, 9) for size in range(len(ids)) if sequencer.advance(limit=1)
    ]
    assert [[int(entry.object_id) for entry in batch] for batch in taken] == [[n] for n in ids]


def test_a_second_sequencer_steps_aside() -> None:
    write(event(0))
    found: list[int] = []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SEQUENCER_LOCK])
        in_thread(lambda: found.append(sequencer.advance())).join(10)
    assert found == [0]
    assert sequencer.catch_up() == 1


def test_one_notification_a_batch_names_the_last_number() -> None:
    parameters = connection.get_connection_params()
    wanted = ("host", "port", "user", "password", "dbname")
    given = {name: parameters[name] for name in wanted if parameters.get(name)}
    with psycopg.connect(**given, autocommit=True) as listener:
        listener.execute(f"LISTEN {JOURNAL_CHANNEL}")
        write(event(0), event(1))
        write(event(2))
        settle()
        sequencer.advance()
        sequencer.advance()
        told = [notice.payload for notice in listener.notifies(timeout=0.5)]
    assert told == ["2"]


def test_random_interleavings_lose_and_double_nothing() -> None:
    draw = random.Random(7)
    open_now: list[OpenTransaction] = []
    expected = set()
    for number in range(60):
        opened = OpenTransaction(number)
        opened.__enter__()
        open_now.append(opened)
        while open_now and (len(open_now) > 4 or draw.random() < 0.4):
            ended = open_now.pop(draw.randrange(len(open_now)))
            commit = draw.random() < 0.8
            ended.end(commit=commit)
            if commit:
                expected.add(f"ORDER{ended.number}")
        sequencer.advance(limit=draw.choice([1, 3, 1000]))
    for opened in open_now:
        opened.end()
        expected.add(f"ORDER{opened.number}")
    sequencer.catch_up()
    found = order_ids()
    assert set(found) == expected
    assert len(found) == len(expected) == JournalEntry.objects.count()
    assert JournalHead.objects.get().size == len(found)


def test_the_thread_is_at_most_50_ms_behind_under_load() -> None:
    """From the moment that no older transaction is open, while another writer never rests."""
    thread = Sequencer()
    thread.start()
    done = threading.Event()

    def load() -> None:
        while not done.is_set():
            write(*[event(1000)] * 4)
            time.sleep(0.002)

    loading = in_thread(load)
    try:
        delays = sorted(delay_of(number) for number in range(30))
    finally:
        done.set()
        loading.join(10)
        thread.stop()
        thread.join(10)
    # A busy machine may hold single looks up; not the rule.
    assert delays[15] < 0.050
    assert delays[26] < 0.100
    sequencer.catch_up()
    assert journal.size() == JournalEntry.objects.count()
    order_ids()


def delay_of(number: int) -> float:
    """Seconds from when an entry could have its number until it has it."""
    write(event(number, trace_id=f"T{number}"))
    while not is_numberable(f"T{number}"):
        time.sleep(0.001)
    possible_at = time.monotonic()
    while not journal.for_trace(f"T{number}"):
        time.sleep(0.001)
    return time.monotonic() - possible_at


def is_numberable(trace_id: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT xid < pg_snapshot_xmin(pg_current_snapshot()) "
            "FROM compliance_journalentry WHERE trace_id = %s",
            [trace_id],
        )
        return bool(cursor.fetchone()[0])


def test_catching_up_waits_for_older_transactions() -> None:
    with OpenTransaction(0) as late:
        write(event(1))
        with pytest.raises(IntegrityFailure, match="1 journal entries have no number"):
            sequencer.catch_up(timeout_seconds=0.1)
        ending = threading.Timer(0.2, late.end)
        ending.start()
        assert sequencer.catch_up() in (1, 2)
        ending.join(10)
    sequencer.catch_up()
    assert order_ids() == ["ORDER0", "ORDER1"]


def test_the_thread_outlives_a_lost_connection() -> None:
    thread = Sequencer()
    thread.start()
    try:
        write(event(0))
        wait_for_size(1)
        with connection.cursor() as cursor, structlog.testing.capture_logs() as logs:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            write(event(1))
            wait_for_size(2)
    finally:
        thread.stop()
        thread.join(10)
    assert "sequencer.database_error" in {each["event"] for each in logs}


def test_the_thread_numbers_what_came_before_it_was_stopped() -> None:
    thread = Sequencer()
    thread.start()
    write(event(0))
    settle()
    thread.stop()
    thread.join(10)
    assert journal.size() == 1


def test_a_transaction_open_for_long_is_an_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequencer, "LONG_TRANSACTION_SECONDS", 0.2)
    monkeypatch.setattr(sequencer, "_CHECK_SECONDS", 0.05)
    with structlog.testing.capture_logs() as logs, OpenTransaction(0):
        thread = Sequencer()
        thread.start()
        deadline = time.monotonic() + 10
        while not alarms(logs) and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.3)
        thread.stop()
        thread.join(10)
    found = alarms(logs)
    assert {each["log_level"] for each in found} == {"error"}
    # Once for one transaction, however long it stays open.
    pids = [each["pid"] for each in found]
    assert all(before != after for before, after in itertools.pairwise(pids))


def alarms(logs: list[MutableMapping[str, Any]]) -> list[MutableMapping[str, Any]]:
    return [each for each in logs if each["event"] == "journal.held_back"]


def wait_for_size(size: int) -> None:
    deadline = time.monotonic() + 30
    while journal.size() < size and time.monotonic() < deadline:
        time.sleep(0.01)
    assert journal.size() == size
