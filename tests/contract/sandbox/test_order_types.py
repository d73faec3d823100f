"""What becomes of each type of order."""

from typing import Any

import pytest

from tests.contract.sandbox.desk import Desk


async def _trade_at(desk: Desk, price: str) -> None:
    """Somebody trades with somebody at that price, and nothing of it is left in the book."""
    for side in ("BUY", "SELL"):
        await desk.control("book", instrument="BTCUSDT", side=side, price=price, qty="0.5")


async def test_money_is_spent_to_the_last_lot_by_a_market_order_in_quote(desk: Desk) -> None:
    await desk.market()
    answer = await desk.order(
        type="MARKET", timeInForce=None, quantity=None, price=None, quoteOrderQty="100"
    )
    assert (answer.body["status"], answer.body["executedQty"]) == ("FILLED", "0.00166000")
    assert answer.body["origQuoteOrderQty"] == "100.00000000"


@pytest.mark.parametrize(
    ("time_in_force", "executed", "reason"),
    [
        ("IOC", "0.10000000", "UNFILLED_IOC_QUANTITY_EXPIRED"),
        ("FOK", "0.00000000", "UNFILLED_FOK_ORDER_EXPIRED"),
    ],
)
async def test_what_cannot_fill_at_once_expires(
    desk: Desk, time_in_force: str, executed: str, reason: str
) -> None:
    await desk.market(qty="0.1")
    answer = await desk.order(timeInForce=time_in_force, price="60000", quantity="0.5")
    assert (answer.body["status"], answer.body["executedQty"]) == ("EXPIRED", executed)
    assert answer.body["expiryReason"] == reason


async def test_a_market_order_without_a_market_expires(desk: Desk) -> None:
    answer = await desk.order(type="MARKET", timeInForce=None, price=None)
    assert (answer.status, answer.body["status"]) == (200, "EXPIRED")


@pytest.mark.parametrize(
    ("stop", "kind"),
    [
        ({"type": "STOP_LOSS", "stopPrice": "58500"}, "STOP_LOSS"),
        (
            {
                "type": "STOP_LOSS_LIMIT",
                "stopPrice": "58500",
                "price": "58000",
                "timeInForce": "GTC",
            },
            "STOP_LOSS_LIMIT",
        ),
        ({"type": "STOP_LOSS", "trailingDelta": "200"}, "STOP_LOSS"),
    ],
)
async def test_a_stop_waits_triggers_and_sells(desk: Desk, stop: dict[str, Any], kind: str) -> None:
    await _trade_at(desk, "60000")
    usual = {"side": "SELL", "timeInForce": None, "price": None, "newOrderRespType": "RESULT"}
    placed = (await desk.order(**(usual | stop))).body
    assert (placed["status"], placed["type"], placed["workingTime"]) == ("NEW", kind, -1)
    await desk.control("book", instrument="BTCUSDT", side="BUY", price="58200", qty="5")
    async with desk.user_stream() as stream:
        await desk.control("book", instrument="BTCUSDT", side="SELL", price="58200", qty="1")
        triggered = (await stream.receive_json(timeout=5))["event"]
        filled = (await stream.receive_json(timeout=5))["event"]
    assert (triggered["x"], triggered["w"], triggered["i"]) == ("NEW", True, placed["orderId"])
    assert (filled["x"], filled["X"], filled["L"]) == ("TRADE", "FILLED", "58200.00000000")


async def test_a_take_profit_sells_above(desk: Desk) -> None:
    await _trade_at(desk, "60000")
    placed = await desk.order(
        side="SELL",
        type="TAKE_PROFIT_LIMIT",
        stopPrice="61000",
        price="60500",
    )
    assert set(placed.body) == {
        *("symbol", "orderId", "orderListId", "clientOrderId", "transactTime")
    }
    await desk.control("book", instrument="BTCUSDT", side="BUY", price="61000", qty="2")
    await desk.control("book", instrument="BTCUSDT", side="SELL", price="61000", qty="1")
    found = await desk.ask("GET", "order", symbol="BTCUSDT", orderId=placed.body["orderId"])
    assert (found.body["status"], found.body["stopPrice"]) == ("FILLED", "61000.00000000")


async def test_a_cancel_may_be_restricted_to_what_has_not_traded(desk: Desk) -> None:
    await desk.market(qty="0.1")
    number = (await desk.order(price="60000", quantity="0.5")).body["orderId"]
    query = {"symbol": "BTCUSDT", "orderId": number}
    kept = await desk.ask("DELETE", "order", **query, cancelRestrictions="ONLY_NEW")
    assert kept.body["code"] == -2011
    ended = await desk.ask("DELETE", "order", **query, cancelRestrictions="ONLY_PARTIALLY_FILLED")
    assert (ended.body["status"], ended.body["executedQty"]) == ("CANCELED", "0.10000000")


async def test_an_id_and_a_client_id_must_name_the_same_order(desk: Desk) -> None:
    first = await desk.order(newClientOrderId="first")
    await desk.order(newClientOrderId="second")
    query = {"symbol": "BTCUSDT", "orderId": first.body["orderId"]}
    wrong = await desk.ask("DELETE", "order", **query, origClientOrderId="second")
    assert wrong.body["code"] == -2011
    right = await desk.ask("DELETE", "order", **query, origClientOrderId="first")
    assert right.body["status"] == "CANCELED"


async def test_self_trade_prevention_is_told_with_the_quantity_it_prevented(desk: Desk) -> None:
    await desk.order(price="59000")
    answer = await desk.order(side="SELL", price="59000", selfTradePreventionMode="EXPIRE_TAKER")
    assert (answer.body["status"], answer.body["executedQty"]) == (
        "EXPIRED_IN_MATCH",
        "0.00000000",
    )
    assert (await desk.ask("GET", "myTrades", symbol="BTCUSDT")).body == []


async def test_all_orders_of_a_symbol_are_cancelled_together(desk: Desk) -> None:
    for _ in range(3):
        await desk.order()
    ended = await desk.ask("DELETE", "openOrders", symbol="BTCUSDT")
    assert [each["status"] for each in ended.body] == ["CANCELED"] * 3
    window: dict[str, Any] = {"symbol": "BTCUSDT", "startTime": 0, "endTime": 86_400_001}
    assert (await desk.ask("GET", "allOrders", **window)).body["code"] == -1127
