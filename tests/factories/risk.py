"""Intents and snapshots that pass the gate; a test changes the one thing it is about."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from aitrader.kernel.fix import AccountKind, Origin, Side
from risk.domain import limits
from risk.domain.limits import LimitKey
from risk.domain.snapshot import GateIntent, PositionView, RiskSnapshot

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
BTC = "SIM:BTC-USDT"
ETH = "SIM:ETH-USDT"


def intent(**changes: Any) -> GateIntent:
    """A purchase of one BTC at market by a strategy."""
    base = GateIntent(
        intent_id="I1",
        instrument=BTC,
        side=Side.BUY,
        order_qty=Decimal(1),
        origin=Origin.STRATEGY,
        strategy="sma_cross",
        reference_px=Decimal(100),
    )
    return replace(base, **changes)


def view(**changes: Any) -> PositionView:
    """Flat, at 100 with a volatility of 50 %, one-minute bars."""
    base = PositionView(
        mark=Decimal(100),
        mark_at=NOW,
        rate=Decimal(1),
        volatility=Decimal("0.5"),
        feed_interval_seconds=60,
    )
    return replace(base, **changes)


def snapshot(**changes: Any) -> RiskSnapshot:
    """A PERP account of 10,000 under the cautious profile, with nothing open."""
    base = RiskSnapshot(
        now=NOW,
        account_kind=AccountKind.PERP,
        limits=limits.profile("cautious"),
        trading_states=(),
        positions={BTC: view()},
        free={"USDT": Decimal(10_000)},
        quote_asset="USDT",
        fee_rate=Decimal("0.001"),
        equity=Decimal(10_000),
        day_start_equity=Decimal(10_000),
        peak_equity=Decimal(10_000),
        open_orders=0,
        orders_today=0,
        notional_today=Decimal(0),
        bar_extreme=False,
        strategy_enabled=True,
        instrument_problems=(),
    )
    return replace(base, **changes)


def limits_with(**changes: str) -> dict[LimitKey, Decimal]:
    """Limits wide enough never to matter, with some of them changed."""
    wide = dict.fromkeys(LimitKey, Decimal(10**12))
    return wide | {LimitKey(key): Decimal(value) for key, value in changes.items()}
