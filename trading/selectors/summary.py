"""The summary of a paper run, as numbers and as text."""

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db.models import Count

from aitrader.kernel.money import ZERO, plain
from trading.domain.ports import Gateway
from trading.models import (
    AccountDay,
    BarRow,
    FeedGap,
    Fill,
    Order,
    QuarantinedBar,
    Signal,
    Trade,
)
from trading.selectors import integrity, snapshot, sql
from trading.selectors.account_state import AccountState
from trading.selectors.desk import Desk

_MAX_DRAWDOWN = """
SELECT coalesce(max((peak - equity) / peak), 0) FROM (
    SELECT equity, max(equity) OVER (ORDER BY at) AS peak
      FROM trading_equitypoint WHERE account_id = %s) points
 WHERE peak > 0
"""


def collect(desk: Desk, gateway: Gateway) -> dict[str, Any]:
    """Keys as in docs/operations.md; amounts are text, in the account's base currency."""
    account, feed = desk.account, desk.feed
    state = snapshot.read(desk).state
    (max_drawdown,) = sql.fetch_one(_MAX_DRAWDOWN, [account.pk])
    gaps = list(FeedGap.objects.filter(feed=feed).values_list("bars", flat=True))
    return {
        "account": account.code,
        "source": feed.source,
        "mode": account.mode,
        "bars": BarRow.objects.filter(feed=feed).count(),
        "quarantined": QuarantinedBar.objects.filter(feed=feed).count(),
        "gaps": len(gaps),
        "bars_missing": sum(gaps),
        "signals": Signal.objects.filter(version__strategy__account=account).count(),
        "orders": _counts(Order.objects.filter(account=account), "ord_status"),
        "fills": Fill.objects.filter(account=account).count(),
        "trades": _trades(desk),
        "denied": _denied(desk),
        "currency": account.base_currency,
        "opening_equity": plain(account.opening_equity),
        "fees": plain(state.fees),
        "fees_by_asset": _fees_by_asset(desk),
        "realised_pnl": plain(state.realised_pnl),
        "unrealised_pnl": _text(state.unrealised_pnl),
        "today_pnl": _today(desk, state),
        "equity": _text(state.equity),
        "max_drawdown": plain(round(max_drawdown, 18)),
        "ledger_sums": {
            asset: plain(total) for asset, total in integrity.ledger_sums(account).items()
        },
        "integrity": dict(integrity.checks(account, gateway, state)),
    }


def _counts(rows: Any, column: str) -> dict[str, int]:
    found = rows.values_list(column).annotate(number=Count("pk"))
    return dict(sorted(found))


def _denied(desk: Desk) -> dict[str, int]:
    """Denied orders by each reason code they were denied for."""
    codes: Counter[str] = Counter()
    denied = Order.objects.filter(account=desk.account, ord_status="DENIED")
    for reasons, text in denied.values_list("decision__reasons", "text").iterator():
        # Without a decision it was denied before the gate: its text names the codes.
        told = text.split(", ") if reasons is None else [reason["code"] for reason in reasons]
        codes.update(set(told))
    return dict(sorted(codes.items()))


def _trades(desk: Desk) -> dict[str, Any]:
    trades = Trade.objects.filter(cursor__version__strategy__account=desk.account)
    entered = trades.filter(entry_qty__gt=0)
    exits = entered.exclude(exit_reason="").filter(closed_at__isnull=False)
    return {
        "opened": entered.count(),
        "closed": entered.filter(closed_at__isnull=False).count(),
        "exits": _counts(exits, "exit_reason"),
    }


def _fees_by_asset(desk: Desk) -> dict[str, str]:
    fees: dict[str, Decimal] = {}
    kept = Fill.objects.filter(account=desk.account).exclude(entries__kind="VOID")
    rows = kept.values_list("fee_asset", "fee")
    for asset, fee in rows.iterator():
        fees[asset] = fees.get(asset, ZERO) + fee
    return {asset: plain(total) for asset, total in sorted(fees.items())}


def _today(desk: Desk, state: AccountState) -> str | None:
    start = (
        AccountDay.objects.filter(account=desk.account)
        .order_by("-day")
        .values_list("start_equity", flat=True)
        .first()
    )
    if start is None or state.equity is None:
        return None
    return plain(state.equity - start)


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def lines(summary: Mapping[str, Any]) -> list[str]:
    """The summary for a terminal, one fact a line."""
    out = []
    for key, value in summary.items():
        if isinstance(value, Mapping):
            text = ", ".join(f"{name} {number}" for name, number in value.items()) or "none"
        else:
            text = "unknown" if value is None else str(value)
        out.append(f"{key.replace('_', ' '):<16} {text}")
    return out
