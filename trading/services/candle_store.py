"""Writing the library of candles: portion by portion, each a transaction with its journal entry.

1. A candle that is there with the same numbers is passed over. One with other numbers is a
   revision: counted and told; the new numbers are kept only if the caller says so.
2. A portion is small: while a transaction writes, nothing that the desk journals is numbered.
3. What was written before a fault or a kill stays, journaled; the same source again goes through
   it and changes nothing. `complete` in the journal says that a source came to its end.
4. One writer of a series at a time (its row is locked), so that the counts are exact.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from psycopg import Cursor

from aitrader.kernel.clock import Clock
from aitrader.kernel.errors import InvalidBar
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.fix import AccountKind
from compliance.services import journal
from trading.domain.bar import Bar
from trading.domain.candle_file import Quarantined
from trading.domain.instrument import code_of
from trading.models import StoredSeries
from trading.selectors import candles, sql
from trading.services.candle_forms import SourceFile

PORTION = 50_000
_MOST_EXAMPLES = 10
_LONGEST_SOURCE = 200
_LOCK = "SELECT 1 FROM trading_candle_series WHERE id = %s FOR NO KEY UPDATE"
_NUMBERS = ("open", "high", "low", "close", "volume")
_INCOMING = f"""
CREATE TEMPORARY TABLE candle_incoming (
    open_time timestamptz NOT NULL, {", ".join(f"{name} numeric(38,18)" for name in _NUMBERS)}
) ON COMMIT DROP
"""
_COPY = f"COPY candle_incoming (open_time, {', '.join(_NUMBERS)}) FROM STDIN"
_OLD, _NEW = (", ".join(f"{side}.{name}" for name in _NUMBERS) for side in ("held", "new"))
# The bounds keep the join within the part of the index that the portion covers.
_BOTH = """
  FROM candle_incoming new JOIN trading_candle held ON held.open_time = new.open_time
   AND held.series_id = %(series)s AND held.open_time BETWEEN %(first)s AND %(last)s
"""
_COMPARE = f"SELECT count(*), count(*) FILTER (WHERE ({_OLD}) <> ({_NEW})) {_BOTH}"
_EXAMPLES = f"""
SELECT new.open_time, {_OLD}, {_NEW} {_BOTH} WHERE ({_OLD}) <> ({_NEW})
 ORDER BY new.open_time LIMIT {_MOST_EXAMPLES}
"""
_INSERT = f"""
INSERT INTO trading_candle (series_id, open_time, {", ".join(_NUMBERS)})
SELECT %(series)s, open_time, {", ".join(_NUMBERS)} FROM candle_incoming ORDER BY open_time
ON CONFLICT (series_id, open_time) DO NOTHING
"""
_REPLACE = f"""
UPDATE trading_candle held SET ({", ".join(_NUMBERS)}) = ROW ({_NEW}) FROM candle_incoming new
 WHERE held.series_id = %(series)s AND held.open_time = new.open_time
   AND held.open_time BETWEEN %(first)s AND %(last)s AND ({_OLD}) <> ({_NEW})
"""
_SET_ASIDE = """
INSERT INTO trading_candle_quarantined
       (series_id, source, sha256, line, open_time, identical, off_grid)
SELECT %s, %s, %s, row.* FROM unnest(%s::bigint[], %s::timestamptz[], %s::bool[], %s::bool[]) AS row
ON CONFLICT ON CONSTRAINT trading_candle_quarantined_once DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rows come from: the name of a file or a venue, and the hash of what it said."""

    source: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of rows. `revised` came with other numbers than those that were there."""

    inserted: int = 0
    identical: int = 0
    revised: int = 0
    quarantined: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.inserted + other.inserted,
            self.identical + other.identical,
            self.revised + other.revised,
            self.quarantined + other.quarantined,
        )

    @property
    def rows(self) -> int:
        return self.inserted + self.identical + self.revised + self.quarantined


@dataclass(slots=True)
class Portion:
    """Rows that are written together; their open times rise."""

    bars: list[Bar] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)

    def add(self, item: Bar | Quarantined) -> None:
        if isinstance(item, Bar):
            self.bars.append(item)
        else:
            self.quarantined.append(item)

    def __len__(self) -> int:
        return len(self.bars) + len(self.quarantined)


@dataclass(frozen=True, slots=True)
class Revision:
    """What a candle said, and what it is said to be now: open, high, low, close, volume."""

    open_time: datetime
    was: Sequence[Decimal]
    now: Sequence[Decimal]


@dataclass(frozen=True, slots=True)
class Written:
    """`revisions` are the first few of those that `counts` has."""

    counts: Counts = Counts()
    revisions: Sequence[Revision] = ()

    def __add__(self, other: "Written") -> "Written":
        revisions = [*self.revisions, *other.revisions][:_MOST_EXAMPLES]
        return Written(self.counts + other.counts, revisions)


#: Told what was written so far, and up to which open time.
Told = Callable[[Counts, datetime | None], None]


def series_of(
    venue: str, base: str, quote: str, kind: AccountKind, interval: timedelta
) -> StoredSeries:
    """The series, made where there was none."""
    series, _ = StoredSeries.objects.get_or_create(
        code=code_of(venue, base, quote, kind),
        interval_seconds=int(interval.total_seconds()),
        defaults={"base": base, "quote": quote, "kind": kind},
    )
    return series


def import_file(file: SourceFile, *, replace: bool, wall: Clock, told: Told) -> Written:
    """Write every candle of a file. Raises InvalidBar, with file and line: what came before that
    line is kept."""
    series = series_of(file.venue, file.base, file.quote, file.kind, file.interval)
    origin = Origin(file.path.name, file.sha256())
    whole, portion = Written(), Portion()

    def flush(*, complete: bool) -> Written:
        written = write(
            series,
            portion,
            origin=origin,
            replace=replace,
            now=wall.now(),
            before=whole.counts,
            complete=complete,
        )
        told((whole + written).counts, portion.bars[-1].open_time if portion.bars else None)
        return written

    try:
        for item in file:
            if len(portion) >= PORTION:
                whole += flush(complete=False)
                portion = Portion()
            portion.add(item)
    except (InvalidBar, KeyboardInterrupt, SystemExit):
        flush(complete=False)
        raise
    return whole + flush(complete=True)


def write(
    series: StoredSeries,
    portion: Portion,
    *,
    origin: Origin,
    replace: bool,
    now: datetime,
    before: Counts,
    complete: bool,
) -> Written:
    """Write a portion and its journal entry. `before` counts what came of the same source, of
    which this is the last if `complete`."""
    with sql.atomic():
        written = _write(series, portion, replace)
        _set_aside(series, portion.quarantined, origin)
        counts = written.counts
        if complete or counts.rows > counts.identical:
            facts: dict[str, Any] = {
                "source": origin.source,
                "sha256": origin.sha256,
                "first": portion.bars[0].open_time if portion.bars else None,
                "last": portion.bars[-1].open_time if portion.bars else None,
                **asdict(counts),
                "replaced": counts.revised if replace else 0,
                "revisions": [asdict(each) for each in written.revisions],
                "complete": complete,
                "whole": asdict(before + counts),
            }
            journal.record([_event(series, facts, now)], now=now)
    return written


def _write(series: StoredSeries, portion: Portion, replace: bool) -> Written:
    bars = portion.bars
    aside = len(portion.quarantined)
    if not bars:
        return Written(Counts(quarantined=aside))
    given: dict[str, Any] = {
        "series": series.pk,
        "first": bars[0].open_time,
        "last": bars[-1].open_time,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [series.pk])
        cursor.execute(_INCOMING)
        _copy(bars)
        cursor.execute(_COMPARE, given)
        held, revised = cursor.fetchone()
        revisions: list[Revision] = []
        if revised:
            cursor.execute(_EXAMPLES, given)
            revisions = [Revision(row[0], row[1:6], row[6:]) for row in cursor.fetchall()]
            if replace:
                cursor.execute(_REPLACE, given)
        if held < len(bars):
            cursor.execute(_INSERT, given)
        # Not left to the end of the transaction: a caller's may hold more than this.
        cursor.execute("DROP TABLE candle_incoming")
    counts = Counts(
        inserted=len(bars) - held, identical=held - revised, revised=revised, quarantined=aside
    )
    return Written(counts, revisions)


def _copy(bars: Sequence[Bar]) -> None:
    with (
        connection.wrap_database_errors,
        Cursor(connection.connection) as cursor,
        cursor.copy(_COPY) as copy,
    ):
        copy.write("".join(lines(bars)))


def lines(bars: Iterable[Bar]) -> Iterator[str]:
    """One line a candle, columns parted by tabs."""
    for bar in bars:
        yield (
            f"{bar.open_time.isoformat()}\t{bar.open}\t{bar.high}\t{bar.low}\t{bar.close}"
            f"\t{bar.volume}\n"
        )


def _set_aside(series: StoredSeries, rows: Sequence[Quarantined], origin: Origin) -> None:
    if rows:
        columns = [
            [row.line for row in rows],
            [row.open_time for row in rows],
            [row.identical for row in rows],
            [row.off_grid for row in rows],
        ]
        source = origin.source[-_LONGEST_SOURCE:]
        sql.execute(_SET_ASIDE, [series.pk, source, origin.sha256, *columns])


def _event(series: StoredSeries, facts: dict[str, Any], now: datetime) -> Event:
    return Event(
        name=EventName.CANDLES_WRITTEN,
        actor="command line",
        object_type="candles",
        object_id=candles.name_of(series.code, timedelta(seconds=series.interval_seconds)),
        market_at=now,
        data=facts,
    )
