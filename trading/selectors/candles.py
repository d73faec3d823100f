"""Reading the library of candles: what it holds, what is missing, and the candles themselves.

1. What is missing is asked of the candles each time; there is no second account of it.
2. A long reading goes in pages, each a transaction of its own: none is held open while a run
   trades, and none keeps the journal waiting.
3. A reading keeps to the database it was opened on, whichever one is in use by then: a headless
   run reads the library of its installation and writes into a database of its own.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from django.db import connection, connections

from trading.domain.bar import Bar, interval_name
from trading.models import StoredSeries
from trading.selectors import sql

_WANTED = (
    "host",
    "port",
    "user",
    "password",
    "dbname",
    "sslmode",
    "sslrootcert",
    "connect_timeout",
)
_PAGE = 20_000
_HOLDINGS = """
SELECT series.id, series.code, series.interval_seconds, held.* FROM trading_candle_series series,
LATERAL (
    SELECT min(open_time), max(open_time), count(*) AS bars,
           count(*) FILTER (WHERE step > make_interval(secs => series.interval_seconds))
      FROM (SELECT open_time, open_time - lag(open_time) OVER (ORDER BY open_time) AS step
              FROM trading_candle WHERE series_id = series.id) AS steps
) AS held WHERE held.bars > 0 ORDER BY series.code, series.interval_seconds
"""
# One candle before the span and one after it, that are not there, make every hole an inner one.
_MISSING = """
SELECT before + %(interval)s, open_time FROM (
    SELECT lag(open_time, 1, %(first)s::timestamptz - %(interval)s)
           OVER (ORDER BY open_time) AS before, open_time
      FROM (SELECT open_time FROM trading_candle
             WHERE series_id = %(series)s AND open_time >= %(first)s AND open_time < %(until)s
            UNION ALL SELECT %(until)s::timestamptz) AS held
) AS steps WHERE open_time - before > %(interval)s ORDER BY open_time
"""
_EDGES = """
SELECT min(open_time), max(open_time), count(*) FROM trading_candle
 WHERE series_id = %s AND open_time >= %s AND open_time < %s
"""
_BARS = """
SELECT open_time, trim_scale(open), trim_scale(high), trim_scale(low), trim_scale(close),
       trim_scale(volume) FROM trading_candle
 WHERE series_id = %s AND open_time >= %s AND open_time < %s ORDER BY open_time LIMIT %s
"""
_AS_TEXT = """
COPY (SELECT open_time, open, high, low, close, volume FROM trading_candle
       WHERE series_id = %s AND open_time >= %s AND open_time < %s ORDER BY open_time) TO STDOUT
"""


@dataclass(frozen=True, slots=True)
class Span:
    """From `first` up to, and without, `until`: whole intervals."""

    first: datetime
    until: datetime

    def bars(self, interval: timedelta) -> int:
        return (self.until - self.first) // interval


@dataclass(frozen=True, slots=True)
class Holding:
    """A series and what is there of it. `gaps` are runs of missing candles between the first and
    the last, `missing` the candles of all of them."""

    series: int
    code: str
    interval: timedelta
    bars: int
    gaps: int
    first: datetime
    last: datetime

    @property
    def name(self) -> str:
        return name_of(self.code, self.interval)

    @property
    def missing(self) -> int:
        return (self.last - self.first) // self.interval + 1 - self.bars


def name_of(code: str, interval: timedelta) -> str:
    """`BINANCE:BTC-USDT@1m`."""
    return f"{code}@{interval_name(interval)}"


def is_there() -> bool:
    """Whether the database in use has the library's tables."""
    (found,) = sql.fetch_one("SELECT to_regclass('public.trading_candle') IS NOT NULL", [])
    return bool(found)


def find(code: str, interval: timedelta) -> StoredSeries | None:
    seconds = int(interval.total_seconds())
    return StoredSeries.objects.filter(code=code, interval_seconds=seconds).first()


def beginning(series: int) -> datetime | None:
    """The first open time there is."""
    (first,) = sql.fetch_one(
        "SELECT min(open_time) FROM trading_candle WHERE series_id = %s", [series]
    )
    return None if first is None else first.astimezone(UTC)


def holdings() -> list[Holding]:
    """Every series that has candles, by name. Every candle is looked at, by its key alone."""
    found = []
    for series, code, seconds, first, last, bars, gaps in sql.fetch_all(_HOLDINGS, []):
        interval = timedelta(seconds=seconds)
        found.append(Holding(series, code, interval, bars, gaps, first, last))
    return found


def missing(series: int, interval: timedelta, span: Span) -> list[Span]:
    """What is not there of a span, in the order of time: before, inside and after what is."""
    given = {"series": series, "first": span.first, "until": span.until, "interval": interval}
    return [Span(first, until) for first, until in sql.fetch_all(_MISSING, given)]


class Shelf:
    """The candles of one series within a span, of the database in use when this was made."""

    def __init__(self, series: StoredSeries, span: Span) -> None:
        self.interval = timedelta(seconds=series.interval_seconds)
        parameters = connection.get_connection_params()
        self._given: Mapping[str, Any] = {
            key: parameters[key] for key in _WANTED if parameters.get(key)
        }
        self._where = (series.pk, span.first, span.until)

    def edges(self) -> tuple[datetime | None, datetime | None, int]:
        """The first and the last open time, and how many there are."""
        with self._session() as session:
            row = session.execute(_EDGES, self._where).fetchone()
        first, last, bars = row or (None, None, 0)
        return first, last, bars

    def digest(self) -> str:
        """SHA-256 over the candles in the order of time."""
        digest = hashlib.sha256()
        with self._session() as session, session.cursor().copy(_AS_TEXT, self._where) as rows:
            for portion in rows:
                digest.update(portion)
        return digest.hexdigest()

    def bars(self) -> Iterator[Bar]:
        """Raises what Django raises when the database is away."""
        series, first, until = self._where
        while True:
            with self._session() as session:
                rows = session.execute(_BARS, [series, first, until, _PAGE]).fetchall()
            for open_time, *numbers in rows:
                yield Bar(open_time.astimezone(UTC), self.interval, *numbers)
            if len(rows) < _PAGE:
                return
            first = rows[-1][0] + self.interval

    @contextmanager
    def _session(self) -> "Iterator[psycopg.Connection[tuple[Any, ...]]]":
        with (
            connections["default"].wrap_database_errors,
            psycopg.connect(**self._given, autocommit=True) as session,
        ):
            session.execute("SET TIME ZONE 'UTC'")
            yield session
