"""The rules of a symbol as exchangeInfo tells them.

Source: binance-spot-api-docs, rest-api.md "Exchange information", filters.md.
"""

from typing import Any

from trading.sandbox.binance_api.amounts import text
from trading.sandbox.binance_api.vocabulary import TYPES
from trading.sandbox.orders import SelfTrade
from trading.sandbox.rules import Listing

Json = dict[str, Any]


def symbol(listing: Listing, status: str) -> Json:
    return {
        "symbol": listing.instrument,
        "status": status,
        "baseAsset": listing.base,
        "baseAssetPrecision": 8,
        "quoteAsset": listing.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": list(TYPES),
        "icebergAllowed": False,
        "ocoAllowed": True,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": False,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(listing),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "NONE",
        "allowedSelfTradePreventionModes": [each.value for each in SelfTrade],
    }


def _filters(listing: Listing) -> list[Json]:
    told: list[Json] = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": text(listing.min_price),
            "maxPrice": text(listing.max_price),
            "tickSize": text(listing.tick),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": text(listing.min_qty),
            "maxQty": text(listing.max_qty),
            "stepSize": text(listing.lot),
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": text(None),
            "maxQty": text(listing.market_max_qty),
            "stepSize": text(None),
        },
        {
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": int(listing.trailing_min_bps),
            "maxTrailingAboveDelta": int(listing.trailing_max_bps),
            "minTrailingBelowDelta": int(listing.trailing_min_bps),
            "maxTrailingBelowDelta": int(listing.trailing_max_bps),
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": text(listing.min_notional),
            "applyMinToMarket": True,
            "maxNotional": text(listing.max_notional),
            "applyMaxToMarket": False,
            "avgPriceMins": 0,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": listing.max_orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": listing.max_stop_orders},
    ]
    if listing.percent_down is not None and listing.percent_up is not None:
        # The average over no minutes is the last price.
        band = {"Up": f"{listing.percent_up:f}", "Down": f"{listing.percent_down:f}"}
        told.append(
            {
                "filterType": "PERCENT_PRICE_BY_SIDE",
                "bidMultiplierUp": band["Up"],
                "bidMultiplierDown": band["Down"],
                "askMultiplierUp": band["Up"],
                "askMultiplierDown": band["Down"],
                "avgPriceMins": 0,
            }
        )
    return told
