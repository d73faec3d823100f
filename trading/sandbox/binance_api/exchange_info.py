"""The rules of a symbol as exchangeInfo tells them.

Source: binance-spot-api-docs, rest-api.md "Exchange information", filters.md.
"""

from typing import Any

from aitrader.kernel.fix import Side
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
            "minQty": text(listing.market_min_qty),
            "maxQty": text(listing.market_max_qty),
            "stepSize": text(listing.market_lot),
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
            "applyMinToMarket": listing.min_notional_of_market,
            "maxNotional": text(listing.max_notional),
            "applyMaxToMarket": listing.max_notional_of_market,
            "avgPriceMins": 0,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": listing.max_orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": listing.max_stop_orders},
    ]
    if listing.percent_down is not None and listing.percent_up is not None:
        bid, ask = listing.band(Side.BUY), listing.band(Side.SELL)
        told.append(
            {
                "filterType": "PERCENT_PRICE_BY_SIDE",
                "bidMultiplierUp": f"{bid[1]:f}",
                "bidMultiplierDown": f"{bid[0]:f}",
                "askMultiplierUp": f"{ask[1]:f}",
                "askMultiplierDown": f"{ask[0]:f}",
                # The average over no minutes is the last price.
                "avgPriceMins": 0,
            }
        )
    if listing.max_position is not None:
        told.append({"filterType": "MAX_POSITION", "maxPosition": text(listing.max_position)})
    return told
