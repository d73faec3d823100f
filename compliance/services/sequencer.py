"""Gap-free numbers for committed journal entries.

1. Only entries whose transaction is older than every one still running are numbered, so that a
   late commit is never skipped and never overtaken by a lower number.
2. One sequencer at a time works on a database (advisory lock); any number may try.
3. `sequenced_below` only ever rests between two transactions: no entry below it lacks a number.
4. It alone notifies, once a batch: a NOTIFY in each trading transaction would serialise commits.
5. Therefore nothing can wake it; it looks every 10 ms while entries come, every 40 ms at rest.
"""

from threading import Event, Thread
from time import sleep
from typing import Any

import structlog
from django.db import DatabaseError, InterfaceError, connection, transaction

from aitrader.kernel.clock import monotonic
from aitrader.kernel.errors import IntegrityFailure
from aitrader.kernel.topics import JOURNAL_CHANNEL, SEQUENCER_LOCK
from compliance.selectors.leaves import unsequenced

# Transaction ids travel as text: no driver needs to know xid8. Each is sorted by under its table's
# name, for a bare `ORDER BY xid` would mean the text of the output, where 999 is above 1000.
_WHERE_WE_STAND = """
SELECT head.sequenced_below::text, horizon.xid::text,
       (SELECT entry.xid::text FROM compliance_journalentry entry
         WHERE entry.xid >= head.sequenced_below AND entry.xid < horizon.xid
         ORDER BY entry.xid, entry.id LIMIT 1),
       (SELECT entry.xid::text FROM compliance_journalentry entry
         WHERE entry.xid >= head.sequenced_below AND entry.xid < horizon.xid
         ORDER BY entry.xid, entry.id LIMIT 1 OFFSET %s)
  FROM compliance_journalhead head,
       (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS xid) horizon
 WHERE head.id = 1
"""
_NEXT_TRANSACTION = """
SELECT entry.xid::text FROM compliance_journalentry entry
 WHERE entry.xid > %s::xid8 AND entry.xid < %s::xid8 ORDER BY entry.xid, entry.id LIMIT 1
"""
_NUMBER = """
WITH numbered AS (
    INSERT INTO compliance_journalleaf (leaf_index, entry_id)
    SELECT head.size + row_number() OVER (ORDER BY entry.id) - 1, entry.id
      FROM compliance_journalentry entry, compliance_journalhead head
     WHERE head.id = 1 AND entry.xid >= %(low)s::xid8 AND entry.xid < %(high)s::xid8
    RETURNING 1
), counted AS (SELECT count(*) AS rows FROM numbered)
UPDATE compliance_journalhead SET size = size + counted.rows, sequenced_below = %(high)s::xid8
  FROM counted WHERE id = 1
RETURNING counted.rows, size
"""
_OLDEST_WRITER = """
SELECT pid, application_name, extract(epoch FROM clock_timestamp() - xact_start)
  FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND xact_start IS NOT NULL
 ORDER BY xact_start LIMIT 1
"""
_BATCH = 10_000
_BUSY_SECONDS = 0.010
_IDLE_SECONDS = 0.040
_BACK_OFF_SECONDS = 1.0
_CHECK_SECONDS = 1.0
#: A transaction that is open for longer keeps every later entry from the screens.
LONG_TRANSACTION_SECONDS = 5.0

log = structlog.get_logger(__name__)


def advance(*, limit: int = _BATCH) -> int:
    """Number what has been committed, about `limit` entries at most; return how many.

    A transaction is never split: one that wrote more than `limit` entries is numbered whole.
    Returns 0 at once when another sequencer is at work.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [SEQUENCER_LOCK])
        if not cursor.fetchone()[0]:
            return 0
        # From here each statement sees what was committed before the lock was ours.
        bounds = _bounds(cursor, limit)
        if bounds is None:
            return 0
        cursor.execute(_NUMBER, {"low": bounds[0], "high": bounds[1]})
        rows, size = cursor.fetchone()
        cursor.execute("SELECT pg_notify(%s, %s)", [JOURNAL_CHANNEL, str(size - 1)])
        return int(rows)


def catch_up(*, timeout_seconds: float = 30.0) -> int:
    """Number all that this session sees committed; return how many were numbered.

    Waits for older transactions to end, those of the server's other databases among them: their
    ids come from the same counter. Raises IntegrityFailure when that takes too long.
    """
    deadline = monotonic() + timeout_seconds
    total = 0
    while True:
        total += advance()
        waiting = unsequenced()
        if waiting == 0:
            return total
        if monotonic() > deadline:
            raise IntegrityFailure(
                f"{waiting} journal entries have no number after {timeout_seconds:g} s: "
                "an older transaction is still open on the server"
            )
        sleep(_BUSY_SECONDS)


def _bounds(cursor: Any, limit: int) -> tuple[str, str] | None:
    """The transactions to number, from and below; None if there is nothing."""
    cursor.execute(_WHERE_WE_STAND, [limit])
    row = cursor.fetchone()
    if row is None or row[2] is None:
        return None
    low, horizon, first, beyond = row
    if beyond is None:
        return low, horizon
    if beyond != first:
        return low, beyond
    cursor.execute(_NEXT_TRANSACTION, [first, horizon])
    following = cursor.fetchone()
    return low, following[0] if following else horizon


class Sequencer(Thread):
    """The thread that keeps the numbers at most 50 ms behind, on a connection of its own."""

    def __init__(self) -> None:
        super().__init__(name="sequencer", daemon=True)
        self._stopping = Event()
        self._next_check = 0.0
        self._held_back_by = 0

    def run(self) -> None:
        self.run_forever(self._stopping)

    def stop(self) -> None:
        """Ask the thread to end after a last look; `join` waits for it."""
        self._stopping.set()

    def run_forever(self, stop: Event) -> None:
        """Number entries until `stop` is set, whatever the database does meanwhile."""
        pause = _BUSY_SECONDS
        try:
            while not stop.wait(pause):
                pause = self._look(pause)
            # What was committed before we were asked to stop gets its number still.
            self._look(pause)
        finally:
            connection.close()

    def _look(self, pause: float) -> float:
        """One look; the seconds to wait before the next."""
        try:
            rows = advance()
            self._watch_long_transactions()
        except (DatabaseError, InterfaceError) as error:
            log.warning("sequencer.database_error", error=str(error).strip())
            connection.close()
            return min(_BACK_OFF_SECONDS, 2 * pause)
        if rows >= _BATCH:
            return 0.0
        return _BUSY_SECONDS if rows else min(_IDLE_SECONDS, max(_BUSY_SECONDS, 2 * pause))

    def _watch_long_transactions(self) -> None:
        if monotonic() < self._next_check:
            return
        self._next_check = monotonic() + _CHECK_SECONDS
        with connection.cursor() as cursor:
            cursor.execute(_OLDEST_WRITER)
            row = cursor.fetchone()
        held = row is not None and row[2] > LONG_TRANSACTION_SECONDS
        if held and row[0] != self._held_back_by:
            log.error(
                "journal.held_back", pid=row[0], application=row[1], open_seconds=round(row[2], 1)
            )
        self._held_back_by = row[0] if held else 0
