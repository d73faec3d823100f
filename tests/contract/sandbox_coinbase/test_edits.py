"""Edits of resting orders, and previews."""

import pytest

from tests.contract.sandbox_coinbase.conftest import Start
from tests.contract.sandbox_coinbase.desk import Desk


def test_an_edited_order_keeps_its_ids_and_its_fills(desk: Desk) -> None:
    desk.market(bid="58000", qty="0.004")
    placed = desk.buy("edited", limit_price="60000")
    edited = desk.sdk.edit_order(placed["order_id"], size="0.02", price="59000").to_dict()
    assert edited["success"], edited
    assert edited["success_response"]["order_id"] == placed["order_id"]

    order = desk.order(placed["order_id"])
    assert (order["status"], order["client_order_id"]) == ("OPEN", "edited")
    assert (order["filled_size"], order["completion_percentage"]) == ("0.004", "20")
    limit = order["order_configuration"]["limit_limit_gtc"]
    assert (limit["base_size"], limit["limit_price"]) == ("0.02", "59000")
    (change,) = order["edit_history"]
    assert (change["price"], change["size"]) == ("59000", "0.02")

    desk.control("book", instrument="BTC-USD", side="SELL", price="59000", qty="0.016")
    order = desk.order(placed["order_id"])
    assert (order["status"], order["number_of_fills"]) == ("FILLED", "2")
    fills = desk.sdk.get_fills(order_ids=[placed["order_id"]]).to_dict()["fills"]
    assert [each["size"] for each in fills] == ["0.016", "0.004"]
    assert len(desk.sdk.list_orders().to_dict()["orders"]) == 1
    assert desk.buy("edited")["order_id"] == placed["order_id"]


@pytest.mark.parametrize(
    ("size", "price", "reason"),
    [
        ("0.01", "50000", "EDIT_REQUEST_EQUAL_TO_ORIGINAL_REQUEST"),
        ("0.01", None, "INVALID_EDITED_PRICE"),
        (None, "51000", "INVALID_EDITED_SIZE"),
        ("0.01", "51000.001", "INVALID_EDITED_PRICE"),
        ("0.000000001", "51000", "INVALID_EDITED_SIZE"),
        ("10", "51000", "COMMANDER_REJECTED_EDIT_ORDER"),
    ],
)
def test_an_edit_that_is_refused_changes_nothing(
    desk: Desk, size: str | None, price: str | None, reason: str
) -> None:
    placed = desk.buy("stays")
    refused = desk.sdk.edit_order(placed["order_id"], size=size, price=price).to_dict()
    assert refused["success"] is False
    assert refused["errors"][0]["edit_failure_reason"] == reason
    shown = desk.sdk.preview_edit_order(placed["order_id"], size=size, price=price).to_dict()
    assert shown["errors"][0]["edit_failure_reason"] == reason
    order = desk.order(placed["order_id"])
    assert (order["status"], order["edit_history"]) == ("OPEN", [])


def test_only_open_orders_that_are_good_until_cancelled_are_edited(desk: Desk) -> None:
    far = {"base_size": "0.01", "limit_price": "50000", "end_time": "2100-01-01T00:00:00Z"}
    dated = desk.place({"limit_limit_gtd": far})
    closed = desk.buy("closed")
    desk.sdk.cancel_orders([closed["order_id"]])
    reasons = [
        desk.sdk.edit_order(each, size="0.02", price="51000").to_dict()["errors"][0][
            "edit_failure_reason"
        ]
        for each in (dated["order_id"], closed["order_id"], "no-order")
    ]
    assert reasons == [
        "ONLY_LIMIT_ORDER_EDITS_SUPPORTED",
        "ONLY_OPEN_ORDERS_CAN_BE_EDITED",
        "ORDER_NOT_FOUND",
    ]


def test_the_old_order_s_hold_counts_for_the_new_one(desk: Desk) -> None:
    placed = desk.buy("large", base_size="1.9")
    edited = desk.sdk.edit_order(placed["order_id"], size="1.95", price="50000").to_dict()
    assert edited["success"], edited


def test_an_edit_may_come_after_the_fill(start: Start) -> None:
    desk = start("fill_first=1")
    placed = desk.buy("late")
    late = desk.sdk.edit_order(placed["order_id"], size="0.02", price="51000").to_dict()
    assert late["errors"][0]["edit_failure_reason"] == "ONLY_OPEN_ORDERS_CAN_BE_EDITED"
    assert desk.order(placed["order_id"])["status"] == "FILLED"


def test_a_preview_judges_an_order_and_places_none(desk: Desk) -> None:
    desk.market()
    good = desk.sdk.preview_limit_order_gtc_buy("BTC-USD", "0.01", "50000").to_dict()
    assert (good["errs"], good["quote_size"], good["commission_total"]) == ([], "500", "6")
    bad = desk.sdk.preview_limit_order_gtc_buy("BTC-USD", "100", "50000").to_dict()
    assert bad["errs"] == ["PREVIEW_INSUFFICIENT_FUND"]
    assert desk.truth() == []
