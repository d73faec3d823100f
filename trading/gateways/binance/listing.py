"""What Binance lists, as instruments (rest-api.md: Exchange information; filters.md).

1. Zero switches a part of a filter off: no rule. Only minutes of an average may be zero: the last
   price.
2. A filter that nobody here knows changes nothing.
3. `MAX_ASSET` is an account's (`myFilters`) and is not read.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import orjson

from aitrader.kernel.errors import (
    BadInput,
    InvalidAmount,
    OutcomeUnknown,
    RejectedByVenue,
    VenueAway,
)
from aitrader.kernel.fix import AccountKind
from aitrader.kernel.money import ONE, ZERO, amount
from trading.domain.instrument import Instrument, code_of
from trading.domain.instrument_limits import Limits
from trading.gateways.binance.connection import Connection

#: Where each part of a filter goes; tick, lot, least quantity and notional are read apart.
FILTERS: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "PRICE_FILTER": {"minPrice": ("min_px",), "maxPrice": ("max_px",)},
        "LOT_SIZE": {"maxQty": ("max_qty",)},
        "MARKET_LOT_SIZE": {
            "minQty": ("market_min_qty",),
            "maxQty": ("market_max_qty",),
            "stepSize": ("market_lot",),
        },
        "MIN_NOTIONAL": {
            "applyToMarket": ("min_notional_of_market",),
            "avgPriceMins": ("notional_minutes",),
        },
        "NOTIONAL": {
            "maxNotional": ("max_notional",),
            "applyMinToMarket": ("min_notional_of_market",),
            "applyMaxToMarket": ("max_notional_of_market",),
            "avgPriceMins": ("notional_minutes",),
        },
        "PERCENT_PRICE": {
            "multiplierDown": ("bid_down", "ask_down"),
            "multiplierUp": ("bid_up", "ask_up"),
            "avgPriceMins": ("band_minutes",),
        },
        "PERCENT_PRICE_BY_SIDE": {
            "bidMultiplierDown": ("bid_down",),
            "bidMultiplierUp": ("bid_up",),
            "askMultiplierDown": ("ask_down",),
            "askMultiplierUp": ("ask_up",),
            "avgPriceMins": ("band_minutes",),
        },
        "MAX_NUM_ORDERS": {"maxNumOrders": ("max_orders",)},
        "MAX_NUM_ALGO_ORDERS": {"maxNumAlgoOrders": ("max_stops",)},
        "MAX_NUM_ORDER_LISTS": {"maxNumOrderLists": ("max_lists",)},
        "MAX_NUM_ICEBERG_ORDERS": {"maxNumIcebergOrders": ("max_icebergs",)},
        "MAX_NUM_ORDER_AMENDS": {"maxNumOrderAmends": ("max_amendments",)},
        "MAX_POSITION": {"maxPosition": ("max_position",)},
        "TRAILING_DELTA": {
            "minTrailingAboveDelta": ("trailing_above_min",),
            "maxTrailingAboveDelta": ("trailing_above_max",),
            "minTrailingBelowDelta": ("trailing_below_min",),
            "maxTrailingBelowDelta": ("trailing_below_max",),
        },
        "ICEBERG_PARTS": {"limit": ("iceberg_parts",)},
        "EXCHANGE_MAX_NUM_ORDERS": {"maxNumOrders": ("account_max_orders",)},
        "EXCHANGE_MAX_NUM_ALGO_ORDERS": {"maxNumAlgoOrders": ("account_max_stops",)},
        "EXCHANGE_MAX_NUM_ORDER_LISTS": {"maxNumOrderLists": ("account_max_lists",)},
        "EXCHANGE_MAX_NUM_ICEBERG_ORDERS": {"maxNumIcebergOrders": ("account_max_icebergs",)},
    }
)
_COUNTS = frozenset(name for name, kind in Limits.__annotations__.items() if kind == int | None)
_MINUTES = frozenset({"notional_minutes", "band_minutes"})


def instruments(
    connection: Connection, symbols: Sequence[str], *, venue: str
) -> dict[str, Instrument]:
    """The symbols' rules by symbol, under codes of `venue`, which trades by them.

    Raises BadInput for a symbol that is not listed or not trading, OutcomeUnknown for rules that
    cannot be read, and what a call raises.
    """
    # The library's own call asks for everything that is listed: megabytes for two symbols.
    asked = {"symbols": orjson.dumps(list(symbols)).decode()}
    try:
        told = connection.call(lambda client: client._get("exchangeInfo", data=asked))
        listed = {each["symbol"]: each for each in told["symbols"]}
        everywhere = told.get("exchangeFilters") or []
    except RejectedByVenue as error:
        raise BadInput(f"Binance: {error.text}") from None
    except (LookupError, TypeError, AttributeError) as error:
        raise OutcomeUnknown(f"a list of symbols that cannot be read: {error!r}") from error
    found = {}
    for symbol in symbols:
        if symbol not in listed:
            raise BadInput(f"Binance does not list {symbol}")
        status = listed[symbol].get("status")
        if status != "TRADING":
            raise VenueAway(f"{symbol} does not trade at Binance now: {status}")
        try:
            found[symbol] = _instrument(listed[symbol], everywhere, venue)
        except (LookupError, TypeError, ValueError, InvalidAmount) as error:
            raise OutcomeUnknown(f"the rules of {symbol} cannot be read: {error!r}") from error
    return found


def _instrument(
    listed: Mapping[str, Any], everywhere: Iterable[Mapping[str, Any]], venue: str
) -> Instrument:
    rules = {each["filterType"]: each for each in (*listed["filters"], *everywhere)}
    lot = rules["LOT_SIZE"]
    return Instrument(
        code=code_of(venue, listed["baseAsset"], listed["quoteAsset"], AccountKind.SPOT),
        base=listed["baseAsset"],
        quote=listed["quoteAsset"],
        kind=AccountKind.SPOT,
        tick=_step(rules["PRICE_FILTER"]["tickSize"]),
        lot=_step(lot["stepSize"]),
        min_qty=amount(lot["minQty"]),
        min_notional=_least(rules),
        limits=_limits(rules),
    )


def _limits(rules: Mapping[str, Mapping[str, Any]]) -> Limits:
    found = {
        name: _limit(name, rules[filter_type][part])
        for filter_type, places in FILTERS.items()
        if filter_type in rules
        for part, names in places.items()
        if part in rules[filter_type]
        for name in names
    }
    return Limits(**{name: value for name, value in found.items() if value is not None})


def _limit(name: str, told: object) -> Any:
    """As it is kept; None where it is switched off."""
    if isinstance(told, bool):
        return told
    if name in _COUNTS:
        return int(str(told)) or (0 if name in _MINUTES else None)
    return amount(told) or None


def _step(told: str) -> Decimal:
    """Zero means no rule: the smallest step that is kept."""
    step = amount(told)
    return step.normalize() if step > ZERO else ONE.scaleb(-8)


def _least(rules: Mapping[str, Mapping[str, Any]]) -> Decimal:
    rule = rules.get("NOTIONAL") or rules.get("MIN_NOTIONAL") or {"minNotional": "0"}
    return amount(rule["minNotional"])
