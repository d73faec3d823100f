"""What the exchange, or a human in its app, does on its own."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.contract.sandbox.conftest import Start
from tests.contract.sandbox.desk import Desk


async def _until(true: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(50):
        if await true():
            return
        await asyncio.sleep(0.1)
    pytest.fail("it has not happened")


async def _status(desk: Desk) -> str:
    info = await desk.send("GET", "exchangeInfo?symbol=BTCUSDT")
    return str(info.body["symbols"][0]["status"])


@pytest.mark.parametrize(
    ("plan", "status"),
    [
        ("halt_every_s=1", "HALT"),
        ("cancel_only_every_s=1", "CANCEL_ONLY"),
        ("unknown_status_every_s=1", "AUCTION_MATCH"),
        ("delist_at_s=1", "BREAK"),
    ],
)
async def test_a_market_changes_its_status(start: Start, plan: str, status: str) -> None:
    desk = await start()
    number = (await desk.order()).body["orderId"]
    await desk.control("faults", plan=plan)

    async def changed() -> bool:
        return await _status(desk) == status

    await _until(changed)
    assert (await desk.order()).body["code"] == -1013
    cancel = await desk.ask("DELETE", "order", symbol="BTCUSDT", orderId=number)
    assert cancel.status == (200 if status == "CANCEL_ONLY" else 400)


async def test_a_halt_ends(start: Start) -> None:
    desk = await start("halt_every_s=1,halt_s=1,until_s=1")

    async def trading() -> bool:
        return (await desk.order()).status == 200

    await _until(trading)
    assert await _status(desk) == "TRADING"


async def test_money_comes_goes_and_is_locked_from_outside(start: Start) -> None:
    desk = await start()
    async with desk.user_stream() as stream:
        await desk.control("faults", plan="deposit_every_s=1,withdraw_every_s=1,lock_every_s=1")
        told = [(await stream.receive_json(timeout=5))["event"] for _ in range(6)]
    moves = {(each["e"], each["d"]) for each in told if "d" in each}
    assert {("balanceUpdate", "100.00000000"), ("balanceUpdate", "-10.00000000")} <= moves
    assert "externalLockUpdate" in {name for name, _ in moves}


async def test_filters_get_coarser_and_are_told(start: Start) -> None:
    desk = await start("filters_every_s=1")

    async def lot() -> str:
        told = (await desk.ask("GET", "exchangeInfo", symbol="BTCUSDT")).body["symbols"][0]
        rules = {each["filterType"]: each for each in told["filters"]}
        return str(rules["LOT_SIZE"]["stepSize"])

    seen = {await lot()}

    async def changed() -> bool:
        seen.add(await lot())
        return len(seen) == 2

    await _until(changed)
    coarse, fine = sorted(map(Decimal, seen), reverse=True)
    assert coarse == 10 * fine


async def test_a_human_trades_on_the_account(start: Start) -> None:
    desk = await start("external_every_s=1", market=True)

    async def traded() -> bool:
        return bool((await desk.ask("GET", "myTrades", symbol="BTCUSDT")).body)

    await _until(traded)


async def test_an_order_meets_one_of_its_own_account(start: Start) -> None:
    desk = await start()
    await desk.order()
    async with desk.user_stream() as stream:
        await desk.control("faults", plan="self_trade_every_s=1")
        told: dict[str, Any] = {}
        while told.get("X") != "EXPIRED_IN_MATCH":
            told = (await stream.receive_json(timeout=5))["event"]
    assert (told["x"], told["z"]) == ("EXPIRED", "0.00000000")
    assert (await desk.ask("GET", "openOrders")).body[0]["executedQty"] == "0.00000000"


async def test_a_trade_is_voided(start: Start) -> None:
    desk = await start()
    await desk.market()
    await desk.order(price="60000")
    await desk.control("faults", plan="bust_every_s=1")

    async def voided() -> bool:
        return (await desk.ask("GET", "myTrades", symbol="BTCUSDT")).body == []

    await _until(voided)
    balances = (await desk.ask("GET", "account")).body["balances"]
    assert {"asset": "USDT", "free": "100000.00000000", "locked": "0.00000000"} in balances


async def test_a_market_catches_up_after_a_jump_of_the_clock_and_requests_go_between(
    start: Start,
) -> None:
    desk = await start(market=True)
    await desk.control("clock", offset_seconds=3_600)
    began = asyncio.get_running_loop().time()
    assert (await desk.send("GET", "ping")).status == 200
    assert asyncio.get_running_loop().time() - began < 1
