"""What is refused, with which status and code."""

import time
from typing import Any

import pytest

from tests.contract.beside import Answer
from tests.contract.sandbox.desk import Desk


def _code(answer: Answer) -> tuple[int, int]:
    return answer.status, answer.body["code"]


async def test_a_signature_is_checked_over_what_was_sent(desk: Desk) -> None:
    assert _code(await desk.order(signature="0" * 64)) == (400, -1022)
    # Signed before percent-encoding: refused since 2026-01-15.
    stamp = int(time.time() * 1000)
    raw = f"symbol=BTCUSDT&origClientOrderId=a:b&timestamp={stamp}"
    sent = raw.replace(":", "%3A")
    wrong = await desk.send("GET", f"order?{sent}&signature={desk.sign(raw)}", key=desk.key)
    right = await desk.send("GET", f"order?{sent}&signature={desk.sign(sent)}", key=desk.key)
    assert (_code(wrong), _code(right)) == ((400, -1022), (400, -2013))


async def test_query_string_and_body_are_signed_together_without_a_separator(desk: Desk) -> None:
    stamp = int(time.time() * 1000)
    query = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC"
    body = f"quantity=0.01&price=50000&timestamp={stamp}"
    signed = f"{body}&signature={desk.sign(query + body).upper()}"
    assert (await desk.send("POST", f"order?{query}", key=desk.key, body=signed)).status == 200


async def test_a_key_must_be_there_and_known(desk: Desk) -> None:
    assert _code(await desk.ask("GET", "account", key="")) == (401, -2014)
    assert _code(await desk.ask("GET", "account", key="a" * 64)) == (401, -2015)


@pytest.mark.parametrize(("offset_ms", "message"), [(-6_000, "outside"), (2_000, "ahead")])
async def test_a_wrong_clock_is_refused(desk: Desk, offset_ms: int, message: str) -> None:
    answer = await desk.order(timestamp=int(time.time() * 1000) + offset_ms)
    assert _code(answer) == (400, -1021)
    assert message in answer.body["msg"]
    assert await desk.orders() == []


async def test_the_exchange_s_clock_can_be_moved(desk: Desk) -> None:
    await desk.control("clock", offset_seconds=30)
    assert _code(await desk.order()) == (400, -1021)
    assert (await desk.order(timestamp=int(time.time() * 1000) + 30_000)).status == 200


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"symbol": None}, -1102),
        ({"symbol": "NOPE"}, -1121),
        ({"symbol": "btcusdt"}, -1100),
        ({"side": "HOLD"}, -1117),
        ({"type": "ICEBERG"}, -1116),
        ({"timeInForce": "GTX"}, -1115),
        ({"timeInForce": None}, -1102),
        ({"price": "fifty"}, -1100),
        ({"price": "5e4"}, -1100),
        ({"price": ""}, -1102),
        ({"price": "50000.000000001"}, -1111),
        ({"quantity": None}, -1102),
        ({"quoteOrderQty": "10"}, -1106),
        ({"stopPrice": "49000"}, -1106),
        ({"type": "MARKET", "timeInForce": None}, -1106),
        ({"newClientOrderId": "no spaces"}, -1100),
        ({"newOrderRespType": "LONG"}, -1130),
        ({"selfTradePreventionMode": "SOME"}, -1130),
        ({"unheardOf": "1"}, -1104),
        ({"recvWindow": "60001"}, -1102),
        ({"price": "50000.001"}, -1013),
        ({"quantity": "0.000001"}, -1013),
        ({"quantity": "0.00001", "price": "100"}, -1013),
        ({"quantity": "1.9", "price": "60000"}, -2010),
        ({"type": "STOP_LOSS_LIMIT"}, -1102),
    ],
)
async def test_a_wrong_parameter_has_its_own_code(
    desk: Desk, change: dict[str, Any], code: int
) -> None:
    answer = await desk.order(**change)
    assert _code(answer) == (400, code), answer.body
    assert await desk.orders() == []


_MARKET = {"type": "MARKET", "timeInForce": None, "price": None}
_STOP = {"side": "SELL", "type": "STOP_LOSS", "timeInForce": None, "price": None}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"price": "50000.001"}, "PRICE_FILTER"),
        ({"price": "1000000.01"}, "PRICE_FILTER"),
        ({"price": "11999.99"}, "PERCENT_PRICE_BY_SIDE"),
        ({"side": "SELL", "price": "301000"}, "PERCENT_PRICE_BY_SIDE"),
        ({"quantity": "0.000011"}, "LOT_SIZE"),
        ({"quantity": "9000.00001"}, "LOT_SIZE"),
        (_MARKET | {"quantity": "1000.00001"}, "MARKET_LOT_SIZE"),
        ({"quantity": "0.00009"}, "NOTIONAL"),
        ({"quantity": "180.1"}, "NOTIONAL"),
        (_STOP | {"trailingDelta": "9"}, "TRAILING_DELTA"),
    ],
)
async def test_a_filter_is_named_by_whom_it_refuses(
    desk: Desk, change: dict[str, Any], name: str
) -> None:
    await desk.market()
    # Somebody has traded: there is a price to be too far from.
    assert (await desk.order(price="60000")).body["status"] == "FILLED"
    answer = await desk.order(**change)
    assert (_code(answer), answer.body["msg"]) == ((400, -1013), f"Filter failure: {name}")


async def test_so_many_stops_and_no_more(desk: Desk) -> None:
    await desk.market()
    stop = {"quantity": "0.01", "type": "STOP_LOSS_LIMIT", "price": "70000", "stopPrice": "69000"}
    for _ in range(5):
        assert (await desk.order(**stop)).status == 200
    answer = await desk.order(**stop)
    assert (_code(answer), answer.body["msg"]) == (
        (400, -1013),
        "Filter failure: MAX_NUM_ALGO_ORDERS",
    )


async def test_a_client_id_is_refused_while_an_order_has_it_and_free_afterwards(
    desk: Desk,
) -> None:
    await desk.market()
    assert (await desk.order(newClientOrderId="once")).status == 200
    again = await desk.order(newClientOrderId="once")
    assert (_code(again), again.body["msg"]) == ((400, -2010), "Duplicate order sent.")
    await desk.ask("DELETE", "order", symbol="BTCUSDT", origClientOrderId="once")
    # The trap of a second try: a filled market order's id is free again.
    for _ in range(2):
        answer = await desk.order(newClientOrderId="once", price="60000")
        assert answer.body["status"] == "FILLED"


async def test_what_is_not_there_is_unknown(desk: Desk) -> None:
    query = {"symbol": "BTCUSDT", "origClientOrderId": "never"}
    assert _code(await desk.ask("GET", "order", **query)) == (400, -2013)
    assert _code(await desk.ask("DELETE", "order", **query)) == (400, -2011)
    assert _code(await desk.ask("DELETE", "openOrders", symbol="BTCUSDT")) == (400, -2011)
    assert _code(await desk.ask("GET", "order", symbol="BTCUSDT")) == (400, -1102)


async def test_an_order_that_would_take_or_trigger_at_once_is_refused(desk: Desk) -> None:
    await desk.market()
    await desk.order(price="60000")
    maker = await desk.order(type="LIMIT_MAKER", timeInForce=None, price="60000")
    assert _code(maker) == (400, -2010)
    stop = await desk.order(side="SELL", type="STOP_LOSS_LIMIT", price="60500", stopPrice="61000")
    assert (_code(stop), stop.body["msg"]) == ((400, -2010), "Order would trigger immediately.")


async def test_a_closed_market_takes_no_order(desk: Desk) -> None:
    await desk.control("book", instrument="BTCUSDT", status="HALT")
    assert _code(await desk.order()) == (400, -1013)
    info = await desk.send("GET", "exchangeInfo?symbol=BTCUSDT")
    assert info.body["symbols"][0]["status"] == "HALT"


async def test_listen_keys_are_gone(desk: Desk) -> None:
    assert (await desk.send("POST", "userDataStream", key=desk.key)).status == 410


async def test_the_control_routes_refuse_a_page_that_names_another_host(desk: Desk) -> None:
    url = f"{desk.told['control']}/faults"
    async with desk.http.get(url, headers={"Host": "evil.example"}) as got:
        assert got.status == 403
