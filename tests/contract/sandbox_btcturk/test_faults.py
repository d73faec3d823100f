"""Each fault of a plan, as a client meets it on the wire."""

import asyncio
import time

import aiohttp
import pytest

from tests.contract.sandbox_btcturk.conftest import Start
from tests.contract.sandbox_btcturk.desk import Desk


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


async def test_what_was_not_answered_and_is_sent_again_is_two_orders(start: Start) -> None:
    desk = await start("accept_no_answer=1")
    for _ in range(2):
        with pytest.raises(aiohttp.ClientConnectionError):
            await desk.order(newOrderClientId="once")
    assert len(await desk.orders()) == 2


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
    answers = [await desk.order() for _ in range(2)]
    assert {each.body["message"] for each in answers} == {"TIMEOUT", "INTERNAL_ERROR"}
    assert {each.status for each in answers} == {500}
    assert len(await desk.orders()) == 2


async def test_garbage_is_of_every_kind_and_the_orders_were_taken(start: Start) -> None:
    desk = await start("garbage=1", seed=3)
    seen = set()
    body = (
        '{"pairSymbol":"BTCTRY","orderType":"buy","orderMethod":"limit","quantity":"0.001",'
        '"price":"30000"}'
    )
    for burst in range(4):
        desk.offset_ms = burst * 1_100
        await desk.control("clock", offset_seconds=desk.offset_ms / 1_000)
        for _ in range(10):
            # Not unpacked: whoever unpacks the large one has lost.
            async with desk.http.post(
                f"{desk.told['rest']}/api/v1/order",
                data=body,
                headers={**desk.headers(), "Accept-Encoding": "identity"},
            ) as got:
                seen.add(got.headers.get("Content-Encoding") or (await got.read())[:12])
    assert {b"<html><head>", b"", "gzip", b'{"success":f', b'{"data":null', b'{"data":{"id'} == seen
    assert len(await desk.orders()) == 40


async def test_maintenance_answers_503_before_the_exchange(start: Start) -> None:
    desk = await start("maintenance_at_s=1,maintenance_s=60")
    assert (await desk.order()).status == 200
    await asyncio.sleep(1.1)
    refused = await desk.order()
    assert (refused.status, refused.body["message"]) == (503, "SYSTEM_UNDER_MAINTENANCE")
    assert (await desk.ask("GET", "v2/ticker")).status == 503
    assert len(await desk.orders()) == 1


@pytest.mark.parametrize(
    ("plan", "status", "word"),
    [
        ("rate_limit=1,retry_after_s=9", 429, "TOO_MANY_REQUESTS"),
        ("ban=1,ban_s=120", 429, "TOO_MANY_REQUESTS"),
        ("refuse_filter=1", 400, "FAILED_INVALID_QUANTITY_SCALE"),
        ("refuse_balance=1", 400, "BALANCE_NOT_ENOUGH"),
    ],
)
async def test_a_plan_may_refuse_a_good_order(
    start: Start, plan: str, status: int, word: str
) -> None:
    desk = await start(plan)
    answer = await desk.order()
    assert (answer.status, answer.body["message"]) == (status, word)
    if status == 429:
        assert int(answer.headers["Retry-After"]) == (120 if "ban" in plan else 9)
    assert await desk.orders() == []


async def test_a_ban_is_of_everything_until_it_is_over(start: Start) -> None:
    desk = await start("ban=1,ban_s=60")
    await desk.ask("GET", "v2/ticker")
    await desk.control("faults", plan="")
    refused = await desk.ask("GET", "v1/users/balances")
    assert (refused.status, refused.body["policy"]) == (429, "ip")
    desk.offset_ms = 61_000
    await desk.control("clock", offset_seconds=61)
    assert (await desk.ask("GET", "v1/users/balances")).status == 200


async def test_a_revoked_key_is_refused(start: Start) -> None:
    desk = await start("key_revoked_at_s=1,key_revoked_s=60")
    assert (await desk.ask("GET", "v1/users/balances")).status == 200
    await asyncio.sleep(1.1)
    refused = await desk.ask("GET", "v1/users/balances")
    assert (refused.status, refused.body["message"]) == (401, "Unauthorized - Invalid API Key")


async def test_reads_lag_behind_an_order_that_was_taken(start: Start) -> None:
    desk = await start("stale_read=1,stale_read_s=1")
    number = (await desk.placed())["id"]
    path = f"v1/order/{number}"
    assert (await desk.ask("GET", path)).body["message"] == "Order not found"
    assert await desk.get("v1/openOrders") == {"asks": [], "bids": []}
    assert await desk.all_orders() == []
    await asyncio.sleep(1.1)
    assert (await desk.get(path))["status"] == "Untouched"
    # The engine itself never lags.
    assert (await desk.cancel(number)).status == 200


async def test_a_query_by_id_may_not_know_an_order_that_the_list_shows(start: Start) -> None:
    desk = await start("hide_order=1")
    number = (await desk.placed())["id"]
    assert (await desk.ask("GET", f"v1/order/{number}")).status == 400
    assert [each["id"] for each in (await desk.get("v1/openOrders"))["bids"]] == [number]


async def test_an_order_may_fill_just_before_its_cancel(start: Start) -> None:
    desk = await start("fill_first=1")
    number = (await desk.placed())["id"]
    late = await desk.cancel(number)
    assert (late.status, late.body["message"]) == (400, "ORDER_COULD_NOT_BE_CANCELED")
    assert (await desk.get(f"v1/order/{number}"))["status"] == "Closed"


async def test_a_late_answer_comes_after_the_feed_has_told_the_order(start: Start) -> None:
    desk = await start("late_answer=1,late_answer_ms=300")
    async with desk.feed(login=True) as feed:
        answer = asyncio.create_task(desk.order())
        told = await feed.next_of(451)
        assert not answer.done()
        assert told["id"] == (await answer).body["data"]["id"]


async def test_a_request_that_waits_too_long_on_its_way_is_refused(start: Start) -> None:
    desk = await start("latency_ms=700")
    headers = desk.headers(stamp=int(time.time() * 1_000) - 4_500)
    refused = await desk.ask("POST", "v1/order", headers=headers)
    assert (refused.status, refused.body["message"]) == (401, "Unauthorized - Invalid Nonce")


async def test_the_exchange_s_clock_may_be_ahead(start: Start) -> None:
    desk = await start("clock_skew_ms=8000")
    assert (await desk.order()).status == 401
    async with desk.http.get(f"{desk.told['rest']}/api/v2/server/time") as got:
        assert (await got.json())["serverTime"] - time.time() * 1_000 > 7_000


async def test_numbers_are_written_oddly_and_mean_the_same(start: Start) -> None:
    desk = await start("odd_numbers=1")
    placed = await desk.placed(quantity="0.015")
    assert (placed["stopPrice"], placed["price"]) == ("0E-8", "50000.0")
    assert len(placed["quantity"]) > 18
    assert float(placed["quantity"]) == 0.015


async def test_pages_may_be_short_and_trades_of_one_millisecond(start: Start) -> None:
    desk = await start("page_limit=5,same_ms=1")
    for step in range(12):
        await desk.quote("SELL", str(60_000 + step), "0.01")
    number = (await desk.buy_for("7200.66")).body["data"]["id"]
    assert len(await desk.trades()) == 5
    mine = await desk.trades(orderId=number)
    assert len({each["id"] for each in mine}) == 12
    assert len({each["timestamp"] for each in mine}) == 1
    for _ in range(6):
        await desk.placed()
    assert [len(await desk.all_orders(page=page)) for page in (1, 2)] == [5, 2]


async def test_no_fees_are_no_fees(start: Start) -> None:
    desk = await start("fee_zero=1")
    await desk.market()
    await desk.market_order("buy", "6000")
    (row,) = await desk.trades()
    assert (row["fee"], row["tax"]) == ("0.00000000", "0.00000000")
    assert (await desk.balance("TRY"))["free"] == "3994000.0000000000000000"


async def test_the_plan_is_changed_while_the_exchange_runs(desk: Desk) -> None:
    assert (await desk.order()).status == 200
    await desk.control("faults", plan="refuse_balance=1", seed=5)
    assert (await desk.order()).status == 400
    await desk.control("faults", plan="")
    assert (await desk.order()).status == 200


async def test_a_status_that_nobody_knows_is_told_as_one(start: Start) -> None:
    desk = await start("unknown_status_every_s=1,halt_s=60")
    known = {"TRADING", "HALT", "BREAK", "CANCEL_ONLY"}
    while True:
        told = await desk.get("v2/server/exchangeinfo")
        if {each["status"] for each in told["symbols"]} - known:
            break
        await asyncio.sleep(0.1)
    assert (await desk.order()).status == 400
