"""What an account may ask: lists with filters and pages, wallets, fees, markets."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from aitrader.kernel.clock import WALL, iso
from tests.contract.sandbox_coinbase.conftest import Start
from tests.contract.sandbox_coinbase.desk import Desk


def until(holds: Callable[[], bool]) -> None:
    """Wait for what the exchange does on its own."""
    for _ in range(100):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it does not happen")


def ids(page: dict[str, Any]) -> list[str]:
    return [each["client_order_id"] for each in page["orders"]]


def test_orders_are_listed_newest_first_page_by_page(desk: Desk) -> None:
    for number in range(5):
        desk.buy(f"o-{number}")
    first = desk.sdk.list_orders(limit=2).to_dict()
    assert (ids(first), first["has_next"]) == (["o-4", "o-3"], True)
    # What comes meanwhile does not move the next page.
    desk.buy("o-5")
    second = desk.sdk.list_orders(limit=2, cursor=first["cursor"]).to_dict()
    assert ids(second) == ["o-2", "o-1"]
    last = desk.sdk.list_orders(limit=2, cursor=second["cursor"]).to_dict()
    assert (ids(last), last["has_next"], last["cursor"]) == (["o-0"], False, "")


def test_orders_are_filtered(desk: Desk) -> None:
    desk.market()
    rests, fills = desk.buy("rests"), desk.buy("fills", limit_price="60000")
    desk.sdk.limit_order_gtc_sell("sells", "ETH-USD", "1", "4000")
    gone = desk.buy("gone")
    desk.sdk.cancel_orders([gone["order_id"]])
    for wanted, expected in (
        ({"order_status": ["OPEN"]}, ["sells", "rests"]),
        ({"order_status": ["FILLED", "CANCELLED"]}, ["gone", "fills"]),
        ({"product_ids": ["ETH-USD"]}, ["sells"]),
        ({"order_side": "BUY", "order_status": ["OPEN"]}, ["rests"]),
        ({"order_ids": [rests["order_id"], fills["order_id"]]}, ["fills", "rests"]),
        ({"order_types": "MARKET"}, []),
        ({"time_in_forces": "GOOD_UNTIL_CANCELLED", "limit": 1}, ["gone"]),
    ):
        assert ids(desk.sdk.list_orders(**wanted).to_dict()) == expected, wanted


def test_orders_are_listed_by_the_time_they_were_made(desk: Desk) -> None:
    desk.buy("early")
    made = desk.sdk.list_orders().to_dict()["orders"][0]["created_time"]
    before, after = iso(WALL.now() - timedelta(hours=1)), iso(WALL.now() + timedelta(hours=1))
    assert ids(desk.sdk.list_orders(start_date=before, end_date=after).to_dict()) == ["early"]
    assert ids(desk.sdk.list_orders(start_date=made).to_dict()) == ["early"]
    # The end does not belong to it.
    assert ids(desk.sdk.list_orders(end_date=made).to_dict()) == []


@pytest.mark.parametrize(
    "query", ["?order_status=OPEN&order_status=FILLED", "?order_status=NEW", "?start_date=soon"]
)
def test_a_filter_that_does_not_fit_is_refused(desk: Desk, query: str) -> None:
    answer = desk.ask("GET", "/orders/historical/batch", query=query)
    assert (answer.status_code, answer.json()["error"]) == (400, "INVALID_ARGUMENT")


def test_fills_are_filtered_by_order_product_and_time(desk: Desk) -> None:
    desk.market()
    first = desk.buy("first", limit_price="60000")["order_id"]
    second = desk.buy("second", limit_price="60000")["order_id"]
    later, earlier = desk.sdk.get_fills().to_dict()["fills"]
    assert [later["order_id"], earlier["order_id"]] == [second, first]
    assert later["trade_type"] == "FILL"
    at = later["sequence_timestamp"]
    for wanted, expected in (
        ({"order_ids": [first]}, [earlier]),
        ({"order_ids": ["no-order"]}, []),
        ({"product_ids": ["BTC-USD"]}, [later, earlier]),
        ({"product_ids": ["ETH-USD"]}, []),
        ({"trade_ids": [later["trade_id"]]}, [later]),
        ({"start_sequence_timestamp": at}, [later]),
        ({"end_sequence_timestamp": at}, [earlier]),
        ({"limit": 1}, [later]),
    ):
        assert desk.sdk.get_fills(**wanted).to_dict()["fills"] == expected, wanted


def test_a_voided_trade_is_no_fill_any_more(start: Start) -> None:
    desk = start()
    desk.market()
    placed = desk.buy("void", limit_price="60000")["order_id"]
    assert desk.order(placed)["number_of_fills"] == "1"
    desk.control("faults", plan="bust_every_s=1")
    until(lambda: desk.order(placed)["number_of_fills"] == "0")
    assert desk.sdk.get_fills(order_ids=[placed]).to_dict()["fills"] == []
    assert desk.order(placed)["filled_size"] == "0"


def test_wallets_are_paged_and_show_what_is_held(desk: Desk) -> None:
    desk.buy("holds")
    first = desk.sdk.get_accounts(limit=2).to_dict()
    assert [each["currency"] for each in first["accounts"]] == ["BTC", "ETH"]
    assert first["has_next"]
    rest = desk.sdk.get_accounts(limit=2, cursor=first["cursor"]).to_dict()
    (usd,) = rest["accounts"]
    # Five hundred and the dearer of both fees.
    assert (usd["currency"], usd["hold"]["value"], rest["has_next"]) == ("USD", "506", False)
    assert usd["available_balance"]["value"] == "99494"
    assert desk.sdk.get_account(usd["uuid"]).to_dict()["account"]["currency"] == "USD"


def test_the_key_says_what_it_may_and_what_it_pays(desk: Desk) -> None:
    tier = desk.sdk.get_transaction_summary().to_dict()["fee_tier"]
    assert (tier["maker_fee_rate"], tier["taker_fee_rate"]) == ("0.006", "0.012")
    allowed = desk.sdk.get_api_key_permissions().to_dict()
    assert (allowed["can_trade"], allowed["can_transfer"]) == (True, False)
    (only,) = desk.sdk.get_portfolios().to_dict()["portfolios"]
    assert only["uuid"] == allowed["portfolio_uuid"]


def test_products_tell_their_rules_and_whether_they_are_open(desk: Desk) -> None:
    product = desk.sdk.get_product("BTC-USD").to_dict()
    assert (product["base_increment"], product["price_increment"]) == ("0.00000001", "0.01")
    assert (product["quote_min_size"], product["trading_disabled"]) == ("1", False)
    desk.control("book", instrument="BTC-USD", status="CANCEL_ONLY")
    desk.control("book", instrument="ETH-USD", status="HALT")
    bitcoin, ether = desk.sdk.get_public_products().to_dict()["products"]
    assert (bitcoin["cancel_only"], bitcoin["trading_disabled"]) == (True, False)
    assert (ether["cancel_only"], ether["trading_disabled"]) == (False, True)


def test_a_status_that_nobody_knows_is_a_word_nobody_knows(start: Start) -> None:
    desk = start("unknown_status_every_s=1")
    until(lambda: desk.sdk.get_product("BTC-USD").to_dict()["status"] == "intermission")
    assert desk.sdk.get_product("BTC-USD").to_dict()["trading_disabled"] is True


def test_books_candles_and_trades_need_no_key(desk: Desk) -> None:
    desk.market()
    desk.trade("BUY", "0.2")
    desk.trade("SELL", "0.1")
    book = desk.sdk.get_public_product_book("BTC-USD", limit=1).to_dict()
    assert book["pricebook"]["asks"] == [{"price": "60000", "size": "0.8"}]
    assert (book["mid_market"], book["spread_absolute"]) == ("59995", "10")
    (best, _) = desk.sdk.get_best_bid_ask(["BTC-USD", "ETH-USD"]).to_dict()["pricebooks"]
    assert best["bids"] == [{"price": "59990", "size": "0.9"}]

    told = desk.sdk.get_public_market_trades("BTC-USD", 10).to_dict()
    # The side is the maker's: the buyer took from a seller.
    assert [(each["side"], each["size"]) for each in told["trades"]] == [
        ("BUY", "0.1"),
        ("SELL", "0.2"),
    ]
    now = int(desk.sdk.get_unix_time().to_dict()["epoch_seconds"])
    for granularity in ("ONE_MINUTE", "FIVE_MINUTE", "ONE_HOUR", "ONE_DAY"):
        start = now - 90_000 if granularity == "ONE_DAY" else now - 3_700
        candles = desk.sdk.get_public_candles("BTC-USD", str(start), str(now), granularity)
        told = candles.to_dict()["candles"]
        assert sum(float(each["volume"]) for each in told) == pytest.approx(0.3)
        # Nothing is told of a time in which nothing was traded.
        assert len(told) <= 2


@pytest.mark.parametrize("query", ["?start=0", "?start=0&end=86400&granularity=ONE_MINUTE"])
def test_candles_without_a_time_and_too_many_candles_are_refused(desk: Desk, query: str) -> None:
    answer = desk.ask("GET", "/market/products/BTC-USD/candles", query=query)
    assert (answer.status_code, answer.json()["error"]) == (400, "INVALID_ARGUMENT")
