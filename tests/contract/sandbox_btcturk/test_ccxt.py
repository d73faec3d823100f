"""ccxt as it is published, pointed at the sandbox by its addresses."""

import asyncio
import time

import ccxt
import ccxt.async_support as ccxt_async
import pytest

from tests.contract.sandbox_btcturk.desk import Desk

BTC = "BTC/TRY"


async def test_it_reads_the_pairs_and_their_rules(client: ccxt_async.btcturk) -> None:
    markets = await client.load_markets()
    assert set(markets) == {BTC, "ETH/TRY"}
    assert markets[BTC]["active"]
    assert {name: float(step) for name, step in markets[BTC]["precision"].items() if step} == {
        "amount": 1e-8,
        "price": 0.01,
    }
    assert markets[BTC]["limits"]["price"]["max"] == "10000000"


async def test_it_reads_the_balances(client: ccxt_async.btcturk) -> None:
    held = await client.fetch_balance()
    assert {asset: float(held[asset]["free"]) for asset in ("TRY", "BTC", "ETH")} == {
        "TRY": 4_000_000.0,
        "BTC": 2.0,
        "ETH": 20.0,
    }


async def test_it_reads_ticker_book_trades_and_candles(
    desk: Desk, client: ccxt_async.btcturk
) -> None:
    await desk.trade_at("60000")
    await desk.market(qty="0.25")
    assert float((await client.fetch_ticker(BTC))["last"]) == 60_000.0
    book = await client.fetch_order_book(BTC)
    assert (book["bids"], book["asks"]) == ([[59_990.0, 0.25]], [[60_000.0, 0.25]])
    (trade,) = await client.fetch_trades(BTC)
    assert (float(trade["price"]), trade["side"]) == (60_000.0, "sell")
    since = int(time.time() - 3_600) * 1_000
    (candle,) = await client.fetch_ohlcv(BTC, "1h", since=since)
    assert [float(each) for each in candle[1:]] == [60_000.0] * 4 + [0.001]


async def test_it_places_lists_and_cancels(client: ccxt_async.btcturk) -> None:
    # What it calls the client id is not what the venue calls it: it has to be named.
    own = {"newOrderClientId": "mine"}
    placed = await client.create_order(BTC, "limit", "buy", "0.01", "50000.5", own)
    assert (placed["side"], placed["type"], float(placed["price"])) == ("buy", "limit", 50_000.5)
    (listed,) = await client.fetch_open_orders(BTC)
    assert (listed["id"], listed["clientOrderId"], listed["status"]) == (
        placed["id"],
        "mine",
        "open",
    )
    await client.cancel_order(placed["id"])
    assert await client.fetch_open_orders(BTC) == []
    (found,) = await client.fetch_orders(BTC)
    assert found["status"] == "canceled"


async def test_it_buys_for_lira_and_reads_its_trades(
    desk: Desk, client: ccxt_async.btcturk
) -> None:
    await desk.market()
    await client.create_order(BTC, "market", "buy", "6007.2")
    await client.create_order(BTC, "market", "sell", "0.05")
    told = {each["side"]: each for each in await client.fetch_my_trades(BTC)}
    assert float(told["buy"]["amount"]) == 0.1
    assert float(told["sell"]["amount"]) == 0.05
    # It leaves the tax out.
    assert float(told["buy"]["fee"]["cost"]) == 6.0
    assert told["buy"]["fee"]["currency"] == "TRY"
    assert {each["status"] for each in await client.fetch_orders(BTC)} == {"closed"}


async def test_it_knows_three_refusals_and_calls_the_rest_an_error(
    client: ccxt_async.btcturk,
) -> None:
    await client.create_order(BTC, "limit", "buy", "1", "3900000")
    with pytest.raises(ccxt.InsufficientFunds):
        await client.create_order(BTC, "limit", "buy", "1", "3900000")
    with pytest.raises(ccxt.InvalidOrder, match="FAILED_MARKET_ORDER"):
        await client.create_order(BTC, "market", "buy", "6000")
    with pytest.raises(ccxt.ExchangeError, match="NO_ORDER_MATCHES_YOUR_REQUEST"):
        await client.cancel_order("77")


async def test_it_orders_again_what_it_took_for_failed(
    desk: Desk, client: ccxt_async.btcturk
) -> None:
    await client.load_markets()
    await desk.control("faults", plan="accept_no_answer=1")
    own = {"newOrderClientId": "once"}
    for _ in range(2):
        with pytest.raises(ccxt.NetworkError):
            await client.create_order(BTC, "limit", "buy", "0.01", "50000", own)
    assert len(await desk.orders()) == 2


async def test_the_blocking_client_does_as_well(desk: Desk) -> None:
    rest = desk.told["rest"]
    api = {"public": f"{rest}/api/v2", "private": f"{rest}/api/v1", "graph": f"{rest}/v1"}
    client = ccxt.btcturk(
        {"apiKey": desk.key, "secret": desk.told["api_secret"], "urls": {"api": api}}
    )
    client.number = str
    placed = await asyncio.to_thread(client.create_order, BTC, "limit", "buy", "0.01", "50000")
    found = await asyncio.to_thread(client.fetch_open_orders, BTC)
    assert [each["id"] for each in found] == [placed["id"]]
