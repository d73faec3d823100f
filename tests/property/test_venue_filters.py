"""What our own rules let through no filter of the exchange refuses, and what they hold back the
exchange would have refused: ten thousand intents at the edges of every filter."""

from collections import Counter
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from aitrader.kernel.fix import OrdType
from aitrader.kernel.money import price_nearest
from tests.factories.intents import TYPES, intents, refused
from tests.unit.trading.gateways import wire
from trading.domain.instrument import Instrument
from trading.domain.order_rules import Around, validate
from trading.gateways.binance import listing
from trading.sandbox.rules import Listing

D = Decimal
INTENTS = 10_000
#: A symbol as strict in every filter as one can be, its bounds close to each other.
_STRICT = {
    "symbol": "AAABBB", "status": "TRADING", "baseAsset": "AAA", "quoteAsset": "BBB",
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "40.0", "maxPrice": "180.0", "tickSize": "0.5"},
        {"filterType": "LOT_SIZE", "minQty": "2.0", "maxQty": "50.0", "stepSize": "0.5"},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "4.0", "maxQty": "20.0", "stepSize": "2.0"},
        {"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": "1.2",
         "bidMultiplierDown": "0.5", "askMultiplierUp": "1.5", "askMultiplierDown": "0.8",
         "avgPriceMins": 0},
        {"filterType": "NOTIONAL", "minNotional": "300.0", "applyMinToMarket": False,
         "maxNotional": "3000.0", "applyMaxToMarket": True, "avgPriceMins": 0},
        {"filterType": "TRAILING_DELTA", "minTrailingAboveDelta": 10,
         "maxTrailingAboveDelta": 200, "minTrailingBelowDelta": 10, "maxTrailingBelowDelta": 200},
    ],
}  # fmt: skip


class _Venue:
    def __init__(self, told: Any) -> None:
        self._told = told

    def call(self, ask: Any) -> Any:
        return self._told


def _instrument(symbol: dict[str, Any]) -> Instrument:
    venue: Any = _Venue({"symbols": [symbol]})
    return listing.instruments(venue, [symbol["symbol"]], venue="BINANCE")[symbol["symbol"]]


def _listing(symbol: dict[str, Any]) -> Listing:
    """The exchange's side of the same symbol, read without the gateway."""
    rules = {each["filterType"]: each for each in symbol["filters"]}
    price, lot = rules["PRICE_FILTER"], rules["LOT_SIZE"]
    market = rules.get("MARKET_LOT_SIZE", {"minQty": "0", "maxQty": "0", "stepSize": "0"})
    notional = rules.get("NOTIONAL") or rules.get("MIN_NOTIONAL") or {"minNotional": "0"}
    band = rules.get("PERCENT_PRICE_BY_SIDE", {})
    trailing = rules.get("TRAILING_DELTA", {})
    endless = D(10) ** 18
    return Listing(
        symbol["symbol"],
        symbol["baseAsset"],
        symbol["quoteAsset"],
        tick=D(price["tickSize"]),
        lot=D(lot["stepSize"]),
        min_price=D(price["minPrice"]),
        max_price=D(price["maxPrice"]),
        min_qty=D(lot["minQty"]),
        max_qty=D(lot["maxQty"]),
        market_lot=D(market["stepSize"]),
        market_min_qty=D(market["minQty"]),
        market_max_qty=D(market["maxQty"]) or endless,
        min_notional=D(notional["minNotional"]),
        max_notional=D(notional.get("maxNotional", endless)),
        min_notional_of_market=notional.get("applyMinToMarket", True),
        max_notional_of_market=notional.get("applyMaxToMarket", True),
        percent_down=_given(band, "bidMultiplierDown"),
        percent_up=_given(band, "bidMultiplierUp"),
        ask_percent_down=_given(band, "askMultiplierDown"),
        ask_percent_up=_given(band, "askMultiplierUp"),
        trailing_min_bps=D(trailing.get("minTrailingAboveDelta", 0)),
        trailing_max_bps=D(trailing.get("maxTrailingAboveDelta", endless)),
    )


def _given(rule: dict[str, str], part: str) -> Decimal | None:
    return D(rule[part]) if part in rule else None


def _between(random: Random, low: Decimal, high: Decimal) -> Decimal:
    """On a scale of sizes."""
    return D(repr(float(low) * float(high / low) ** random.random()))


def _strict() -> list[dict[str, Any]]:
    return [_STRICT]


def _recorded() -> list[dict[str, Any]]:
    """The trading symbols of the wire samples."""
    (recorded,) = wire.read("binance/gct_http_recordings.json.gz")["routes"][
        "/api/v3/exchangeInfo"
    ]["GET"]
    older = wire.read("binance/exchange_info_btcusdt_basana.json")
    told = [*recorded["data"]["symbols"], *older["symbols"]]
    return [each for each in told if each["status"] == "TRADING"]


@pytest.mark.parametrize("symbols", [_strict, _recorded], ids=["strict", "recorded"])
def test_of_ten_thousand_valid_intents_the_exchange_refuses_none(symbols: Any) -> None:
    random, told = Random(9), symbols()
    sent, held_back, types = 0, Counter[str](), set[OrdType]()
    pairs = [(_instrument(each), _listing(each)) for each in told]
    while sent < INTENTS:
        of, its = random.choice(pairs)
        low, high = max(its.min_price * 4, of.tick * 100), its.max_price / 4
        last = D(100) if low >= high else price_nearest(_between(random, low, high), of.tick)
        endless = intents(random, of, its, last)
        for _ in range(50):
            intent = next(endless)
            problems = validate(intent, of, Around(px=last))
            answer = refused(intent, its, last)
            assert (answer is None) is (not problems), (intent, problems, answer)
            if answer is None:
                sent += 1
                types.add(intent.ord_type)
            else:
                held_back[answer.reason] += 1
    assert types == {*TYPES}
    # Every filter was met: what is let through is not let through for want of trying.
    met = {"PRICE_RANGE", "QTY_RANGE", "MARKET_QTY_RANGE", "MAX_NOTIONAL", "PERCENT_PRICE"}
    assert met | {"MIN_NOTIONAL", "TRAILING_RANGE"} <= {*held_back}, held_back
