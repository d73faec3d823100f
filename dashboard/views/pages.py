"""The home page and its live fragments: the same templates, whole or in parts."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from compliance.selectors import alerts as alert_rows
from compliance.selectors import journal as journal_rows
from dashboard import cards as card_words
from dashboard.frame import Frame, frame, render
from dashboard.templatetags import desk as show
from trading.selectors import blotter, chart, desk_view

ALERTS = 6
ORDERS = 20


@never_cache
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Am I live, is it trading, what is it worth, what went wrong."""
    seen = frame()
    return render(
        request,
        "dashboard/home.html",
        frame=seen,
        page="home",
        since=journal_rows.size() - 1,
        cards=card_words.cards(seen),
        chart=_chart(seen, request.GET.get("instrument", "")),
        **_strategies(seen),
        **_positions(seen),
        **_alerts(),
        **_orders(seen),
    )


@never_cache
@require_safe
def fragment_cards(request: HttpRequest) -> HttpResponse:
    seen = frame()
    return render(request, "dashboard/_cards.html", frame=seen, cards=card_words.cards(seen))


@never_cache
@require_safe
def fragment_orders(request: HttpRequest) -> HttpResponse:
    seen = frame()
    return render(request, "dashboard/_orders.html", frame=seen, **_orders(seen))


@never_cache
@require_safe
def fragment_strategies(request: HttpRequest) -> HttpResponse:
    seen = frame()
    return render(request, "dashboard/_strategies.html", frame=seen, **_strategies(seen))


@never_cache
@require_safe
def fragment_positions(request: HttpRequest) -> HttpResponse:
    seen = frame()
    return render(request, "dashboard/_positions.html", frame=seen, **_positions(seen))


@never_cache
@require_safe
def fragment_alerts(request: HttpRequest) -> HttpResponse:
    return render(request, "dashboard/_alerts.html", **_alerts())


@never_cache
@require_safe
def fragment_state(request: HttpRequest) -> HttpResponse:
    return render(request, "dashboard/_state.html")


@never_cache
@require_safe
def chart_json(request: HttpRequest) -> JsonResponse:
    """Candles and fills of one instrument: times in epoch seconds, prices as text."""
    seen = frame()
    code = request.GET.get("instrument", "")
    if seen.desk is None or code not in dict(chart.instruments(seen.desk.feed_id)):
        raise Http404
    bars = chart.candles(seen.desk.feed_id, code)
    fills = chart.markers(seen.desk.account_id, code, since=bars[0].open_time) if bars else []
    step = seen.desk.interval_seconds
    return JsonResponse(
        {
            "instrument": code,
            "interval_seconds": step,
            "bars": [chart.as_json(bar) for bar in bars],
            "fills": [
                {
                    # A marker stands on the bar in which the fill happened.
                    "time": int(fill.at.timestamp()) // step * step,
                    "side": fill.side,
                    "qty": show.plain(fill.last_qty),
                    "px": show.plain(fill.last_px),
                }
                for fill in fills
            ],
            "summary": _summary(bars, len(fills)),
        }
    )


@never_cache
@require_safe
def bars(request: HttpRequest) -> HttpResponse:
    """The chart's data as a table."""
    seen = frame()
    code = request.GET.get("instrument", "")
    ticks = dict(chart.instruments(seen.desk.feed_id)) if seen.desk else {}
    if seen.desk is None or code not in ticks:
        raise Http404
    rows = chart.candles(seen.desk.feed_id, code)
    fills = chart.markers(seen.desk.account_id, code, since=rows[0].open_time) if rows else []
    return render(
        request,
        "dashboard/bars.html",
        frame=seen,
        page="home",
        instrument=code,
        tick=ticks[code],
        bars=rows[::-1],
        fills=fills[::-1],
        summary=_summary(rows, len(fills)),
    )


def _chart(seen: Frame, wanted: str) -> dict[str, Any]:
    if seen.desk is None:
        return {"instruments": [], "instrument": ""}
    ticks = dict(chart.instruments(seen.desk.feed_id))
    code = wanted if wanted in ticks else next(iter(ticks), "")
    if not code:
        return {"instruments": [], "instrument": ""}
    last = chart.candles(seen.desk.feed_id, code, limit=120)
    return {
        "instruments": list(ticks),
        "instrument": code,
        "decimals": show.decimals(ticks[code]),
        "interval": show.interval(seen.desk.interval_seconds),
        "summary": _summary(last, None),
    }


def _summary(rows: list[chart.Candle], fills: int | None) -> str:
    if not rows:
        return _("No bar has arrived yet.")
    words = {
        "bars": len(rows),
        "from": rows[0].open_time.strftime("%Y-%m-%d %H:%M"),
        "to": rows[-1].open_time.strftime("%Y-%m-%d %H:%M"),
        "low": show.plain(min(row.low for row in rows)),
        "high": show.plain(max(row.high for row in rows)),
        "close": show.plain(rows[-1].close),
        "fills": fills,
    }
    text = _("%(bars)s bars %(from)s to %(to)s UTC, low %(low)s, high %(high)s, last %(close)s.")
    if fills is None:
        return text % words
    return (text + " " + _("%(fills)s fills.")) % words


def _strategies(seen: Frame) -> dict[str, Any]:
    if seen.desk is None:
        return {"strategies": []}
    rows = blotter.strategies(seen.desk.account_id, market_at=seen.desk.market_at)
    return {"strategies": rows}


def _positions(seen: Frame) -> dict[str, Any]:
    return {"positions": [] if seen.desk is None else desk_view.positions(seen.desk)}


def _orders(seen: Frame) -> dict[str, Any]:
    if seen.desk is None:
        return {"orders": []}
    return {"orders": blotter.orders(seen.desk.account_id, limit=ORDERS)}


def _alerts() -> dict[str, Any]:
    rows = alert_rows.open_alerts(limit=ALERTS)
    return {"alerts": rows, "alerts_total": alert_rows.open_count()}
