"""Reading the journal. Screens and rules tail it by `leaf_index`, which has no gaps."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db import connection

from aitrader.kernel.events import EventName
from compliance.domain.canonical import body_of

_SELECT = """
SELECT leaf.leaf_index, entry.event, entry.actor, entry.object_type, entry.object_id,
       entry.trace_id, entry.market_at, entry.recorded_at, entry.payload
  FROM compliance_journalleaf leaf JOIN compliance_journalentry entry ON entry.id = leaf.entry_id
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One numbered journal entry; amounts and instants in `data` are canonical text.

    `event` is text: an entry may have been written by a build that knew more names.
    """

    leaf_index: int
    event: str
    actor: str
    object_type: str
    object_id: str
    trace_id: str
    market_at: datetime
    recorded_at: datetime
    data: dict[str, Any]


def entries_after(leaf_index: int, limit: int) -> list[Entry]:
    """Up to `limit` entries above `leaf_index` (-1: from the start), in order."""
    tail = "WHERE leaf.leaf_index > %s ORDER BY leaf.leaf_index LIMIT %s"
    return _read(tail, [leaf_index, limit])


def latest(limit: int) -> list[Entry]:
    """The newest entries, newest first."""
    return _read("ORDER BY leaf.leaf_index DESC LIMIT %s", [limit])


def entry(leaf_index: int) -> Entry | None:
    """The entry with that number, or None."""
    found = _read("WHERE leaf.leaf_index = %s", [leaf_index])
    return found[0] if found else None


def for_trace(trace_id: str) -> list[Entry]:
    """Everything of one trace (signal, orders, fills), in order."""
    return _read("WHERE entry.trace_id = %s ORDER BY leaf.leaf_index", [trace_id])


def for_object(object_type: str, object_id: str) -> list[Entry]:
    """Everything that happened to one object, in order."""
    tail = "WHERE entry.object_type = %s AND entry.object_id = %s ORDER BY leaf.leaf_index"
    return _read(tail, [object_type, object_id])


def last_of(object_type: str, object_id: str, events: Sequence[EventName]) -> Entry | None:
    """The newest of these events of one object, or None."""
    tail = (
        "WHERE entry.object_type = %s AND entry.object_id = %s"
        f" AND entry.event IN ({', '.join(['%s'] * len(events))})"
        " ORDER BY leaf.leaf_index DESC LIMIT 1"
    )
    found = _read(tail, [object_type, object_id, *map(str, events)])
    return found[0] if found else None


def size() -> int:
    """How many entries have a number; the last one's is one less. 0 before installation."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT size FROM compliance_journalhead WHERE id = 1")
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def _read(tail: str, parameters: Sequence[str | int]) -> list[Entry]:
    with connection.cursor() as cursor:
        cursor.execute(_SELECT + tail, parameters)
        return [_entry(row) for row in cursor.fetchall()]


def _entry(row: Sequence[Any]) -> Entry:
    leaf_index, event, actor, object_type, object_id, trace_id, market_at, recorded_at = row[:-1]
    return Entry(
        leaf_index,
        event,
        actor,
        object_type,
        object_id,
        trace_id,
        market_at,
        recorded_at,
        _data(row[-1]),
    )


def last_data(
    object_type: str, object_id: str, events: Sequence[EventName]
) -> dict[str, Any] | None:
    """What the newest of these events of one object carries, numbered or not yet; None without
    one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT payload FROM compliance_journalentry"
            " WHERE object_type = %s AND object_id = %s AND event = ANY(%s)"
            " ORDER BY id DESC LIMIT 1",
            [object_type, object_id, [event.value for event in events]],
        )
        row = cursor.fetchone()
    return None if row is None else _data(row[0])


def last_told(
    object_type: str, object_id: str, events: Sequence[EventName]
) -> tuple[datetime, datetime] | None:
    """When the newest of these events of one object was told, numbered or not yet: market time, and
    wall time of the same; None without one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT market_at, recorded_at FROM compliance_journalentry"
            " WHERE object_type = %s AND object_id = %s AND event = ANY(%s)"
            " ORDER BY id DESC LIMIT 1",
            [object_type, object_id, [event.value for event in events]],
        )
        row = cursor.fetchone()
    return None if row is None else (row[0], row[1])


def first_data(event: EventName) -> dict[str, Any] | None:
    """What the first entry of that event carries, numbered or not yet; None without one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT payload FROM compliance_journalentry WHERE event = %s ORDER BY id LIMIT 1",
            [event.value],
        )
        row = cursor.fetchone()
    return None if row is None else _data(row[0])


def _data(payload: bytes) -> dict[str, Any]:
    data: dict[str, Any] = orjson.loads(body_of(bytes(payload)))["data"]
    return data
