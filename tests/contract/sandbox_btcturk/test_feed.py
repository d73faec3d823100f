"""The WebSocket feed, heard by a plain client."""

from typing import Any

import pytest

from tests.contract.sandbox_btcturk.conftest import Start
from tests.contract.sandbox_btcturk.desk import Desk


async def test_a_connection_is_welcomed_and_a_join_is_confirmed(desk: Desk) -> None:
    async with desk.feed() as feed:
        told = await feed.join("trade", "BTCTRY")
        assert told == {"type": 100, "ok": True, "message": "join|trade:BTCTRY"}
        told = await feed.join("trade", "BTCTRY")
        assert told["ok"] is False
        told = await feed.join("trade", "BTCTRY", join=False)
        assert told == {"type": 100, "ok": True, "message": "leave|trade:BTCTRY"}
        assert (await feed.join("trade", "BTCTRY", join=False))["ok"] is False


@pytest.mark.parametrize(
    ("channel", "event"),
    [
        ("nope", "BTCTRY"),
        ("trade", "btctry"),
        ("trade", "NOPETRY"),
        ("obdiff", "all"),
        ("tradeview", "BTCTRY_7"),
        ("tradeview", "BTCTRY"),
        ("ticker", "BTCTRY_60"),
    ],
)
async def test_what_does_not_exist_is_joined_with_success_and_says_nothing(
    desk: Desk, channel: str, event: str
) -> None:
    async with desk.feed() as feed:
        assert (await feed.join(channel, event))["ok"] is True
        await desk.trade_at("60000")
        await feed.join("trade", "BTCTRY")
        assert (await feed.next())[0] == 421


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", "[151]", "[151,[]]", "[999,{}]", '[151,{"channel":["a"]}]']
)
async def test_nonsense_gets_no_answer_and_keeps_the_connection(desk: Desk, text: str) -> None:
    async with desk.feed() as feed:
        await feed.socket.send(text)
        assert (await feed.join("ticker", "BTCTRY"))["ok"] is True


async def test_trades_are_a_list_at_first_and_then_one_by_one(desk: Desk) -> None:
    await desk.trade_at("60000")
    async with desk.feed() as feed:
        await feed.join("trade", "BTCTRY")
        first = await feed.next_of(421)
        assert [each["P"] for each in first["items"]] == ["60000.00"]
        assert (first["symbol"], first["channel"], first["event"]) == ("BTCTRY", "trade", "BTCTRY")
        await desk.trade_at("61000")
        one = await feed.next_of(422)
        assert (one["PS"], one["P"], one["A"], one["S"]) == ("BTCTRY", "61000.00", "0.00100000", 1)
        assert one["I"] > first["items"][0]["I"]
        assert one["D"].isdigit()


async def test_a_ticker_repeats_itself_and_tells_the_best_prices(desk: Desk) -> None:
    await desk.trade_at("60000")
    await desk.market(qty="0.25")
    async with desk.feed() as feed:
        await feed.join("ticker", "BTCTRY")
        one, two = [await feed.next_of(402) for _ in range(2)]
        assert one == two
        assert (one["LA"], one["B"], one["BA"]) == (
            "60000.00000000",
            "59990.00000000",
            "0.25000000",
        )
        await feed.join("ticker", "all")
        of_all = await feed.next_of(401)
        assert [each["PS"] for each in of_all["items"]] == ["BTCTRY", "ETHTRY"]


async def test_a_whole_book_comes_when_it_has_changed(desk: Desk) -> None:
    await desk.market(qty="0.25")
    async with desk.feed() as feed:
        await feed.join("orderbook", "BTCTRY")
        first = await feed.next_of(431)
        assert first["AO"] == [{"A": "0.25000000", "P": "60000.00"}]
        assert first["BO"] == [{"A": "0.25000000", "P": "59990.00"}]
        await desk.quote("BUY", "59995", "0.5")
        second = await feed.next_of(431)
        assert [each["P"] for each in second["BO"]] == ["59995.00", "59990.00"]
        assert second["CS"] == first["CS"] + 1


def _apply(book: dict[str, dict[str, str]], told: dict[str, Any]) -> None:
    for side in ("AO", "BO"):
        for level in told[side]:
            held = level["P"] in book[side]
            assert held is (level["CP"] != 1)
            if level["CP"] == 3:
                del book[side][level["P"]]
            else:
                book[side][level["P"]] = level["A"]


async def test_the_changes_of_a_book_make_the_book(desk: Desk) -> None:
    await desk.market(qty="0.25")
    async with desk.feed() as feed:
        await feed.join("obdiff", "BTCTRY")
        first = await feed.next_of(431)
        book = {side: {each["P"]: each["A"] for each in first[side]} for side in ("AO", "BO")}
        number = first["CS"]
        for act in (("SELL", "60010", "1"), ("BUY", "60000", "0.1"), ("BUY", "60010", "0.15")):
            await desk.quote(*act)
            told = await feed.next_of(432)
            assert told["CS"] == number + 1
            number = told["CS"]
            _apply(book, told)
        assert book == {"AO": {"60010.00": "1.00000000"}, "BO": {"59990.00": "0.25000000"}}


async def test_two_who_listen_count_their_own_changes(desk: Desk) -> None:
    async with desk.feed() as one, desk.feed() as two:
        await one.join("obdiff", "BTCTRY")
        start_one = (await one.next_of(431))["CS"]
        await desk.quote("BUY", "59990")
        assert (await one.next_of(432))["CS"] == start_one + 1
        await two.join("obdiff", "BTCTRY")
        start_two = (await two.next_of(431))["CS"]
        await desk.quote("SELL", "60000")
        assert (await two.next_of(432))["CS"] == start_two + 1


async def test_a_candle_is_told_as_it_grows(desk: Desk) -> None:
    await desk.trade_at("60000")
    async with desk.feed() as feed:
        await feed.join("tradeview", "BTCTRY_60")
        first = await feed.next_of(428)
        assert (first["P"], first["R"], first["C"]) == ("BTCTRY", "60", 60_000.0)
        await desk.trade_at("61000")
        while (told := await feed.next_of(428))["C"] != 61_000.0:
            pass
        assert (told["D"] % 3_600, told["H"], told["O"]) == (0, 61_000.0, 60_000.0)


async def test_only_who_has_the_secret_logs_in(desk: Desk) -> None:
    async with desk.feed() as feed:
        for key, signature in ((desk.key, "c2lnbmVk"), ("nobody", desk.sign(3_000)), ("", "")):
            told = await feed.login(key, signature)
            assert (told["type"], told["ok"]) == (114, False)
        await desk.placed()
        told = await feed.login(desk.key, desk.sign(3_000))
        assert told == {"type": 114, "id": told["id"], "ok": True, "message": None}
        second = await desk.placed()
        assert (await feed.next_of(451))["id"] == second["id"]


async def test_an_account_is_told_its_orders_its_trades_and_their_ends(desk: Desk) -> None:
    await desk.quote("SELL", "60000", "0.004")
    async with desk.feed(login=True) as feed:
        number = (await desk.placed(price="60000", newOrderClientId="mine"))["id"]
        placed = await feed.next_of(451)
        assert placed == {
            "type": 451,
            "pairId": 1,
            "symbol": "BTCTRY",
            "id": number,
            "method": 0,
            "userId": placed["userId"],
            "orderType": 0,
            "price": "60000.00",
            "amount": "0.01000000",
            "numLeft": "0.01000000",
            "denomLeft": "600.00000000",
            "newOrderClientId": "mine",
        }
        kind, matched = await feed.next()
        assert kind == 441
        assert (matched["id"], matched["isBid"], matched["amount"], matched["clientId"]) == (
            number,
            True,
            "0.00400000",
            "mine",
        )
        kind, traded = await feed.next()
        assert kind == 423
        assert "type" not in traded
        assert [traded] == await desk.trades()
        kind, left = await feed.next()
        assert (kind, left["numLeft"]) == (453, "0.00600000")
        await desk.cancel(number)
        kind, ended = await feed.next()
        assert (kind, ended["id"], ended["numLeft"]) == (452, number, "0.00600000")


async def test_a_triggered_stop_is_an_end_and_a_new_order(desk: Desk) -> None:
    await desk.trade_at("60000")
    async with desk.feed(login=True) as feed:
        stop = await desk.placed(
            orderMethod="stoplimit", orderType="sell", price="58000", stopPrice="59000"
        )
        assert (await feed.next_of(451))["method"] == 2
        await desk.trade_at("59000")
        kind, ended = await feed.next()
        assert (kind, ended["id"]) == (452, stop["id"])
        kind, working = await feed.next()
        assert (kind, working["method"]) == (451, 0)
        assert working["id"] > stop["id"]
        assert [each["id"] for each in (await desk.get("v1/openOrders"))["asks"]] == [working["id"]]


async def test_nobody_is_told_of_another_account(start: Start) -> None:
    desk = await start(accounts=2)
    other = Desk({**desk.told, **desk.told["accounts"][1]}, desk.http)
    async with desk.feed(login=True) as feed:
        await other.placed()
        mine = await desk.placed()
        assert (await feed.next_of(451))["id"] == mine["id"]


async def test_fifteen_connections_a_minute_are_allowed(desk: Desk) -> None:
    for _ in range(15):
        async with desk.feed():
            pass
    async with desk.http.get(desk.told["ws"].replace("ws://", "http://")) as got:
        assert (got.status, got.headers["Retry-After"]) == (429, "60")
