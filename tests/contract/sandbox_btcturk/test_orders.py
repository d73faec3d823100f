"""Placing and cancelling, in BTCTurk's units."""

import asyncio
from decimal import Decimal

from tests.contract.sandbox_btcturk.desk import Desk


async def test_an_order_rests_is_listed_and_is_cancelled(desk: Desk) -> None:
    placed = await desk.placed(newOrderClientId="mine")
    assert placed == {
        "id": placed["id"],
        "quantity": "0.01000000",
        "price": "50000.00",
        "stopPrice": "0.00",
        "newOrderClientId": "mine",
        "type": "buy",
        "method": "limit",
        "pairSymbol": "BTCTRY",
        "pairSymbolNormalized": "BTC_TRY",
        "datetime": placed["datetime"],
    }
    (bid,) = (await desk.get("v1/openOrders", pairSymbol="BTC_TRY"))["bids"]
    assert (bid["id"], bid["status"], bid["orderClientId"]) == (placed["id"], "Untouched", "mine")
    ended = await desk.cancel(placed["id"])
    assert ended.body == {"success": True, "message": "SUCCESS", "code": 0}
    assert await desk.get("v1/openOrders") == {"asks": [], "bids": []}
    (row,) = await desk.all_orders()
    assert (row["status"], row["leftAmount"]) == ("Canceled", "0.0100000000000000")


async def test_a_limit_buy_holds_its_price_and_its_fee(desk: Desk) -> None:
    await desk.placed(quantity="1", price="60000")
    held = await desk.balance("TRY")
    assert Decimal(held["locked"]) == Decimal("60072")
    assert Decimal(held["free"]) == Decimal(4_000_000) - Decimal("60072")
    assert held["locked"] == held["orderFund"]


async def test_all_the_lira_there_are_do_not_pay_the_fee_too(desk: Desk) -> None:
    answer = await desk.order(quantity="1", price="4000000")
    assert (answer.status, answer.body["message"]) == (400, "BALANCE_NOT_ENOUGH")
    await desk.placed(quantity="0.5", price="4000000")
    second = await desk.order(quantity="0.5", price="4000000")
    assert (second.body["message"], second.body["code"]) == ("FAILED_ORDER_WITH_OPEN_ORDERS", 1122)


async def test_a_price_of_sixty_thousand_and_one_of_two_million_are_legal(desk: Desk) -> None:
    for price in ("60000", "2400000", "2400000.01"):
        assert (await desk.order(price=price)).status == 200


async def test_a_market_buy_is_in_lira_and_a_market_sell_in_bitcoin(desk: Desk) -> None:
    await desk.market(qty="1")
    await desk.buy_for("30000")
    await desk.market_order("sell", "0.25")
    sold, bought = await desk.trades()
    assert (bought["amount"], bought["price"]) == ("0.50000000", "60000.00")
    assert (sold["amount"], sold["price"]) == ("-0.25000000", "59990.00")


async def test_the_fee_of_a_market_buy_is_within_its_lira(desk: Desk) -> None:
    await desk.market(bid="100000", ask="100000.01", qty="0.001")
    await desk.quote("SELL", "100000", "100")
    answer = await desk.market_order("buy", "4000000")
    assert answer.status == 200
    (row,) = await desk.trades()
    spent = Decimal(row["amount"]) * Decimal(row["price"])
    paid = spent - Decimal(row["fee"]) - Decimal(row["tax"])
    assert 0 <= 4_000_000 - paid < Decimal("0.01")
    assert Decimal((await desk.balance("TRY"))["balance"]) == 4_000_000 - paid


async def test_a_market_buy_shows_what_it_bought_and_what_it_did_not_spend(desk: Desk) -> None:
    await desk.market()
    placed = (await desk.buy_for("30000")).body["data"]
    assert (placed["quantity"], placed["price"]) == ("30036.00000000", "0.00")
    (row,) = await desk.all_orders()
    assert row["status"] == "Closed"
    assert (row["amount"], row["quantity"]) == ("0.50000000", "0.00000000")
    assert (row["price"], row["leftAmount"]) == ("60000.00", "0.0000000000000000")


async def test_a_market_order_looks_at_no_price(desk: Desk) -> None:
    await desk.market()
    answer = await desk.order(orderMethod="market", quantity="6007.2", price="1", stopPrice="0")
    assert answer.status == 200
    assert (await desk.trades())[0]["price"] == "60000.00"


async def test_a_market_order_goes_no_further_than_five_percent(desk: Desk) -> None:
    await desk.quote("BUY", "60000", "0.1")
    await desk.quote("BUY", "57000", "0.1")
    await desk.quote("BUY", "56999", "5")
    await desk.market_order("sell", "1")
    assert [each["price"] for each in await desk.trades()] == ["57000.00", "60000.00"]
    (row,) = await desk.all_orders()
    assert (row["amount"], row["status"]) == ("1.00000000", "Canceled")
    assert row["leftAmount"] == "0.8000000000000000"


async def test_a_market_buy_keeps_the_lira_that_the_slide_did_not_let_it_spend(desk: Desk) -> None:
    await desk.quote("SELL", "60000", "0.1")
    await desk.quote("SELL", "63001", "5")
    await desk.buy_for("60000")
    spent = Decimal("6000") * Decimal("1.0012")
    assert Decimal((await desk.balance("TRY"))["free"]) == Decimal(4_000_000) - spent


async def test_a_market_order_into_an_empty_book_makes_no_order(desk: Desk) -> None:
    answer = await desk.buy_for("6000")
    assert (answer.status, answer.body["message"]) == (400, "FAILED_MARKET_ORDER")
    assert await desk.orders() == []


async def test_one_client_id_names_two_orders(desk: Desk) -> None:
    one, two = [await desk.placed(newOrderClientId="twice, in words") for _ in range(2)]
    assert one["id"] < two["id"]
    assert one["newOrderClientId"] == two["newOrderClientId"] == "twice, in words"
    rows = await desk.all_orders()
    assert [each["orderClientId"] for each in rows] == ["twice, in words"] * 2
    assert len(await desk.orders()) == 2


async def test_an_order_without_a_client_id_is_given_one(desk: Desk) -> None:
    names = {(await desk.placed())["newOrderClientId"] for _ in range(3)}
    assert len(names) == 3
    assert all(len(each) == 36 for each in names)


async def test_a_client_id_has_fifty_characters_at_most(desk: Desk) -> None:
    assert (await desk.order(newOrderClientId="é" * 50)).status == 200
    answer = await desk.order(newOrderClientId="x" * 51)
    assert (answer.status, answer.body["message"]) == (400, "FAILED_ORDER_PARAMETER")


async def test_what_was_cancelled_may_be_cancelled_again_and_what_traded_may_not(
    desk: Desk,
) -> None:
    number = (await desk.placed())["id"]
    assert (await desk.cancel(number)).status == 200
    assert (await desk.cancel(number)).status == 200
    await desk.market()
    filled = (await desk.placed(price="60000"))["id"]
    late = await desk.cancel(filled)
    assert (late.status, late.body["message"]) == (400, "ORDER_COULD_NOT_BE_CANCELED")


async def test_an_order_that_never_was_is_400_to_a_cancel_and_to_a_query(desk: Desk) -> None:
    for number in (77, 77_000, -1):
        answer = await desk.cancel(number)
        assert (answer.status, answer.body["success"]) == (400, False)
        assert (answer.body["message"], answer.body["code"]) == (
            "NO_ORDER_MATCHES_YOUR_REQUEST",
            1052,
        )
    asked = await desk.ask("GET", "v1/order/77")
    assert (asked.status, asked.body["message"], asked.body["code"]) == (
        400,
        "Order not found",
        1152,
    )


async def test_a_triggered_stop_becomes_a_second_order_of_the_same_client_id(desk: Desk) -> None:
    await desk.trade_at("60000")
    stop = await desk.placed(
        orderMethod="stopMarket",
        orderType="sell",
        quantity="0.3",
        price=None,
        stopPrice="59000",
        newOrderClientId="guard",
    )
    later = await desk.placed()
    assert (await desk.get(f"v1/order/{stop['id']}"))["status"] == "Untouched"
    await desk.quote("BUY", "58900", "1")
    await desk.trade_at("59000")
    newest, _, oldest = await desk.all_orders()
    assert newest["id"] > later["id"] > oldest["id"] == stop["id"]
    assert (newest["method"], newest["status"], newest["orderClientId"]) == (
        "market",
        "Closed",
        "guard",
    )
    assert (oldest["method"], oldest["status"], oldest["orderClientId"]) == (
        "stopmarket",
        "Canceled",
        "guard",
    )
    assert (await desk.trades())[0]["orderId"] == newest["id"]
    assert (await desk.get(f"v1/order/{newest['id']}")) == newest
    # The stop is gone; its cancel changes nothing and is no failure.
    assert (await desk.cancel(stop["id"])).status == 200


async def test_what_a_stop_limit_became_is_cancelled_by_its_own_id(desk: Desk) -> None:
    await desk.trade_at("60000")
    stop = await desk.placed(orderMethod="stopLimit", price="61500", stopPrice="61000")
    (waiting,) = (await desk.get("v1/openOrders"))["bids"]
    assert (waiting["method"], waiting["stopPrice"]) == ("stoplimit", "61000.00")
    await desk.quote("SELL", "61600")
    await desk.trade_at("61000")
    (working,) = (await desk.get("v1/openOrders"))["bids"]
    assert (working["method"], working["price"]) == ("limit", "61500.00")
    assert working["id"] != stop["id"]
    assert (await desk.cancel(working["id"])).status == 200
    assert await desk.get("v1/openOrders") == {"asks": [], "bids": []}


async def test_fee_and_tax_are_apart_negative_and_together_what_was_paid(desk: Desk) -> None:
    await desk.market()
    await desk.placed(price="60000", quantity="0.5")
    (row,) = await desk.trades()
    assert (row["fee"], row["tax"]) == ("-30.00000000", "-6.00000000")
    assert row["preciseAmount"] == 0.5
    assert Decimal((await desk.balance("TRY"))["balance"]) == Decimal(4_000_000 - 30_036)


async def test_a_partly_filled_order_tells_what_is_left(desk: Desk) -> None:
    await desk.quote("SELL", "60000", "0.004")
    number = (await desk.placed(price="60000"))["id"]
    row = await desk.get(f"v1/order/{number}")
    assert (row["status"], row["amount"], row["leftAmount"]) == (
        "Partial",
        "0.01000000",
        "0.0060000000000000",
    )


async def test_names_are_read_in_any_case_and_numbers_as_numbers(desk: Desk) -> None:
    answer = await desk.ask(
        "POST",
        "v1/order",
        PairSymbol="BTC_TRY",
        OrderType="Buy",
        OrderMethod="LIMIT",
        Quantity=0.01,
        Price=50000.5,
        StopPrice=0.0,
        NewOrderClientId=None,
    )
    assert answer.status == 200
    assert answer.body["data"]["price"] == "50000.50"


async def test_a_read_that_lags_shows_the_stop_as_it_was(desk: Desk) -> None:
    await desk.trade_at("60000")
    stop = await desk.placed(
        orderMethod="stopmarket", orderType="sell", quantity="0.1", price=None, stopPrice="59000"
    )
    await desk.quote("BUY", "58900", "1")
    await asyncio.sleep(1.1)
    await desk.trade_at("59000")
    await desk.control("faults", plan="stale_read=1,stale_read_s=1")
    (row,) = await desk.all_orders()
    assert (row["id"], row["status"]) == (stop["id"], "Untouched")
    await desk.control("faults", plan="")
    assert len(await desk.all_orders()) == 2


async def test_what_was_paid_is_what_the_rows_say(desk: Desk) -> None:
    """Balances before and after differ by the trades, their fees and their taxes."""
    await desk.market(bid="59999.99", ask="60000.01", qty="0.00777777")
    await desk.market(bid="59000.03", ask="61000.07", qty="1.5")
    for side, quantity in (("buy", "12345.67"), ("sell", "0.12345678"), ("buy", "777.77")):
        assert (await desk.market_order(side, quantity)).status == 200
    lira, coins = Decimal(4_000_000), Decimal(2)
    for row in await desk.trades():
        amount = Decimal(row["amount"])
        coins += amount
        lira += Decimal(row["fee"]) + Decimal(row["tax"]) - amount * Decimal(row["price"])
    assert Decimal((await desk.balance("BTC"))["balance"]) == coins
    assert Decimal((await desk.balance("TRY"))["balance"]) == lira
