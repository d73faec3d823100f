"""The six cards of the home page, from numbers to words."""

from dataclasses import dataclass, field
from decimal import Decimal

from django.db import DatabaseError
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from aitrader.kernel.money import ZERO, ratio
from dashboard.frame import Frame
from dashboard.templatetags import desk as show
from risk.services import limits
from trading.selectors import desk_view, second_prices
from trading.selectors.desk_view import Desk


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """`used` is per cent of a limit; None draws no bar."""

    id: str
    name: str
    value: str
    unit: str = ""
    glyph: str = ""
    tone: str = ""
    used: int | None = None
    notes: list[str | SafeString] = field(default_factory=list)


def cards(frame: Frame) -> list[Card]:
    """Equity, day loss, exposure, orders, broker, market data; dashes without a desk."""
    if frame.desk is None:
        why = _("no desk runs here yet")
        names = [_("Equity"), _("Day loss limit"), _("Gross exposure")]
        names += [_("Open orders"), _("Broker"), _("Market data")]
        return [
            Card(id=str(at), name=name, value=show.DASH, notes=[why])
            for at, name in enumerate(names)
        ]
    desk = frame.desk
    money = desk_view.money(desk)
    bounds = _limits(desk)
    health = desk_view.feed_health(desk)
    orders = desk_view.order_counts(desk)
    return [
        _equity(desk, money),
        _day_loss(desk, money, bounds.get("MAX_DAY_LOSS")),
        _exposure(desk, money, bounds.get("MAX_GROSS_EXPOSURE")),
        _orders(frame, orders, bounds.get("MAX_OPEN_ORDERS")),
        _broker(frame, desk, orders, health),
        _market_data(frame, desk, health),
    ]


def _limits(desk: Desk) -> dict[str, Decimal]:
    try:
        return {str(key): value for key, value in limits.in_force(desk.account_code).items()}
    except DatabaseError:
        return {}


def _equity(desk: Desk, money: desk_view.Money) -> Card:
    notes: list[str | SafeString] = []
    if money.day_pnl is None or not money.day_start_equity:
        notes.append(_("day start unknown"))
    else:
        share = show.percent(ratio(money.day_pnl, money.day_start_equity))
        notes.append(format_html("{} ({}) {}", show.pnl(money.day_pnl), share, _("today")))
    if money.unrealised_pnl is not None:
        notes.append(format_html("{} {}", _("unrealised"), show.pnl(money.unrealised_pnl)))
    return Card(
        id="equity",
        name=_("Equity"),
        value=show.number(money.equity, 2),
        unit=desk.base_currency,
        notes=notes,
    )


def _used(value: Decimal, limit: Decimal) -> int:
    return int(min(Decimal(100), max(ZERO, value * 100 / limit)))


def _day_loss(desk: Desk, money: desk_view.Money, limit: Decimal | None) -> Card:
    name = _("Day loss limit")
    if limit is None:
        return Card(id="loss", name=name, value=show.DASH, notes=[_("no limit set: orders deny")])
    if money.day_pnl is None:
        return Card(id="loss", name=name, value=show.DASH, notes=[_("equity unknown")])
    loss = max(ZERO, -money.day_pnl)
    used = _used(loss, limit)
    note = _("%(loss)s of %(limit)s lost") % {
        "loss": show.number(loss, 2),
        "limit": show.number(limit, 0),
    }
    value = f"{used} %" + (" !" if used >= 90 else "")
    return Card(id="loss", name=name, value=value, used=used, notes=[note])


def _exposure(desk: Desk, money: desk_view.Money, limit: Decimal | None) -> Card:
    name = _("Gross exposure")
    lines = desk_view.positions(desk)
    gross = desk_view.gross_exposure(lines)
    if gross is None or not money.equity or money.equity <= 0:
        why = _("a price is missing") if gross is None else _("equity unknown")
        return Card(id="exposure", name=name, value=show.DASH, notes=[why])
    share = ratio(gross, money.equity)
    held = " · ".join(
        f"{show.symbol(line.instrument)} {show.plain(line.quantity)}" for line in lines
    )
    notes: list[str | SafeString] = [held or _("flat")]
    if limit is None:
        notes.insert(0, _("no limit set: orders deny"))
        return Card(id="exposure", name=name, value=show.percent(share), notes=notes)
    return Card(
        id="exposure",
        name=name,
        value=f"{show.number(share * 100, 0)} %",
        unit=_("of equity, limit %(limit)s %%") % {"limit": show.number(limit * 100, 0)},
        used=_used(share, limit),
        notes=notes,
    )


def _orders(frame: Frame, orders: desk_view.OrderCounts, limit: Decimal | None) -> Card:
    notes: list[str | SafeString] = []
    if orders.oldest_at is not None:
        notes.append(_("oldest %(age)s") % {"age": show.age(frame.market_at - orders.oldest_at)})
    notes.append(
        _("%(today)s today, %(denied)s denied")
        % {"today": orders.today, "denied": orders.denied_today}
    )
    return Card(
        id="orders",
        name=_("Open orders"),
        value=str(orders.working),
        unit=_("of %(limit)s") % {"limit": show.number(limit, 0)} if limit is not None else "",
        notes=notes,
    )


def _broker(
    frame: Frame, desk: Desk, orders: desk_view.OrderCounts, health: desk_view.FeedHealth
) -> Card:
    overdue = desk.running and desk.overdue(frame.now)
    bad = orders.unknown or health.open_breaks or overdue
    notes: list[str | SafeString] = []
    if orders.unknown:
        notes.append(_("%(n)s orders UNKNOWN ?") % {"n": orders.unknown})
    if health.open_breaks:
        notes.append(_("%(n)s open breaks") % {"n": health.open_breaks})
    if not bad:
        notes.append(_("no unknown orders, no breaks"))
    if overdue:
        notes.append(_("not compared lately: nothing is sent"))
    if desk.reconciled_at is None:
        notes.append(_("not yet reconciled"))
    else:
        at = show.instant(desk.reconciled_at, frame.now)
        notes.append(format_html("{} {}", _("reconciled"), at))
    return Card(
        id="broker",
        name=_("Broker"),
        value=_("Simulator") if desk.venue == "SIM" else desk.venue,
        glyph="▲" if bad else "●",
        tone="warn" if bad else "ok",
        notes=notes,
    )


def _market_data(frame: Frame, desk: Desk, health: desk_view.FeedHealth) -> Card:
    if not desk.running:
        value, unit = _("Ended"), desk.source
    else:
        value, unit = show.age(desk.age(frame.now)), _("old")
    notes: list[str | SafeString] = [
        *_second_source(frame, desk),
        format_html("{} {}", _("bar"), show.instant(desk.market_at))
        if desk.market_at
        else _("no bar yet"),
        _("%(n)s instruments · %(gaps)s gaps, %(open)s open · %(held)s quarantined")
        % {
            "n": health.instruments,
            "gaps": health.gaps,
            "open": health.open_gaps,
            "held": health.quarantined,
        },
    ]
    return Card(id="feed", name=_("Market data"), value=value, unit=unit, notes=notes)


def _second_source(frame: Frame, desk: Desk) -> list[str]:
    """Whose prices those of a desk in real time are compared with; nothing where there is none."""
    if not desk.running or not desk.in_real_time:
        return []
    rows = second_prices.compared(desk.feed_id, frame.now)
    if not rows:
        return [_("no second source")]
    silent = [row for row in rows if row.stale]
    if silent:
        at = max((row.at for row in silent if row.at), default=None)
        told = show.age(frame.now - at) if at else _("nothing told yet")
        return [_("▲ second source %(s)s stale: %(t)s") % {"s": rows[0].source, "t": told}]
    return [_("compared with %(source)s") % {"source": rows[0].source}]
