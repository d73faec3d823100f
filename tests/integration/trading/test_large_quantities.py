"""What is more than the venue takes in one order leaves, or rests, in several."""

from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from aitrader.kernel.errors import BadInput
from aitrader.kernel.events import EventName
from aitrader.kernel.fix import AccountKind, Side
from compliance.domain.roles import Role
from compliance.selectors import journal
from compliance.services import access
from tests.factories import desk as people
from tests.factories import road as roads
from tests.factories.road import MINUTE, Road
from trading.models import InstrumentRow, Order, Position, Trade
from trading.services import twap

pytestmark = pytest.mark.usefixtures("fresh_database")

#: What the strategy buys when the price goes from 100 to 101.
WHOLE = D("99.009")
SPOT, PERP = AccountKind.SPOT, AccountKind.PERP


def _limit(road: Road, **limits: Any) -> None:
    """From here on the venue takes no more than this."""
    InstrumentRow.objects.update(limits=limits)
    for row in InstrumentRow.objects.all():
        road.desk.instruments[row.pk] = row


def _sizes(**given: Any) -> list[D]:
    return [order.order_qty.normalize() for order in roads.orders(**given)]


def _said() -> str:
    """Why the position was last said to be unprotected."""
    public_id = roads.only_trade().public_id
    data = journal.last_data("trade", public_id, [EventName.POSITION_UNPROTECTED]) or {}
    return str(data.get("why", ""))


def _held() -> D:
    return Position.objects.get().quantity


@pytest.mark.parametrize("kind", [SPOT, PERP])
def test_an_exit_is_sold_in_even_parts(kind: AccountKind) -> None:
    road = Road(kind=kind, exits=roads.NO_EXITS)
    road.move(101)
    road.hold()
    assert _held() == WHOLE
    _limit(road, market_max_qty="40")
    road.move("100.5")
    road.hold()
    assert _sizes(closing=True) == [D("33.003")] * 3
    assert _held() == 0
    assert not Trade.objects.filter(side="BUY", closed_at=None).exists()
    assert road.wrong() == []


def test_a_stop_and_its_target_rest_in_groups_of_which_each_is_taken() -> None:
    road = Road(exits={"stop_loss_pct": "1", "take_profit_pct": "2"})
    road.move(101)
    _limit(road, max_qty="50")
    road.hold()
    assert _sizes(ord_type="STOP", ord_status="NEW") == [D("49.505"), D("49.504")]
    groups = {order.oco_group for order in roads.orders(origin="PROTECTION")}
    assert len(groups) == 2
    assert len(roads.orders(ord_type="LIMIT_IF_TOUCHED", ord_status="NEW")) == 2
    assert _said() == ""
    road.bar(101, 101, 90, 101)
    assert _held() == 0
    assert {order.ord_status for order in roads.orders(ord_type="STOP")} == {"FILLED"}
    assert road.wrong() == []


def test_what_no_stop_may_rest_for_is_said_and_sold_in_parts() -> None:
    road = Road(exits={"stop_loss_pct": "1"})
    road.move(101)
    _limit(road, market_max_qty="30", max_stops=2)
    road.hold()
    assert len(roads.orders(ord_type="STOP", ord_status="NEW")) == 2
    (denied, *_) = roads.orders(ord_type="STOP", ord_status="DENIED")
    assert denied.text == "INSTRUMENT_RULE"
    assert _said() == "a part of it without a stop"
    road.hold(6)
    assert _held() == 0
    assert max(_sizes(side="SELL", ord_type="MARKET")) <= 30
    assert road.wrong() == []


def test_what_the_market_does_not_take_is_dust() -> None:
    road = Road(exits=roads.NO_EXITS)
    road.move(101)
    road.hold()
    _limit(road, market_lot="1", market_min_qty="2")
    road.move("100.5")
    road.hold()
    assert _sizes(side="SELL") == [D(99)]
    assert _held() == D("0.009")
    assert roads.only_trade().closed_at is not None


def test_an_entry_is_in_lots_of_the_market() -> None:
    road = Road(exits=roads.NO_EXITS)
    _limit(road, market_lot="0.5")
    road.move(101)
    assert _sizes() == [D(99)]


def test_an_entry_that_is_too_large_is_denied() -> None:
    road = Road(exits=roads.NO_EXITS)
    _limit(road, market_max_qty="50")
    road.move(101)
    order = roads.only_order()
    assert (order.order_qty, order.ord_status, order.text) == (WHOLE, "DENIED", "INSTRUMENT_RULE")


def _over_time(road: Road, qty: str, slices: int) -> None:
    access.sync_roles()
    people.operator("ada", Role.TRADER)
    wish = twap.Wish(road.code, Side.BUY, D(qty), 5 * MINUTE, slices)
    by = access.operator_named("ada")
    twap.start(desk=road.desk, wish=wish, by=by, reason="slowly", at=road.moment)


def test_no_slice_of_an_order_over_time_is_more_than_the_venue_takes() -> None:
    road = Road(exits=roads.NO_EXITS)
    road.hold()
    _limit(road, market_max_qty="2")
    with pytest.raises(BadInput, match="takes 2 in one order: more slices"):
        _over_time(road, "10.005", 5)


def test_what_an_earlier_slice_has_left_is_not_made_up_beyond_it() -> None:
    road = Road(exits=roads.NO_EXITS)
    road.hold()
    _limit(road, market_max_qty="2.5")
    _over_time(road, "10", 5)
    at = road.moment
    # Its first slice was missed: what is left, spread evenly, would be 2.5 and more each.
    later = type(at)(market=at.market + timedelta(minutes=2), wall=at.wall)
    twap.advance(desk=road.desk, at=later)
    assert [row.order_qty for row in Order.objects.filter(parent__isnull=False)] == [D("2.5")]
