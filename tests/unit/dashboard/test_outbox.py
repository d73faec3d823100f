"""What waits for a slow browser."""

import asyncio

import pytest

from dashboard.outbox import MOST_ALERTS, Outbox, TooSlow


def _topic(name: str, seq: int) -> dict[str, object]:
    return {"type": "topic", "topic": name, "seq": seq}


async def _all(outbox: Outbox) -> list[dict[str, object]]:
    found = []
    while True:
        try:
            found.append(await asyncio.wait_for(outbox.get(), 0.01))
        except TimeoutError:
            return found


async def test_topics_replace_each_other_and_alerts_do_not() -> None:
    outbox = Outbox()
    for seq in range(100):
        outbox.put(_topic("orders", seq))
        outbox.put({"type": "alert", "id": seq})
    outbox.put(_topic("cards", 100))
    found = await _all(outbox)
    assert [each["id"] for each in found if each["type"] == "alert"] == list(range(100))
    assert [each for each in found if each["type"] == "topic"] == [
        _topic("orders", 99),
        _topic("cards", 100),
    ]


async def test_candles_of_two_instruments_both_arrive() -> None:
    outbox = Outbox()
    for code in ("A", "B", "A"):
        outbox.put({"type": "candle", "topic": "chart", "instrument": code})
    assert {each["instrument"] for each in await _all(outbox)} == {"A", "B"}


async def test_a_client_that_does_not_read_is_cut_off_rather_than_cheated() -> None:
    outbox = Outbox()
    for number in range(MOST_ALERTS + 1):
        outbox.put({"type": "alert", "id": number})
    with pytest.raises(TooSlow):
        await outbox.get()


async def test_a_reader_waits_for_the_next_message() -> None:
    outbox = Outbox()
    reader = asyncio.create_task(outbox.get())
    await asyncio.sleep(0)
    outbox.put(_topic("state", 1))
    assert (await reader)["topic"] == "state"
