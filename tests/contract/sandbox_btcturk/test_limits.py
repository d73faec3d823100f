"""How much may be asked."""

from datetime import datetime

import pytest

from aitrader.kernel.clock import WALL
from tests.contract.sandbox_btcturk.conftest import Start
from tests.contract.sandbox_btcturk.desk import Desk


class Still:
    """A clock that stands, so that all requests are of one instant until it is moved."""

    def __init__(self) -> None:
        self._at = WALL.now()

    def now(self) -> datetime:
        return self._at


@pytest.fixture
async def desk(start: Start) -> Desk:
    return await start(clock=Still())


async def _later(desk: Desk, seconds: float) -> None:
    desk.offset_ms += int(seconds * 1_000)
    await desk.control("clock", offset_seconds=desk.offset_ms / 1_000)


async def test_an_account_places_ten_orders_a_second(start: Start) -> None:
    desk = await start(accounts=2, clock=Still())
    answers = [await desk.order() for _ in range(11)]
    assert [each.status for each in answers] == [200] * 10 + [429]
    refused = answers[-1]
    assert refused.body["message"] == "TOO_MANY_REQUESTS"
    assert (refused.body["limit"], refused.body["period"]) == ("10", "1s")
    assert (refused.body["policy"], refused.headers["Retry-After"]) == ("account", "1")
    other = Desk({**desk.told, **desk.told["accounts"][1]}, desk.http)
    assert (await other.order()).status == 200
    await _later(desk, 1.1)
    assert (await desk.order()).status == 200


async def test_cancels_are_counted_apart_from_orders(desk: Desk) -> None:
    numbers = [(await desk.placed())["id"] for _ in range(10)]
    assert (await desk.order()).status == 429
    assert [(await desk.cancel(each)).status for each in numbers] == [200] * 10
    assert (await desk.cancel(numbers[0])).status == 429


async def test_an_account_places_three_hundred_orders_a_minute(desk: Desk) -> None:
    for burst in range(30):
        if burst:
            await _later(desk, 1.1)
        for _ in range(10):
            assert (await desk.order(quantity="0.0001")).status in {200, 400}
    await _later(desk, 1.1)
    refused = await desk.order()
    assert (refused.status, refused.body["period"]) == (429, "1m")
    assert int(refused.headers["Retry-After"]) == 60
    await _later(desk, 50)
    assert 1 <= int((await desk.order()).headers["Retry-After"]) <= 10
    await _later(desk, 11)
    assert (await desk.order(quantity="0.0001")).status in {200, 400}


@pytest.mark.parametrize(("path", "most"), [("v1/users/balances", 120), ("v1/openOrders", 300)])
async def test_reads_are_counted_by_address(start: Start, path: str, most: int) -> None:
    desk = await start(accounts=2, clock=Still())
    assert {(await desk.ask("GET", path)).status for _ in range(most)} == {200}
    other = Desk({**desk.told, **desk.told["accounts"][1]}, desk.http)
    refused = await other.ask("GET", path)
    assert (refused.status, refused.body["policy"]) == (429, "ip")


async def test_a_refused_request_has_no_effect(desk: Desk) -> None:
    for _ in range(12):
        await desk.order()
    assert len(await desk.orders()) == 10
