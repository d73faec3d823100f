"""Gauges of the desk, read from the database when they are asked for."""

from datetime import datetime

from prometheus_client import Gauge

from aitrader.kernel.clock import WALL
from compliance.selectors import journal, leaves
from trading.selectors import blotter, desk_view, venue_sheet

FEED_AGE = Gauge("aitrader_feed_age_seconds", "Wall time since the last bar", ["feed"])
FEED_STALE = Gauge("aitrader_feed_stale", "1 when the feed on screen is stale", ["feed"])
INSTRUMENT_STALE = Gauge(
    "aitrader_instrument_stale",
    "1 when an instrument of the feed on screen is stale",
    ["instrument"],
)
UNSEQUENCED = Gauge("aitrader_journal_unsequenced", "Journal entries without a number")
JOURNAL = Gauge("aitrader_journal_entries", "Journal entries with a number")
ORDERS = Gauge("aitrader_orders", "Orders by status", ["account", "ord_status"])
UNKNOWN = Gauge("aitrader_orders_unknown", "Orders whose fate is not known", ["account"])
RECONCILED_AGE = Gauge(
    "aitrader_reconciled_age_seconds",
    "Wall time since the books agreed with the venue's, or since the start when they never have",
    ["account"],
)
CALLS = Gauge(
    "aitrader_venue_call_seconds",
    "How long the last calls took, in the slowest process",
    ["venue", "kind", "quantile"],
)
CLOCK = Gauge(
    "aitrader_venue_clock_offset_seconds", "How far the venue's clock is ahead of ours", ["venue"]
)
CLOCK_BLOCKED = Gauge(
    "aitrader_venue_clock_blocked", "1 while our clock is too far off for the venue", ["venue"]
)
_LABELLED = (
    FEED_AGE, FEED_STALE, INSTRUMENT_STALE, ORDERS, UNKNOWN, RECONCILED_AGE, CALLS, CLOCK,
    CLOCK_BLOCKED,
)  # fmt: skip


def refresh() -> None:
    """Set every gauge to what is true now."""
    UNSEQUENCED.set(leaves.unsequenced())
    JOURNAL.set(journal.size())
    for each in _LABELLED:
        each.clear()
    now = WALL.now()
    _venues(now)
    desk = desk_view.desk()
    if desk is None:
        return
    FEED_AGE.labels(desk.title).set(desk.age(now).total_seconds())
    FEED_STALE.labels(desk.title).set(1 if desk.stale(now) else 0)
    for price in desk.silent(now):
        INSTRUMENT_STALE.labels(price.instrument).set(1)
    for status, count in blotter.by_status(desk.account_id).items():
        ORDERS.labels(desk.account_code, status).set(count)
    if desk.venue != "SIM":
        compared = max(desk.reconciled_at or desk.started_at, desk.started_at)
        RECONCILED_AGE.labels(desk.account_code).set((now - compared).total_seconds())
    UNKNOWN.labels(desk.account_code).set(desk_view.order_counts(desk).unknown)


def _venues(now: datetime) -> None:
    for venue, offset, blocked in venue_sheet.clocks():
        CLOCK.labels(venue).set(float(offset))
        CLOCK_BLOCKED.labels(venue).set(1 if blocked else 0)
    for venue, told in venue_sheet.latencies(now):
        for quantile, millis in (
            ("0.5", told.p50_ms),
            ("0.95", told.p95_ms),
            ("0.99", told.p99_ms),
        ):
            CALLS.labels(venue, told.kind, quantile).set(millis / 1000)
