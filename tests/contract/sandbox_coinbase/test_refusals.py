"""What the exchange does not do, in its own words."""

from typing import Any

import pytest

from tests.contract.sandbox_coinbase.desk import Desk
from trading.sandbox.coinbase_api.errors import REASONS
from trading.sandbox.rules import Refusal

GTC, STOP = "limit_limit_gtc", "stop_limit_stop_limit_gtc"
LIMIT = {"base_size": "0.01", "limit_price": "50000"}
LEG = b'{"client_order_id":"a","product_id":"BTC-USD","side":"BUY","order_configuration":{%b}}'
DOWN, UP = "STOP_DIRECTION_STOP_DOWN", "STOP_DIRECTION_STOP_UP"


def test_every_refusal_of_the_exchange_has_the_venue_s_words() -> None:
    assert set(REASONS) == set(Refusal)
    assert all(preview.split("_")[0] in {"PREVIEW", "UNKNOWN"} for _, preview in REASONS.values())


@pytest.mark.parametrize(
    ("name", "changes", "error", "preview"),
    [
        (GTC, {"limit_price": "50000.001"}, "INVALID_PRICE_PRECISION", "INVALID_PRICE_PRECISION"),
        (GTC, {"base_size": "0.010000001"}, "INVALID_SIZE_PRECISION", "INVALID_SIZE_PRECISION"),
        (
            GTC,
            {"base_size": "0.000000001"},
            "UNKNOWN_FAILURE_REASON",
            "INVALID_BASE_SIZE_TOO_SMALL",
        ),
        (GTC, {"base_size": "3401"}, "UNKNOWN_FAILURE_REASON", "INVALID_BASE_SIZE_TOO_LARGE"),
        (GTC, {"base_size": "0.00001"}, "UNKNOWN_FAILURE_REASON", "INVALID_QUOTE_SIZE_TOO_SMALL"),
        (
            GTC,
            {"base_size": "3000", "limit_price": "60000"},
            "UNKNOWN_FAILURE_REASON",
            "INVALID_QUOTE_SIZE_TOO_LARGE",
        ),
        (GTC, {"limit_price": "0"}, "UNSUPPORTED_ORDER_CONFIGURATION", "INVALID_ORDER_CONFIG"),
        (GTC, {"limit_price": "2000000"}, "INVALID_LIMIT_PRICE", "INVALID_LIMIT_PRICE"),
        (GTC, {"base_size": "10"}, "INSUFFICIENT_FUND", "INSUFFICIENT_FUND"),
        (GTC, {"base_size": None}, "UNSUPPORTED_ORDER_CONFIGURATION", "INVALID_ORDER_CONFIG"),
        (
            GTC,
            {"limit_price": "60000", "post_only": True},
            "INVALID_LIMIT_PRICE_POST_ONLY",
            "INVALID_LIMIT_PRICE_POST_ONLY",
        ),
        (
            STOP,
            {"stop_price": "59000", "stop_direction": UP},
            "UNKNOWN_FAILURE_REASON",
            "STOP_PRICE_BELOW_LAST_TRADE_PRICE",
        ),
        (
            STOP,
            {"stop_price": "61000", "stop_direction": DOWN},
            "UNKNOWN_FAILURE_REASON",
            "STOP_PRICE_ABOVE_LAST_TRADE_PRICE",
        ),
        (STOP, {"stop_price": "61000"}, "UNSUPPORTED_ORDER_CONFIGURATION", "INVALID_ORDER_CONFIG"),
        (
            "limit_limit_gtd",
            {"end_time": "2020-01-01T00:00:00Z"},
            "INVALID_REQUEST",
            "INVALID_ORDER_CONFIG",
        ),
        (
            "trigger_bracket_gtc",
            {"stop_trigger_price": "40000"},
            "UNKNOWN_FAILURE_REASON",
            "INVALID_BRACKET_ORDER_SIDE",
        ),
        ("twap_limit_gtd", {}, "UNSUPPORTED_ORDER_CONFIGURATION", "INVALID_ORDER_CONFIG"),
    ],
)
def test_an_order_is_refused_with_success_false(
    desk: Desk, name: str, changes: dict[str, Any], error: str, preview: str
) -> None:
    desk.market()
    desk.trade("BUY", "0.1")
    configuration = {name: {k: v for k, v in (LIMIT | changes).items() if v is not None}}
    refused = desk.place(configuration, client_order_id="no")
    assert (refused["success"], refused["order_id"]) == (False, "")
    told = refused["error_response"]
    assert (told["error"], told["preview_failure_reason"]) == (error, f"PREVIEW_{preview}")
    assert refused["order_configuration"] == configuration
    assert desk.truth() == []


@pytest.mark.parametrize(
    ("changes", "error"),
    [({"product_id": "DOGE-USD"}, "INVALID_PRODUCT_ID"), ({"side": "HOLD"}, "INVALID_SIDE")],
)
def test_an_unknown_product_or_side_is_refused(
    desk: Desk, changes: dict[str, str], error: str
) -> None:
    refused = desk.place({GTC: LIMIT}, **changes)
    assert refused["error_response"]["error"] == error


@pytest.mark.parametrize(
    "configuration",
    [
        {"market_market_ioc": {}},
        {"market_market_ioc": {"base_size": "0.01", "quote_size": "600"}},
        {"market_market_ioc": {"quote_size": "10.001"}},
    ],
)
def test_a_market_order_has_one_size_that_fits(desk: Desk, configuration: dict[str, Any]) -> None:
    desk.market()
    assert desk.place(configuration)["success"] is False


@pytest.mark.parametrize("status", ["HALT", "CANCEL_ONLY"])
def test_a_product_that_is_not_open_takes_no_order(desk: Desk, status: str) -> None:
    desk.control("book", instrument="BTC-USD", status=status)
    assert desk.buy("no")["error_response"]["error"] == "ORDER_ENTRY_DISABLED"
    assert desk.buy("yes", product_id="ETH-USD", limit_price="2500")["success"]


def test_a_refused_client_id_is_free_for_the_next_try(desk: Desk) -> None:
    assert desk.buy("again", base_size="10")["success"] is False
    assert desk.buy("again")["success"] is True


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"product_id":"BTC-USD"',
        b'{"product_id":"BTC-USD","side":"BUY","order_configuration":{}}',
        b'{"client_order_id":"","product_id":"BTC-USD","side":"BUY","order_configuration":{}}',
        b'{"client_order_id":"a","product_id":"BTC-USD","side":"BUY"}',
        LEG % b'"limit_limit_gtc":{"base_size":0.01,"limit_price":"50000"}',
        LEG % b'"limit_limit_gtc":{"base_size":"1e3","limit_price":"50000"}',
        LEG % b'"limit_limit_gtd":{"base_size":"1","limit_price":"5","end_time":"soon"}',
    ],
)
def test_what_is_no_order_is_a_bad_request(desk: Desk, body: bytes) -> None:
    answer = desk.post(body)
    assert (answer.status_code, answer.json()["error"]) == (400, "INVALID_ARGUMENT")
    assert desk.truth() == []


def test_a_path_that_is_not_there_and_a_method_that_does_not_fit(desk: Desk) -> None:
    assert desk.ask("GET", "/nothing").status_code == 404
    assert desk.ask("DELETE", "/orders").status_code == 405
    assert desk.ask("GET", "/products/DOGE-USD").status_code == 404
    assert desk.ask("GET", "/accounts/none").status_code == 404
