"""Binance's own client (binance-sdk-spot), unpatched, trades on the sandbox.

It reads every answer with a model of Binance's own and warns where one does not fit: a second
reading of the protocol, apart from ours and from python-binance's.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from binance_common.configuration import (
    ConfigurationRestAPI,
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
)
from binance_common.errors import BadRequestError, TooManyRequestsError

from tests.contract.sandbox.desk import Desk

# The client says how long it waits in a way that aiohttp would rather not hear.
pytestmark = pytest.mark.filterwarnings("ignore:parameter 'timeout' of type:DeprecationWarning")

_LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "time_in_force": "GTC"}


def official(desk: Desk) -> Any:
    # Its models take seconds to import: only the process that runs these tests pays for them.
    from binance_sdk_spot.spot import Spot

    keys = {"api_key": desk.key, "api_secret": desk.told["api_secret"]}
    return Spot(
        ConfigurationRestAPI(**keys, base_path=desk.told["rest"], timeout=10_000, retries=0),
        ConfigurationWebSocketAPI(**keys, stream_url=desk.told["ws_api"]),
        ConfigurationWebSocketStreams(stream_url=desk.told["ws"]),
    )


@pytest.fixture
def rest(desk: Desk) -> Iterator[Callable[..., Any]]:
    """Calls a method of the REST client, and tells what it read."""
    client = official(desk).rest_api

    async def call(name: str, **params: Any) -> Any:
        return await asyncio.to_thread(lambda: getattr(client, name)(**params).data())

    yield call
    client._session.close()


@pytest.fixture(autouse=True)
def every_answer_fits(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing is left that its models could not read."""
    yield
    said = [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
    assert [each for each in said if "arse" in each or "callback" in each] == []


async def test_an_order_rests_is_found_and_is_cancelled(rest: Callable[..., Any]) -> None:
    placed = await rest(
        "new_order", **_LIMIT, quantity=Decimal("0.01"), price=50000.5, new_client_order_id="mine"
    )
    assert (placed.status, placed.price, placed.orig_qty, placed.fills) == (
        "NEW",
        "50000.50000000",
        "0.01000000",
        [],
    )
    found = await rest("get_order", symbol="BTCUSDT", orig_client_order_id="mine")
    assert (found.order_id, found.is_working) == (placed.order_id, True)
    (resting,) = await rest("get_open_orders", symbol="BTCUSDT")
    assert resting.client_order_id == "mine"
    ended = await rest("delete_order", symbol="BTCUSDT", order_id=placed.order_id)
    assert (ended.status, ended.orig_client_order_id) == ("CANCELED", "mine")
    assert await rest("get_open_orders", symbol="BTCUSDT") == []
    (listed,) = await rest("all_orders", symbol="BTCUSDT")
    assert listed.status == "CANCELED"


async def test_a_market_order_fills_and_account_and_trades_show_it(
    desk: Desk, rest: Callable[..., Any]
) -> None:
    await desk.market()
    order = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET"}
    sold = await rest("new_order", **order, quantity=0.5, new_order_resp_type="FULL")
    assert (sold.status, [(each.price, each.qty) for each in sold.fills]) == (
        "FILLED",
        [("59990.00000000", "0.50000000")],
    )
    (trade,) = await rest("my_trades", symbol="BTCUSDT")
    assert (trade.id, trade.is_buyer, trade.is_maker) == (sold.fills[0].trade_id, False, False)
    account = await rest("get_account", omit_zero_balances=True)
    held = {each.asset: Decimal(each.free) for each in account.balances}
    assert held["BTC"] == Decimal("1.5")
    assert held["USDT"] == 100_000 + Decimal("29995") - Decimal(trade.commission)
    assert Decimal(account.commission_rates.taker) == Decimal("0.001")


async def test_a_list_is_placed_told_and_cancelled(desk: Desk, rest: Callable[..., Any]) -> None:
    await desk.market()
    placed = await rest(
        "order_list_oco",
        symbol="BTCUSDT",
        side="SELL",
        quantity=0.01,
        above_type="LIMIT_MAKER",
        above_price=61000,
        below_type="STOP_LOSS_LIMIT",
        below_price=58000,
        below_stop_price=58500,
        below_time_in_force="GTC",
    )
    assert (placed.contingency_type, len(placed.order_reports)) == ("OCO", 2)
    (resting,) = await rest("open_order_list")
    assert resting.order_list_id == placed.order_list_id
    ended = await rest("delete_order_list", symbol="BTCUSDT", order_list_id=placed.order_list_id)
    assert ended.list_order_status == "ALL_DONE"


async def test_a_replace_cancels_the_one_and_places_the_other(rest: Callable[..., Any]) -> None:
    first = await rest("new_order", **_LIMIT, quantity=0.01, price=50000)
    done = await rest(
        "order_cancel_replace",
        **_LIMIT,
        cancel_replace_mode="STOP_ON_FAILURE",
        cancel_order_id=first.order_id,
        quantity=0.01,
        price=51000,
    )
    assert (done.cancel_result, done.new_order_result) == ("SUCCESS", "SUCCESS")


async def test_refusals_come_with_code_and_text(rest: Callable[..., Any]) -> None:
    for name, params, code, text in (
        ("get_order", {"symbol": "BTCUSDT", "order_id": 99}, -2013, "Order does not exist."),
        ("delete_order", {"symbol": "BTCUSDT", "order_id": 99}, -2011, "Unknown order sent."),
        (
            "new_order",
            {**_LIMIT, "quantity": 10, "price": 50_000},
            -2010,
            "Account has insufficient balance for requested action.",
        ),
    ):
        with pytest.raises(BadRequestError) as refused:
            await rest(name, **params)
        assert (refused.value.status_code, refused.value.error_message) == (code, text)


async def test_it_is_told_how_long_to_be_silent(desk: Desk, rest: Callable[..., Any]) -> None:
    await desk.begin_interval(60)
    while (await desk.ask("GET", "openOrders")).status == 200:
        pass
    with pytest.raises(TooManyRequestsError) as refused:
        await rest("get_open_orders")
    assert refused.value.status_code == -1003
    assert 0 < (refused.value.retry_after or 0) <= 60


async def test_market_data_is_read(desk: Desk, rest: Callable[..., Any]) -> None:
    await desk.market()
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET"}
    await rest("new_order", **order, quantity=0.5)
    told = await rest("exchange_info", symbol="BTCUSDT")
    (symbol,) = told.symbols
    assert (symbol.status, symbol.base_asset) == ("TRADING", "BTC")
    assert len(symbol.filters) > 5
    book = await rest("depth", symbol="BTCUSDT", limit=5)
    assert (book.bids, book.asks) == (
        [["59990.00000000", "1.00000000"]],
        [["60000.00000000", "0.50000000"]],
    )
    best = await rest("ticker_book_ticker", symbol="BTCUSDT")
    price = await rest("ticker_price", symbol="BTCUSDT")
    assert "60000.00000000" in str((best, price))
    (trade,) = await rest("get_trades", symbol="BTCUSDT")
    assert (trade.price, trade.qty) == ("60000.00000000", "0.50000000")
    (kline,) = await rest("klines", symbol="BTCUSDT", interval="1m")
    assert kline[1:6] == ["60000.00000000"] * 4 + ["0.50000000"]
    assert (await rest("time")).server_time > 0


@pytest.fixture
async def socket(desk: Desk) -> AsyncIterator[Any]:
    """Connected to the WebSocket API."""
    client = official(desk).websocket_api
    await client.create_connection()
    yield client
    await client.close_connection()


async def test_orders_go_over_the_websocket_api_too(socket: Any) -> None:
    placed = (await socket.order_place(**_LIMIT, quantity=0.01, price=50000)).data().result
    assert placed.status == "NEW"
    found = await socket.order_status(symbol="BTCUSDT", order_id=placed.order_id)
    assert found.data().result.status == "NEW"
    ended = await socket.order_cancel(symbol="BTCUSDT", order_id=placed.order_id)
    assert ended.data().result.status == "CANCELED"
    (listed,) = (await socket.all_orders(symbol="BTCUSDT")).data().result
    assert listed.order_id == placed.order_id
    account = (await socket.account_status()).data().result
    assert {each.asset: each.free for each in account.balances}["BTC"] == "2.00000000"


async def test_it_hears_of_its_orders_fills_and_balances(desk: Desk, socket: Any) -> None:
    await desk.market()
    subscribed = await socket.user_data_stream_subscribe_signature()
    assert subscribed.response.data().result.subscription_id == 0
    heard: asyncio.Queue[Any] = asyncio.Queue()
    subscribed.stream.on("message", heard.put_nowait)
    placed = await desk.order(price="60000")
    new, fill, position = [
        (await asyncio.wait_for(heard.get(), 5)).actual_instance for _ in range(3)
    ]
    assert [type(each).__name__ for each in (new, fill, position)] == [
        "ExecutionReport",
        "ExecutionReport",
        "OutboundAccountPosition",
    ]
    assert [(each.x, each.X) for each in (new, fill)] == [("NEW", "NEW"), ("TRADE", "FILLED")]
    assert (fill.i, fill.t) == (placed.body["orderId"], placed.body["fills"][0]["tradeId"])
    assert (fill.L, fill.l, fill.N) == ("60000.00000000", "0.01000000", "BTC")
    assert {each.a: each.f for each in position.B}["USDT"] == "99400.00000000"


async def test_it_hears_the_market(desk: Desk) -> None:
    client = official(desk).websocket_streams
    await client.create_connection()
    try:
        heard: asyncio.Queue[Any] = asyncio.Queue()
        for stream in (await client.trade(symbol="btcusdt"), await client.book_ticker("btcusdt")):
            stream.on("message", heard.put_nowait)
        await desk.market()
        await desk.order(price="60000", quantity="0.25")
        seen: dict[str, Any] = {}
        async with asyncio.timeout(5):
            while "TradeResponse" not in seen or "BookTickerResponse" not in seen:
                told = await heard.get()
                seen[type(told).__name__] = told
        assert (seen["TradeResponse"].p, seen["TradeResponse"].q) == (
            "60000.00000000",
            "0.25000000",
        )
        assert seen["BookTickerResponse"].s == "BTCUSDT"
    finally:
        await client.close_connection()
