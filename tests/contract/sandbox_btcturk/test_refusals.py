"""Every word with which an order is refused, and that nothing is left behind."""

from typing import Any

import pytest

from tests.contract.sandbox_btcturk.desk import Desk

PARAMETER = "FAILED_ORDER_PARAMETER"
STOP = {"orderMethod": "stopmarket", "price": None}


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"pairSymbol": "DOGETRY"}, "PAIR_NOT_FOUND"),
        ({"pairSymbol": "BTCUSDT"}, "PAIR_NOT_FOUND"),
        ({"pairSymbol": None}, "PAIR_SYMBOL_NECESSARY"),
        ({"orderMethod": "trailing"}, "ORDER_METHOD_NOT_SUPPORTED"),
        ({"orderType": "hold"}, PARAMETER),
        ({"quantity": None}, PARAMETER),
        ({"quantity": "0"}, PARAMETER),
        ({"quantity": "-1"}, PARAMETER),
        ({"quantity": "1e-3"}, PARAMETER),
        ({"quantity": "0.00000000000000001"}, PARAMETER),
        ({"quantity": True}, PARAMETER),
        ({"quantity": ["1"]}, PARAMETER),
        ({"quantity": "0.123456789"}, "FAILED_INVALID_QUANTITY_SCALE"),
        ({"quantity": "9001"}, PARAMETER),
        ({"quantity": "0.000001"}, "FAILED_MIN_TOTAL_AMOUNT"),
        ({"price": None}, PARAMETER),
        ({"price": "0"}, PARAMETER),
        ({"price": "50000.123"}, "FAILED_INVALID_PRICE_SCALE"),
        ({"price": "10000001"}, "PRICE_MUST_BE_LESS_THAN_MAXPRICE"),
        ({"price": "600001"}, "ORDER_MAX_PRICE_EXCEEDED"),
        ({"price": "5999.99"}, "ORDER_MIN_PRICE_EXCEEDED"),
        ({"quantity": "1000"}, "BALANCE_NOT_ENOUGH"),
        ({"orderType": "sell", "quantity": "2.1"}, "BALANCE_NOT_ENOUGH"),
        ({**STOP, "stopPrice": None}, PARAMETER),
        ({**STOP, "stopPrice": "59000"}, "STOP_PRICE_GREATER_THAN_MARKET"),
        ({**STOP, "orderType": "sell", "stopPrice": "61000"}, "STOP_PRICE_LESS_THAN_MARKET"),
    ],
)
async def test_a_bad_order_is_refused_with_the_venue_s_word(
    desk: Desk, changes: dict[str, Any], word: str
) -> None:
    await desk.trade_at("60000")
    answer = await desk.order(**changes)
    assert (answer.status, answer.body["message"]) == (400, word)
    assert answer.body["success"] is False
    assert answer.body["httpStatusCode"] == 400
    assert await desk.orders() == []


@pytest.mark.parametrize("status", ["HALT", "CANCEL_ONLY", "BREAK"])
async def test_a_closed_pair_takes_no_order_and_the_other_does(desk: Desk, status: str) -> None:
    await desk.market()
    number = (await desk.placed())["id"]
    await desk.control("book", instrument="BTCTRY", status=status)
    assert (await desk.order()).body["message"] == "FAILED_LIMIT_ORDER"
    assert (await desk.buy_for("6000")).body["message"] == "FAILED_MARKET_ORDER"
    assert (await desk.order(pairSymbol="ETHTRY", price="2500")).status == 200
    late = await desk.cancel(number)
    if status == "CANCEL_ONLY":
        assert late.status == 200
    else:
        assert late.body["message"] == "ORDER_COULD_NOT_BE_CANCELED"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"order"', b"quantity=1&price=2"])
async def test_a_body_that_is_no_order_is_refused(desk: Desk, body: bytes) -> None:
    url = f"{desk.told['rest']}/api/v1/order"
    async with desk.http.post(url, data=body, headers=desk.headers()) as got:
        assert (got.status, (await got.json())["message"]) == (400, "INVALID_MODEL")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "v1/nothing", 404),
        ("GET", "v2/order", 404),
        ("PUT", "v1/order", 405),
        ("POST", "v2/ticker", 405),
        ("GET", "v1/order/x", 400),
    ],
)
async def test_a_path_that_does_not_exist_is_said_to(
    desk: Desk, method: str, path: str, status: int
) -> None:
    answer = await desk.ask(method, path)
    assert (answer.status, answer.body["success"]) == (status, False)


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("v1/allOrders", {}),
        ("v1/allOrders", {"pairSymbol": "BTCTRY", "limit": "x"}),
        ("v1/allOrders", {"pairSymbol": "BTCTRY", "limit": "0"}),
        ("v1/allOrders", {"pairSymbol": "BTCTRY", "startTime": "1700000000000"}),
        ("v1/openOrders", {"pairSymbol": "DOGETRY"}),
        ("v1/users/transactions/trade", {"orderId": "1", "type": "buy"}),
        ("v1/users/transactions/trade", {"startDate": "9" * 18}),
        ("v2/orderbook", {}),
        ("v2/trades", {"pairSymbol": "x"}),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(
    desk: Desk, path: str, params: dict[str, Any]
) -> None:
    answer = await desk.ask("GET", path, **params)
    assert (answer.status, answer.body["success"]) == (400, False)
