"""Worked examples of cancelling, replacing, client ids, statuses, busts, outside movements."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from aitrader.kernel.errors import BadInput
from aitrader.kernel.fix import OrdStatus
from tests.factories.sandbox import BTC, BUY, SELL, START, D, Desk, listing, order
from trading.sandbox.accounts import Balance
from trading.sandbox.engine import ClientIds, Placed, ReplaceMode
from trading.sandbox.events import (
    BalanceCause,
    BalanceEvent,
    Execution,
    OrderEvent,
    StatusEvent,
    TradeEvent,
)
from trading.sandbox.orders import Ending, Order
from trading.sandbox.rules import Refusal, Status


@pytest.fixture
def desk() -> Desk:
    return Desk("anna", "boris")


def cancel(desk: Desk, **named: Any) -> Any:
    return desk.exchange.cancel("anna", BTC, now=desk.now, **named)


def test_a_cancel_releases_what_was_held(desk: Desk) -> None:
    placed = desk.limit("anna", BUY, "2", "100", cl_ord_id="one")
    desk.limit("boris", SELL, "0.5", "100")
    canceled = cancel(desk, cl_ord_id="one", cancel_cl_ord_id="stop-it")
    assert isinstance(canceled, Order)
    assert (canceled.ord_status, canceled.ending) == (OrdStatus.CANCELED, Ending.REQUESTED)
    assert (canceled.cum_qty, canceled.leaves_qty) == (D("0.5"), D(0))
    assert canceled.cancel_cl_ord_id == "stop-it"
    assert desk.locked("anna", "USDT") == 0
    assert desk.read(placed) == canceled


def test_a_cancel_that_comes_too_late(desk: Desk) -> None:
    placed = desk.limit("anna", BUY, "1", "100")
    desk.limit("boris", SELL, "1", "100")
    assert cancel(desk, order_id=placed.order_id).reason is Refusal.ORDER_CLOSED
    assert cancel(desk, order_id=99).reason is Refusal.UNKNOWN_ORDER
    assert cancel(desk, cl_ord_id="none").reason is Refusal.UNKNOWN_ORDER
    assert cancel(desk).reason is Refusal.UNKNOWN_ORDER
    foreign: Any = desk.exchange.cancel("boris", BTC, order_id=placed.order_id, now=desk.now)
    assert foreign.reason is Refusal.UNKNOWN_ORDER


def test_cancel_all(desk: Desk) -> None:
    desk.limit("anna", BUY, "1", "99")
    desk.limit("anna", BUY, "1", "98")
    desk.limit("boris", BUY, "1", "97")
    gone: Any = desk.exchange.cancel_all("anna", BTC, now=desk.now)
    assert [each.order_id for each in gone] == [1, 2]
    again: Any = desk.exchange.cancel_all("anna", now=desk.now)
    assert again.reason is Refusal.UNKNOWN_ORDER


def test_a_client_id_is_free_again_after_the_end(desk: Desk) -> None:
    first = desk.limit("anna", BUY, "1", "100", cl_ord_id="a")
    second = order("anna", BUY, "1", price=D(100), cl_ord_id="a")
    assert desk.send(second).reason is Refusal.DUPLICATE_CL_ORD_ID
    desk.limit("boris", SELL, "1", "100")
    again = desk.place(second)
    assert again.order_id != first.order_id
    found = desk.exchange.records.order("anna", BTC, cl_ord_id="a")
    assert found
    assert found.order_id == again.order_id


def test_a_client_id_for_ever_returns_the_original() -> None:
    desk = Desk("boris")
    desk.open("anna", client_ids=ClientIds.FOREVER)
    request = order("anna", BUY, "1", price=D(100), cl_ord_id="a")
    first = desk.place(request)
    desk.limit("boris", SELL, "1", "100")
    told = len(desk.log.events)
    again = desk.send(request)
    assert isinstance(again, Placed)
    assert again.original
    assert again.order.order_id == first.order_id
    assert again.order.ord_status is OrdStatus.FILLED
    assert len(desk.log.events) == told


def test_a_client_id_that_is_a_note_names_any_number_of_orders() -> None:
    desk = Desk()
    desk.open("anna", client_ids=ClientIds.NONE)
    request = order("anna", BUY, "1", price=D(100), cl_ord_id="a")
    first, second = desk.place(request), desk.place(request)
    assert first.order_id != second.order_id
    assert len(desk.exchange.records.open_orders("anna")) == 2


def test_cancel_replace_has_two_outcomes(desk: Desk) -> None:
    old = desk.limit("anna", BUY, "1", "99")
    request = order("anna", BUY, "2", price=D(98))
    both = desk.exchange.cancel_replace("anna", request, order_id=old.order_id, now=desk.now)
    assert isinstance(both.canceled, Order)
    assert both.canceled.ending is Ending.REPLACED
    assert isinstance(both.placed, Placed)
    events = [each.execution for each in desk.log.events if isinstance(each, OrderEvent)]
    assert events == [Execution.NEW, Execution.REPLACED, Execution.NEW]
    assert desk.locked("anna", "USDT") == 196


def test_a_failed_replacement_leaves_nothing(desk: Desk) -> None:
    old = desk.limit("anna", BUY, "1", "99")
    bad = order("anna", BUY, "5000", price=D(98))
    half: Any = desk.exchange.cancel_replace("anna", bad, order_id=old.order_id, now=desk.now)
    assert half.canceled.ord_status is OrdStatus.CANCELED
    assert half.placed.reason is Refusal.INSUFFICIENT_BALANCE
    assert desk.exchange.records.open_orders("anna") == ()


@pytest.mark.parametrize("mode", ReplaceMode)
def test_a_failed_cancel_and_its_mode(desk: Desk, mode: ReplaceMode) -> None:
    request = order("anna", BUY, "1", price=D(98))
    both: Any = desk.exchange.cancel_replace(
        "anna", request, cl_ord_id="none", mode=mode, now=desk.now
    )
    assert both.canceled.reason is Refusal.UNKNOWN_ORDER
    assert (both.placed is None) is (mode is ReplaceMode.STOP_ON_FAILURE)


@pytest.mark.parametrize(
    ("status", "new", "canceled"),
    [
        (Status.HALT, Refusal.MARKET_CLOSED, Refusal.MARKET_CLOSED),
        (Status.BREAK, Refusal.MARKET_CLOSED, Refusal.MARKET_CLOSED),
        (Status.CANCEL_ONLY, Refusal.CANCEL_ONLY, None),
    ],
)
def test_statuses(desk: Desk, status: Status, new: Refusal, canceled: Refusal | None) -> None:
    desk.limit("anna", BUY, "1", "99", cl_ord_id="a")
    desk.exchange.set_status(BTC, status, now=desk.now)
    assert isinstance(desk.log.events[-1], StatusEvent)
    assert desk.send(order("anna", BUY, "1", price=D(99))).reason is new
    every: Any = desk.exchange.cancel_all("anna", now=desk.now)
    assert getattr(every, "reason", None) is canceled
    desk.exchange.set_status(BTC, Status.TRADING, now=desk.now)
    assert desk.limit("anna", BUY, "1", "99").is_open


def test_a_delisting_ends_every_order(desk: Desk) -> None:
    desk.limit("anna", BUY, "1", "99")
    desk.limit("boris", SELL, "1", "101")
    gone = desk.exchange.expel(BTC, now=desk.now)
    assert [each.ending for each in gone] == [Ending.EXCHANGE, Ending.EXCHANGE]
    assert desk.locked("anna", "USDT") == 0


def test_new_filters_are_for_new_orders(desk: Desk) -> None:
    resting = desk.limit("anna", BUY, "1.001", "99.99")
    desk.exchange.change_listing(listing(tick=D("0.1"), lot=D("0.01")), now=desk.now)
    assert desk.send(order("anna", BUY, "1", price=D("99.99"))).reason is Refusal.PRICE_TICK
    assert desk.send(order("anna", BUY, "1.001", price=D("99.9"))).reason is Refusal.QTY_LOT
    desk.limit("boris", SELL, "2", "99.9")
    assert desk.read(resting).ord_status is OrdStatus.FILLED
    with pytest.raises(BadInput):
        desk.exchange.change_listing(replace(listing(), base="ETH"), now=desk.now)


def test_a_bust_gives_everything_back(desk: Desk) -> None:
    before = {name: desk.exchange.records.balances(name) for name in ("anna", "boris")}
    bought = desk.limit("anna", BUY, "1", "100")
    desk.limit("boris", SELL, "1", "100")
    gone = desk.exchange.bust(BTC, 1, now=desk.later())
    assert getattr(gone, "busted", False)
    for name, balances in before.items():
        assert desk.exchange.records.balances(name) == balances
    assert all(each.total == 0 for each in desk.exchange.records.balances("#fees"))
    undone = desk.read(bought)
    assert (undone.cum_qty, undone.ord_status) == (D(0), OrdStatus.CANCELED)
    assert undone.ending is Ending.BUSTED
    told = [type(each) for each in desk.log.events[-6:]]
    assert told[:3] == [OrderEvent, OrderEvent, TradeEvent]
    last = desk.log.events[-1]
    assert isinstance(last, BalanceEvent)
    assert last.cause is BalanceCause.BUST
    assert desk.exchange.records.public_trades(BTC)[0].busted
    again: Any = desk.exchange.bust(BTC, 1, now=desk.now)
    assert again.reason is Refusal.UNKNOWN_ORDER


def test_a_bust_of_what_was_spent_is_refused(desk: Desk) -> None:
    desk.limit("anna", BUY, "1", "100")
    desk.limit("boris", SELL, "1", "100")
    desk.exchange.withdraw("boris", "USDT", desk.free("boris", "USDT"), now=desk.now)
    spent: Any = desk.exchange.bust(BTC, 1, now=desk.now)
    assert spent.reason is Refusal.INSUFFICIENT_BALANCE


def test_an_open_order_stays_open_after_a_bust(desk: Desk) -> None:
    bid = desk.limit("anna", BUY, "2", "100")
    desk.limit("boris", SELL, "1", "100")
    desk.exchange.bust(BTC, 1, now=desk.now)
    undone = desk.read(bid)
    assert (undone.ord_status, undone.cum_qty, undone.leaves_qty) == (OrdStatus.NEW, D(0), D(1))
    desk.limit("boris", SELL, "1", "100")
    ended = desk.read(bid)
    assert (ended.ord_status, ended.ending) == (OrdStatus.EXPIRED, Ending.BUSTED)


def test_movements_from_outside(desk: Desk) -> None:
    def told() -> tuple[Any, ...]:
        event = desk.log.events[-1]
        assert isinstance(event, BalanceEvent)
        return event.cause, event.delta, event.balances[0]

    exchange, now = desk.exchange, desk.now
    exchange.deposit("anna", "EUR", D(10), now=now)
    assert told() == (BalanceCause.DEPOSIT, 10, Balance("EUR", D(10)))
    assert exchange.lock("anna", "EUR", D(4), now=now) is None
    assert told() == (BalanceCause.LOCK, -4, Balance("EUR", D(6), D(4)))
    assert exchange.unlock("anna", "EUR", D(1), now=now) is None
    assert told() == (BalanceCause.UNLOCK, 1, Balance("EUR", D(7), D(3)))
    assert exchange.withdraw("anna", "EUR", D(7), now=now) is None
    assert told() == (BalanceCause.WITHDRAWAL, -7, Balance("EUR", D(0), D(3)))
    count = len(desk.log.events)
    for act in (exchange.withdraw, exchange.lock):
        refused: Any = act("anna", "EUR", D(1), now=now)
        assert refused.reason is Refusal.INSUFFICIENT_BALANCE
    refused = exchange.unlock("anna", "EUR", D(4), now=now)
    assert refused.reason is Refusal.INSUFFICIENT_BALANCE
    assert len(desk.log.events) == count


@pytest.mark.parametrize(
    ("account", "amount"), [("anna", "0"), ("anna", "-1"), ("anna", "NaN"), ("nobody", "1")]
)
def test_wrong_movements(desk: Desk, account: str, amount: str) -> None:
    with pytest.raises(BadInput):
        desk.exchange.deposit(account, "USDT", D(amount), now=desk.now)


def test_an_account_is_opened_once(desk: Desk) -> None:
    with pytest.raises(BadInput):
        desk.open("anna")


def test_time_never_goes_back(desk: Desk) -> None:
    desk.now = START + timedelta(minutes=1)
    desk.limit("anna", BUY, "1", "99")
    desk.now = START
    assert desk.limit("anna", BUY, "1", "99").created_at == START + timedelta(minutes=1)
    assert [each.at for each in desk.log.events] == sorted(each.at for each in desk.log.events)
