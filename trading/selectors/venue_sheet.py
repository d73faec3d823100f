"""Everything the desk knows of the venues it is at, from rows alone.

1. A venue is in use when an account is at it. Of several accounts those of running feeds are
   shown, or else the newest.
2. None means that nobody has told yet; nothing is made up.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from aitrader.kernel.events import EventName
from aitrader.kernel.money import ZERO
from compliance.selectors import journal
from compliance.selectors.journal import Entry
from trading.models import (
    Account,
    FeedInstrument,
    InstrumentRow,
    ReconBreak,
    Venue,
    VenueFacts,
    VenueLatency,
)
from trading.models.feed import FeedStatus
from trading.selectors import freshness, limit_words, second_prices
from trading.selectors.freshness import Price
from trading.selectors.second_prices import Compared

#: What a process has not told for so long is of one that ended.
_OLD = timedelta(minutes=5)
_MOST_BREAKS = 10
_LINE = (EventName.STREAM_UP, EventName.STREAM_DOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Calls of one kind, over all processes: the slowest process gives the times."""

    kind: str
    calls: int
    p50_ms: int
    p95_ms: int
    p99_ms: int
    at: datetime


@dataclass(frozen=True, slots=True)
class InstrumentLine:
    """Its rules, whether its price still moves, and what a second source says of it."""

    row: InstrumentRow
    price: Price | None
    second: Compared | None

    @property
    def limits(self) -> list[tuple[str, str]]:
        """What else the venue allows, in words."""
        return limit_words.lines(self.row.venue_limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLine:
    code: str
    mode: str
    source: str
    running: bool
    reconciled_at: datetime | None
    open_breaks: int
    breaks: list[ReconBreak]
    stream: Entry | None
    instruments: list[InstrumentLine]

    @property
    def stream_is_up(self) -> bool:
        return self.stream is not None and self.stream.event == EventName.STREAM_UP


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    code: str
    name: str
    facts: VenueFacts | None
    latencies: list[Latency]
    accounts: list[AccountLine]


def sheets(now: datetime) -> list[Sheet]:
    """One for each venue in use, by code."""
    accounts: defaultdict[int, list[Account]] = defaultdict(list)
    for each in Account.objects.select_related("feed").order_by("-pk"):
        accounts[each.venue_id].append(each)
    facts = {each.venue_id: each for each in VenueFacts.objects.all()}
    return [
        Sheet(
            code=venue.code,
            name=venue.name,
            facts=facts.get(venue.pk),
            latencies=_latencies(venue, now),
            accounts=[_line(each, now) for each in _shown(accounts[venue.pk])],
        )
        for venue in Venue.objects.filter(pk__in=accounts).order_by("code")
    ]


def latencies(now: datetime) -> list[tuple[str, Latency]]:
    """Those of every venue, each with the venue's code."""
    return [(venue.code, each) for venue in Venue.objects.all() for each in _latencies(venue, now)]


def clocks() -> list[tuple[str, Decimal, bool]]:
    """Of each venue whose clock was sampled: the offset in seconds, and whether it blocks."""
    rows = VenueFacts.objects.filter(clock_offset_seconds__isnull=False).select_related("venue")
    return [(row.venue.code, row.clock_offset_seconds or ZERO, row.clock_blocked) for row in rows]


def _shown(accounts: list[Account]) -> list[Account]:
    return [each for each in accounts if _runs(each)] or accounts[:1]


def _runs(account: Account) -> bool:
    feed = _feed(account)
    return feed is not None and feed.status == FeedStatus.RUNNING


def _feed(account: Account) -> Any:
    return getattr(account, "feed", None)


def _latencies(venue: Venue, now: datetime) -> list[Latency]:
    found: dict[str, list[VenueLatency]] = {}
    rows = VenueLatency.objects.filter(venue=venue, at__gte=now - _OLD)
    for row in rows.order_by("kind"):
        found.setdefault(row.kind, []).append(row)
    return [
        Latency(
            kind=kind,
            calls=sum(row.calls for row in each),
            p50_ms=max(row.p50_ms for row in each),
            p95_ms=max(row.p95_ms for row in each),
            p99_ms=max(row.p99_ms for row in each),
            at=max(row.at for row in each),
        )
        for kind, each in found.items()
    ]


def _line(account: Account, now: datetime) -> AccountLine:
    feed = _feed(account)
    breaks = ReconBreak.objects.filter(account=account, closed_at__isnull=True)
    carried = FeedInstrument.objects.filter(feed=feed).select_related("instrument")
    told = second_prices.compared(feed.pk, now) if feed is not None else []
    seconds = {each.instrument: each for each in told}
    moving = freshness.prices(feed.pk, feed, now) if feed is not None and _runs(account) else []
    prices = {each.instrument: each for each in moving}
    return AccountLine(
        code=account.code,
        mode=account.mode,
        source="" if feed is None else feed.source,
        running=_runs(account),
        reconciled_at=account.reconciled_at,
        open_breaks=breaks.count(),
        breaks=list(breaks.order_by("-opened_at")[:_MOST_BREAKS]),
        stream=None if feed is None else journal.last_of("feed", feed.code, _LINE),
        instruments=[
            InstrumentLine(
                each.instrument,
                prices.get(each.instrument.code),
                seconds.get(each.instrument.code),
            )
            for each in carried.order_by("instrument__code")
        ],
    )
