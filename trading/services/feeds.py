"""Feeds as rows: which one a market resumes, who drives it, how it fails, whether it is fresh.

1. The same market resumes its running feed; an ended one is followed by a new generation, which
   trades an account of its own.
2. A feed is driven by one process at a time (a session lock of the database).
3. Which instruments have gone silent leaves one journal entry each time it changes, whichever
   process looks; that fewer are, only after a while: prices that come in fits are one alert.
4. A source in real time that is not heard is not believed, however long its bars are.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import connection, transaction

from aitrader.kernel.errors import Refused
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.fix import IN_REAL_TIME, PriceSource
from compliance.selectors import journal as entries
from compliance.services import journal
from trading.models import BarRow, Feed, FeedInstrument
from trading.models.feed import FeedStatus
from trading.selectors import freshness

_FEED_LOCK = 0x6169_0004
# Whoever has the desk's place on this database may end whoever lost it and still drives.
_END_DRIVER = """
SELECT pg_terminate_backend(pid, 2000) FROM pg_locks
 WHERE locktype = 'advisory' AND classid = %s::oid AND objid = %s::oid AND objsubid = 2
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND pid <> pg_backend_pid()
"""
_STANDS_FOR = timedelta(seconds=30)
_FRESHNESS = (EventName.FEED_STALE, EventName.FEED_RECOVERED)


def code_of(prefix: str) -> str:
    """The code under which a market is opened now: its running feed, or the next generation."""
    latest = Feed.objects.filter(code__startswith=f"{prefix}-").order_by("-pk").first()
    if latest is not None and latest.status == FeedStatus.RUNNING:
        return latest.code
    number = 0 if latest is None else int(latest.code.rpartition("-")[2])
    return f"{prefix}-{number + 1}"


def last_bars(code: str) -> dict[str, datetime]:
    """Open time of the last bar recorded of each instrument of a feed, by instrument code."""
    found = {}
    carried = FeedInstrument.objects.filter(feed__code=code).select_related("instrument")
    for row in carried:
        bars = BarRow.objects.filter(feed_id=row.feed_id, instrument_id=row.instrument_id)
        last = bars.order_by("-open_time").values_list("open_time", flat=True).first()
        if last is not None:
            found[row.instrument.code] = last
    return found


def claim(feed: Feed) -> None:
    """Become the feed's only driver, as long as this connection lives. Raises Refused."""
    if not _try_claim(feed.pk):
        raise Refused(f"{feed.title} is driven by another process already")


def end_driver(feed: Feed) -> None:
    """End the session of another process that drives the feed: it was stopped, and lost its place
    to this one. What it wrote last is undone."""
    with connection.cursor() as cursor:
        cursor.execute(_END_DRIVER, [_FEED_LOCK, feed.pk])


def release(feed: Feed) -> None:
    """Let another process, or another connection of this one, drive the feed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_FEED_LOCK, feed.pk])


def start(
    *,
    feed: Feed,
    source: PriceSource,
    speed: Decimal | None,
    facts: Mapping[str, object],
    now: datetime,
) -> None:
    """Say that a driver begins, and where the prices come from now. `now` is wall time; it counts
    as word from the source, but for one in real time: that is believed when it has told something.
    """
    with transaction.atomic():
        feed.source, feed.speed, feed.status = source, speed, FeedStatus.RUNNING
        feed.received_at = None if source in IN_REAL_TIME else now
        feed.save(update_fields=["source", "speed", "received_at", "status"])
        data = {"source": source, "title": feed.title, "speed": speed, **facts}
        journal.record([_event(EventName.RUN_STARTED, feed, data, now)], now=now)


def hear(*, feed_id: int, now: datetime) -> None:
    """The source has told something that is not recorded: it is believed from now on."""
    Feed.objects.filter(pk=feed_id, received_at=None).update(received_at=now)


def distrust(*, feed_id: int, reason: str, now: datetime) -> bool:
    """Believe the feed no longer, until it was opened anew and has told something; False if it was
    not believed anyway."""
    with transaction.atomic():
        feed = Feed.objects.select_for_update(of=("self",), no_key=True).get(pk=feed_id)
        if feed.received_at is None:
            return False
        feed.received_at = None
        feed.save(update_fields=["received_at"])
        journal.record([_event(EventName.FEED_BROKEN, feed, {"reason": reason}, now)], now=now)
    return True


def fail(*, feed_id: int, reason: str, now: datetime) -> None:
    """End a feed because of a fault of its source."""
    with transaction.atomic():
        feed = Feed.objects.select_for_update(of=("self",), no_key=True).get(pk=feed_id)
        feed.status = FeedStatus.ENDED
        feed.save(update_fields=["status"])
        events = [
            _event(EventName.FEED_FAILED, feed, {"reason": reason}, now),
            _event(EventName.RUN_ENDED, feed, {"fault": reason}, now),
        ]
        journal.record(events, now=now)


def end_abandoned(*, keep: int, now: datetime) -> list[str]:
    """End feeds that run on paper but that nobody drives; returns their titles.

    One in real time goes on when its venue answers again: it is kept.
    """
    ended = []
    left = Feed.objects.filter(status=FeedStatus.RUNNING).exclude(pk=keep)
    for feed in left.exclude(source__in=IN_REAL_TIME):
        if not _try_claim(feed.pk):
            continue
        with transaction.atomic():
            Feed.objects.filter(pk=feed.pk).update(status=FeedStatus.ENDED)
            data = {"fault": "left by its driver before its end"}
            journal.record([_event(EventName.RUN_ENDED, feed, data, now)], now=now)
        release(feed)
        ended.append(feed.title)
    return ended


def note_freshness(*, feed: Feed, now: datetime) -> None:
    """Journal which instruments have gone silent, or that none is any more, if it is news. `now` is
    wall time."""
    silent = [each.instrument for each in freshness.prices(feed.pk, feed, now) if each.silent]
    if not _is_news(feed, silent, now):
        return
    with transaction.atomic():
        Feed.objects.select_for_update(of=("self",), no_key=True).get(pk=feed.pk)
        # Another process may have said it while this one waited.
        if not _is_news(feed, silent, now):
            return
        name = EventName.FEED_STALE if silent else EventName.FEED_RECOVERED
        data = {"at": now, "silent": silent, "names": ", ".join(silent)}
        journal.record([_event(name, feed, data, now)], now=now)


def _is_news(feed: Feed, silent: list[str], now: datetime) -> bool:
    told = entries.last_data("feed", feed.code, _FRESHNESS)
    said = [] if told is None else told.get("silent", [])
    if told is None or not set(silent) < set(said):
        return silent != said
    return now - datetime.fromisoformat(told["at"]) >= _STANDS_FOR


def note_line(*, feed: Feed, up: bool, reason: str, now: datetime) -> None:
    """Journal that the account's user stream can be believed, or no longer. `now` is wall time."""
    name = EventName.STREAM_UP if up else EventName.STREAM_DOWN
    with transaction.atomic():
        journal.record([_event(name, feed, {"reason": reason}, now)], now=now)


def note_feed_line(*, feed: Feed, up: bool, reason: str, now: datetime) -> None:
    """Journal that the source of a feed in real time is heard, or no longer, if it is news: it is
    not believed meanwhile. `now` is wall time."""
    with transaction.atomic():
        row = Feed.objects.select_for_update(of=("self",), no_key=True).get(pk=feed.pk)
        if up == (row.line_down_at is None):
            return
        row.line_down_at = None if up else now
        row.save(update_fields=["line_down_at"])
        name = EventName.FEED_LINE_UP if up else EventName.FEED_LINE_DOWN
        journal.record([_event(name, row, {"reason": reason}, now)], now=now)


def _try_claim(feed_id: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_FEED_LOCK, feed_id])
        return bool(cursor.fetchone()[0])


def _event(name: EventName, feed: Feed, data: Mapping[str, object], now: datetime) -> Event:
    return Event(
        name=name,
        actor=f"feed:{feed.code}",
        object_type="feed",
        object_id=feed.code,
        market_at=feed.market_at or now,
        data=data,
    )
