"""Writing the journal, and reading it back whole.

1. An entry is written by the transaction that makes the change, or not at all.
2. All entries of a call go in one statement; no number is given here (see sequencer.py).
3. The digest covers the bodies in leaf order: wall time, host and revision are outside it.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from psycopg import Cursor

from aitrader.kernel.errors import IntegrityFailure
from aitrader.kernel.events import Event
from compliance.domain.canonical import body_of, canonical, join, leaf
from compliance.services import provenance

_COLUMNS = (
    "event, version, actor, on_behalf_of, object_type, object_id, trace_id, "
    "market_at, recorded_at, payload, leaf"
)
# %b travels as it is: no text of bytes and instants is made here only to be read there.
_ROW = "(%s, %b, %s, %s, %s, %s, %s, %b, %b, %b, %b)"
_PORTION = 2000
_INSERT = f"INSERT INTO compliance_journalentry ({_COLUMNS}) VALUES "


@dataclass(frozen=True, slots=True)
class JournalDigest:
    """`hex` is SHA-256 over the bodies of `rows` entries, each preceded by its length."""

    rows: int
    hex: str


@dataclass(frozen=True, slots=True)
class Row:
    """One numbered entry as it is stored; `columns` are those that `stream` was asked for."""

    leaf_index: int
    payload: bytes
    leaf: bytes
    columns: tuple[Any, ...]


def record(events: Sequence[Event], *, now: datetime) -> None:
    """Insert the events, written down at wall time `now`, in the caller's transaction.

    Raises what `insertion` raises.
    """
    statement, parameters = insertion(events, now=now)
    if events:
        _insert(statement, parameters)


def insertion(events: Sequence[Event], *, now: datetime) -> tuple[str, Sequence[Any]]:
    """The statement that does it, for a caller who sends it with his own in one; not for no events.

    Raises TransactionManagementError outside a transaction, and what `canonical` raises.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError(
            "the journal is written by the transaction that makes the change"
        )
    wall = canonical(
        {"recorded_at": now, "host": provenance.host(), "revision": provenance.revision()}
    )
    parameters: list[Any] = []
    for event in events:
        payload = join(canonical(body(event)), wall)
        parameters += (
            event.name.value,
            event.version,
            event.actor,
            event.on_behalf_of,
            event.object_type,
            event.object_id,
            event.trace_id,
            event.market_at,
            now,
            payload,
            leaf(payload),
        )
    return _INSERT + ", ".join([_ROW] * len(events)), parameters


def digest() -> JournalDigest:
    """Hash every numbered entry in leaf order.

    Raises IntegrityFailure at the first entry whose hash or number is wrong.
    """
    total = hashlib.sha256()
    rows = 0
    for row in stream():
        if row.leaf_index != rows:
            raise IntegrityFailure(f"journal: leaf {rows} is missing, {row.leaf_index} follows")
        if leaf(row.payload) != row.leaf:
            raise IntegrityFailure(f"journal: leaf {rows} does not hash to what it claims")
        body = body_of(row.payload)
        total.update(len(body).to_bytes(8, "big"))
        total.update(body)
        rows += 1
    return JournalDigest(rows=rows, hex=total.hexdigest())


def stream(*columns: str) -> Iterator[Row]:
    """Every numbered entry in leaf order, with further columns of its row; never all in memory."""
    further = "".join(f", entry.{column}" for column in columns)
    # A named cursor reads in portions; it lives inside a transaction.
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(
            f"SELECT leaf.leaf_index, entry.payload, entry.leaf{further} "
            "FROM compliance_journalleaf leaf "
            "JOIN compliance_journalentry entry ON entry.id = leaf.entry_id "
            "ORDER BY leaf.leaf_index"
        )
        while portion := cursor.fetchmany(_PORTION):
            for leaf_index, payload, claimed, *others in portion:
                yield Row(leaf_index, bytes(payload), bytes(claimed), tuple(others))


def _insert(statement: str, parameters: Sequence[Any]) -> None:
    # psycopg's own cursor: Django's writes every value into the statement's text, which costs
    # this, the most frequent statement of the desk, a third of its time. Prepared where the
    # connection allows it (a pooler between us and the server may not).
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        cursor.execute(statement, parameters, prepare=True)


def body(event: Event) -> dict[str, Any]:
    """What is said of an event in the journal, in every digest."""
    return {
        "event": event.name,
        "version": event.version,
        "actor": event.actor,
        "on_behalf_of": event.on_behalf_of,
        "object_type": event.object_type,
        "object_id": event.object_id,
        "trace_id": event.trace_id,
        "market_at": event.market_at,
        "data": event.data,
    }
