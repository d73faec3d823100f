"""Documented and recorded answers of Coinbase, read to the last digit."""

import gzip
import json
from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from aitrader.kernel.errors import BadInput, OutcomeUnknown
from aitrader.kernel.fix import ExecType
from tests.unit.trading.gateways import wire
from trading.domain.bar import Bar
from trading.domain.instrument_limits import Limits
from trading.gateways.coinbase import listing, reports
from trading.gateways.coinbase.history import CoinbaseHistory
from trading.gateways.coinbase.klines import Candles
from trading.gateways.coinbase.user_stream import CoinbaseLine
from trading.gateways.streams import Heard

CODE = "COINBASE:BTC-USD"
ENDPOINTS = "coinbase/rest_ws_samples/Endpoints/AdvancedTrade"
CHANNELS = "coinbase/rest_ws_samples/Subscriptions/AdvancedTrade"


def _digits(number: D) -> str:
    return format(number, "f")


def _sample(folder: str, name: str) -> Any:
    return dict(wire.answers(f"{ENDPOINTS}/{folder}"))[name]


def _orders() -> list[dict[str, Any]]:
    told = [each for _, each in wire.answers(f"{ENDPOINTS}/Trading")]
    return [each for each in wire.objects(told) if {"order_id", "filled_size"} <= set(each)]


def test_every_order_is_read_with_the_total_that_it_tells() -> None:
    orders = _orders()
    assert len(orders) >= 2
    for order in orders:
        found = reports.queried(order, [], instrument=CODE)
        assert [each.exec_type for each in found] == [ExecType.NEW, ExecType.ORDER_STATUS]
        assert _digits(found[-1].cum_qty) == order["filled_size"]
        assert {each.order_id for each in found} == {order["order_id"]}
        (resting,) = reports.open_orders([order])
        assert (resting.cl_ord_id, _digits(resting.cum_qty)) == (
            order["client_order_id"],
            order["filled_size"],
        )


@pytest.mark.parametrize(
    ("status", "ends"),
    [
        ("CANCELLED", ExecType.CANCELED),
        ("EXPIRED", ExecType.EXPIRED),
        ("FAILED", ExecType.REJECTED),
    ],
)
def test_an_order_that_ended_keeps_its_total(status: str, ends: ExecType) -> None:
    order = _orders()[0] | {"status": status, "filled_size": "0.00000001"}
    last = reports.queried(order, [], instrument=CODE)[-1]
    assert (last.exec_type, last.cum_qty) == (ends, D("0.00000001"))


def test_every_fill_keeps_its_digits() -> None:
    fills = _sample("Trading", "GetUserTrades")["fills"]
    assert fills
    for fill in fills:
        (found,) = reports.trades([fill], instrument=CODE)
        report = found.report
        assert report
        assert (found.order_id, found.exec_id, found.side) == (
            fill["order_id"],
            fill["trade_id"],
            fill["side"],
        )
        assert [_digits(each) for each in (report.last_px, report.last_qty, report.fee)] == [
            fill["price"],
            fill["size"],
            fill["commission"],
        ]
        assert report.fee_asset == "USD"


class _Venue:
    def __init__(self, told: Any) -> None:
        self._told = told

    def read_public(self, path: str, **asked: object) -> Any:
        return self._told


def _rules(*products: Any) -> Any:
    venue: Any = _Venue({"products": list(products)})
    return listing.instruments(venue, ["BTC-USD"], venue="COINBASE")["BTC-USD"]


_TRADES = {"cancel_only": False, "limit_only": False, "post_only": False, "auction_mode": False,
           "view_only": False}  # fmt: skip


def test_a_listed_product_has_the_steps_and_least_amounts_that_it_tells() -> None:
    (product,) = _sample("ExchangeData", "GetSymbols")["products"]
    with pytest.raises(BadInput, match="cancel_only"):
        _rules(product)
    told = {"price_increment": "0.01", "base_min_size": "0.00001", "quote_min_size": "1"}
    found = _rules(product | _TRADES | told)
    assert (found.code, found.tick, found.lot) == (CODE, D("0.01"), D("0.00000001"))
    assert (found.min_qty, found.min_notional) == (D("0.00001"), D(1))
    assert found.limits == Limits(max_qty=D(1_000), max_notional=D(1_000))
    untold = {"base_max_size": "", "quote_max_size": "0"}
    assert _rules(product | _TRADES | untold).limits == Limits()


@pytest.mark.parametrize(
    "changes", [{"base_increment": None}, {"base_min_size": ""}, {"quote_min_size": "much"}]
)
def test_rules_that_cannot_be_read_are_no_rules(changes: dict[str, Any]) -> None:
    product = {
        "product_id": "BTC-USD", "base_currency_id": "BTC", "quote_currency_id": "USD",
        "price_increment": "0.01", "base_increment": "0.00000001", "base_min_size": "0.00001",
        "quote_min_size": "1", "status": "online",
    }  # fmt: skip
    assert _rules(product).tick == D("0.01")
    with pytest.raises(OutcomeUnknown, match="cannot be read"):
        _rules(product | changes)


def _numbers(bar: Bar) -> tuple[str, ...]:
    return tuple(_digits(each) for each in (bar.open, bar.high, bar.low, bar.close, bar.volume))


@pytest.mark.parametrize("product", ["btc-usd", "eth-usd"])
def test_every_recorded_candle_keeps_its_digits(product: str) -> None:
    connection: Any = None
    wall: Any = None
    hours = timedelta(hours=4)
    live = Candles(connection, "ws://none", {CODE: "BTC-USD"}, hours, history_bars=1, wall=wall)
    past = CoinbaseHistory(connection, "BTC-USD", hours)
    packed = wire.path(f"../candles/coinbase_{product}_4h_2016-05_2025-10.wire.json.gz")
    rows = json.loads(gzip.decompress(packed.read_bytes()))["candles"]
    assert len(rows) > 20_000
    for row in rows:
        told = tuple(row[name] for name in ("open", "high", "low", "close", "volume"))
        assert _numbers(live._bar(row)) == told == _numbers(past._bar(row))


def _line() -> CoinbaseLine:
    connection: Any = None
    return CoinbaseLine("ws://none", connection=connection)


_MEANS = {
    "user": Heard.NEWS,
    "heartbeats": Heard.ALIVE,
    "subscriptions": Heard.ALIVE,
}


def test_every_frame_of_every_channel_is_understood() -> None:
    heard: set[str] = set()
    for name, frame in wire.answers(CHANNELS):
        if name == "Concurrent":
            # Several conversations in one file.
            continue
        means = _MEANS.get(frame["channel"], Heard.NOTHING)
        if name == "User" and frame["channel"] == "subscriptions":
            means = Heard.CONFIRMED
        assert _line().heard(json.dumps(frame)) is means
        heard.add(frame["channel"])
    assert {"user", "heartbeats", "subscriptions", "ticker", "candles"} <= heard


def test_a_number_that_is_left_out_is_news_on_any_channel() -> None:
    frames = dict(wire.answers(CHANNELS))
    line = _line()
    beat = frames["Heartbeat"]
    assert line.heard(json.dumps(beat | {"sequence_num": 7})) is Heard.ALIVE
    assert line.heard(json.dumps(beat | {"sequence_num": 9})) is Heard.NEWS
    assert line.heard(json.dumps(beat | {"sequence_num": 10})) is Heard.ALIVE


def test_a_ticker_moves_the_bar_that_runs_at_the_instant_it_tells() -> None:
    connection: Any = None
    wall: Any = None
    minute = timedelta(minutes=1)
    symbols = {"COINBASE:ETH-USDT": "ETH-USDT"}
    live = Candles(connection, "ws://none", symbols, minute, history_bars=1, wall=wall)
    frame = dict(wire.answers(CHANNELS))["Ticker"]
    found = live._read(json.dumps(frame))
    assert found
    code, bar, is_over = found
    assert (code, _digits(bar.close), is_over) == ("COINBASE:ETH-USDT", "21932.98", False)
    # Nine decimals of a second are more than are kept.
    assert bar.open_time == reports.instant("2023-02-09T20:30:00Z")


def test_a_product_or_channel_that_nobody_knows_is_nothing() -> None:
    told = {"channel": "moon", "sequence_num": 1, "events": []}
    assert _line().heard(json.dumps(told)) is Heard.NOTHING
