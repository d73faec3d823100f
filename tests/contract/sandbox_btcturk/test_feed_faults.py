"""What a plan does to the feed: connections that die, events that are lost, doubled, late."""

import asyncio

import pytest
import websockets

from tests.contract.sandbox_btcturk.conftest import Start
from tests.contract.sandbox_btcturk.desk import Desk


async def test_a_connection_is_cut_when_the_control_says_so(desk: Desk) -> None:
    async with desk.feed() as feed:
        await desk.control("faults", streams="cut")
        with pytest.raises(websockets.ConnectionClosed):
            await feed.next()


async def test_a_notice_goes_before_a_cut(desk: Desk) -> None:
    async with desk.feed() as feed:
        await desk.control("faults", streams="shutdown")
        assert (await feed.next_of(801))["message"] == "SERVER_SHUTDOWN"
        with pytest.raises(websockets.ConnectionClosed):
            await feed.next()


async def test_a_plan_cuts_connections_by_the_clock(start: Start) -> None:
    desk = await start("stream_cut_s=1,shutdown_notice=1")
    async with desk.feed() as feed:
        await feed.next_of(801)
        with pytest.raises(websockets.ConnectionClosed):
            await feed.next()


async def test_a_silent_connection_stays_open_and_says_nothing(desk: Desk) -> None:
    async with desk.feed(login=True) as feed:
        await desk.control("faults", streams="silence")
        await desk.placed()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(feed.socket.recv(), timeout=0.5)
        assert feed.socket.state.name == "OPEN"


async def test_a_lost_event_is_not_told(start: Start) -> None:
    desk = await start("drop_event=1")
    async with desk.feed(login=True) as feed:
        await desk.placed()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(feed.socket.recv(), timeout=0.5)


async def test_a_doubled_event_comes_twice(start: Start) -> None:
    desk = await start("dup_event=1")
    async with desk.feed(login=True) as feed:
        number = (await desk.placed())["id"]
        assert [(await feed.next_of(451))["id"] for _ in range(2)] == [number] * 2


async def test_an_event_may_be_overtaken(start: Start) -> None:
    desk = await start("reorder_event=0.5", seed=3)
    async with desk.feed(login=True) as feed:
        numbers = [(await desk.placed())["id"] for _ in range(8)]
        told = [(await feed.next_of(451))["id"] for _ in numbers]
        assert told != numbers
        assert sorted(told) == numbers


async def test_a_trade_may_be_told_before_its_fee_is_known(start: Start) -> None:
    desk = await start("fee_late=1")
    await desk.market()
    async with desk.feed(login=True) as feed:
        await desk.buy_for("6000")
        told = await feed.next_of(423)
        assert (told["fee"], told["tax"]) == ("0", "0")
        assert (await desk.trades())[0]["fee"] == "-6.00000000"


async def test_a_login_may_repeat_the_past(start: Start) -> None:
    desk = await start("replay_events=2")
    numbers = [(await desk.placed())["id"] for _ in range(3)]
    async with desk.feed(login=True) as feed:
        assert [(await feed.next_of(451))["id"] for _ in range(2)] == numbers[1:]


async def test_a_lost_change_of_a_book_leaves_a_gap_in_its_numbers(start: Start) -> None:
    desk = await start("drop_depth=0.5", seed=4)
    async with desk.feed() as feed:
        await feed.join("obdiff", "BTCTRY")
        numbers = [(await feed.next_of(431))["CS"]]
        for step in range(12):
            await desk.quote("BUY", str(50_000 + step))
            await asyncio.sleep(0.25)
        await desk.control("faults", plan="")
        await desk.quote("BUY", "50100")
        best = ""
        while best != "50100.00":
            told = await feed.next_of(432)
            numbers.append(told["CS"])
            best = told["BO"][0]["P"]
        assert numbers != list(range(numbers[0], numbers[0] + len(numbers)))


async def test_a_book_may_come_crossed(start: Start) -> None:
    desk = await start("crossed_depth=1")
    await desk.market()
    async with desk.feed() as feed:
        await feed.join("orderbook", "BTCTRY")
        await feed.next_of(431)
        await desk.quote("BUY", "59995")
        told = await feed.next_of(431)
        assert float(told["BO"][0]["P"]) > float(told["AO"][0]["P"])
