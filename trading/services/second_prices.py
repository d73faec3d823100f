"""Keeping what a second venue says about the prices that are traded on.

1. Which instruments are compared follows from the feed's start: what another start wanted is gone.
2. The latest word replaces the one before it; no history is kept.
3. That a second source went silent, and that it speaks again, is one journal entry each, whichever
   process looks. Its silence denies nothing (risk/domain/freshness.py).
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from aitrader.kernel.events import Event, EventName
from compliance.selectors import journal as entries
from compliance.services import journal
from trading.models import Feed, InstrumentRow, SecondPrice
from trading.selectors import second_prices

_TOLD = (EventName.SECOND_SOURCE_STALE, EventName.SECOND_SOURCE_RECOVERED)


def configure(*, feed_id: int, source: str, codes: Collection[str], now: datetime) -> None:
    """Compare these instruments with this source from now on; none: compare nothing."""
    rows = InstrumentRow.objects.filter(code__in=codes)
    with transaction.atomic():
        SecondPrice.objects.filter(feed_id=feed_id).delete()
        SecondPrice.objects.bulk_create(
            SecondPrice(feed_id=feed_id, instrument=row, source=source, since=now) for row in rows
        )


def leave_out(*, feed_id: int, code: str) -> None:
    """Compare this instrument no longer: the source does not have it."""
    SecondPrice.objects.filter(feed_id=feed_id, instrument__code=code).delete()


def record(*, feed_id: int, prices: Mapping[str, Decimal], now: datetime) -> None:
    """Keep what the source said, by instrument code. `now`: when it was asked."""
    for code, px in prices.items():
        rows = SecondPrice.objects.filter(feed_id=feed_id, instrument__code=code)
        rows.update(px=px, at=now)


def note_freshness(*, feed: Feed, now: datetime) -> None:
    """Journal for which instruments the second source went silent, or that it speaks again or is
    wanted no longer, if it is news."""
    rows = list(SecondPrice.objects.filter(feed=feed).select_related("instrument"))
    silent = sorted(row.instrument.code for row in rows if second_prices.is_stale(row, now))
    if silent == _said_silent(feed):
        return
    with transaction.atomic():
        Feed.objects.select_for_update(of=("self",), no_key=True).get(pk=feed.pk)
        # Another process may have said it while this one waited.
        if silent == _said_silent(feed):
            return
        event = Event(
            name=EventName.SECOND_SOURCE_STALE if silent else EventName.SECOND_SOURCE_RECOVERED,
            actor=f"feed:{feed.code}",
            object_type="feed",
            object_id=feed.code,
            market_at=feed.market_at or now,
            data={"source": rows[0].source if rows else "", "silent": silent},
        )
        journal.record([event], now=now)


def _said_silent(feed: Feed) -> list[str]:
    told = entries.last_data("feed", feed.code, _TOLD)
    return [] if told is None else list(told.get("silent", []))
