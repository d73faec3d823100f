"""Orders of python-binance, from placing to the last fill."""

import asyncio
from decimal import Decimal

import pytest
from binance import AsyncClient
from binance.exceptions import BinanceAPIException

from tests.contract.sandbox.conftest import Start
from tests.contract.sandbox.desk import Desk


async def test_a_limit_order_rests_is_found_and_is_cancelled(
    desk: Desk, client: AsyncClient
) -> None:
    placed = await client.order_limit_buy(
        symbol="BTCUSDT", quantity="0.01", price="50000", newClientOrderId="mine-1"
    )
    assert (placed["status"], placed["fills"], placed["price"]) == ("NEW", [], "50000.00000000")

    found = await client.get_order(symbol="BTCUSDT", origClientOrderId="mine-1")
    assert (found["orderId"], found["isWorking"]) == (placed["orderId"], True)
    assert [o["orderId"] for o in await client.get_open_orders()] == [placed["orderId"]]

    ended = await client.cancel_order(symbol="BTCUSDT", orderId=placed["orderId"])
    assert (ended["status"], ended["origClientOrderId"]) == ("CANCELED", "mine-1")
    assert ended["clientOrderId"] != "mine-1"
    assert await client.get_open_orders(symbol="BTCUSDT") == []
    assert (await client.get_all_orders(symbol="BTCUSDT"))[0]["status"] == "CANCELED"


async def test_a_market_order_fills_at_the_quotes_and_the_balances_show_it(
    desk: Desk, client: AsyncClient
) -> None:
    await desk.market(ask="60000", qty="0.1")
    await desk.control("book", instrument="BTCUSDT", side="SELL", price="60100", qty="1")
    filled = await client.order_market_buy(symbol="BTCUSDT", quantity="0.3")
    assert filled["status"] == "FILLED"
    assert [(f["price"], f["qty"]) for f in filled["fills"]] == [
        ("60000.00000000", "0.10000000"),
        ("60100.00000000", "0.20000000"),
    ]
    assert filled["cummulativeQuoteQty"] == "18020.00000000"

    trades = await client.get_my_trades(symbol="BTCUSDT")
    assert [t["id"] for t in trades] == [f["tradeId"] for f in filled["fills"]]
    fee = sum(Decimal(t["commission"]) for t in trades)
    btc = await client.get_asset_balance("BTC")
    assert Decimal(btc["free"]) == Decimal("2.3") - fee


async def test_the_blocking_client_trades_too(desk: Desk) -> None:
    await desk.market()

    def trade() -> tuple[str, str, str]:
        # The client makes a loop for its thread and leaves it; this one is closed below.
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        client = desk.blocking_client()
        try:
            sold = client.order_market_sell(symbol="BTCUSDT", quantity="0.01")
            rests = client.order_limit_sell(symbol="BTCUSDT", quantity="0.01", price="70000")
            ended = client.cancel_order(symbol="BTCUSDT", orderId=rests["orderId"])
            return sold["status"], rests["status"], ended["status"]
        finally:
            client.session.close()
            loop.close()

    assert await asyncio.to_thread(trade) == ("FILLED", "NEW", "CANCELED")


async def test_fees_are_taken_in_bnb_where_the_account_pays_so(start: Start) -> None:
    desk = await start("fee_third=1")
    await desk.market()
    answer = await desk.order(price="60000")
    (fill,) = answer.body["fills"]
    # Ten basis points of 600 USDT, at 600 USDT a BNB.
    assert (fill["commission"], fill["commissionAsset"]) == ("0.00100000", "BNB")


@pytest.mark.parametrize("form", ["ACK", "RESULT", "FULL"])
async def test_an_order_is_answered_in_the_form_that_was_asked_for(desk: Desk, form: str) -> None:
    answer = await desk.order(newOrderRespType=form)
    assert ("status" in answer.body, "fills" in answer.body) == (form != "ACK", form == "FULL")


async def test_one_leg_of_an_oco_ends_the_other(desk: Desk, client: AsyncClient) -> None:
    await desk.market()
    placed = await client.create_oco_order(
        symbol="BTCUSDT",
        side="SELL",
        quantity="0.01",
        aboveType="LIMIT_MAKER",
        abovePrice="61000",
        belowType="STOP_LOSS_LIMIT",
        belowPrice="58000",
        belowStopPrice="58500",
        belowTimeInForce="GTC",
    )
    assert (placed["contingencyType"], len(placed["orderReports"])) == ("OCO", 2)
    assert len(await client.get_open_oco_orders()) == 1

    await desk.control("book", instrument="BTCUSDT", side="BUY", price="61000", qty="2")
    above, below = [
        await client.get_order(symbol="BTCUSDT", orderId=each["orderId"])
        for each in placed["orders"]
    ]
    assert (above["status"], below["status"]) == ("FILLED", "EXPIRED")
    assert await client.get_open_oco_orders() == []


async def test_a_list_placed_the_old_way_is_cancelled_as_one(desk: Desk) -> None:
    await desk.market()
    await desk.order(price="60000", quantity="0.001")
    params = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01", "price": "61000"}
    placed = await desk.ask("POST", "order/oco", **params, stopPrice="58000")
    assert [each["type"] for each in placed.body["orderReports"]] == ["STOP_LOSS", "LIMIT_MAKER"]
    number = placed.body["orderListId"]
    ended = await desk.ask("DELETE", "orderList", symbol="BTCUSDT", orderListId=number)
    assert ended.body["listOrderStatus"] == "ALL_DONE"
    assert {each["status"] for each in ended.body["orderReports"]} == {"CANCELED"}


async def test_a_replace_tells_both_outcomes(desk: Desk) -> None:
    first = await desk.order()
    params = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01",
        "price": "51000",
        "cancelOrderId": first.body["orderId"],
    }
    path = "order/cancelReplace"
    done = await desk.ask("POST", path, cancelReplaceMode="STOP_ON_FAILURE", **params)
    assert (done.body["cancelResult"], done.body["newOrderResult"]) == ("SUCCESS", "SUCCESS")

    stopped = await desk.ask("POST", path, cancelReplaceMode="STOP_ON_FAILURE", **params)
    assert (stopped.status, stopped.body["code"]) == (400, -2022)
    assert stopped.body["data"]["newOrderResult"] == "NOT_ATTEMPTED"

    half = await desk.ask("POST", path, cancelReplaceMode="ALLOW_FAILURE", **params)
    assert (half.status, half.body["code"]) == (409, -2021)
    assert half.body["data"]["cancelResponse"]["code"] == -2011


async def test_a_test_order_is_judged_and_not_placed(desk: Desk, client: AsyncClient) -> None:
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    assert await client.create_test_order(**order, quantity="0.01", price="50000") == {}
    with pytest.raises(BinanceAPIException) as refused:
        await client.create_test_order(**order, quantity="0.01", price="50000.001")
    assert refused.value.code == -1013
    assert await desk.orders() == []


async def test_trades_are_paged_by_their_id(start: Start) -> None:
    desk = await start("page_limit=2")
    await desk.market(qty="5")
    for _ in range(5):
        await desk.order(price="60000")
    seen: list[int] = []
    while page := (
        await desk.ask("GET", "myTrades", symbol="BTCUSDT", fromId=seen[-1] + 1 if seen else 0)
    ).body:
        seen += [each["id"] for each in page]
        assert len(page) <= 2
    assert seen == sorted(set(seen))
    assert len(seen) == 5
