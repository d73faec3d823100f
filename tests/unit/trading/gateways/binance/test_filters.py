"""Every filter that Binance tells is kept to the last digit, and none is unknown."""

import gzip
import json
from collections.abc import Iterator
from decimal import Decimal as D
from typing import Any

import pytest

from aitrader.kernel.errors import OutcomeUnknown
from tests.unit.trading.gateways import wire
from trading.domain import instrument_limits
from trading.domain.instrument import Instrument
from trading.domain.instrument_limits import Limits
from trading.gateways.binance import listing

#: Read apart from the limits: tick, lot, least quantity, least notional.
APART = {
    ("PRICE_FILTER", "tickSize"),
    ("LOT_SIZE", "stepSize"),
    ("LOT_SIZE", "minQty"),
    ("MIN_NOTIONAL", "minNotional"),
    ("NOTIONAL", "minNotional"),
}


class _Venue:
    def __init__(self, told: Any) -> None:
        self._told = told

    def call(self, ask: Any) -> Any:
        return self._told


def _read(told: Any) -> dict[str, Instrument]:
    venue: Any = _Venue(told)
    trading = [each["symbol"] for each in told["symbols"] if each["status"] == "TRADING"]
    return listing.instruments(venue, trading, venue="BINANCE")


def _one(*filters: dict[str, Any], everywhere: Any = ()) -> Limits:
    told = {
        "exchangeFilters": list(everywhere),
        "symbols": [
            {
                "symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT",
                "filters": [
                    {"filterType": "PRICE_FILTER", "tickSize": "0.01"},
                    {"filterType": "LOT_SIZE", "minQty": "0.00001", "stepSize": "0.00001"},
                    *filters,
                ],
            }
        ],
    }  # fmt: skip
    return _read(told)["BTCUSDT"].limits


def _samples() -> Iterator[Any]:
    """Every list of spot symbols in the wire samples, and the one that was captured whole."""
    recorded = wire.read("binance/gct_http_recordings.json.gz")["routes"]["/api/v3/exchangeInfo"]
    yield from (each["data"] for each in recorded["GET"])
    yield wire.read("binance/exchange_info_btcusdt_basana.json")
    for name, answer in wire.answers("binance/rest_ws_samples/Socket/Spot/ExchangeData"):
        if name == "GetExchangeInfo":
            yield answer["result"]
    captured = wire.path("../streams/cryptofeed_capture/BINANCE.0.gz")
    line = gzip.decompress(captured.read_bytes()).decode().split("\n", 1)[0]
    yield json.loads(line[line.index("{") :])


def test_no_filter_of_the_samples_is_unknown_and_every_part_keeps_its_digits() -> None:
    checked: dict[tuple[str, str], int] = {}
    for told in _samples():
        found = _read(told)
        for symbol in told["symbols"]:
            if symbol["status"] != "TRADING":
                continue
            limits = found[symbol["symbol"]].limits
            for each in (*symbol["filters"], *told["exchangeFilters"]):
                _compare(each, limits, checked)
    types = {filter_type for filter_type, _ in checked}
    assert types >= {
        "PRICE_FILTER", "LOT_SIZE", "MARKET_LOT_SIZE", "MIN_NOTIONAL", "NOTIONAL",
        "PERCENT_PRICE", "PERCENT_PRICE_BY_SIDE", "MAX_NUM_ORDERS", "MAX_NUM_ALGO_ORDERS",
        "MAX_POSITION", "TRAILING_DELTA", "ICEBERG_PARTS",
    }  # fmt: skip
    assert sum(checked.values()) > 10_000


def _compare(told: dict[str, Any], limits: Limits, checked: dict[tuple[str, str], int]) -> None:
    filter_type = told["filterType"]
    assert filter_type in listing.FILTERS, f"nobody knows {filter_type}"
    for part, value in told.items():
        if part == "filterType" or (filter_type, part) in APART:
            continue
        for name in listing.FILTERS[filter_type][part]:
            kept = getattr(limits, name)
            if isinstance(value, bool):
                assert kept is value
            elif D(value) == 0 and not name.endswith("_minutes"):
                assert kept is None
            else:
                assert kept == D(value)
        checked[filter_type, part] = checked.get((filter_type, part), 0) + 1


def test_the_filters_of_one_symbol_are_these_limits() -> None:
    found = _read(wire.read("binance/exchange_info_btcusdt_basana.json"))["BTCUSDT"]
    assert (found.tick, found.lot, found.min_qty) == (D("0.01"), D("0.00001"), D("0.00001"))
    assert found.min_notional == 10
    assert found.limits == Limits(
        min_px=D("0.01"),
        max_px=D(1_000_000),
        max_qty=D(9_000),
        market_max_qty=D("328.37710865"),
        notional_minutes=5,
        bid_down=D("0.2"),
        bid_up=D(5),
        ask_down=D("0.2"),
        ask_up=D(5),
        band_minutes=5,
        max_orders=200,
        max_stops=5,
        trailing_above_min=D(10),
        trailing_above_max=D(2_000),
        trailing_below_min=D(10),
        trailing_below_max=D(2_000),
        iceberg_parts=10,
    )
    assert instrument_limits.read(found.limits.told()) == found.limits


@pytest.mark.parametrize(
    ("told", "limits"),
    [
        ({"filterType": "PERCENT_PRICE", "multiplierUp": "1.3000", "multiplierDown": "0.7000",
          "avgPriceMins": 0},
         Limits(bid_up=D("1.3"), ask_up=D("1.3"), bid_down=D("0.7"), ask_down=D("0.7"),
                band_minutes=0)),
        ({"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": "1.2",
          "bidMultiplierDown": "0.2", "askMultiplierUp": "5", "askMultiplierDown": "0.8",
          "avgPriceMins": 1},
         Limits(bid_up=D("1.2"), bid_down=D("0.2"), ask_up=D(5), ask_down=D("0.8"),
                band_minutes=1)),
        ({"filterType": "NOTIONAL", "minNotional": "10.0", "applyMinToMarket": False,
          "maxNotional": "10000.0", "applyMaxToMarket": False, "avgPriceMins": 5},
         Limits(max_notional=D(10_000), min_notional_of_market=False,
                max_notional_of_market=False, notional_minutes=5)),
        ({"filterType": "MIN_NOTIONAL", "minNotional": "10.0", "applyToMarket": False,
          "avgPriceMins": 5},
         Limits(min_notional_of_market=False, notional_minutes=5)),
        ({"filterType": "MARKET_LOT_SIZE", "minQty": "0.001", "maxQty": "100000.0",
          "stepSize": "0.001"},
         Limits(market_min_qty=D("0.001"), market_max_qty=D(100_000), market_lot=D("0.001"))),
        ({"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 20}, Limits(max_lists=20)),
        ({"filterType": "MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders": 5},
         Limits(max_icebergs=5)),
        ({"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": 10},
         Limits(max_amendments=10)),
        ({"filterType": "MAX_POSITION", "maxPosition": "10.0"}, Limits(max_position=D(10))),
        ({"filterType": "MOON_PHASE", "phase": "full"}, Limits()),
        ({"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 0}, Limits()),
    ],
)  # fmt: skip
def test_each_documented_filter_is_this_limit(told: dict[str, Any], limits: Limits) -> None:
    assert _one(told) == limits
    assert instrument_limits.read(limits.told()) == limits


def test_filters_of_the_whole_exchange_are_every_symbols() -> None:
    everywhere = [
        {"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": 1000},
        {"filterType": "EXCHANGE_MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 200},
        {"filterType": "EXCHANGE_MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 20},
        {"filterType": "EXCHANGE_MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders": 10_000},
    ]
    assert _one(everywhere=everywhere) == Limits(
        account_max_orders=1000,
        account_max_stops=200,
        account_max_lists=20,
        account_max_icebergs=10_000,
    )


@pytest.mark.parametrize("told", ["many", None, "NaN", []])
def test_a_limit_that_cannot_be_read_is_no_rule_at_all(told: Any) -> None:
    for each in (
        {"filterType": "MAX_POSITION", "maxPosition": told},
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": told},
    ):
        with pytest.raises(OutcomeUnknown, match="cannot be read"):
            _one(each)
