"""Candles and fill markers of one instrument, and the newest bar of each."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import OuterRef, Subquery

from trading.models import BarRow, FeedInstrument, Fill

#: What the chart draws without a pause on a slow machine.
POINTS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Candle:
    instrument: str
    open_time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """A fill as the chart shows it."""

    at: datetime
    side: str
    last_qty: Decimal
    last_px: Decimal
    order_public_id: str


def instruments(feed_id: int) -> list[tuple[str, Decimal]]:
    """Canonical codes and ticks of the feed's instruments (one query)."""
    rows = FeedInstrument.objects.filter(feed_id=feed_id).order_by("instrument__code")
    return list(rows.values_list("instrument__code", "instrument__tick"))


def candles(feed_id: int, instrument: str, *, limit: int = POINTS) -> list[Candle]:
    """The newest bars, oldest first (one query)."""
    rows = BarRow.objects.filter(feed_id=feed_id, instrument__code=instrument)
    return [_candle(row, instrument) for row in rows.order_by("-open_time")[:limit]][::-1]


def _candle(row: BarRow, instrument: str) -> Candle:
    return Candle(
        instrument=instrument,
        open_time=row.open_time,
        open=row.open,
        high=row.high,
        low=row.low,
        close=row.close,
        volume=row.volume,
    )


def markers(account_id: int, instrument: str, *, since: datetime, limit: int = 300) -> list[Marker]:
    """The newest fills from `since` on, oldest first (one query)."""
    rows = (
        Fill.objects.filter(
            account_id=account_id, instrument__code=instrument, transact_time__gte=since
        )
        .select_related("order")
        .order_by("-transact_time", "-id")[:limit]
    )
    return [
        Marker(
            at=row.transact_time,
            side=row.side,
            last_qty=row.last_qty,
            last_px=row.last_px,
            order_public_id=row.order.public_id,
        )
        for row in rows
    ][::-1]


def newest(feed_id: int) -> list[Candle]:
    """The last bar of each instrument of the feed (one query)."""
    last = (
        BarRow.objects.filter(feed_id=feed_id, instrument_id=OuterRef("instrument_id"))
        .order_by("-open_time")
        .values("pk")[:1]
    )
    wanted = FeedInstrument.objects.filter(feed_id=feed_id).values(bar=Subquery(last))
    rows = BarRow.objects.filter(pk__in=wanted).select_related("instrument")
    return [_candle(row, row.instrument.code) for row in rows]


def as_json(bar: Candle) -> dict[str, object]:
    """A bar for the chart, which draws it and does no arithmetic: epoch seconds, exact text."""
    prices = {"open": bar.open, "high": bar.high, "low": bar.low, "close": bar.close}
    return {
        "time": int(bar.open_time.timestamp()),
        **{name: f"{value:f}" for name, value in prices.items()},
    }
