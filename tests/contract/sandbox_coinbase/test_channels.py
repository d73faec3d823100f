"""The channels, with a plain WebSocket client and the tokens of the official one."""

import ssl
import time
from decimal import Decimal

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.contract.sandbox_coinbase.conftest import Start
from tests.contract.sandbox_coinbase.desk import Desk, Socket


def ends(socket: Socket) -> None:
    """The other side closes."""
    with pytest.raises(ConnectionClosed):
        socket.drain()


def test_the_user_channel_tells_what_is_open_and_then_every_state(desk: Desk) -> None:
    resting = desk.buy("resting")["order_id"]
    with desk.listen("ws_user") as socket:
        listened = socket.subscribe("user")
        (user,) = listened["events"][0]["subscriptions"]["user"]
        assert user == desk.order(resting)["user_id"]
        (snapshot,) = [each for each in socket.seen if each["channel"] == "user"]
        (shown,) = snapshot["events"][0]["orders"]
        assert (snapshot["events"][0]["type"], shown["order_id"]) == ("snapshot", resting)

        desk.market(qty="0.004")
        desk.buy("new", base_size="0.01", limit_price="60000")
        states = [socket.state() for _ in range(3)]
        assert [(each["status"], each["cumulative_quantity"]) for each in states] == [
            ("PENDING", "0"),
            ("OPEN", "0"),
            ("OPEN", "0.004"),
        ]
        told = states[-1]
        assert (told["leaves_quantity"], told["avg_price"]) == ("0.006", "60000")
        assert Decimal(told["total_fees"]) == Decimal(240) * Decimal("0.012")
        assert "trade_id" not in told

        desk.sdk.cancel_orders([told["order_id"]])
        last = socket.state()
        assert (last["status"], last["leaves_quantity"]) == ("CANCELLED", "0")
        assert (last["cumulative_quantity"], last["number_of_fills"]) == ("0.004", "1")


def test_an_edit_is_told_as_the_same_order_going_on(desk: Desk) -> None:
    placed = desk.buy("edited")["order_id"]
    with desk.listen("ws_user") as socket:
        socket.subscribe("user")
        desk.sdk.edit_order(placed, size="0.02", price="51000")
        told = socket.state()
        assert (told["order_id"], told["status"]) == (placed, "OPEN")
        assert (told["limit_price"], told["leaves_quantity"]) == ("51000", "0.02")
        desk.sdk.cancel_orders([placed])
        assert socket.state()["status"] == "CANCELLED"


def test_the_user_channel_is_for_one_account_and_for_the_products_named(start: Start) -> None:
    desk = start(accounts=2)
    other = desk.client(1)
    with desk.listen("ws_user") as socket:
        socket.subscribe("user", "ETH-USD")
        desk.buy("bitcoin")
        other.limit_order_gtc_buy("theirs", "ETH-USD", base_size="1", limit_price="2000")
        desk.buy("ether", product_id="ETH-USD", limit_price="2000")
        assert socket.state()["client_order_id"] == "ether"
    other.session.close()


@pytest.mark.parametrize("token", ["", "a.b.c", None])
def test_the_user_channel_needs_a_token(desk: Desk, token: str | None) -> None:
    with desk.listen("ws_user") as socket:
        refused = socket.subscribe(
            "user", signed=False, **({} if token is None else {"jwt": token})
        )
        assert refused == {"type": "error", "message": "authentication failure"}


def test_an_old_token_is_no_token(desk: Desk) -> None:
    now = int(time.time())
    old = desk.token("GET", "/", nbf=now - 300, exp=now - 180)
    with desk.listen("ws_user") as socket:
        assert socket.subscribe("user", jwt=old)["message"] == "authentication failure"
        assert socket.subscribe("heartbeats", jwt=old)["message"] == "authentication failure"


def test_the_book_begins_with_all_of_it_and_goes_on_with_changes(desk: Desk) -> None:
    desk.market()
    with desk.listen("ws") as socket:
        socket.subscribe("level2", "BTC-USD", signed=False)
        (snapshot,) = [each for each in socket.seen if each["channel"] == "l2_data"]
        levels = {
            (each["side"], each["price_level"]): each["new_quantity"]
            for each in snapshot["events"][0]["updates"]
        }
        assert levels == {("bid", "59990"): "1", ("offer", "60000"): "1"}
        desk.trade("BUY", "1")
        (change,) = socket.of("l2_data")["updates"]
        assert (change["side"], change["price_level"], change["new_quantity"]) == (
            "offer",
            "60000",
            "0",
        )


def test_trades_tickers_and_candles_follow_the_market(desk: Desk) -> None:
    desk.market()
    with desk.listen("ws") as socket:
        for channel in ("market_trades", "ticker", "candles"):
            socket.subscribe(channel, "BTC-USD", signed=False)
        desk.trade("BUY", "0.25")
        assert socket.of("market_trades")["trades"][0]["size"] == "0.25"
        ticker = socket.of("ticker")["tickers"][0]
        assert (ticker["price"], ticker["best_ask_quantity"]) == ("60000", "0.75")
        candle = socket.of("candles")["candles"][0]
        assert (candle["close"], candle["volume"]) == ("60000", "0.25")
        assert int(candle["start"]) % 300 == 0


def test_every_message_has_the_next_number_of_its_connection(desk: Desk) -> None:
    with desk.listen("ws") as socket:
        socket.subscribe("heartbeats", signed=False)
        socket.subscribe("level2", "BTC-USD", signed=False)
        desk.market()
        first, second = socket.of("heartbeats"), socket.of("heartbeats")
        assert second["heartbeat_counter"] == first["heartbeat_counter"] + 1
        assert [each["sequence_num"] for each in socket.seen] == list(range(len(socket.seen)))
        assert len({each["channel"] for each in socket.seen}) == 3


def test_what_is_not_heard_any_more_is_not_told(desk: Desk) -> None:
    with desk.listen("ws") as socket:
        socket.subscribe("level2", "BTC-USD", "ETH-USD", signed=False)
        answer = socket.subscribe("level2", "BTC-USD", signed=False, type="unsubscribe")
        assert answer["events"][0]["subscriptions"] == {"level2": ["ETH-USD"]}
        desk.market()
        desk.control("book", instrument="ETH-USD", side="SELL", price="3000", qty="1")
        assert socket.of("l2_data")["product_id"] == "ETH-USD"
        answer = socket.subscribe("level2", signed=False, type="unsubscribe")
        assert answer["events"][0]["subscriptions"] == {}


@pytest.mark.parametrize(
    ("address", "channel", "products"),
    [
        ("ws", "user", ()),
        ("ws_user", "level2", ("BTC-USD",)),
        ("ws", "level2", ("DOGE-USD",)),
        ("ws", "rumours", ()),
    ],
)
def test_what_an_address_does_not_offer_is_refused(
    desk: Desk, address: str, channel: str, products: tuple[str, ...]
) -> None:
    with desk.listen(address) as socket:
        assert socket.subscribe(channel, *products)["type"] == "error"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"type":"dance","channel":"user"}'])
def test_what_is_no_message_is_answered_with_an_error(desk: Desk, text: str) -> None:
    with desk.listen("ws") as socket:
        socket.send(text)
        assert socket.receive() == {"type": "error", "message": "malformed message"}


def test_who_does_not_subscribe_in_time_is_cut_off(desk: Desk) -> None:
    with desk.listen("ws_user") as idle, desk.listen("ws_user") as heard:
        heard.subscribe("user")
        desk.control("clock", offset_seconds=6)
        ends(idle)
        desk.buy("still")
        assert heard.state()["client_order_id"] == "still"


def test_without_heartbeats_a_silent_connection_ends(desk: Desk) -> None:
    with desk.listen("ws_user") as silent, desk.listen("ws_user") as beating:
        silent.subscribe("user")
        beating.subscribe("user")
        beating.subscribe("heartbeats")
        desk.control("clock", offset_seconds=90)
        ends(silent)
        beating.of("heartbeats")
        desk.control("clock", offset_seconds=0)


def test_a_websocket_client_that_does_not_trust_the_authority_is_not_served(desk: Desk) -> None:
    desk.told = {**desk.told, "ca": None}
    with pytest.raises(ssl.SSLCertVerificationError), desk.listen("ws"):
        pass


def test_the_channels_are_nowhere_else(desk: Desk) -> None:
    desk.told = {**desk.told, "ws": desk.told["ws"] + "/none"}
    with pytest.raises(InvalidStatus), desk.listen("ws"):
        pass
