"""What a plan does to the channels, as a client meets it."""

from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.contract.sandbox_coinbase.conftest import Start
from tests.contract.sandbox_coinbase.desk import Desk, Socket


def numbers(socket: Socket) -> list[int]:
    return [each["sequence_num"] for each in socket.seen if "sequence_num" in each]


def test_a_lost_state_leaves_a_gap_in_the_numbers(start: Start) -> None:
    desk = start("drop_event=0.5")
    with desk.listen("ws_user") as socket:
        socket.subscribe("user")
        for number in range(10):
            desk.buy(f"o-{number}")
        desk.control("faults", plan="")
        desk.buy("last")
        socket.until(lambda told: _client_id(told) == "last")
        seen = numbers(socket)
        assert seen == sorted(set(seen))
        assert len(seen) < seen[-1] + 1


def test_a_state_may_come_twice(start: Start) -> None:
    desk = start("dup_event=1")
    with desk.listen("ws_user") as socket:
        socket.subscribe("user")
        desk.buy("twice")
        states = [socket.state()["status"] for _ in range(4)]
        assert states == ["PENDING", "PENDING", "OPEN", "OPEN"]
        assert len(set(numbers(socket))) == len(numbers(socket)) - 2


def test_states_may_overtake_each_other(start: Start) -> None:
    desk = start("reorder_event=0.5")
    with desk.listen("ws_user") as socket:
        socket.subscribe("user")
        for number in range(10):
            desk.buy(f"o-{number}")
        while len(socket.seen) < 22:
            socket.receive()
        assert numbers(socket) != sorted(numbers(socket))
        assert set(numbers(socket)) == set(range(22))


def test_a_fill_may_be_told_before_its_fee(start: Start) -> None:
    desk = start("fee_late=1")
    desk.market()
    with desk.listen("ws_user") as socket:
        socket.subscribe("user")
        placed = desk.buy("fee", limit_price="60000")["order_id"]
        state = socket.state()
        while state["status"] != "FILLED":
            state = socket.state()
        assert (state["cumulative_quantity"], state["total_fees"]) == ("0.01", "0")
        assert desk.order(placed)["total_fees"] == "7.2"


def test_the_past_is_repeated_at_the_start(start: Start) -> None:
    desk = start("replay_events=2")
    placed = desk.buy("past")["order_id"]
    desk.sdk.cancel_orders([placed])
    with desk.listen("ws_user") as socket:
        socket.subscribe("user")
        assert [socket.state()["status"] for _ in range(2)] == ["OPEN", "CANCELLED"]


def test_a_change_of_the_book_may_be_lost_or_cross_it(start: Start) -> None:
    desk = start("drop_depth=1")
    with desk.listen("ws") as socket:
        socket.subscribe("level2", "BTC-USD", signed=False)
        desk.market()
        desk.control("faults", plan="crossed_depth=1")
        desk.market(bid="59000", ask="61000")
        event = socket.of("l2_data")
        assert any(each["price_level"] == "900000" for each in event["updates"])
        seen = numbers(socket)
        assert len(seen) < seen[-1] + 1


@pytest.mark.parametrize("how", ["cut", "shutdown"])
def test_connections_are_cut_with_or_without_a_word(desk: Desk, how: str) -> None:
    with desk.listen("ws_user") as socket:
        socket.subscribe("user")
        desk.control("faults", streams=how)
        with pytest.raises(ConnectionClosed):
            socket.drain()
        assert (socket.seen[-1].get("type") == "error") is (how == "shutdown")


def test_a_connection_may_fall_silent_and_stay_open(desk: Desk) -> None:
    with desk.listen("ws_user") as socket:
        socket.subscribe("user")
        desk.control("faults", streams="silence")
        desk.buy("unheard")
        with pytest.raises(TimeoutError):
            socket.drain(0.5)


def test_a_connection_lives_as_long_as_the_plan_says(start: Start) -> None:
    desk = start("stream_cut_s=1,shutdown_notice=1")
    with desk.listen("ws_user") as socket:
        socket.subscribe("user")
        with pytest.raises(ConnectionClosed):
            socket.drain()
        assert socket.seen[-1] == {"type": "error", "message": "the server goes away"}


def _client_id(told: Any) -> Any:
    """Of the order that a message of the user channel tells."""
    orders = told["events"][0]["orders"] if told.get("channel") == "user" else []
    return orders[0]["client_order_id"] if orders else None
