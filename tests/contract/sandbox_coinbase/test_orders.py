"""Orders of the official client, from placing to the last fill."""

from datetime import timedelta
from decimal import Decimal

import pytest

from aitrader.kernel.clock import WALL
from tests.contract.sandbox_coinbase.conftest import Start
from tests.contract.sandbox_coinbase.desk import Desk

FAR = {"base_size": "0.01", "limit_price": "50000"}


def test_a_limit_order_rests_is_found_and_is_cancelled(desk: Desk) -> None:
    placed = desk.buy("mine-1")
    assert (placed["success"], placed["failure_reason"]) == (True, "UNKNOWN_FAILURE_REASON")
    assert placed["success_response"]["client_order_id"] == "mine-1"

    found = desk.order(placed["order_id"])
    assert (found["status"], found["order_type"], found["filled_size"]) == ("OPEN", "LIMIT", "0")
    listed = desk.sdk.list_orders(order_status=["OPEN"]).to_dict()
    assert [each["order_id"] for each in listed["orders"]] == [placed["order_id"]]

    ended = desk.sdk.cancel_orders([placed["order_id"]]).to_dict()["results"]
    assert [each["success"] for each in ended] == [True]
    assert desk.order(placed["order_id"])["status"] == "CANCELLED"
    assert desk.sdk.list_orders(order_status=["OPEN"]).to_dict()["orders"] == []


def test_a_market_order_fills_at_the_quotes_and_the_balances_show_it(desk: Desk) -> None:
    desk.market(ask="60000", qty="0.1")
    desk.control("book", instrument="BTC-USD", side="SELL", price="60100", qty="1")
    placed = desk.sdk.market_order_buy("m", "BTC-USD", base_size="0.3").to_dict()
    order = desk.order(placed["order_id"])
    assert (order["status"], order["filled_value"]) == ("FILLED", "18020")
    assert (order["number_of_fills"], order["settled"]) == ("2", True)

    fills = desk.sdk.get_fills(order_ids=[placed["order_id"]]).to_dict()["fills"]
    assert [(each["price"], each["size"]) for each in fills] == [("60100", "0.2"), ("60000", "0.1")]
    assert {each["liquidity_indicator"] for each in fills} == {"TAKER"}
    fee = sum(Decimal(each["commission"]) for each in fills)
    assert Decimal(order["total_fees"]) == fee == Decimal(18020) * Decimal("0.012")
    held = {each["currency"]: each for each in desk.sdk.get_accounts().to_dict()["accounts"]}
    assert held["BTC"]["available_balance"]["value"] == "2.3"
    paid = Decimal(100_000) - Decimal(held["USD"]["available_balance"]["value"])
    assert paid == 18020 + fee == Decimal(order["total_value_after_fees"])


def _bracket(desk: Desk, name: str = "b") -> str:
    """A bitcoin that is sold at 61,000, or when it falls to 59,000."""
    placed = desk.sdk.trigger_bracket_order_gtc_sell(
        name, "BTC-USD", base_size="1", limit_price="61000", stop_trigger_price="59000"
    ).to_dict()
    assert placed["success"], placed
    return str(placed["order_id"])


def test_a_bracket_rests_at_its_limit_and_sells_there(desk: Desk) -> None:
    desk.market()
    order_id = _bracket(desk)
    told = desk.order(order_id)
    assert (told["order_type"], told["status"], told["trigger_status"]) == (
        "BRACKET", "OPEN", "STOP_PENDING",
    )  # fmt: skip
    assert "trigger_bracket_gtc" in told["order_configuration"]
    desk.control("book", instrument="BTC-USD", side="BUY", price="61000", qty="5")
    told = desk.order(order_id)
    assert (told["status"], told["average_filled_price"]) == ("FILLED", "61000")


def test_a_bracket_whose_stop_is_met_sells_what_is_left_of_it_there(desk: Desk) -> None:
    desk.market(qty="0.1")
    order_id = _bracket(desk)
    desk.control("book", instrument="BTC-USD", side="BUY", price="61000", qty="0.3")
    told = desk.order(order_id)
    assert (told["status"], told["filled_size"]) == ("OPEN", "0.2")
    desk.trade("SELL", "0.1")
    desk.control("book", instrument="BTC-USD", side="BUY", price="58900", qty="2")
    desk.trade("SELL", "0.1")
    told = desk.order(order_id)
    assert (told["status"], told["trigger_status"]) == ("FILLED", "STOP_TRIGGERED")
    fills = desk.sdk.get_fills(order_ids=[order_id]).to_dict()["fills"]
    assert [(each["price"], each["size"]) for each in fills] == [("58900", "0.8"), ("61000", "0.2")]


def test_a_bracket_ends_with_one_cancel(desk: Desk) -> None:
    desk.market()
    order_id = _bracket(desk)
    held = {each["currency"]: each for each in desk.sdk.get_accounts().to_dict()["accounts"]}
    assert held["BTC"]["hold"]["value"] == "1"
    ended = desk.sdk.cancel_orders([order_id]).to_dict()["results"]
    assert [each["success"] for each in ended] == [True]
    desk.control("book", instrument="BTC-USD", side="BUY", price="61000", qty="5")
    assert (desk.order(order_id)["status"], desk.order(order_id)["filled_size"]) == (
        "CANCELLED", "0",
    )  # fmt: skip


def test_a_buy_by_quote_size_spends_no_more_than_that_with_its_fee(desk: Desk) -> None:
    desk.market()
    placed = desk.sdk.market_order_buy("q", "BTC-USD", quote_size="100").to_dict()
    order = desk.order(placed["order_id"])
    assert (order["size_in_quote"], order["size_inclusive_of_fees"]) == (True, True)
    assert 99 < Decimal(order["total_value_after_fees"]) <= 100
    assert order["order_configuration"] == {"market_market_ioc": {"quote_size": "100"}}


def test_a_used_client_id_makes_no_order_and_returns_the_first(desk: Desk) -> None:
    first = desk.buy("once")
    again = desk.buy("once", base_size="0.02", limit_price="51000")
    assert again == first
    assert again["order_configuration"]["limit_limit_gtc"]["base_size"] == "0.01"
    assert len(desk.truth()) == 1


def test_a_client_id_stays_used_after_its_order_is_closed(desk: Desk) -> None:
    first = desk.buy("once")
    desk.sdk.cancel_orders([first["order_id"]])
    assert desk.buy("once")["order_id"] == first["order_id"]
    desk.market()
    filled = desk.sdk.market_order_buy("twice", "BTC-USD", base_size="0.01").to_dict()
    again = desk.sdk.market_order_buy("twice", "BTC-USD", base_size="0.01").to_dict()
    assert again["order_id"] == filled["order_id"]
    assert len(desk.truth()) == 2


def test_a_client_id_belongs_to_one_account(start: Start) -> None:
    desk = start(accounts=2)
    first = desk.buy("once")
    other = desk.client(1)
    second = other.limit_order_gtc_buy("once", "BTC-USD", **FAR).to_dict()
    assert second["success"]
    assert second["order_id"] != first["order_id"]
    # Neither does the order of one account exist for the other.
    (result,) = other.cancel_orders([first["order_id"]]).to_dict()["results"]
    other.session.close()
    assert (result["success"], result["failure_reason"]) == (False, "UNKNOWN_CANCEL_ORDER")


@pytest.mark.parametrize(
    ("configuration", "status", "time", "filled"),
    [
        (
            {"sor_limit_ioc": {"base_size": "2", "limit_price": "60000"}},
            "CANCELLED",
            "IMMEDIATE_OR_CANCEL",
            "1",
        ),
        (
            {"limit_limit_fok": {"base_size": "1", "limit_price": "60000"}},
            "FILLED",
            "FILL_OR_KILL",
            "1",
        ),
        (
            {"limit_limit_fok": {"base_size": "1.5", "limit_price": "60000"}},
            "CANCELLED",
            "FILL_OR_KILL",
            "0",
        ),
        (
            {"limit_limit_gtd": {**FAR, "end_time": "2100-01-01T00:00:00Z", "post_only": True}},
            "OPEN",
            "GOOD_UNTIL_DATE_TIME",
            "0",
        ),
        ({"market_market_ioc": {"base_size": "0.5"}}, "FILLED", "IMMEDIATE_OR_CANCEL", "0.5"),
    ],
)
def test_every_configuration_is_told_back_as_it_was_asked(
    desk: Desk, configuration: dict[str, object], status: str, time: str, filled: str
) -> None:
    desk.market()
    desk.control("account", account="coinbase-1", move="deposit", asset="USD", amount="1000000")
    placed = desk.place(configuration)
    order = desk.order(placed["order_id"])
    assert order["order_configuration"] == placed["order_configuration"] == configuration
    assert (order["status"], order["time_in_force"]) == (status, time)
    assert order["filled_size"] == filled


def test_an_order_with_an_end_expires_by_the_exchange_s_clock(desk: Desk) -> None:
    end = (WALL.now() + timedelta(seconds=60)).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
    placed = desk.place({"limit_limit_gtd": {**FAR, "end_time": end}})
    assert desk.order(placed["order_id"])["status"] == "OPEN"
    desk.control("clock", offset_seconds=61)
    desk.buy("later")
    assert desk.order(placed["order_id"])["status"] == "EXPIRED"


@pytest.mark.parametrize(
    ("side", "direction", "stop", "limit", "reached"),
    [
        ("SELL", "STOP_DIRECTION_STOP_DOWN", "59000", "58000", "58900"),
        ("SELL", "STOP_DIRECTION_STOP_UP", "61000", "60500", "61100"),
        ("BUY", "STOP_DIRECTION_STOP_UP", "61000", "62000", "61100"),
        ("BUY", "STOP_DIRECTION_STOP_DOWN", "59000", "59500", "58900"),
    ],
)
def test_a_stop_limit_waits_for_its_price_in_its_direction(
    desk: Desk, side: str, direction: str, stop: str, limit: str, reached: str
) -> None:
    desk.market(bid="58900", ask="61100")
    prices = {"base_size": "0.01", "limit_price": limit, "stop_price": stop}
    placed = desk.place(
        {"stop_limit_stop_limit_gtc": {**prices, "stop_direction": direction}}, side=side
    )
    waiting = desk.order(placed["order_id"])
    assert (waiting["order_type"], waiting["trigger_status"]) == ("STOP_LIMIT", "STOP_PENDING")
    # The price moves towards the stop: one trade at the quote on that side.
    desk.trade("SELL" if reached == "58900" else "BUY", "0.5")
    assert desk.order(placed["order_id"])["trigger_status"] == "STOP_TRIGGERED"


def test_an_order_of_a_product_that_is_not_open_is_queued_and_still_cancelled(desk: Desk) -> None:
    placed = desk.buy("queued")
    desk.control("book", instrument="BTC-USD", status="CANCEL_ONLY")
    assert desk.order(placed["order_id"])["status"] == "QUEUED"
    assert desk.sdk.list_orders(order_status=["OPEN"]).to_dict()["orders"] == []
    assert len(desk.sdk.list_orders(order_status=["QUEUED"]).to_dict()["orders"]) == 1
    (result,) = desk.sdk.cancel_orders([placed["order_id"]]).to_dict()["results"]
    assert result["success"]


def test_each_cancel_of_a_batch_has_its_own_answer(desk: Desk) -> None:
    desk.market()
    rests, filled = desk.buy("rests"), desk.buy("fills", limit_price="60000")
    ids = [rests["order_id"], rests["order_id"], filled["order_id"], "no-order"]
    results = desk.sdk.cancel_orders(ids).to_dict()["results"]
    assert [(each["order_id"], each["failure_reason"]) for each in results] == [
        (ids[0], "UNKNOWN_CANCEL_FAILURE_REASON"),
        (ids[1], "DUPLICATE_CANCEL_REQUEST"),
        (ids[2], "ORDER_IS_FULLY_FILLED"),
        (ids[3], "UNKNOWN_CANCEL_ORDER"),
    ]
    assert [each["success"] for each in results] == [True, False, False, False]


def test_a_batch_has_at_most_a_hundred_cancels(desk: Desk) -> None:
    answer = desk.post({"order_ids": ["x"] * 101}, "/orders/batch_cancel")
    assert (answer.status_code, answer.json()["error"]) == (400, "INVALID_ARGUMENT")
    assert desk.post({"order_ids": ["x"] * 100}, "/orders/batch_cancel").status_code == 200


def test_fees_may_be_zero_and_are_never_in_a_third_asset(start: Start) -> None:
    for plan, commission in (("fee_zero=1", "0"), ("fee_third=1", "7.2")):
        desk = start(plan)
        desk.market()
        placed = desk.buy("f", limit_price="60000")
        (fill,) = desk.sdk.get_fills(order_ids=[placed["order_id"]]).to_dict()["fills"]
        assert fill["commission"] == commission
