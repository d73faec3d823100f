"""Every field of the recorded samples is in the sandbox's answers, written in the same way."""

import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.contract.sandbox_coinbase.desk import Desk

SAMPLES = Path(__file__).parents[4] / "shared/data/wire/coinbase/rest_ws_samples"
REST = "Endpoints/AdvancedTrade"
#: What is asked of futures, of margin and of taxes has no place in a market of spot.
_NOT_SPOT = {
    "future_product_details",
    "fcm_trading_session_details",
    "goods_and_services_tax",
    "perps_vol_from",
    "perps_vol_to",
    "futures_vol_from",
    "futures_vol_to",
    "volume_types_and_range",
    "volume_breakdown",
    "has_cost_plus_commission",
    "perpetual_futures_positions",
    "expiring_futures_positions",
}
#: The sample shows both outcomes of one answer, and every configuration of one order.
_ONE_OF = {"error_response", "order_configuration", "errors"}


def sample(name: str) -> Any:
    file = SAMPLES / f"{name}.txt"
    if not file.exists():
        pytest.skip(f"no recorded sample {name}")
    found = re.search(r"^(= ?)?(\{.*)", file.read_text(), re.DOTALL | re.MULTILINE)
    assert found is not None
    return orjson.loads(found[2])


def missing(wanted: Any, ours: Any, place: str = "") -> list[str]:
    """Fields that the sample has and we do not, or that are of another kind."""
    if isinstance(wanted, list) and isinstance(ours, list) and wanted and ours:
        return missing(wanted[0], ours[0], f"{place}[]")
    if not isinstance(wanted, dict) or not isinstance(ours, dict):
        kinds = {bool: bool, int: float, float: float}
        either = None in (wanted, ours)
        same = kinds.get(type(wanted), type(wanted)) is kinds.get(type(ours), type(ours))
        return [] if either or same else [f"{place}: {ours!r}"]
    names = [name for name in wanted if name not in _NOT_SPOT | _ONE_OF]
    absent = [f"{place}.{name}" for name in names if name not in ours]
    common = (name for name in names if name in ours)
    return absent + [w for name in common for w in missing(wanted[name], ours[name], name)]


@pytest.fixture
def traded(desk: Desk) -> Desk:
    """With an order that is filled in part and was edited."""
    desk.market(qty="0.1")
    placed = desk.buy("x", limit_price="60000", base_size="0.2")
    desk.sdk.edit_order(placed["order_id"], size="0.3", price="59000")
    return desk


@pytest.mark.parametrize(
    ("name", "path", "query"),
    [
        ("ExchangeData/GetSymbols", "/market/products", ""),
        ("ExchangeData/GetOrderBook", "/market/product_book", "?product_id=BTC-USD"),
        ("ExchangeData/GetTradeHistory", "/market/products/BTC-USD/ticker", ""),
        ("Account/GetAccounts", "/accounts", ""),
        ("Account/GetFeeInfo", "/transaction_summary", ""),
        ("Account/GetFeeInfo2", "/transaction_summary", ""),
        ("Account/GetApiKeyInfo", "/key_permissions", ""),
        ("Account/GetPortfolios", "/portfolios", ""),
        ("Trading/GetOrders", "/orders/historical/batch", ""),
        ("Trading/GetUserTrades", "/orders/historical/fills", ""),
    ],
)
def test_an_answer_has_every_field(traded: Desk, name: str, path: str, query: str) -> None:
    ours = traded.ask("GET", path, query=query).json()
    assert missing(sample(f"{REST}/{name}"), ours) == []


def test_an_order_and_the_answers_to_orders_have_every_field(traded: Desk) -> None:
    number = traded.ask("GET", "/orders/historical/batch").json()["orders"][0]["order_id"]
    for name, ours in (
        ("GetOrder", traded.ask("GET", f"/orders/historical/{number}").json()),
        ("PlaceOrder", traded.buy("x")),
        ("EditOrder", traded.sdk.edit_order(number, size="0.4", price="59000").to_dict()),
        ("CancelOrders", traded.sdk.cancel_orders([number]).to_dict()),
    ):
        assert missing(sample(f"{REST}/Trading/{name}"), ours) == [], name
    refused = traded.buy("refused", base_size="100")
    wanted = sample(f"{REST}/Trading/PlaceOrder")["error_response"]
    assert missing(wanted, refused["error_response"]) == []


@pytest.mark.parametrize(
    ("name", "address", "channel"),
    [
        ("User", "ws_user", "user"),
        ("Trades", "ws", "market_trades"),
        ("Ticker", "ws", "ticker"),
        ("Klines", "ws", "candles"),
        ("Heartbeat", "ws", "heartbeats"),
    ],
)
def test_a_message_has_every_field(traded: Desk, name: str, address: str, channel: str) -> None:
    wanted = sample(f"Subscriptions/AdvancedTrade/{name}")
    with traded.listen(address) as socket:
        socket.subscribe(channel)
        while not (found := [each for each in socket.seen if each["channel"] == channel]):
            socket.receive()
        assert missing(wanted, found[0]) == []
