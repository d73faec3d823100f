"""Intents that a venue would not take are told apart, each with its line."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from aitrader.kernel.fix import AccountKind, OrdType, Origin, Side
from trading.domain.instrument import Instrument
from trading.domain.instrument_limits import Limits
from trading.domain.order import OrderIntent
from trading.domain.order_rules import Around, Counts, validate

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


LIMIT = {"ord_type": OrdType.LIMIT}
SELLS = {"side": Side.SELL}
TRAILS = {"ord_type": OrdType.TRAILING_STOP}


@pytest.mark.parametrize(
    ("limits", "changes", "problem"),
    [
        ({"max_qty": D(5)}, {"order_qty": D("5.00001")}, "order_qty 5.00001 is above max_qty 5"),
        ({"market_max_qty": D(2)}, {"order_qty": D(3)}, "order_qty 3 is above max_market_qty 2"),
        ({"market_min_qty": D(2)}, {"order_qty": D(1)}, "order_qty 1 is below min_market_qty 2"),
        ({"market_lot": D("0.1")}, {"order_qty": D("0.15")},
         "order_qty 0.15 is off the market's lot 0.1"),
        ({"market_max_qty": D(2)}, {"ord_type": OrdType.STOP, "stop_px": D(1), "order_qty": D(20)},
         "order_qty 20 is above max_market_qty 2"),
        ({"max_notional": D(60_000)}, {"order_qty": D(2)},
         "notional 120000 is above max_notional 60000"),
        ({"min_px": D(50)}, LIMIT | {"price": D(49), "order_qty": D(1)},
         "price 49 is below min_px 50"),
        ({"max_px": D(50)}, LIMIT | {"price": D(51), "order_qty": D(1)},
         "price 51 is above max_px 50"),
        ({"max_px": D(50)}, {"ord_type": OrdType.STOP, "stop_px": D(51), "order_qty": D(1)},
         "stop_px 51 is above max_px 50"),
        ({"bid_up": D("1.2")}, LIMIT | {"price": D("72000.01")},
         "price 72000.01 is above 1.2 times the price of now 60000"),
        ({"bid_down": D("0.8")}, LIMIT | {"price": D("47999.99")},
         "price 47999.99 is below 0.8 times the price of now 60000"),
        ({"ask_up": D("1.2")}, LIMIT | SELLS | {"price": D("72000.01")},
         "price 72000.01 is above 1.2 times the price of now 60000"),
        ({"trailing_above_min": D(10)}, TRAILS | {"trailing_bps": D(9)},
         "trailing_bps 9 is below min_trailing_bps 10"),
        ({"trailing_below_max": D(10)}, TRAILS | SELLS | {"trailing_bps": D(11)},
         "trailing_bps 11 is above max_trailing_bps 10"),
        ({"max_position": D(7)}, {"order_qty": D("2.5")}, "position 7.5 is above max_position 7"),
        ({"max_orders": 2}, LIMIT | {"price": D(60_000)}, "orders at the venue would be 3, of 2"),
        ({"account_max_orders": 3}, LIMIT | {"price": D(60_000)},
         "orders of the account at the venue would be 4, of 3"),
        ({"max_stops": 1}, {"ord_type": OrdType.STOP, "stop_px": D(60_000)},
         "stops at the venue would be 2, of 1"),
        ({"account_max_stops": 2}, {"ord_type": OrdType.STOP, "stop_px": D(60_000)},
         "stops of the account at the venue would be 3, of 2"),
        ({"max_lists": 4}, {"ord_type": OrdType.STOP, "stop_px": D(60_000)},
         "lists at the venue would be 5, of 4"),
        ({"account_max_lists": 5}, {"ord_type": OrdType.STOP, "stop_px": D(60_000)},
         "lists of the account at the venue would be 6, of 5"),
    ],
)  # fmt: skip
def test_each_limit_of_the_venue_has_its_line(
    limits: dict[str, Any], changes: dict[str, Any], problem: str
) -> None:
    around = Around(
        px=D(60_000),
        here=Counts(3, 2, 5),
        account=Counts(4, 3, 6),
        position=D(5),
    )
    held_to = replace(BTC, limits=Limits(**limits))
    intent = replace(GOOD, **changes)
    assert validate(intent, held_to, around) == (problem,)
    assert validate(intent, BTC, around) == ()


@pytest.mark.parametrize(
    ("limits", "changes"),
    [
        ({"bid_up": D(1), "max_stops": 0, "max_orders": 0, "max_lists": 0}, {}),
        ({"ask_up": D("0.1"), "trailing_below_max": D(1)}, LIMIT | {"price": D(60_000)}),
        ({"bid_up": D("0.1"), "max_position": D(1)}, LIMIT | SELLS | {"price": D(60_000)}),
        ({"max_notional": D(60_000), "max_notional_of_market": False}, {"order_qty": D(2)}),
        ({"min_notional_of_market": False}, {"reference_px": D(9_999)}),
        ({"market_lot": D(1), "market_max_qty": D("0.5")},
         LIMIT | {"price": D(60_000), "order_qty": D("0.7")}),
        ({"bid_down": D("0.8"), "bid_up": D("1.2")}, LIMIT | {"price": D(48_000)}),
        ({"bid_down": D("0.8"), "bid_up": D("1.2")}, LIMIT | {"price": D(72_000)}),
    ],
)  # fmt: skip
def test_a_limit_is_for_its_own_side_and_type_of_order(
    limits: dict[str, Any], changes: dict[str, Any]
) -> None:
    assert validate(replace(GOOD, **changes), replace(BTC, limits=Limits(**limits)), NOW) == ()


def test_without_a_price_of_now_no_limit_price_can_be_judged() -> None:
    nothing = Around(px=None)
    intent = replace(GOOD, ord_type=OrdType.LIMIT, price=D(60_000))
    assert validate(intent, BTC, nothing) == ()
    (problem,) = validate(intent, replace(BTC, limits=Limits(bid_up=D(5))), nothing)
    assert problem == "price has no reference: there is no price of now"
