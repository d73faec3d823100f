"""Whatever is sent, the answer is one of the exchange's own."""

import random
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

from tests.contract.sandbox_coinbase.desk import Desk

_VALUES: tuple[Any, ...] = (
    *("", "0", "-1", "1", "0.00000001", "99999999999999999999", "1e9", "NaN", "Infinity", "ö", "'"),
    *("BTC-USD", "BUY", "SELL", "OPEN", "FILLED", "ONE_MINUTE", "2026-01-01T00:00:00Z", "0001"),
    *("9999-12-31T23:59:59.999999999+23:59", "00000000-0000-4000-8000-000000000001"),
    *("STOP_DIRECTION_STOP_UP", "253402300799", "999999999999999999"),
)
_JSON = (*_VALUES, 0, 1.5, None, True, [], {}, ["x"], {"limit_limit_gtc": {}}, {"a": 1, "b": 2})
_NAMES = (
    *("product_id", "product_ids", "order_id", "order_ids", "order_status", "order_side", "limit"),
    *("cursor", "start_date", "end_date", "start_sequence_timestamp", "trade_ids", "offset"),
    *("start", "end", "granularity", "order_types", "time_in_forces", "product_type"),
)
_FIELDS = ("client_order_id", "product_id", "side", "order_configuration", "order_id", "order_ids")
_PARTS = ("base_size", "quote_size", "limit_price", "stop_price", "stop_direction", "end_time")
_KINDS = (
    *("market_market_ioc", "sor_limit_ioc", "limit_limit_gtc", "limit_limit_gtd"),
    *("limit_limit_fok", "stop_limit_stop_limit_gtc", "stop_limit_stop_limit_gtd", "new_kind"),
)
_READS = (
    *("/accounts", "/accounts/x", "/orders/historical/batch", "/orders/historical/fills"),
    *("/orders/historical/x", "/products", "/products/BTC-USD/candles", "/best_bid_ask"),
    *("/products/BTC-USD/ticker", "/product_book", "/transaction_summary", "/portfolios"),
)
_WRITES = (
    "/orders",
    "/orders/preview",
    "/orders/edit",
    "/orders/edit_preview",
    "/orders/batch_cancel",
)


@pytest.mark.parametrize("seed", range(3))
def test_every_nonsense_that_is_read_has_an_answer(desk: Desk, seed: int) -> None:
    desk.market()
    desk.buy("x", limit_price="60000")
    dice = random.Random(seed)
    for _ in range(60):
        path = dice.choice(_READS)
        query = {name: dice.choice(_VALUES) for name in dice.sample(_NAMES, dice.randrange(4))}
        answer = desk.ask("GET", path, query=f"?{urlencode(query)}")
        assert answer.status_code in {200, 400, 404}, (path, query, answer.text)
        if answer.status_code != 200:
            assert answer.json()["error"]


@pytest.mark.parametrize("seed", range(3))
def test_every_nonsense_that_is_asked_for_has_an_answer(desk: Desk, seed: int) -> None:
    desk.market()
    placed = desk.buy("x")["order_id"]
    dice = random.Random(seed)
    for number in range(80):
        part = {"base_size": "0.01", "limit_price": "50000"}
        part |= {name: dice.choice(_JSON) for name in dice.sample(_PARTS, dice.randrange(4))}
        body: dict[str, Any] = {
            "client_order_id": f"n-{number}",
            "product_id": "BTC-USD",
            "side": dice.choice(("BUY", "SELL")),
            "order_configuration": {dice.choice(_KINDS): part},
            "order_id": placed,
            "order_ids": [placed, dice.choice(_JSON)],
            "size": dice.choice(_JSON),
            "price": dice.choice(_JSON),
        }
        body |= {name: dice.choice(_JSON) for name in dice.sample(_FIELDS, dice.randrange(2))}
        path = dice.choice(_WRITES)
        answer = desk.ask("POST", path, body)
        assert answer.status_code in {200, 400}, (path, body, answer.text)
        assert isinstance(answer.json(), dict)


@pytest.mark.parametrize("address", ["ws", "ws_user"])
def test_a_channel_answers_every_nonsense(desk: Desk, address: str) -> None:
    dice = random.Random(1)
    with desk.listen(address) as socket:
        socket.subscribe("heartbeats")
        for odd in _JSON:
            asked = {
                "type": dice.choice(("subscribe", "unsubscribe", odd)),
                "channel": dice.choice(("user", "level2", "heartbeats", odd)),
                "product_ids": odd,
                "jwt": dice.choice((None, odd)),
            }
            socket.send(orjson.dumps(asked).decode())
            socket.until(lambda told: told.get("type") == "error" or "sequence_num" in told)
        desk.market()
        assert socket.subscribe("heartbeats")["channel"] == "subscriptions"
