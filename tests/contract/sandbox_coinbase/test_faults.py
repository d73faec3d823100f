"""Each fault of a plan, as a client meets it on the wire."""

import time
from typing import Any

import pytest
import requests

from tests.contract.sandbox_coinbase.conftest import Start
from tests.contract.sandbox_coinbase.desk import Desk

LIMIT = {"limit_limit_gtc": {"base_size": "0.01", "limit_price": "50000", "post_only": False}}


def order(cl_ord_id: str) -> dict[str, Any]:
    return {
        "client_order_id": cl_ord_id,
        "product_id": "BTC-USD",
        "side": "BUY",
        "order_configuration": LIMIT,
    }


def test_a_lost_request_never_reaches_the_exchange(start: Start) -> None:
    desk = start("lose_request=1")
    with pytest.raises(requests.exceptions.ConnectionError):
        desk.post(order("lost"))
    assert desk.truth() == []


def test_an_order_may_be_taken_and_not_answered_and_the_same_again_finds_it(start: Start) -> None:
    desk = start("accept_no_answer=1")
    with pytest.raises(requests.exceptions.ConnectionError):
        desk.post(order("silent"))
    desk.control("faults", plan="")
    again = desk.post(order("silent")).json()
    assert again["success"]
    assert [each["cl_ord_id"] for each in desk.truth()] == ["silent"]


@pytest.mark.parametrize(("knob", "status"), [("http_502", 502), ("http_504", 504)])
def test_a_gateway_s_page_hides_an_order_that_was_taken(
    start: Start, knob: str, status: int
) -> None:
    desk = start(f"{knob}=1")
    answer = desk.post(order("hidden"))
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html")
    assert len(desk.truth()) == 1


def test_the_exchange_s_own_timeouts_leave_the_order_taken(start: Start) -> None:
    desk = start("timeout_code=1")
    answers = [desk.post(order(name)) for name in ("a", "b")]
    assert {(each.status_code, each.json()["error"]) for each in answers} == {
        (500, "INTERNAL"),
        (504, "DEADLINE_EXCEEDED"),
    }
    assert len(desk.truth()) == 2


def test_garbage_is_of_every_kind_and_the_orders_were_taken(start: Start) -> None:
    desk = start("garbage=1", seed=3)
    seen = set()
    with requests.Session() as session:
        session.trust_env = False
        for number in range(40):
            # Not unpacked: whoever unpacks the large one has lost.
            with session.post(
                f"{desk.told['rest']}/api/v3/brokerage/orders",
                json=order(f"g-{number}"),
                headers={"Authorization": f"Bearer {desk.token('POST', '/orders')}"},
                verify=desk.told["ca"],
                timeout=10,
                stream=True,
            ) as got:
                packed = got.headers.get("Content-Encoding")
                seen.add(packed or got.raw.read()[:12])
    assert {b"<html><head>", b"", "gzip", b'{"success":f', b'{"error":"un'} < seen
    assert len(desk.truth()) == 40


def test_maintenance_answers_503_before_the_exchange(start: Start) -> None:
    desk = start("maintenance_at_s=1,maintenance_s=60")
    assert desk.post(order("before")).status_code == 200
    time.sleep(1.1)
    answer = desk.post(order("during"))
    assert (answer.status_code, answer.json()["error"]) == (503, "UNAVAILABLE")
    assert len(desk.truth()) == 1


def test_a_revoked_key_is_refused(start: Start) -> None:
    desk = start("key_revoked_at_s=1,key_revoked_s=60")
    assert desk.ask("GET", "/accounts").status_code == 200
    time.sleep(1.1)
    assert desk.ask("GET", "/accounts").status_code == 401


@pytest.mark.parametrize(
    ("plan", "error", "preview"),
    [
        ("refuse_filter=1", "INVALID_SIZE_PRECISION", "PREVIEW_INVALID_SIZE_PRECISION"),
        ("refuse_balance=1", "INSUFFICIENT_FUND", "PREVIEW_INSUFFICIENT_FUND"),
    ],
)
def test_a_plan_may_refuse_a_good_order_but_never_hide_one(
    start: Start, plan: str, error: str, preview: str
) -> None:
    desk = start()
    taken = desk.buy("taken")
    desk.control("faults", plan=plan)
    refused = desk.buy("refused")
    assert refused["success"] is False
    assert refused["error_response"]["error"] == error
    assert refused["error_response"]["preview_failure_reason"] == preview
    # A used client id names its order whatever the plan would refuse.
    assert desk.buy("taken")["order_id"] == taken["order_id"]
    assert len(desk.truth()) == 1


def test_a_plan_may_want_silence(start: Start) -> None:
    desk = start("rate_limit=1,retry_after_s=9")
    answer = desk.post(order("early"))
    assert (answer.status_code, answer.json()["error"]) == (429, "rate_limit_exceeded")
    assert answer.headers["Retry-After"] == answer.headers["x-ratelimit-reset"] == "9"
    assert desk.truth() == []


def test_whoever_is_shut_out_stays_out(start: Start) -> None:
    desk = start("ban=1,ban_s=60")
    assert desk.post(order("early")).status_code == 429
    desk.control("faults", plan="")
    answer = desk.ask("GET", "/accounts")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 60


def test_a_key_has_ten_thousand_requests_an_hour(desk: Desk) -> None:
    first = desk.ask("GET", "/accounts")
    assert first.headers["x-ratelimit-limit"] == "10000"
    assert first.headers["x-ratelimit-remaining"] == "9999"
    assert desk.ask("GET", "/accounts").headers["x-ratelimit-remaining"] == "9998"


def test_reads_lag_behind_an_order_that_was_taken(start: Start) -> None:
    desk = start("stale_read=1,stale_read_s=1")
    placed = desk.post(order("late")).json()["order_id"]
    path = f"/orders/historical/{placed}"
    unknown = desk.ask("GET", path)
    assert (unknown.status_code, unknown.json()["error"]) == (404, "NOT_FOUND")
    assert desk.ask("GET", "/orders/historical/batch").json()["orders"] == []
    time.sleep(1.1)
    assert desk.ask("GET", path).json()["order"]["status"] == "OPEN"
    # The engine itself never lags.
    assert desk.buy("late")["order_id"] == placed


def test_a_query_by_id_may_not_know_an_order_that_the_list_shows(start: Start) -> None:
    desk = start("hide_order=1")
    placed = desk.buy("shown")["order_id"]
    assert desk.ask("GET", f"/orders/historical/{placed}").status_code == 404
    listed = desk.ask("GET", "/orders/historical/batch").json()["orders"]
    assert [each["order_id"] for each in listed] == [placed]


def test_an_order_may_fill_just_before_its_cancel(start: Start) -> None:
    desk = start("fill_first=1")
    placed = desk.buy("late")["order_id"]
    (result,) = desk.sdk.cancel_orders([placed]).to_dict()["results"]
    assert (result["success"], result["failure_reason"]) == (False, "ORDER_IS_FULLY_FILLED")
    assert desk.order(placed)["status"] == "FILLED"


def test_the_exchange_s_clock_may_be_behind(start: Start) -> None:
    desk = start("clock_skew_ms=-8000")
    assert desk.ask("GET", "/accounts").status_code == 401
    served = int(desk.ask("GET", "/time").json()["epochMillis"])
    assert time.time() * 1_000 - served > 7_000


def test_numbers_are_written_oddly_and_mean_the_same(start: Start) -> None:
    desk = start("odd_numbers=1")
    desk.market()
    placed = desk.buy("odd", base_size="0.015", limit_price="60000")["order_id"]
    found = desk.ask("GET", f"/orders/historical/{placed}").json()["order"]
    assert found["filled_size"] == "0.01500000000000000"
    assert float(found["filled_size"]) == 0.015


def test_trades_of_one_second_bear_one_time_and_are_all_read_by_short_pages(start: Start) -> None:
    desk = start("page_limit=5,same_ms=1")
    for step in range(12):
        price = str(60_000 + step)
        desk.control("book", instrument="BTC-USD", side="SELL", price=price, qty="0.01")
    placed = desk.sdk.market_order_buy("m", "BTC-USD", base_size="0.12").to_dict()["order_id"]
    seen: list[dict[str, Any]] = []
    cursor = None
    while cursor != "":
        page = desk.sdk.get_fills(order_ids=[placed], cursor=cursor).to_dict()
        assert len(page["fills"]) <= 5
        seen, cursor = seen + page["fills"], page["cursor"]
    assert len({each["entry_id"] for each in seen}) == len(seen) == 12
    assert len({each["trade_id"] for each in seen}) == 12
    assert len({each["trade_time"] for each in seen}) == 1
