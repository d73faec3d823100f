"""Recording bars: the first transaction of the road.

1. A bar is written once; feeding it again changes nothing.
2. The feed's market clock never goes back.
3. An extreme bar, a quarantined row and a gap leave a journal entry in the same transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from aitrader.kernel.clock import Moment
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.money import stored
from compliance.services import journal
from trading.domain.bar import Bar
from trading.models import Feed, FeedGap, InstrumentRow, QuarantinedBar
from trading.selectors import sql

_SUPPLY = """
INSERT INTO trading_bar (feed_id, instrument_id, open_time, open, high, low, close, volume)
SELECT %s, bar.* FROM unnest(%s::bigint[], %s::timestamptz[], %s::numeric[], %s::numeric[],
                             %s::numeric[], %s::numeric[], %s::numeric[]) AS bar
ON CONFLICT ON CONSTRAINT trading_bar_once DO NOTHING
"""
_RECORD = f"""
WITH clock AS (
    UPDATE trading_feed SET market_at = greatest(market_at, %s), received_at = %s WHERE id = %s
)
{_SUPPLY}
"""
_MOVE_CLOCK = "UPDATE trading_feed SET market_at = greatest(market_at, %s) WHERE id = %s"


def record(
    *, feed: Feed, bars: Sequence[tuple[InstrumentRow, Bar]], at: Moment
) -> list[InstrumentRow]:
    """Write bars, move the feed's clock to `at` and return the instruments whose bar is wider
    than their bound. Runs in the caller's transaction if there is one."""
    extreme = [pair for pair in bars if pair[1].exceeds(pair[0].max_bar_range)]
    with sql.atomic():
        sql.execute(_RECORD, [at.market, at.wall, feed.pk, feed.pk, *_columns(bars)])
        journal.record([_extreme(feed, *pair, at) for pair in extreme], now=at.wall)
    return [instrument for instrument, _ in extreme]


def supply(*, feed: Feed, bars: Sequence[tuple[InstrumentRow, Bar]], at: Moment) -> None:
    """Write bars of the past: the feed's clock and its freshness stay as they are."""
    extreme = [pair for pair in bars if pair[1].exceeds(pair[0].max_bar_range)]
    with sql.atomic():
        sql.execute(_SUPPLY, [feed.pk, *_columns(bars)])
        journal.record([_extreme(feed, *pair, at) for pair in extreme], now=at.wall)


def _columns(bars: Sequence[tuple[InstrumentRow, Bar]]) -> list[list[object]]:
    rows = (
        (row.pk, bar.open_time, bar.open, bar.high, bar.low, bar.close, bar.volume)
        for row, bar in bars
    )
    return [list(column) for column in zip(*rows, strict=True)]


def _extreme(feed: Feed, instrument: InstrumentRow, bar: Bar, at: Moment) -> Event:
    return Event(
        name=EventName.FEED_EXTREME,
        actor=f"feed:{feed.code}",
        object_type="instrument",
        object_id=instrument.code,
        market_at=at.market,
        data={
            "open_time": bar.open_time,
            "range_share": stored(bar.range_share),
            "bound": instrument.max_bar_range,
        },
    )


@dataclass(frozen=True, slots=True)
class Repeated:
    """A row whose open_time the feed has released before, or that lies off the grid."""

    instrument: InstrumentRow
    open_time: datetime
    line: int
    identical: bool


def quarantine(*, feed: Feed, row: Repeated, at: Moment) -> None:
    """Keep note of a row that is not traded on."""
    with sql.atomic():
        _, created = QuarantinedBar.objects.get_or_create(
            feed=feed,
            instrument=row.instrument,
            line=row.line,
            defaults={"open_time": row.open_time, "identical": row.identical},
        )
        if created:
            data = {"open_time": row.open_time, "line": row.line, "identical": row.identical}
            _note(EventName.FEED_QUARANTINED, feed, row.instrument, data, at)


def note_gap(
    *, feed: Feed, instrument: InstrumentRow, first_missing: datetime, bars: int, at: Moment
) -> None:
    """Keep note of a run of missing bars. The market clock goes to `at`, where it ends: what the
    next open fills happens then, not at the last close."""
    with sql.atomic():
        sql.execute(_MOVE_CLOCK, [at.market, feed.pk])
        _, created = FeedGap.objects.get_or_create(
            feed=feed, instrument=instrument, first_missing=first_missing, defaults={"bars": bars}
        )
        if created:
            data = {"first_missing": first_missing, "bars": bars}
            _note(EventName.FEED_GAP, feed, instrument, data, at)


def _note(
    name: EventName, feed: Feed, instrument: InstrumentRow, data: Mapping[str, object], at: Moment
) -> None:
    event = Event(
        name=name,
        actor=f"feed:{feed.code}",
        object_type="instrument",
        object_id=instrument.code,
        market_at=at.market,
        data=data,
    )
    journal.record([event], now=at.wall)
