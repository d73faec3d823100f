"""Intents that a venue would not take are told apart, each with its line."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from aitrader.kernel.fix import AccountKind, OrdType, Origin, Side
from trading.domain.instrument import Instrument
from trading.domain.order import OrderIntent
from trading.domain.order_rules import Around, validate

D = Decimal
BTC = Instrument(
    code="SIM:BTC-USDT",
    base="BTC",
    quote="USDT",
    kind=AccountKind.SPOT,
    tick=D("0.01"),
    lot=D("0.00001"),
    min_qty=D("0.0001"),
    min_notional=D(10),
)
GOOD = OrderIntent(
    intent_id="I",
    account="paper",
    instrument="SIM:BTC-USDT",
    side=Side.BUY,
    ord_type=OrdType.MARKET,
    order_qty=D("0.001"),
    origin=Origin.STRATEGY,
    reference_px=D(60_000),
    reason="sma_cross LONG",
    decided_at=datetime(2026, 1, 1, tzinfo=UTC),
)
NOW = Around(px=D(60_000))


def test_a_sound_market_order_has_no_problem() -> None:
    assert validate(GOOD, BTC, NOW) == ()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"order_qty": D("0.001001")}, "order_qty 0.001001 is off the lot 0.00001"),
        ({"order_qty": D("0.00009"), "reference_px": D(10**6)},
         "order_qty 0.00009 is below min_qty 0.0001"),
        ({"order_qty": D(0)}, "order_qty 0 is not positive"),
        ({"reference_px": D(9_999)}, "notional 9.999 is below min_notional 10"),
        ({"ord_type": OrdType.LIMIT}, "price is missing: LIMIT needs it"),
        ({"ord_type": OrdType.STOP}, "stop_px is missing: STOP needs it"),
        ({"ord_type": OrdType.TRAILING_STOP}, "trailing_bps is missing: TRAILING_STOP needs it"),
        ({"ord_type": OrdType.MARKET_IF_TOUCHED},
         "stop_px is missing: MARKET_IF_TOUCHED needs it"),
        ({"ord_type": OrdType.LIMIT, "price": D("60000.001")},
         "price 60000.001 is off the tick 0.01"),
        ({"ord_type": OrdType.STOP, "stop_px": D(-5)}, "stop_px -5 is not positive"),
        ({"ord_type": OrdType.LIMIT, "price": D(9_000)}, "notional 9 is below min_notional 10"),
    ],
)  # fmt: skip
def test_each_problem_has_its_line(changes: dict[str, object], problem: str) -> None:
    assert validate(replace(GOOD, **changes), BTC, NOW) == (problem,)  # type: ignore[arg-type]  # table


def test_several_problems_are_said_together() -> None:
    bad = replace(GOOD, ord_type=OrdType.STOP_LIMIT, order_qty=D("0.0000001"))
    assert [line.split(" ")[0] for line in validate(bad, BTC, NOW)] == [
        "price", "stop_px", "order_qty", "order_qty", "notional",
    ]  # fmt: skip
