"""Faults of the streams: events lost, doubled, late or out of order, connections cut or silent."""

import asyncio
import contextlib
from itertools import pairwise
from typing import Any

import aiohttp
import pytest

from tests.contract.sandbox.conftest import Start
from tests.contract.sandbox.desk import Desk


async def _events(desk: Desk, orders: int) -> list[str]:
    """Whose events the stream tells until a second has gone by without a word."""
    heard: list[str | None] = []
    async with desk.user_stream() as stream:
        for number in range(orders):
            await desk.order(newClientOrderId=f"n{number}", quantity="0.001", price="30000")
        with contextlib.suppress(TimeoutError):
            while True:
                told = await stream.receive_json(timeout=1.2)
                heard.append(told["event"].get("c"))
    return [name for name in heard if name]


async def test_events_are_lost(start: Start) -> None:
    assert await _events(await start("drop_event=1"), 2) == []


async def test_events_come_twice(start: Start) -> None:
    names = await _events(await start("dup_event=1"), 2)
    assert names == ["n0", "n0", "n1", "n1"]


async def test_events_overtake_one_another(start: Start) -> None:
    names = await _events(await start("reorder_event=0.3"), 10)
    assert sorted(names) == sorted(f"n{number}" for number in range(10))
    assert names != sorted(names)


async def test_a_fill_may_be_told_before_its_fee(start: Start) -> None:
    desk = await start("fee_late=1")
    await desk.market()
    async with desk.user_stream() as stream:
        await desk.order(price="60000")
        fill = [await stream.receive_json(timeout=5) for _ in range(2)][1]["event"]
    assert (fill["x"], fill["n"], fill["N"]) == ("TRADE", "0", None)
    (known,) = (await desk.ask("GET", "myTrades", symbol="BTCUSDT")).body
    assert known["commissionAsset"] == "BTC"


async def test_a_stream_is_cut(start: Start) -> None:
    desk = await start("stream_cut_s=1,shutdown_notice=1")
    async with desk.user_stream() as stream:
        told = await stream.receive_json(timeout=5)
        assert told == {"event": {"e": "serverShutdown", "E": told["event"]["E"]}}
        ended = await stream.receive(timeout=5)
        assert ended.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}


async def test_a_silent_stream_stays_open_and_says_nothing(start: Start) -> None:
    desk = await start()
    async with desk.user_stream() as stream:
        await desk.control("faults", streams="silence")
        await desk.order()
        with pytest.raises(TimeoutError):
            await stream.receive(timeout=0.5)
        assert not stream.closed


async def test_the_past_is_told_again_at_the_start_of_a_stream(start: Start) -> None:
    desk = await start("replay_events=2")
    await desk.order(newClientOrderId="before")
    async with desk.user_stream() as stream:
        assert (await stream.receive_json(timeout=5))["event"]["c"] == "before"


async def _depth_events(desk: Desk, count: int) -> list[dict[str, Any]]:
    """What the stream tells of a book that changes ten times a second."""

    async def change() -> None:
        while True:
            await desk.control("book", instrument="BTCUSDT", side="BUY", price="30000", qty="0.001")
            await asyncio.sleep(0.1)

    async with desk.listen("ws/btcusdt@depth@100ms") as stream:
        changing = asyncio.create_task(change())
        try:
            return [await stream.receive_json(timeout=5) for _ in range(count)]
        finally:
            changing.cancel()


async def test_a_depth_event_is_lost_and_leaves_a_gap(start: Start) -> None:
    events = await _depth_events(await start("drop_depth=0.5"), 6)
    assert max(after["U"] - before["u"] for before, after in pairwise(events)) > 1


async def test_a_depth_event_crosses_the_book(start: Start) -> None:
    desk = await start("crossed_depth=1")
    (event,) = await _depth_events(desk, 1)
    assert ["900000.00000000", "1.00000000"] in event["b"]
    assert (await desk.truth("book", instrument="BTCUSDT"))["bids"][0][0] == "30000"
