"""Proving that the journal is what was written: every hash, every number, every column.

1. All faults are counted; the first `SHOWN` are told.
2. A row's columns say what its payload says: the payload is what the leaf proves.
"""

from dataclasses import dataclass
from typing import Any

import orjson
from django.db import connection

from aitrader.kernel.clock import iso
from compliance.domain.canonical import body_of, canonical, leaf
from compliance.services import journal
from compliance.services.journal import JournalDigest, Row

SHOWN = 20
_COLUMNS = (
    "event",
    "version",
    "actor",
    "on_behalf_of",
    "object_type",
    "object_id",
    "trace_id",
    "market_at",
)
_WAITING = """
SELECT count(*) FROM compliance_journalentry entry
 WHERE NOT EXISTS (SELECT FROM compliance_journalleaf leaf WHERE leaf.entry_id = entry.id)
"""


@dataclass(frozen=True, slots=True)
class Verification:
    """`rows` are numbered, `waiting` are not yet; `digest` is empty when there are faults."""

    rows: int
    waiting: int
    digest: str
    fault_count: int
    faults: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return self.fault_count == 0


def verify() -> Verification:
    """Read the whole journal and check it. Never raises for what it finds."""
    found: list[str] = []
    rows = 0
    for row in journal.stream(*_COLUMNS, "recorded_at"):
        if row.leaf_index != rows:
            found.append(f"leaf {rows}: missing, {row.leaf_index} follows")
            rows = row.leaf_index
        found += (f"leaf {rows}: {fault}" for fault in _faults(row))
        rows += 1
    found += _head_faults(rows)
    digest: JournalDigest | None = None if found else journal.digest()
    return Verification(
        rows=rows,
        waiting=_count(_WAITING),
        digest=digest.hex if digest else "",
        fault_count=len(found),
        faults=tuple(found[:SHOWN]),
    )


def _faults(row: Row) -> list[str]:
    found = []
    if leaf(row.payload) != row.leaf:
        found.append("the payload does not hash to the leaf")
    try:
        stated = orjson.loads(row.payload)
        if canonical(stated["body"]) != body_of(row.payload):
            found.append("the body is not in canonical form")
        found += _unlike(row.columns, stated)
    except (ValueError, LookupError, TypeError):
        found.append("the payload cannot be read")
    return found


def _unlike(columns: tuple[Any, ...], stated: dict[str, Any]) -> list[str]:
    *kept, recorded_at = columns
    kept[-1] = iso(kept[-1])
    pairs = [
        (name, value, stated["body"][name]) for name, value in zip(_COLUMNS, kept, strict=True)
    ]
    pairs.append(("recorded_at", iso(recorded_at), stated["wall"]["recorded_at"]))
    return [
        f"column {name} is not what the payload says" for name, ours, said in pairs if ours != said
    ]


def _head_faults(rows: int) -> list[str]:
    size = _count("SELECT coalesce(max(size), 0) FROM compliance_journalhead")
    return [] if size == rows else [f"the head counts {size} leaves, {rows} are there"]


def _count(statement: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return int(cursor.fetchone()[0])
