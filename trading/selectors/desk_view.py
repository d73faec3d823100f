"""What the home page shows of trading: at most three queries a panel, values never rounded.

1. None means unknown and is shown as a dash with a reason, never as zero.
2. Money is in the account's base currency; an instrument quoted in another asset has no rate here,
   so what depends on it is unknown.
3. The desk on screen is the feed that was started last; a running one goes before an ended one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Case, Count, F, Min, OuterRef, Q, Subquery, Sum, When

from aitrader.kernel.clock import day_start
from aitrader.kernel.fix import IN_REAL_TIME, WORKING, Certainty, OrdStatus
from aitrader.kernel.money import ZERO, ratio
from trading.models import (
    AccountDay,
    BarRow,
    EquityPoint,
    Feed,
    FeedGap,
    FeedInstrument,
    Order,
    Position,
    QuarantinedBar,
    ReconBreak,
)
from trading.selectors import freshness, reconciled
from trading.selectors.freshness import Price


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One feed and the account it drives; `speed` is market time over wall time."""

    feed_id: int
    account_id: int
    account_code: str
    account_kind: str
    venue: str
    venue_name: str
    mode: str
    base_currency: str
    source: str
    title: str
    interval_seconds: int
    speed: Decimal | None
    running: bool
    market_at: datetime | None
    received_at: datetime | None
    line_down_at: datetime | None
    started_at: datetime
    reconciled_at: datetime | None
    peak_equity: Decimal

    @property
    def in_real_time(self) -> bool:
        return self.source in IN_REAL_TIME

    def age(self, now: datetime) -> timedelta:
        """Wall time since the last bar arrived, or since the start when none has."""
        return freshness.silence(self, now)

    def overdue(self, now: datetime) -> bool:
        """Whether the books were not compared with the venue's for too long."""
        return reconciled.is_overdue(
            self.reconciled_at, venue=self.venue, since=self.started_at, now=now
        )

    def stale(self, now: datetime) -> bool:
        """Whether a running feed has gone silent as a whole."""
        return self.running and freshness.is_silent(self, now)

    def silent(self, now: datetime) -> list[Price]:
        """The instruments of a running feed that have gone silent (one query)."""
        if not self.running:
            return []
        return [each for each in freshness.prices(self.feed_id, self, now) if each.silent]


def desk() -> Desk | None:
    """The feed on screen, or None before any was started."""
    row = (
        Feed.objects.select_related("account__venue")
        .order_by(
            Case(When(status="RUNNING", then=0), default=1),
            F("received_at").desc(nulls_last=True),
            "-id",
        )
        .first()
    )
    if row is None:
        return None
    account = row.account
    return Desk(
        feed_id=row.pk,
        account_id=account.pk,
        account_code=account.code,
        account_kind=account.kind,
        venue=account.venue.code,
        venue_name=account.venue.name,
        mode=account.mode,
        base_currency=account.base_currency,
        source=row.source,
        title=row.title,
        interval_seconds=row.interval_seconds,
        speed=row.speed,
        running=row.status == "RUNNING",
        market_at=row.market_at,
        received_at=row.received_at,
        line_down_at=row.line_down_at,
        started_at=row.started_at,
        reconciled_at=account.reconciled_at,
        peak_equity=account.peak_equity,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """Equity now, and against the start of the UTC day of the market clock."""

    equity: Decimal | None
    cash: Decimal | None
    unrealised_pnl: Decimal | None
    at: datetime | None
    day_start_equity: Decimal | None

    @property
    def day_pnl(self) -> Decimal | None:
        if self.equity is None or self.day_start_equity is None:
            return None
        return self.equity - self.day_start_equity


def money(desk: Desk) -> Money:
    """The account's latest equity point and its day-start baseline (two queries)."""
    point = EquityPoint.objects.filter(account_id=desk.account_id).order_by("-at").first()
    start = None
    if desk.market_at is not None:
        start = (
            AccountDay.objects.filter(
                account_id=desk.account_id, day=day_start(desk.market_at).date()
            )
            .values_list("start_equity", flat=True)
            .first()
        )
    return Money(
        equity=point.equity if point else None,
        cash=point.cash if point else None,
        unrealised_pnl=point.unrealised_pnl if point else None,
        at=point.at if point else None,
        day_start_equity=start,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionLine:
    instrument: str
    quantity: Decimal
    cost: Decimal
    mark: Decimal | None
    notional: Decimal | None
    unrealised_pnl: Decimal | None
    realised_pnl: Decimal
    fees: Decimal
    tick: Decimal

    @property
    def avg_px(self) -> Decimal | None:
        return ratio(self.cost, self.quantity) if self.quantity else None


def positions(desk: Desk) -> list[PositionLine]:
    """Positions that are not flat, valued at the last close (one query)."""
    close = (
        BarRow.objects.filter(feed_id=desk.feed_id, instrument_id=OuterRef("instrument_id"))
        .order_by("-open_time")
        .values("close")[:1]
    )
    rows = (
        Position.objects.filter(account_id=desk.account_id)
        .exclude(quantity=0)
        .select_related("instrument")
        .annotate(mark=Subquery(close))
        .order_by("instrument__code")
    )
    return [_position_line(row, desk) for row in rows]


def _position_line(row: Any, desk: Desk) -> PositionLine:
    mark = row.mark if row.instrument.quote == desk.base_currency else None
    return PositionLine(
        instrument=row.instrument.code,
        quantity=row.quantity,
        cost=row.cost,
        mark=row.mark,
        notional=None if mark is None else row.quantity * mark,
        unrealised_pnl=None if mark is None else row.quantity * mark - row.cost,
        realised_pnl=row.realised_pnl,
        fees=row.fees,
        tick=row.instrument.tick,
    )


def gross_exposure(lines: list[PositionLine]) -> Decimal | None:
    """Sum of absolute notionals; None when one of them is unknown."""
    if any(line.notional is None for line in lines):
        return None
    return sum((abs(line.notional) for line in lines if line.notional is not None), ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCounts:
    working: int
    oldest_at: datetime | None
    unknown: int
    today: int
    denied_today: int


def order_counts(desk: Desk) -> OrderCounts:
    """Orders that may exist at the venue, and those of the market's day (one query)."""
    since = day_start(desk.market_at) if desk.market_at else desk.started_at
    working = Q(ord_status__in=WORKING)
    found = Order.objects.filter(
        Q(created_at__gte=since) | working, account_id=desk.account_id
    ).aggregate(
        working=Count("id", filter=working),
        oldest_at=Min("created_at", filter=working),
        unknown=Count("id", filter=~Q(certainty=Certainty.CERTAIN)),
        today=Count("id", filter=Q(created_at__gte=since)),
        denied_today=Count("id", filter=Q(created_at__gte=since, ord_status=OrdStatus.DENIED)),
    )
    return OrderCounts(**found)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedHealth:
    instruments: int
    gaps: int
    open_gaps: int
    missing_bars: int
    quarantined: int
    open_breaks: int


def feed_health(desk: Desk) -> FeedHealth:
    """What was wrong with the feed, and open reconciliation breaks (four counts)."""
    still = Q(filled_at=None)
    gaps = FeedGap.objects.filter(feed_id=desk.feed_id).aggregate(
        n=Count("id"), open=Count("id", filter=still), bars=Sum("bars", filter=still)
    )
    breaks = ReconBreak.objects.filter(account_id=desk.account_id, closed_at__isnull=True)
    return FeedHealth(
        instruments=FeedInstrument.objects.filter(feed_id=desk.feed_id).count(),
        gaps=gaps["n"],
        open_gaps=gaps["open"],
        missing_bars=gaps["bars"] or 0,
        quarantined=QuarantinedBar.objects.filter(feed_id=desk.feed_id).count(),
        open_breaks=breaks.count(),
    )
