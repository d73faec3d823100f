"""Who may ask: key, stamp, signature."""

import time
from typing import Any

import pytest

from tests.contract.sandbox_btcturk.conftest import Start
from tests.contract.sandbox_btcturk.desk import Desk

BALANCES = "v1/users/balances"


async def test_a_signed_request_is_answered(desk: Desk) -> None:
    held = await desk.get(BALANCES)
    assert {each["asset"]: each["free"] for each in held} == {
        "TRY": "4000000.0000000000000000",
        "BTC": "2.0000000000000000",
        "ETH": "20.0000000000000000",
    }


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"X-PCK": "nobody"}, "API Key"),
        ({"X-Signature": "c2lnbmVk"}, "Signature"),
        ({"X-Signature": "?"}, "Signature"),
        ({"X-Stamp": "soon"}, "Nonce"),
        ({"X-Stamp": "1"}, "Signature"),
    ],
)
async def test_a_request_that_is_not_signed_right_is_refused(
    desk: Desk, changes: dict[str, Any], what: str
) -> None:
    answer = await desk.ask("GET", BALANCES, headers=desk.headers(**changes))
    assert (answer.status, answer.body["success"]) == (401, False)
    assert answer.body["message"] == f"Unauthorized - Invalid {what}"


async def test_a_request_without_headers_is_refused(desk: Desk) -> None:
    assert (await desk.ask("GET", BALANCES, headers={})).status == 401


@pytest.mark.parametrize(("offset_ms", "status"), [(-5_500, 401), (-4_000, 200), (4_000, 200)])
async def test_a_stamp_is_good_for_five_seconds(desk: Desk, offset_ms: int, status: int) -> None:
    headers = desk.headers(stamp=int(time.time() * 1_000) + offset_ms)
    assert (await desk.ask("GET", BALANCES, headers=headers)).status == status


async def test_a_stamp_ahead_of_the_exchange_is_refused(desk: Desk) -> None:
    headers = desk.headers(stamp=int(time.time() * 1_000) + 6_000)
    assert (await desk.ask("GET", BALANCES, headers=headers)).status == 401


async def test_a_stamp_counts_once_for_whatever_it_was_used(desk: Desk) -> None:
    headers = desk.headers()
    assert (await desk.ask("GET", BALANCES, headers=headers)).status == 200
    again = await desk.ask("POST", "v1/order", headers=headers, quantity="1")
    assert (again.status, again.body["message"]) == (401, "Unauthorized - Invalid Nonce")
    assert await desk.orders() == []


async def test_two_keys_may_use_one_stamp(start: Start) -> None:
    desk = await start(accounts=2)
    stamp = desk.stamp()
    for account in desk.told["accounts"]:
        other = Desk({**desk.told, **account}, desk.http)
        answer = await other.ask("GET", BALANCES, headers=other.headers(stamp=stamp))
        assert answer.status == 200


async def test_the_body_is_not_signed(desk: Desk) -> None:
    """Whoever can change it on its way changes the order: it is TLS that protects it."""
    headers = desk.headers()
    answer = await desk.ask(
        "POST",
        "v1/order",
        headers=headers,
        pairSymbol="BTCTRY",
        orderType="buy",
        orderMethod="limit",
        quantity="0.02",
        price="50000",
    )
    assert answer.status == 200


async def test_an_account_sees_its_own_orders_only(start: Start) -> None:
    desk = await start(accounts=2)
    number = (await desk.placed())["id"]
    other = Desk({**desk.told, **desk.told["accounts"][1]}, desk.http)
    assert (await other.ask("GET", f"v1/order/{number}")).status == 400
    assert (await other.cancel(number)).body["message"] == "NO_ORDER_MATCHES_YOUR_REQUEST"
    assert await other.get("v1/openOrders") == {"asks": [], "bids": []}
