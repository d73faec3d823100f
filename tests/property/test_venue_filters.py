"""What our own rules let through no filter of the exchange refuses, and what they hold back the
exchange would have refused: ten thousand intents at the edges of every filter."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from aitrader.kernel.fix import OrdType, Origin, Side
from aitrader.kernel.money import price_nearest, qty_to_lot
from tests.unit.trading.gateways import wire
from trading.domain.instrument import Instrument
from trading.domain.instrument_limits import PRICED
from trading.domain.order import OrderIntent
from trading.domain.order_rules import Around, validate
from trading.gateways.binance import listing
from trading.sandbox import checks
from trading.sandbox.orders import NewOrder
from trading.sandbox.rules import Listing, Refused

D = Decimal
NOW = datetime(2026, 1, 1, tzinfo=UTC)
INTENTS = 10_000
_TYPES = (
    OrdType.MARKET, OrdType.LIMIT, OrdType.STOP, OrdType.STOP_LIMIT, OrdType.LIMIT_IF_TOUCHED,
    OrdType.TRAILING_STOP,
)  # fmt: skip
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


def _near(random: Random, edges: list[Decimal]) -> Decimal:
    """A number at an edge, just beside it, or between two of them on a scale of sizes."""
    edge = random.choice(edges)
    if random.random() < 0.5:
        return edge * (1 + D(random.randint(-3, 3)) / 1000)
    other = random.choice(edges)
    low, high = sorted((float(edge), float(other)))
    return D(repr(low * (high / low) ** random.random()))


def _intents(random: Random, of: Instrument, its: Listing, last: Decimal) -> Iterator[OrderIntent]:
    """Endless intents in whole ticks and lots, as the desk rounds them."""
    while True:
        side, ord_type = random.choice(tuple(Side)), random.choice(_TYPES)
        shares = [share for share in its.band(side) if share] + [D(1)]
        prices = [its.min_price, its.max_price, *(last * share for share in shares)]
        price = max(of.tick, price_nearest(_near(random, prices), of.tick))
        edges = [its.min_qty, its.max_qty, its.market_max_qty, its.market_min_qty]
        edges += [its.min_notional / price, its.max_notional / price, its.min_notional / last]
        qty = qty_to_lot(_near(random, [each for each in edges if D(0) < each < 10**15]), of.lot)
        trails = ord_type is OrdType.TRAILING_STOP
        waits = ord_type in (OrdType.STOP, OrdType.STOP_LIMIT)
        yield OrderIntent(
            intent_id="I",
            account="paper",
            instrument=of.code,
            side=side,
            ord_type=ord_type,
            order_qty=qty,
            origin=Origin.STRATEGY,
            reference_px=last,
            reason="any",
            decided_at=NOW,
            price=price if ord_type in PRICED else None,
            stop_px=price if waits else None,
            trailing_bps=D(random.choice((9, 10, 11, 150, 200, 201, 2_000, 2_001)))
            if trails
            else None,
        )


def _at_venue(intent: OrderIntent, its: Listing, last: Decimal) -> Refused | None:
    stop_px = intent.stop_px
    if intent.ord_type is OrdType.LIMIT_IF_TOUCHED:
        stop_px = intent.price
    request = NewOrder(
        "anna",
        its.instrument,
        intent.side,
        intent.ord_type,
        intent.order_qty,
        price=intent.price,
        stop_px=stop_px,
        trailing_bps=intent.trailing_bps,
    )
    return checks.check_fields(its, request, last, NOW)


@pytest.mark.parametrize("symbols", [_strict, _recorded], ids=["strict", "recorded"])
def test_of_ten_thousand_valid_intents_the_exchange_refuses_none(symbols: Any) -> None:
    random, told = Random(9), symbols()
    sent, held_back, types = 0, Counter[str](), set[OrdType]()
    pairs = [(_instrument(each), _listing(each)) for each in told]
    while sent < INTENTS:
        of, its = random.choice(pairs)
        low, high = max(its.min_price * 4, of.tick * 100), its.max_price / 4
        last = D(100) if low >= high else price_nearest(_near(random, [low, high]), of.tick)
        intents = _intents(random, of, its, last)
        for _ in range(50):
            intent = next(intents)
            problems = validate(intent, of, Around(px=last))
            refused = _at_venue(intent, its, last)
            assert (refused is None) is (not problems), (intent, problems, refused)
            if refused is None:
                sent += 1
                types.add(intent.ord_type)
            else:
                held_back[refused.reason] += 1
    assert types == {*_TYPES}
    # Every filter was met: what is let through is not let through for want of trying.
    met = {"PRICE_RANGE", "QTY_RANGE", "MARKET_QTY_RANGE", "MAX_NOTIONAL", "PERCENT_PRICE"}
    assert met | {"MIN_NOTIONAL", "TRAILING_RANGE"} <= {*held_back}, held_back
