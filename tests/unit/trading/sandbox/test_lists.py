"""Worked examples of OCO, OTO and OTOCO lists."""

from dataclasses import replace
from typing import Any

import pytest

from aitrader.kernel.fix import OrdStatus, OrdType, TimeInForce
from tests.factories.sandbox import BUY, SELL, D, Desk, order
from trading.sandbox.engine import PlacedList
from trading.sandbox.events import Execution, ListEvent, OrderEvent
from trading.sandbox.orders import Ending, ListKind, NewList, NewOrder
from trading.sandbox.rules import Refusal

TARGET = order("anna", SELL, "1", price=D(110), post_only=True)
STOP = order("anna", SELL, "1", ord_type=OrdType.STOP, stop_px=D(95))
ENTRY = order("anna", BUY, "1", price=D(100))
OCO = NewList(ListKind.OCO, (TARGET, STOP))
BRACKET = NewList(ListKind.OTOCO, (ENTRY, TARGET, STOP))


@pytest.fixture
def desk() -> Desk:
    """The last price is 100; Boris bids 90 and offers 120."""
    desk = Desk("anna", "boris")
    desk.print_trade("100")
    desk.limit("boris", BUY, "50", "90")
    desk.limit("boris", SELL, "50", "120")
    return desk


def place(desk: Desk, request: NewList) -> PlacedList:
    placed = desk.exchange.submit_list(request, now=desk.now)
    assert isinstance(placed, PlacedList), placed
    return placed


def states(desk: Desk, placed: PlacedList) -> list[Any]:
    legs = [desk.read(each) for each in placed.orders]
    return [leg.ending or leg.ord_status for leg in legs]


def lists_told(desk: Desk) -> list[bool]:
    return [each.order_list.open for each in desk.log.events if isinstance(each, ListEvent)]


def test_an_oco_holds_once(desk: Desk) -> None:
    placed = place(desk, OCO)
    assert states(desk, placed) == [OrdStatus.NEW, OrdStatus.NEW]
    assert [leg.working for leg in placed.orders] == [True, False]
    assert desk.locked("anna", "BTC") == 1


def test_an_oco_of_a_buyer_holds_the_dearer_leg(desk: Desk) -> None:
    stop = order("anna", BUY, "1", ord_type=OrdType.STOP, stop_px=D(105))
    place(desk, NewList(ListKind.OCO, (stop, order("anna", BUY, "1", price=D(95)))))
    assert desk.locked("anna", "USDT") == 105


def test_the_target_trades_and_the_stop_expires(desk: Desk) -> None:
    placed = place(desk, OCO)
    desk.limit("boris", BUY, "0.4", "110")
    assert states(desk, placed) == [OrdStatus.PARTIALLY_FILLED, Ending.LIST]
    assert desk.locked("anna", "BTC") == D("0.6")
    assert lists_told(desk) == [True]
    desk.limit("boris", BUY, "0.6", "110")
    assert states(desk, placed) == [Ending.FILLED, Ending.LIST]
    assert lists_told(desk) == [True, False]
    assert desk.locked("anna", "BTC") == 0


def test_the_stop_triggers_and_the_target_expires_first(desk: Desk) -> None:
    placed = place(desk, OCO)
    desk.print_trade("95")
    assert states(desk, placed) == [Ending.LIST, Ending.FILLED]
    assert desk.read(placed.orders[1]).avg_px == 90
    told = [
        (each.order.order_id - placed.orders[0].order_id, each.execution)
        for each in desk.log.events
        if isinstance(each, OrderEvent) and each.order.account == "anna"
    ]
    assert told == [
        (0, Execution.NEW),
        (1, Execution.NEW),
        (0, Execution.EXPIRED),
        (1, Execution.TRIGGERED),
        (1, Execution.TRADE),
    ]


def test_a_leg_that_takes_at_once_ends_the_other(desk: Desk) -> None:
    desk.limit("boris", BUY, "0.4", "112")
    placed = place(desk, NewList(ListKind.OCO, (replace(TARGET, post_only=False), STOP)))
    assert states(desk, placed) == [OrdStatus.PARTIALLY_FILLED, Ending.LIST]
    assert desk.locked("anna", "BTC") == D("0.6")


@pytest.mark.parametrize("leg", [0, 1])
def test_a_cancel_of_one_leg_cancels_the_list(desk: Desk, leg: int) -> None:
    placed = place(desk, OCO)
    desk.exchange.cancel("anna", None, order_id=placed.orders[leg].order_id, now=desk.now)
    expected = [Ending.LIST, Ending.LIST]
    expected[leg] = Ending.REQUESTED
    assert states(desk, placed) == expected
    assert {desk.read(each).ord_status for each in placed.orders} == {OrdStatus.CANCELED}
    assert desk.locked("anna", "BTC") == 0
    assert lists_told(desk) == [True, False]


def test_a_bracket_waits_for_its_entry(desk: Desk) -> None:
    placed = place(desk, BRACKET)
    assert states(desk, placed) == [OrdStatus.NEW, OrdStatus.PENDING_NEW, OrdStatus.PENDING_NEW]
    assert (desk.locked("anna", "USDT"), desk.locked("anna", "BTC")) == (D(100), D(0))
    desk.open("carla")
    # One order goes through the entry and on through the stop before that is placed.
    desk.limit("carla", SELL, "1.5", "90")
    assert states(desk, placed) == [Ending.FILLED, Ending.LIST, Ending.REFUSED]


def test_a_bracket_protects_from_the_moment_its_entry_is_filled(desk: Desk) -> None:
    placed = place(desk, BRACKET)
    desk.limit("boris", SELL, "0.3", "100")
    assert states(desk, placed)[1:] == [OrdStatus.PENDING_NEW, OrdStatus.PENDING_NEW]
    desk.limit("boris", SELL, "0.7", "100")
    assert states(desk, placed) == [Ending.FILLED, OrdStatus.NEW, OrdStatus.NEW]
    assert desk.locked("anna", "BTC") == 1
    desk.print_trade("95")
    assert states(desk, placed) == [Ending.FILLED, Ending.LIST, Ending.FILLED]
    assert lists_told(desk) == [True, False]


def test_a_bracket_that_is_filled_at_once_stands_at_once(desk: Desk) -> None:
    desk.limit("boris", SELL, "5", "100")
    placed = place(desk, BRACKET)
    assert [leg.ord_status for leg in placed.orders] == [
        OrdStatus.FILLED,
        OrdStatus.NEW,
        OrdStatus.NEW,
    ]


@pytest.mark.parametrize("leg", [0, 1])
def test_a_bracket_is_cancelled_as_a_whole(desk: Desk, leg: int) -> None:
    placed = place(desk, BRACKET)
    desk.limit("boris", SELL, "0.3", "100")
    desk.exchange.cancel("anna", None, order_id=placed.orders[leg].order_id, now=desk.now)
    assert all(not desk.read(each).is_open for each in placed.orders)
    assert desk.locked("anna", "USDT") == 0
    assert lists_told(desk) == [True, False]


def test_waiting_legs_expire_with_their_entry(desk: Desk) -> None:
    entry = order("anna", BUY, "1", price=D(100), time_in_force=TimeInForce.IOC)
    placed = place(desk, NewList(ListKind.OTO, (entry, STOP)))
    assert states(desk, placed) == [Ending.IMMEDIATE, Ending.LIST]
    assert {leg.ord_status for leg in placed.orders} == {OrdStatus.EXPIRED}
    assert not placed.order_list.open


def test_a_leg_that_cannot_be_paid_is_rejected(desk: Desk) -> None:
    desk.open("poor", cash="101", coins="0.0001")
    desk.limit("boris", SELL, "1", "100")
    legs = (order("poor", BUY, "1", price=D(100)), order("poor", SELL, "1", price=D(110)))
    placed = place(desk, NewList(ListKind.OTO, legs))
    # The fee was taken from what was bought.
    assert [leg.ord_status for leg in placed.orders] == [OrdStatus.FILLED, OrdStatus.REJECTED]
    assert not placed.order_list.open


def test_a_list_by_its_names(desk: Desk) -> None:
    placed = place(desk, NewList(ListKind.OCO, (TARGET, STOP), list_cl_ord_id="exit-1"))
    found = desk.exchange.records.order_list("anna", list_cl_ord_id="exit-1")
    assert found == placed.order_list
    assert desk.exchange.records.order_lists("anna", only_open=True) == (found,)
    gone = desk.exchange.cancel_list("anna", list_cl_ord_id="exit-1", now=desk.now)
    assert isinstance(gone, PlacedList)
    assert not gone.order_list.open
    again: Any = desk.exchange.cancel_list("anna", list_id=found.list_id, now=desk.now)
    assert again.reason is Refusal.ORDER_CLOSED
    unknown: Any = desk.exchange.cancel_list("anna", list_id=99, now=desk.now)
    assert unknown.reason is Refusal.UNKNOWN_ORDER
    foreign: Any = desk.exchange.cancel_list("boris", list_id=found.list_id, now=desk.now)
    assert foreign.reason is Refusal.UNKNOWN_ORDER


def leg(**changes: Any) -> NewOrder:
    fields: dict[str, Any] = {"price": D(110)} | changes
    return order(fields.pop("account", "anna"), fields.pop("side", SELL), "1", **fields)


@pytest.mark.parametrize(
    ("legs", "reason"),
    [
        ((TARGET,), Refusal.BAD_COMBINATION),
        ((TARGET, TARGET), Refusal.BAD_COMBINATION),
        ((leg(side=BUY), STOP), Refusal.BAD_COMBINATION),
        ((leg(account="boris"), STOP), Refusal.BAD_COMBINATION),
        ((leg(price=D(99)), STOP), Refusal.LIST_PRICES),
        ((leg(cl_ord_id="a"), order("anna", SELL, "2", price=D(1))), Refusal.BAD_COMBINATION),
        (
            (
                leg(cl_ord_id="a"),
                order(*("anna", SELL, "1"), ord_type=OrdType.STOP, stop_px=D(95), cl_ord_id="a"),
            ),
            Refusal.DUPLICATE_CL_ORD_ID,
        ),
    ],
)
def test_lists_that_make_no_sense(desk: Desk, legs: tuple[NewOrder, ...], reason: Refusal) -> None:
    told = len(desk.log.events)
    answer: Any = desk.exchange.submit_list(NewList(ListKind.OCO, legs), now=desk.now)
    assert answer.reason is reason
    assert len(desk.log.events) == told
