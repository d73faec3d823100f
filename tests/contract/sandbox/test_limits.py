"""Weight, order counts, and what happens to whoever does not stop."""

from tests.contract.sandbox.desk import Desk


async def test_every_answer_tells_the_weight_that_was_used(desk: Desk) -> None:
    await desk.begin_interval(60)
    before = int((await desk.send("GET", "ping")).headers["X-MBX-USED-WEIGHT-1M"])
    after = int((await desk.send("GET", "exchangeInfo")).headers["X-MBX-USED-WEIGHT-1M"])
    assert after - before == 20


async def test_an_order_that_is_taken_costs_no_weight_and_one_that_is_refused_does(
    desk: Desk,
) -> None:
    await desk.begin_interval(60)
    taken, refused = await desk.order(), await desk.order(price="1")
    assert [each.headers["X-MBX-USED-WEIGHT-1M"] for each in (taken, refused)] == ["0", "1"]


async def test_too_much_weight_is_429_and_going_on_is_a_ban(desk: Desk) -> None:
    await desk.begin_interval(60)
    answer = await desk.ask("GET", "openOrders")
    while answer.status == 200:
        answer = await desk.ask("GET", "openOrders")
    assert (answer.status, answer.body["code"]) == (429, -1003)
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    while answer.status == 429:
        answer = await desk.ask("GET", "openOrders")
    assert (answer.status, answer.headers["Retry-After"]) == (418, "120")
    # By address, not by key: public questions are refused too.
    assert (await desk.send("GET", "ping")).status == 418
    desk.offset_ms += 121_000
    await desk.control("clock", offset_seconds=desk.offset_ms / 1_000)
    assert (await desk.ask("GET", "openOrders")).status == 200


async def test_unfilled_orders_are_counted_and_trading_takes_them_off(desk: Desk) -> None:
    await desk.begin_interval(10)
    await desk.market()
    counts = [(await desk.order()).headers["X-MBX-ORDER-COUNT-10S"] for _ in range(3)]
    filled = await desk.order(price="60000")
    assert [*counts, filled.headers["X-MBX-ORDER-COUNT-10S"]] == ["1", "2", "3", "3"]
    told = await desk.ask("GET", "rateLimit/order")
    assert [each["count"] for each in told.body] == [3, 3]


async def test_too_many_unfilled_orders_are_refused(desk: Desk) -> None:
    await desk.begin_interval(10)
    answers = [await desk.order(quantity="0.001", price="30000") for _ in range(101)]
    assert {each.status for each in answers[:100]} == {200}
    assert (answers[100].status, answers[100].body["code"]) == (429, -1015)
    assert "Retry-After" in answers[100].headers
    assert len(await desk.orders()) == 100
