"""Public streams, bare and through python-binance."""

from typing import Any

import aiohttp
from binance import AsyncClient

from tests.contract.sandbox.conftest import Start
from tests.contract.sandbox.desk import Desk

Json = Any


async def _next(socket: aiohttp.ClientWebSocketResponse, event: str) -> Json:
    """The next message of this kind; combined ones are unwrapped."""
    while True:
        told = await socket.receive_json(timeout=5)
        told = told.get("data", told)
        if told.get("e") == event:
            return told


async def test_trades_are_told_one_by_one_and_as_aggregates(desk: Desk) -> None:
    await desk.market(qty="0.1")
    for qty in ("0.2", "0.3"):
        await desk.control("book", instrument="BTCUSDT", side="SELL", price="60000", qty=qty)
    async with desk.listen("stream?streams=btcusdt@trade/btcusdt@aggTrade") as socket:
        await desk.order(price="60000", quantity="0.25")
        trades = [await _next(socket, "trade") for _ in range(2)]
        assert [(each["q"], each["m"]) for each in trades] == [
            ("0.10000000", False),
            ("0.15000000", False),
        ]
        whole = await _next(socket, "aggTrade")
        assert (whole["q"], whole["f"], whole["l"]) == (
            "0.25000000",
            trades[0]["t"],
            trades[1]["t"],
        )


async def test_a_book_kept_from_the_stream_is_the_exchange_s_book(start: Start) -> None:
    desk = await start(market=True)
    async with desk.listen("ws/ethusdt@depth@100ms") as socket:
        first = await _next(socket, "depthUpdate")
        snapshot = (await desk.send("GET", "depth?symbol=ETHUSDT&limit=5000")).body
        while snapshot["lastUpdateId"] < first["U"]:
            snapshot = (await desk.send("GET", "depth?symbol=ETHUSDT&limit=5000")).body
        book = {side: dict(snapshot[side]) for side in ("bids", "asks")}
        known, event = snapshot["lastUpdateId"], first
        for _ in range(4):
            if event["u"] > known:
                assert event["U"] <= known + 1, "a gap"
                known = event["u"]
                for side, changes in (("bids", event["b"]), ("asks", event["a"])):
                    book[side].update(changes)
            truth = await desk.truth("book", instrument="ETHUSDT")
            if truth["last_update_id"] == known:
                break
            event = await _next(socket, "depthUpdate")
        assert truth["last_update_id"] == known
    for side in ("bids", "asks"):
        kept = {float(price): float(qty) for price, qty in book[side].items() if float(qty)}
        assert kept == {float(price): float(qty) for price, qty in truth[side]}


async def test_best_prices_partial_books_and_candles_are_streamed(desk: Desk) -> None:
    streams = ("btcusdt@bookTicker", "btcusdt@depth5@100ms", "btcusdt@kline_1m")
    async with desk.listen(f"stream?streams={'/'.join(streams)}") as socket:
        await desk.market()
        await desk.order(price="60000")
        seen: dict[str, Json] = {}
        while set(seen) != set(streams):
            told = await socket.receive_json(timeout=5)
            seen[told["stream"]] = told["data"]
    assert seen["btcusdt@depth5@100ms"]["bids"][0] == ["59990.00000000", "1.00000000"]
    assert seen["btcusdt@bookTicker"]["b"] == "59990.00000000"
    candle = seen["btcusdt@kline_1m"]["k"]
    assert (candle["i"], candle["c"], candle["v"]) == ("1m", "60000.00000000", "0.01000000")


async def test_streams_are_subscribed_to_and_left_on_an_open_connection(desk: Desk) -> None:
    await desk.market()
    async with desk.listen("ws") as socket:

        async def ask(method: str, *params: str) -> Json:
            await socket.send_json({"id": 1, "method": method, "params": params})
            while "id" not in (told := await socket.receive_json(timeout=5)):
                pass
            return told

        assert await ask("SUBSCRIBE", "btcusdt@trade") == {"result": None, "id": 1}
        assert (await ask("LIST_SUBSCRIPTIONS"))["result"] == ["btcusdt@trade"]
        await desk.order(price="60000")
        assert (await _next(socket, "trade"))["p"] == "60000.00000000"
        assert (await ask("UNSUBSCRIBE", "btcusdt@trade"))["result"] is None
        assert (await ask("LIST_SUBSCRIPTIONS"))["result"] == []
        assert (await ask("SUBSCRIBE", "btcusdt@nonsense"))["error"]["code"] == 2


async def test_python_binance_reads_trades_and_candles(desk: Desk, client: AsyncClient) -> None:
    await desk.market()
    manager = desk.sockets(client)
    async with manager.multiplex_socket(["btcusdt@trade", "btcusdt@kline_1s"]) as socket:
        await desk.order(price="60000")
        assert (await socket.recv())["data"]["p"] == "60000.00000000"
        # So that its reader notices at once that it is being closed.
        await desk.control("faults", streams="cut")
    candles = await client.get_klines(symbol="BTCUSDT", interval="5m", limit=1)
    assert (candles[0][4], candles[0][8]) == ("60000.00000000", 1)


async def test_a_cut_with_notice_says_so_first(desk: Desk) -> None:
    async with desk.listen("ws/btcusdt@trade") as socket:
        await desk.control("faults", streams="shutdown")
        assert (await socket.receive_json(timeout=5))["e"] == "serverShutdown"
        assert (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE
