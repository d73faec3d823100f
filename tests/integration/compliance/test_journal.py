"""Entries in the transaction of the change; a digest that wall time does not touch."""

import hashlib
from datetime import timedelta
from decimal import Decimal

import orjson
import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from aitrader.kernel.errors import IntegrityFailure
from compliance.domain.canonical import body_of, canonical, leaf
from compliance.models import JournalEntry
from compliance.selectors import journal as reading
from compliance.services import journal, provenance, sequencer
from tests.integration.compliance.writing import NOW, event, write


def test_an_entry_says_what_its_columns_say_and_hashes_to_its_leaf(installed: str) -> None:
    written = event(7, trace_id="T", on_behalf_of="ann", data={"price": Decimal("1.50")})
    write(written)
    row = JournalEntry.objects.get()
    payload = bytes(row.payload)
    assert bytes(row.leaf) == leaf(payload)
    assert orjson.loads(payload)["body"] == {
        "event": row.event,
        "version": row.version,
        "actor": row.actor,
        "on_behalf_of": row.on_behalf_of,
        "object_type": row.object_type,
        "object_id": row.object_id,
        "trace_id": row.trace_id,
        "market_at": "2026-11-20T12:00:00.000000Z",
        "data": {"price": "1.5"},
    }
    assert orjson.loads(payload)["wall"] == {
        "recorded_at": "2026-11-20T12:00:00.000000Z",
        "host": provenance.host(),
        "revision": provenance.revision(),
    }


def test_outside_a_transaction_nothing_is_written(fresh_database: str) -> None:
    with pytest.raises(transaction.TransactionManagementError):
        journal.record([event()], now=NOW)


def test_an_entry_goes_with_its_transaction(installed: str) -> None:
    with transaction.atomic():
        journal.record([event()], now=NOW)
        transaction.set_rollback(True)
    assert not JournalEntry.objects.exists()


def test_a_broken_transaction_takes_no_entry(installed: str) -> None:
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(transaction.TransactionManagementError):
            journal.record([event()], now=NOW)
        transaction.set_rollback(False)


def test_a_failing_insert_raises_djangos_error(installed: str) -> None:
    with pytest.raises(DatabaseError, match="too long"):
        write(event(object_id="x" * 65))
    assert not JournalEntry.objects.exists()


def test_nothing_to_record_asks_the_database_nothing(installed: str) -> None:
    with CaptureQueriesContext(connection) as queries, transaction.atomic(savepoint=False):
        journal.record([], now=NOW)
    assert not queries.captured_queries


def test_the_digest_is_over_bodies_in_leaf_order(installed_fresh: str) -> None:
    for number, delay in enumerate((0, 3, 3600)):
        write(event(number), event(number, trace_id="T"), now=NOW + timedelta(seconds=delay))
    assert sequencer.catch_up() == 6
    bodies = [
        canonical(orjson.loads(bytes(row.payload))["body"])
        for row in JournalEntry.objects.order_by("sequenced__leaf_index")
    ]
    expected = b"".join(len(body).to_bytes(8, "big") + body for body in bodies)
    assert journal.digest() == journal.JournalDigest(6, hashlib.sha256(expected).hexdigest())


def test_the_same_events_elsewhere_and_later_have_the_same_bodies(
    installed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(event())
    monkeypatch.setattr(provenance, "host", lambda: "another machine")
    monkeypatch.setattr(provenance, "revision", lambda: "another build")
    write(event(), now=NOW + timedelta(days=1))
    first, second = (bytes(row.payload) for row in JournalEntry.objects.order_by("id"))
    assert first != second
    assert body_of(first) == body_of(second)


def test_an_entry_not_yet_numbered_is_not_in_the_digest(installed_fresh: str) -> None:
    empty = journal.digest()
    write(event())
    assert journal.digest() == empty == journal.JournalDigest(0, hashlib.sha256().hexdigest())


def test_a_forged_entry_is_found(installed_fresh: str) -> None:
    write(event(0))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO compliance_journalentry (event, version, actor, on_behalf_of, "
            "object_type, object_id, trace_id, market_at, recorded_at, payload, leaf) "
            "SELECT event, version, 'someone else', on_behalf_of, object_type, object_id, "
            "trace_id, market_at, recorded_at, payload || ' ', leaf FROM compliance_journalentry"
        )
    sequencer.catch_up()
    with pytest.raises(IntegrityFailure, match="leaf 1 does not hash"):
        journal.digest()


def test_reading(installed_fresh: str) -> None:
    write(event(0, trace_id="A"), event(1, trace_id="B"), event(2, trace_id="A"))
    assert reading.size() == 0
    sequencer.catch_up()
    assert reading.size() == 3
    assert [e.leaf_index for e in reading.entries_after(-1, 2)] == [0, 1]
    assert [e.object_id for e in reading.entries_after(0, 9)] == ["ORDER1", "ORDER2"]
    assert [e.object_id for e in reading.for_trace("A")] == ["ORDER0", "ORDER2"]
    assert [e.leaf_index for e in reading.for_object("order", "ORDER1")] == [1]
    assert [e.leaf_index for e in reading.latest(2)] == [2, 1]
    found = reading.entry(1)
    assert found is not None
    assert (found.event, found.market_at, found.data) == ("order.created", NOW, {"number": 1})
    assert reading.entry(3) is None
