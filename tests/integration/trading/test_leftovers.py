"""What is left of a trade: dust does not keep it open, and the rest of an entry is not wanted."""

from decimal import Decimal as D

import pytest
from django.db import transaction

from tests.factories import road as roads
from tests.factories.road import Road
from trading.models import CancelRequest, Position, SimOrder, StrategyCursor, Trade
from trading.services import exits
from trading.services.exit_context import Context
from trading.services.held import HeldAccount

pytestmark = pytest.mark.usefixtures("fresh_database")


def _trades() -> list[tuple[str, bool]]:
    """Why each trade ended and whether it did, oldest first."""
    rows = Trade.objects.order_by("pk")
    return [(trade.exit_reason, trade.closed_at is not None) for trade in rows]


def test_dust_of_a_fee_in_the_base_asset_closes_the_trade_and_the_next_signal_enters() -> None:
    road = Road(fee_asset="RECEIVED")
    road.move(101)
    road.hold()
    # 99.009 bought, 5 basis points of it kept as the fee; 98.959 are whole lots.
    assert Position.objects.get().quantity == D("98.9594955")
    road.move("100.5")
    road.hold()
    assert roads.fills()[-1] == ("SELL", D("98.959"), D("100.48"))
    assert Position.objects.get().quantity == D("0.0004955")
    assert _trades() == [("sma_cross FLAT", True)]
    road.move(102)
    road.hold()
    assert [side for side, _, _ in roads.fills()] == ["BUY", "SELL", "BUY"]
    assert _trades() == [("sma_cross FLAT", True), ("", False)]
    assert road.wrong() == []


def test_dust_behind_a_stop_closes_the_trade_and_the_next_signal_enters() -> None:
    road = Road(fee_asset="RECEIVED", exits={"stop_loss_pct": "1"})
    road.move(101)
    road.hold()
    stop = roads.only_order(ord_type="STOP")
    assert stop.order_qty == D("98.959")
    road.bar(101, 101, 100, 101)
    assert Position.objects.get().quantity == D("0.0004955")
    assert _trades() == [("stop_loss", True)]
    road.hold(2)
    assert roads.orders(side="SELL") == [stop]
    # Flat by the stop, long by its stance: it enters again when the stance has been another one.
    road.move("100.5", 101)
    road.hold()
    assert [side for side, _, _ in roads.fills()] == ["BUY", "SELL", "BUY"]
    assert _trades() == [("stop_loss", True), ("", False)]
    assert road.wrong() == []


def test_too_little_of_an_entry_to_be_sold_again_closes_the_trade() -> None:
    road = Road(exits={"stop_loss_pct": "1"})
    road.move(101, volume="0.4")
    # A tenth of that is bought; the rest is cancelled as the strategy wants out.
    road.bar(101, 101, "100.5", "100.5")
    assert Position.objects.get().quantity == D("0.04")
    # 0.04 at 100.5 is 4.02, and no venue takes an order below 5.
    assert roads.only_order().ord_status == "CANCELED"
    assert _trades() == [("", True)]
    road.move(102)
    road.hold()
    assert [side for side, _, _ in roads.fills()] == ["BUY", "BUY"]
    assert _trades() == [("", True), ("", False)]
    assert road.wrong() == []


@pytest.mark.parametrize(
    ("entry", "exit_", "left"),
    [
        ("1", "0", "1"),
        ("1.0009", "0", "1"),
        # Less than a lot.
        ("1.0009", "1", "0"),
        # 0.049 at 101 is 4.949, below the least notional of 5.
        ("1.049", "1", "0"),
        ("1.05", "1", "0.05"),
        ("1", "1", "0"),
        ("1", "1.001", "0"),
    ],
)
def test_what_a_trade_holds_is_what_the_venue_would_take_back(
    entry: str, exit_: str, left: str
) -> None:
    road = Road()
    road.move(101)
    road.hold()
    cursor = StrategyCursor.objects.get()
    trade = roads.only_trade()
    trade.entry_qty, trade.exit_qty = D(entry), D(exit_)
    (loaded,) = road.desk.strategies.values()
    with transaction.atomic():
        held = HeldAccount(road.desk, road.moment)
    context = Context(road.desk, loaded, cursor, trade, [], held, road.moment)
    assert context.open_qty == D(left)
    assert exits.is_over(context) is (D(left) == 0)


def test_a_stop_that_closes_a_part_ends_the_rest_of_the_entry() -> None:
    road = Road(exits={"stop_loss_pct": "1"})
    # A tenth of the bar before may fill: 30 of 99.009.
    road.move(101, volume=300)
    entry = roads.only_order()
    # They are bought at the open, protected at once and stopped out within the same bar.
    road.bar(101, 101, 100, 101, volume=300)
    assert roads.fills() == [("BUY", D(30), D("101.02")), ("SELL", D(30), D("100"))]
    entry.refresh_from_db()
    assert (entry.ord_status, entry.cum_qty) == ("CANCELED", D(30))
    asked = CancelRequest.objects.get()
    assert (asked.order_id, asked.requested_by) == (entry.pk, "strategy:sma_cross")
    assert asked.answered_at is not None
    # The strategy still wants to be long, and volume is back.
    road.hold(3)
    assert len(roads.fills()) == 2
    assert SimOrder.objects.get(cl_ord_id=entry.cl_ord_id).cum_qty == D(30)
    assert Position.objects.get().quantity == 0
    assert _trades() == [("stop_loss", True)]
    assert road.wrong() == []
