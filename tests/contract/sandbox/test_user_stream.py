"""The account's own events and the WebSocket API, bare and through python-binance."""

from typing import Any

from binance import AsyncClient

from tests.contract.sandbox.conftest import Start
from tests.contract.sandbox.desk import Desk

Json = Any


async def test_python_binance_hears_of_its_orders_fills_and_balances(
    desk: Desk, client: AsyncClient
) -> None:
    await desk.market()
    async with desk.sockets(client).user_socket() as stream:
        placed = await client.order_limit_buy(symbol="BTCUSDT", quantity="0.01", price="60000")
        new, fill, position = [await stream.recv() for _ in range(3)]
    assert [(e["e"], e.get("x"), e.get("X")) for e in (new, fill, position)] == [
        ("executionReport", "NEW", "NEW"),
        ("executionReport", "TRADE", "FILLED"),
        ("outboundAccountPosition", None, None),
    ]
    assert (fill["i"], fill["c"]) == (placed["orderId"], placed["clientOrderId"])
    assert (fill["t"], fill["n"], fill["N"]) == (
        placed["fills"][0]["tradeId"],
        placed["fills"][0]["commission"],
        "BTC",
    )
    held = {each["a"]: each["f"] for each in position["B"]}
    assert held == {"USDT": "99400.00000000", "BTC": "2.00999000"}


async def test_a_cancel_carries_both_client_ids(desk: Desk) -> None:
    await desk.order(newClientOrderId="mine")
    async with desk.user_stream() as stream:
        await desk.ask(
            "DELETE",
            "order",
            symbol="BTCUSDT",
            origClientOrderId="mine",
            newClientOrderId="stop-it",
        )
        told = (await stream.receive_json(timeout=5))["event"]
    assert (told["x"], told["c"], told["C"]) == ("CANCELED", "stop-it", "mine")


async def test_movements_from_outside_are_told_apart_from_trading(desk: Desk) -> None:
    async with desk.user_stream() as stream:
        await desk.control("account", account="binance-1", move="deposit", asset="USDT", amount="5")
        moved = await stream.receive_json(timeout=5)
        assert (moved["subscriptionId"], moved["event"]["e"]) == (0, "balanceUpdate")
        assert (moved["event"]["a"], moved["event"]["d"]) == ("USDT", "5.00000000")
        assert (await stream.receive_json(timeout=5))["event"]["e"] == "outboundAccountPosition"
        await desk.control("account", account="binance-1", move="lock", asset="BTC", amount="1")
        assert (await stream.receive_json(timeout=5))["event"]["e"] == "externalLockUpdate"


async def test_an_oco_tells_its_list_and_why_a_leg_expired(desk: Desk) -> None:
    await desk.market()
    await desk.order(price="60000")
    async with desk.user_stream() as stream:
        params = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01", "price": "61000"}
        await desk.ask("POST", "order/oco", **params, stopPrice="58000")
        await desk.control("book", instrument="BTCUSDT", side="BUY", price="61000", qty="2")
        told: list[Json] = []
        while not told or told[-1].get("l") != "ALL_DONE":
            told.append((await stream.receive_json(timeout=5))["event"])
    assert [each["l"] for each in told if each["e"] == "listStatus"] == [
        "EXEC_STARTED",
        "ALL_DONE",
    ]
    expired = [each for each in told if each.get("x") == "EXPIRED"]
    assert [each["eR"] for each in expired] == ["OCO_TRIGGER"]


async def test_a_stream_is_left_and_says_that_it_ends(desk: Desk) -> None:
    async with desk.user_stream() as stream:
        again = await desk.call(stream, "userDataStream.subscribe.signature")
        assert again["error"]["code"] == -2035
        await stream.send_json({"id": 5, "method": "userDataStream.unsubscribe"})
        ended, answer = [await stream.receive_json(timeout=5) for _ in range(2)]
        assert ended["event"]["e"] == "eventStreamTerminated"
        assert (answer["id"], answer["status"], answer["result"]) == (5, 200, {})
        await desk.order()
        assert (await desk.call(stream, "openOrders.status"))["result"][0]["status"] == "NEW"


async def test_an_account_hears_nothing_of_another(start: Start) -> None:
    desk = await start(accounts=2)
    async with desk.user_stream() as stream:
        other = Desk({**desk.told, **desk.told["accounts"][1]}, desk.http)
        assert (await other.order()).status == 200
        await desk.order(newClientOrderId="own")
        assert (await stream.receive_json(timeout=5))["event"]["c"] == "own"


async def test_orders_go_over_the_websocket_api_too(desk: Desk, client: AsyncClient) -> None:
    placed = await client.ws_create_order(
        symbol="BTCUSDT", side="BUY", type="LIMIT", timeInForce="GTC", quantity="1", price="40000"
    )
    number = placed["orderId"]
    assert (await client.ws_get_order(symbol="BTCUSDT", orderId=number))["status"] == "NEW"
    ended = await client.ws_cancel_order(symbol="BTCUSDT", orderId=number)
    assert ended["status"] == "CANCELED"
    balances = (await client.ws_get_account())["balances"]
    assert {"asset": "BTC", "free": "2.00000000", "locked": "0.00000000"} in balances


async def test_the_websocket_api_refuses_as_rest_does_and_tells_the_limits(desk: Desk) -> None:
    async with desk.listen("ws-api/v3") as socket:
        wrong = await desk.call(socket, "order.status", symbol="BTCUSDT", orderId=99)
        assert (wrong["status"], wrong["error"]["code"]) == (400, -2013)
        assert wrong["rateLimits"][0]["rateLimitType"] == "REQUEST_WEIGHT"
        await socket.send_json({"id": 1, "method": "time", "params": {"returnRateLimits": False}})
        told = await socket.receive_json(timeout=5)
        assert set(told) == {"id", "status", "result"}
        unsigned = {"apiKey": desk.key, "timestamp": 1, "signature": "00"}
        await socket.send_json({"id": 2, "method": "account.status", "params": unsigned})
        assert (await socket.receive_json(timeout=5))["error"]["code"] == -1022
        await socket.send_str("{")
        assert (await socket.receive_json(timeout=5))["error"]["code"] == -1135
