"""Stops, targets and trailing stops of a real desk on bars made by hand, to the tick.

Costs of the venue: a market order pays 1 basis point, a stop half of one, rounded against us to
the tick of 0.01; a target gets its price.
"""

from decimal import Decimal as D

import pytest

from aitrader.kernel.fix import AccountKind
from tests.factories import road as roads
from tests.factories.road import Road
from trading.models import Position

pytestmark = pytest.mark.usefixtures("fresh_database")

SPOT, PERP = AccountKind.SPOT, AccountKind.PERP


def _exit(road: Road) -> tuple[str, D, str]:
    """Side and price of the last fill, and why the trade ended."""
    side, _, px = roads.fills()[-1]
    assert not Position.objects.exclude(quantity=0).exists()
    assert road.wrong() == []
    return side, px, roads.only_trade().exit_reason


@pytest.mark.parametrize("kind", [SPOT, PERP])
def test_a_long_stop_loss_fills_at_its_level_half_a_spread_worse(kind: AccountKind) -> None:
    road = Road(kind=kind, exits={"stop_loss_pct": "1"})
    road.move(101)
    road.hold()
    assert roads.fills() == [("BUY", D("99.009"), D("101.02"))]
    stop = roads.only_order(ord_type="STOP")
    assert (stop.stop_px, stop.order_qty, stop.ord_status) == (D("100.01"), D("99.009"), "NEW")
    road.bar(101, 101, 100, 101)
    assert _exit(road) == ("SELL", D("100"), "stop_loss")


def test_a_short_stop_loss_fills_at_its_level_half_a_spread_worse() -> None:
    road = Road(kind=PERP, exits={"stop_loss_pct": "1"})
    road.move(99)
    road.hold()
    # 99 - 1 bp, down to the tick; a stop 1 % above it.
    assert roads.fills() == [("SELL", D("101.01"), D("98.99"))]
    assert roads.only_order(ord_type="STOP").stop_px == D("99.98")
    road.bar(99, 100, 99, 99)
    assert _exit(road) == ("BUY", D("99.99"), "stop_loss")


@pytest.mark.parametrize("kind", [SPOT, PERP])
def test_a_long_target_fills_at_its_price(kind: AccountKind) -> None:
    road = Road(kind=kind, exits={"take_profit_pct": "2"})
    road.move(101)
    road.bar(101, "103.05", 101, 101)
    # Protection came after the open: the range of the same bar reaches it.
    assert roads.fills()[0] == ("BUY", D("99.009"), D("101.02"))
    assert _exit(road) == ("SELL", D("103.04"), "take_profit")


def test_a_short_target_fills_at_its_price() -> None:
    road = Road(kind=PERP, exits={"take_profit_pct": "2"})
    road.move(99)
    road.hold()
    road.bar(99, 99, "97.01", 99)
    assert _exit(road) == ("BUY", D("97.01"), "take_profit")


@pytest.mark.parametrize("kind", [SPOT, PERP])
def test_a_long_trailing_stop_follows_the_high_and_never_goes_back(kind: AccountKind) -> None:
    road = Road(kind=kind, exits={"trailing_pct": "1"})
    road.move(101)
    road.hold()
    road.bar(101, 110, 101, 101)
    assert len(roads.fills()) == 1
    # 110 less 1 % is 108.90: passed on the way, so the next open is below it and fills.
    road.bar(101, 101, 101, 101)
    assert _exit(road) == ("SELL", D("100.99"), "trailing_stop")


def test_a_long_trailing_stop_is_touched_in_a_range() -> None:
    road = Road(exits={"trailing_pct": "2"})
    road.move(101)
    road.hold()
    road.bar(101, 104, 101, 101)
    # Best 104, level 101.92; the open at 103 leaves it alone, the low touches it.
    road.bar(103, 103, 101, 101)
    assert _exit(road) == ("SELL", D("101.91"), "trailing_stop")


def test_a_short_trailing_stop_follows_the_low() -> None:
    road = Road(kind=PERP, exits={"trailing_pct": "2"})
    road.move(99)
    road.hold()
    road.bar(99, 99, 96, 99)
    # Best 96, level 97.92.
    road.bar(97, 98, 97, 97)
    assert _exit(road) == ("BUY", D("97.93"), "trailing_stop")


def test_a_price_that_jumps_over_the_stop_fills_at_the_open() -> None:
    road = Road(exits={"stop_loss_pct": "1"})
    road.move(101)
    road.hold()
    road.bar(95, 95, 95, 95)
    assert _exit(road) == ("SELL", D("94.99"), "stop_loss")


def test_when_one_bar_touches_both_the_stop_comes_first_and_the_target_is_cancelled() -> None:
    road = Road(exits={"stop_loss_pct": "1", "take_profit_pct": "2"})
    road.move(101)
    road.hold()
    road.bar(101, 110, 90, 101)
    assert _exit(road) == ("SELL", D("100"), "stop_loss")
    target = roads.only_order(ord_type="LIMIT_IF_TOUCHED")
    assert (target.ord_status, target.text, target.cum_qty) == ("CANCELED", "OCO", 0)


def test_when_the_target_fills_the_stop_is_cancelled() -> None:
    road = Road(exits={"stop_loss_pct": "1", "take_profit_pct": "2", "trailing_pct": "5"})
    road.move(101)
    road.hold()
    road.bar(101, 104, 101, 101)
    assert _exit(road) == ("SELL", D("103.04"), "take_profit")
    closed = roads.orders(ord_type__in=["STOP", "TRAILING_STOP"])
    assert [order.ord_status for order in closed] == ["CANCELED", "CANCELED"]
    assert len({order.oco_group for order in roads.orders(origin="PROTECTION")}) == 1
