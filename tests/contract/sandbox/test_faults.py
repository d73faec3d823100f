"""Each fault of a plan, as a client meets it on the wire."""

import asyncio
import time

import aiohttp
import pytest
from binance.exceptions import BinanceAPIException

from tests.contract.sandbox.conftest import Start
from tests.contract.sandbox.desk import Desk


async def test_a_lost_request_never_reaches_the_exchange(start: Start) -> None:
    desk = await start("lose_request=1")
    with pytest.raises(aiohttp.ClientConnectionError):
        await desk.order()
    assert await desk.orders() == []


async def test_an_order_may_be_taken_and_not_answered(start: Start) -> None:
    desk = await start("accept_no_answer=1")
    with pytest.raises(aiohttp.ClientConnectionError):
        await desk.order()
    assert [each["ord_status"] for each in await desk.orders()] == ["NEW"]


async def test_an_order_that_the_websocket_api_does_not_answer_was_taken(start: Start) -> None:
    desk = await start("accept_no_answer=1")
    async with desk.listen("ws-api/v3") as socket:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(
                desk.call(
                    socket,
                    "order.place",
                    symbol="BTCUSDT",
                    side="BUY",
                    type="LIMIT",
                    timeInForce="GTC",
                    quantity="0.01",
                    price="50000",
                ),
                timeout=0.5,
            )
    assert len(await desk.orders()) == 1


@pytest.mark.parametrize(("knob", "status"), [("http_502", 502), ("http_504", 504)])
async def test_a_gateway_s_page_hides_an_order_that_was_taken(
    start: Start, knob: str, status: int
) -> None:
    desk = await start(f"{knob}=1")
    answer = await desk.order()
    assert (answer.status, answer.headers["Content-Type"]) == (status, "text/html")
    assert len(await desk.orders()) == 1


async def test_the_exchange_s_own_timeouts_leave_the_order_taken(start: Start) -> None:
    desk = await start("timeout_code=1")
    codes = {(await desk.order()).body["code"] for _ in range(2)}
    assert codes == {-1006, -1007}
    assert len(await desk.orders()) == 2


async def test_garbage_is_of_every_kind_and_the_orders_were_taken(start: Start) -> None:
    desk = await start("garbage=1", seed=3)
    seen = set()
    for _ in range(40):
        stamp = int(time.time() * 1_000)
        query = (
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=30000"
            f"&timestamp={stamp}"
        )
        url = f"{desk.told['rest']}/api/v3/order?{query}&signature={desk.sign(query)}"
        # Not unpacked: whoever unpacks the large one has lost.
        async with desk.http.post(
            url, headers={"X-MBX-APIKEY": desk.key, "Accept-Encoding": "identity"}
        ) as got:
            seen.add(got.headers.get("Content-Encoding") or (await got.read())[:12])
    assert {b"<html><head>", b"", "gzip", b'{"status":"R', b'{"code":-100'} < seen
    assert len(await desk.orders()) == 40


async def test_maintenance_answers_503_before_the_exchange(start: Start) -> None:
    desk = await start("maintenance_at_s=1,maintenance_s=60")
    assert (await desk.order()).status == 200
    await asyncio.sleep(1.1)
    assert (await desk.order()).status == 503
    assert len(await desk.orders()) == 1


@pytest.mark.parametrize(
    ("plan", "status", "code"),
    [
        ("rate_limit=1,retry_after_s=9", 429, -1003),
        ("ban=1,ban_s=120", 418, -1003),
        ("refuse_filter=1", 400, -1013),
        ("refuse_balance=1", 400, -2010),
    ],
)
async def test_a_plan_may_refuse_a_good_order(
    start: Start, plan: str, status: int, code: int
) -> None:
    desk = await start(plan)
    answer = await desk.order()
    assert (answer.status, answer.body["code"]) == (status, code)
    if status in {418, 429}:
        assert int(answer.headers["Retry-After"]) == (120 if status == 418 else 9)
    assert await desk.orders() == []


async def test_a_revoked_key_is_refused(start: Start) -> None:
    desk = await start("key_revoked_at_s=1,key_revoked_s=60")
    assert (await desk.ask("GET", "account")).status == 200
    await asyncio.sleep(1.1)
    refused = await desk.ask("GET", "account")
    assert (refused.status, refused.body["code"]) == (401, -2015)


async def test_reads_lag_behind_an_order_that_was_taken(start: Start) -> None:
    desk = await start("stale_read=1,stale_read_s=1")
    placed = await desk.order(newClientOrderId="late")
    assert placed.status == 200
    query = {"symbol": "BTCUSDT", "origClientOrderId": "late"}
    assert (await desk.ask("GET", "order", **query)).body["code"] == -2013
    assert (await desk.ask("GET", "openOrders")).body == []
    await asyncio.sleep(1.1)
    assert (await desk.ask("GET", "order", **query)).body["status"] == "NEW"
    # The engine itself never lags.
    assert (await desk.ask("DELETE", "order", **query)).body["status"] == "CANCELED"


async def test_a_query_by_id_may_not_know_an_order_that_the_list_shows(start: Start) -> None:
    desk = await start("hide_order=1")
    number = (await desk.order()).body["orderId"]
    hidden = await desk.ask("GET", "order", symbol="BTCUSDT", orderId=number)
    assert hidden.body["code"] == -2013
    assert [each["orderId"] for each in (await desk.ask("GET", "openOrders")).body] == [number]


async def test_an_order_may_fill_just_before_its_cancel(start: Start) -> None:
    desk = await start("fill_first=1")
    number = (await desk.order()).body["orderId"]
    late = await desk.ask("DELETE", "order", symbol="BTCUSDT", orderId=number)
    assert late.body["code"] == -2011
    found = await desk.ask("GET", "order", symbol="BTCUSDT", orderId=number)
    assert found.body["status"] == "FILLED"


async def test_half_of_a_replace_may_fail(start: Start) -> None:
    desk = await start("half_replace=1")
    answer = await desk.ask(
        "POST",
        "order/cancelReplace",
        symbol="BTCUSDT",
        side="BUY",
        type="LIMIT",
        timeInForce="GTC",
        quantity="0.01",
        price="51000",
        cancelReplaceMode="STOP_ON_FAILURE",
        cancelOrderId=(await desk.order()).body["orderId"],
    )
    assert (answer.status, answer.body["code"]) == (409, -2021)
    assert [each["ord_status"] for each in await desk.orders()] == ["CANCELED"]


async def test_a_late_answer_comes_after_the_stream_has_told_the_order(start: Start) -> None:
    desk = await start("late_answer=1,late_answer_ms=300")
    async with desk.user_stream() as stream:
        answer = asyncio.create_task(desk.order())
        told = await stream.receive_json(timeout=5)
        assert not answer.done()
        assert told["event"]["i"] == (await answer).body["orderId"]


async def test_a_request_that_waits_too_long_on_its_way_is_refused(start: Start) -> None:
    desk = await start("latency_ms=200")
    answer = await desk.order(recvWindow=100)
    assert (answer.status, answer.body["code"]) == (400, -1021)
    assert await desk.orders() == []


async def test_the_exchange_s_clock_may_be_ahead(start: Start) -> None:
    desk = await start("clock_skew_ms=8000")
    assert (await desk.order()).body["code"] == -1021
    served = (await desk.send("GET", "time")).body["serverTime"]
    assert served - time.time() * 1_000 > 7_000


async def test_numbers_are_written_oddly_and_mean_the_same(start: Start) -> None:
    desk = await start("odd_numbers=1")
    answer = await desk.order(quantity="0.01")
    assert answer.body["executedQty"] == "0E-8"
    assert float(answer.body["origQty"]) == 0.01


async def test_the_plan_is_changed_while_the_exchange_runs(desk: Desk) -> None:
    assert (await desk.order()).status == 200
    told = await desk.control("faults", plan="refuse_balance=1", seed=5)
    assert (told["plan"], told["seed"]) == ("refuse_balance=1", 5)
    assert (await desk.order()).body["code"] == -2010
    await desk.control("faults", plan="")
    assert (await desk.order()).status == 200


async def test_python_binance_calls_an_unknown_outcome_an_error_of_the_exchange(
    desk: Desk,
) -> None:
    client = await desk.client()
    await desk.control("faults", plan="http_502=1")
    try:
        with pytest.raises(BinanceAPIException) as failed:
            await client.order_limit_buy(symbol="BTCUSDT", quantity="0.01", price="50000")
    finally:
        await client.close_connection()
    assert (failed.value.status_code, failed.value.code) == (502, 0)
    assert len(await desk.orders()) == 1
