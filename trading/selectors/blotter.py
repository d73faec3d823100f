"""Orders, fills and strategies as lines of a screen; at most three queries a panel."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Case, Count, DecimalField, Exists, F, OuterRef, Q, Sum, When
from django.db.models.functions import Coalesce

from aitrader.kernel.clock import day_start
from aitrader.kernel.fix import WORKING, Certainty, Side
from aitrader.kernel.money import ZERO, ratio
from trading.models import CancelRequest, Order, Strategy, StrategyCursor, Trade


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """`shown_status` is the status with what overlays it: PENDING_CANCEL while a wish is open."""

    id: int
    public_id: str
    created_at: datetime
    instrument: str
    side: str
    ord_type: str
    order_qty: Decimal
    filled_qty: Decimal
    avg_px: Decimal | None
    price: Decimal | None
    trailing_bps: Decimal | None
    ord_status: str
    shown_status: str
    unknown: bool
    reason: str
    strategy: str
    text: str
    tick: Decimal
    lot: Decimal
    cancellable: bool


def orders(
    account_id: int,
    *,
    limit: int = 20,
    before: int | None = None,
    pin_unknown: bool = True,
    statuses: Collection[str] | None = None,
) -> list[OrderLine]:
    """The newest orders, unknown ones first (two queries). `before` is an order's row id."""
    wish = CancelRequest.objects.filter(order=OuterRef("pk"), answered_at__isnull=True)
    rows = (
        Order.objects.filter(account_id=account_id)
        .select_related("instrument", "version__strategy")
        .annotate(cancel_open=Exists(wish))
    )
    newest = (rows.filter(ord_status__in=statuses) if statuses else rows).order_by("-id")
    found = list((newest.filter(id__lt=before) if before else newest)[:limit])
    if pin_unknown:
        unknown = list(newest.exclude(certainty=Certainty.CERTAIN)[:limit])
        seen = {row.pk for row in unknown}
        found = (unknown + [row for row in found if row.pk not in seen])[:limit]
    return [order_line(row) for row in found]


def by_status(account_id: int) -> dict[str, int]:
    """How many orders the account has in each status."""
    rows = Order.objects.filter(account_id=account_id).values_list("ord_status")
    return dict(rows.annotate(n=Count("id")))


def order_line(row: Any) -> OrderLine:
    working = row.ord_status in WORKING
    return OrderLine(
        id=row.pk,
        public_id=row.public_id,
        created_at=row.created_at,
        instrument=row.instrument.code,
        side=row.side,
        ord_type=row.ord_type,
        order_qty=row.order_qty,
        filled_qty=row.filled_qty,
        avg_px=ratio(row.filled_notional, row.filled_qty) if row.filled_qty else None,
        price=row.price if row.price is not None else row.stop_px,
        trailing_bps=row.trailing_bps,
        ord_status=row.ord_status,
        shown_status="PENDING_CANCEL" if working and row.cancel_open else row.ord_status,
        unknown=row.certainty != Certainty.CERTAIN,
        reason=row.reason,
        strategy=row.version.strategy.code if row.version else row.origin,
        text=row.text,
        tick=row.instrument.tick,
        lot=row.instrument.lot,
        cancellable=working and not row.cancel_open,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyLine:
    """`closed_pnl_today` is after fees, of trades closed in the UTC day, in the quote asset."""

    id: int
    code: str
    enabled: bool
    number: int | None
    path: str
    parameters: dict[str, Any]
    stances: list[tuple[str, str]]
    open_trades: int
    closed_trades: int
    closed_pnl: Decimal
    closed_pnl_today: Decimal


def strategies(account_id: int, *, market_at: datetime | None) -> list[StrategyLine]:
    """The account's strategies with their current version (three queries)."""
    rows = Strategy.objects.filter(account_id=account_id).order_by("code")
    cursors = StrategyCursor.objects.filter(
        version__strategy__account_id=account_id, version__current=True
    ).select_related("version", "instrument")
    by_strategy: dict[int, list[StrategyCursor]] = {}
    for cursor in cursors.order_by("instrument__code"):
        by_strategy.setdefault(cursor.version.strategy_id, []).append(cursor)
    trades = {row["strategy"]: row for row in _trade_sums(account_id, market_at)}
    return [
        _strategy_line(row, by_strategy.get(row.pk, []), trades.get(row.pk, {})) for row in rows
    ]


def _trade_sums(account_id: int, market_at: datetime | None) -> Any:
    gross = Case(
        When(side=Side.BUY, then=F("exit_notional") - F("entry_notional")),
        default=F("entry_notional") - F("exit_notional"),
        output_field=DecimalField(max_digits=38, decimal_places=18),
    )
    closed = Q(closed_at__isnull=False)
    today = closed & Q(closed_at__gte=day_start(market_at)) if market_at else closed
    return (
        Trade.objects.filter(cursor__version__strategy__account_id=account_id)
        .exclude(entry_qty=0)
        .values(strategy=F("cursor__version__strategy_id"))
        .annotate(
            pnl=Coalesce(Sum(gross - F("fees"), filter=closed), ZERO),
            pnl_today=Coalesce(Sum(gross - F("fees"), filter=today), ZERO),
            open=Sum(Case(When(closed_at__isnull=True, then=1), default=0)),
            closed=Sum(Case(When(closed_at__isnull=False, then=1), default=0)),
        )
    )


def _strategy_line(row: Strategy, cursors: list[Any], sums: dict[str, Any]) -> StrategyLine:
    version = cursors[0].version if cursors else None
    return StrategyLine(
        id=row.pk,
        code=row.code,
        enabled=row.enabled,
        number=version.number if version else None,
        path=version.path if version else "",
        parameters=version.parameters if version else {},
        stances=[(cursor.instrument.code, cursor.stance) for cursor in cursors],
        open_trades=sums.get("open") or 0,
        closed_trades=sums.get("closed") or 0,
        closed_pnl=sums.get("pnl") or ZERO,
        closed_pnl_today=sums.get("pnl_today") or ZERO,
    )
