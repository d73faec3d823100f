"""The bytes behind a journal entry: what its leaf hash is the hash of."""

from dataclasses import dataclass

from django.db import connection

from compliance.domain.canonical import leaf


@dataclass(frozen=True, slots=True)
class Leaf:
    """`stored` is the hash on record, `computed` that of the payload as it is now."""

    leaf_index: int
    payload: bytes
    stored: str
    computed: str

    @property
    def intact(self) -> bool:
        return self.stored == self.computed


def leaves(indexes: list[int]) -> dict[int, Leaf]:
    """The leaves with these numbers, by number (one query)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT l.leaf_index, e.payload, e.leaf FROM compliance_journalleaf l "
            "JOIN compliance_journalentry e ON e.id = l.entry_id WHERE l.leaf_index = ANY(%s)",
            [indexes],
        )
        rows = cursor.fetchall()
    return {
        index: Leaf(index, bytes(payload), bytes(stored).hex(), leaf(bytes(payload)).hex())
        for index, payload, stored in rows
    }


def unsequenced() -> int:
    """Entries that have no number yet: how far the sequencer is behind."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM compliance_journalentry e WHERE e.xid >= COALESCE((SELECT"
            " sequenced_below FROM compliance_journalhead WHERE id = 1), '0'::xid8) AND NOT EXISTS"
            " (SELECT 1 FROM compliance_journalleaf l WHERE l.entry_id = e.id)"
        )
        row = cursor.fetchone()
    return int(row[0])
