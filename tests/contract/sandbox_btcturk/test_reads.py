"""What can be asked: orders, trades, balances, market."""

import asyncio
import time
from typing import Any

import pytest

from tests.contract.sandbox_btcturk.desk import Desk


async def _orders(desk: Desk, count: int) -> list[int]:
    """So many orders, below what is allowed in a second."""
    numbers = []
    for step in range(count):
        if step % 10 == 0 and step:
            # The exchange's clock goes on, not ours.
            desk.offset_ms += 1_100
            await desk.control("clock", offset_seconds=desk.offset_ms / 1_000)
        numbers.append((await desk.placed(price=str(30_000 + step)))["id"])
    return numbers


async def test_all_orders_are_the_newest_twenty_five_and_have_pages(desk: Desk) -> None:
    numbers = await _orders(desk, 30)
    newest_first = numbers[::-1]
    assert [each["id"] for each in await desk.all_orders()] == newest_first[:25]
    assert [each["id"] for each in await desk.all_orders(page=2)] == newest_first[25:]
    assert [each["id"] for each in await desk.all_orders(limit=1_000)] == newest_first
    assert [each["id"] for each in await desk.all_orders(limit=7, page=2)] == newest_first[7:14]
    assert await desk.all_orders(page=3) == []


async def test_all_orders_begin_with_an_id(desk: Desk) -> None:
    numbers = await _orders(desk, 5)
    found = await desk.all_orders(orderId=numbers[3])
    assert [each["id"] for each in found] == numbers[:2:-1]


async def test_all_orders_are_of_one_pair_and_of_a_time_in_seconds(desk: Desk) -> None:
    number = (await desk.placed())["id"]
    await desk.placed(pairSymbol="ETHTRY", price="2500")
    now = int(time.time())
    for window in ({"startTime": now - 60}, {"startTime": now - 60, "endTime": now + 60}):
        assert [each["id"] for each in await desk.all_orders(**window)] == [number]
    assert await desk.all_orders(startTime=now + 60) == []
    assert await desk.all_orders(endTime=now - 60) == []


async def test_open_orders_are_sorted_by_side_and_tell_no_time(desk: Desk) -> None:
    await desk.placed()
    await desk.placed(orderType="sell", price="70000")
    await desk.placed(pairSymbol="ETHTRY", price="2500")
    of_all = await desk.get("v1/openOrders")
    assert (len(of_all["bids"]), len(of_all["asks"])) == (2, 1)
    of_one = await desk.get("v1/openOrders", pairSymbol="BTCTRY")
    assert (len(of_one["bids"]), len(of_one["asks"])) == (1, 1)
    assert of_one["asks"][0]["time"] == 0
    assert of_one["asks"][0]["leftAmount"] == "0.01000000"


@pytest.mark.parametrize(
    ("params", "sides"),
    [
        ({}, ["sell", "buy"]),
        ({"type": "buy"}, ["buy"]),
        ({"symbol": "btc"}, ["sell", "buy"]),
        ({"symbol": "eth"}, []),
        ({"pairSymbol": "BTCTRY"}, ["sell", "buy"]),
        ({"pairSymbol": "ETHTRY"}, []),
        ({"startDate": int((time.time() + 600) * 1_000)}, []),
        ({"endDate": int((time.time() - 600) * 1_000)}, []),
        ({"startDate": int((time.time() - 600) * 1_000)}, ["sell", "buy"]),
    ],
)
async def test_trades_are_the_newest_first_as_far_as_they_are_wanted(
    desk: Desk, params: dict[str, Any], sides: list[str]
) -> None:
    await desk.market()
    await desk.buy_for("6000")
    await desk.market_order("sell", "0.1")
    assert [each["orderType"] for each in await desk.trades(**params)] == sides


async def test_trades_of_one_order_are_asked_for_by_its_id_alone(desk: Desk) -> None:
    await desk.market(qty="0.05")
    await desk.quote("SELL", "60100", "1")
    numbers = [(await desk.buy_for("6000")).body["data"]["id"] for _ in range(2)]
    for number in numbers:
        found = await desk.trades(orderId=number)
        assert {each["orderId"] for each in found} == {number}
    assert len(await desk.trades()) == 3
    assert await desk.trades(orderId=77) == []


async def test_no_more_than_two_hundred_trades_are_told(desk: Desk) -> None:
    told = {}
    for count in (150, 60):
        for step in range(count):
            await desk.quote("SELL", str(60_000 + step), "0.001")
        number = (await desk.buy_for("20000")).body["data"]["id"]
        told[number] = count
    assert len(await desk.trades()) == 200
    for number, count in told.items():
        assert len(await desk.trades(orderId=number)) == count


async def test_what_was_voided_is_told_no_more(desk: Desk) -> None:
    await desk.market()
    await desk.buy_for("6000")
    await desk.control("faults", plan="bust_every_s=1")
    while await desk.trades():
        await asyncio.sleep(0.1)
    told = await desk.truth("account", account="btcturk-1")
    assert [each["busted"] for each in told["fills"]] == [True]


async def test_there_are_no_transfers(desk: Desk) -> None:
    for kind in ("crypto", "fiat"):
        assert await desk.get(f"v1/users/transactions/{kind}") == []


async def test_the_pairs_tell_their_rules(desk: Desk) -> None:
    told = await desk.get("v2/server/exchangeInfo")
    pairs = {each["name"]: each for each in told["symbols"]}
    assert set(pairs) == {"BTCTRY", "ETHTRY"}
    pair = pairs["BTCTRY"]
    assert (pair["status"], pair["numeratorScale"], pair["denominatorScale"]) == ("TRADING", 8, 2)
    assert pair["filters"][0]["tickSize"] == "0.01"
    assert [each["symbol"] for each in told["currencies"]] == ["TRY", "BTC", "ETH"]
    await desk.control("book", instrument="BTCTRY", status="HALT")
    halted = (await desk.get("v2/server/exchangeinfo"))["symbols"][0]
    assert halted["status"] == "HALT"


async def test_a_ticker_tells_numbers_and_a_book_tells_text(desk: Desk) -> None:
    await desk.trade_at("60000")
    await desk.trade_at("61000")
    await desk.market(bid="60500", ask="60600.5", qty="0.25")
    (ticker,) = await desk.get("v2/ticker", pairSymbol="BTCTRY")
    assert (ticker["last"], ticker["high"], ticker["low"]) == (61_000.0, 61_000.0, 60_000.0)
    assert (ticker["bid"], ticker["ask"], ticker["open"]) == (60_500.0, 60_600.5, 60_000.0)
    assert (ticker["volume"], ticker["daily"]) == (0.002, 1_000.0)
    assert len(await desk.get("v2/ticker")) == 2
    book = await desk.get("v2/orderbook", pairSymbol="BTCTRY", limit=1)
    assert (book["bids"], book["asks"]) == (
        [["60500.00", "0.25000000"]],
        [["60600.50", "0.25000000"]],
    )


async def test_trades_of_the_market_are_the_newest_first(desk: Desk) -> None:
    for price in ("60000", "61000", "62000"):
        await desk.trade_at(price)
    told = await desk.get("v2/trades", pairSymbol="BTCTRY", last=2)
    assert [each["price"] for each in told] == ["62000.00", "61000.00"]
    assert {each["side"] for each in told} == {"sell"}
    assert all(each["tid"].isdigit() for each in told)


async def test_candles_are_lists_in_seconds_without_an_envelope(desk: Desk) -> None:
    await desk.trade_at("60000")
    await desk.trade_at("61000")
    now = int(time.time())
    url = f"{desk.told['graph']}/v1/klines/history"
    query: Any = {"symbol": "BTCTRY", "resolution": "60", "from": now - 7_200, "to": now}
    async with desk.http.get(url, params=query) as got:
        told = await got.json()
    assert told["s"] == "ok"
    assert told["t"] == [now - now % 3_600]
    assert (told["o"], told["h"], told["l"], told["c"]) == (
        [60_000.0],
        [61_000.0],
        [60_000.0],
        [61_000.0],
    )
    async with desk.http.get(url, params={**query, "from": 0, "to": 1}) as got:
        assert (await got.json())["s"] == "no_data"
    async with desk.http.get(url, params={**query, "resolution": "7"}) as got:
        assert got.status == 400


async def test_the_time_is_told_twice(desk: Desk) -> None:
    async with desk.http.get(f"{desk.told['rest']}/api/v2/server/time") as got:
        told = await got.json()
    assert abs(told["serverTime"] - time.time() * 1_000) < 5_000
    assert told["serverTime2"].startswith("20")
