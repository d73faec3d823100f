"""What everybody may ask: pairs, tickers, books, trades, candles.

1. Prices and quantities of books and trades are text, those of tickers and candles JSON numbers.
2. Trades are newest first and at most 50; a ticker is about the last 24 hours.

Source: docs.btcturk.com "Public Endpoints".
"""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from aitrader.kernel.clock import iso, to_millis
from aitrader.kernel.money import ZERO
from trading.sandbox.btcturk_api.amounts import normalized, number, price_text, scale, seconds, text
from trading.sandbox.btcturk_api.calls import Call
from trading.sandbox.btcturk_api.errors import ApiError
from trading.sandbox.btcturk_api.venue import Venue
from trading.sandbox.candles import INTERVALS, Kline
from trading.sandbox.orders import PublicTrade
from trading.sandbox.rules import Listing

Json = dict[str, Any]
_DAY = timedelta(days=1)
_MOST_LEVELS, _MOST_TRADES, _MOST_CANDLES = 1_000, 50, 11_000
_ORDER = 1_000
_OF_PAIR = 10**12
#: A status that no list of statuses has.
_STRANGE = "AUCTION_MATCH"
#: What a resolution is called in a query, and the interval it means.
RESOLUTIONS = {
    "1": "1m",
    "5": "5m",
    "15": "15m",
    "30": "30m",
    "60": "1h",
    "240": "4h",
    "1D": "1d",
    "1W": "1w",
    "1M": "1M",
}


def time(call: Call) -> Json:
    return {"serverTime": to_millis(call.now), "serverTime2": iso(call.now)}


def describe(call: Call) -> Json:
    venue, listings = call.venue, list(call.venue.listings())
    assets = dict.fromkeys(asset for each in listings for asset in (each.quote, each.base))
    return {
        "timeZone": "UTC",
        "serverTime": to_millis(call.now),
        "symbols": [_pair(venue, each) for each in listings],
        "currencies": [_currency(position, each) for position, each in enumerate(assets, 1)],
        "currencyOperationBlocks": [
            {"currencySymbol": each, "withdrawalDisabled": True, "depositDisabled": True}
            for each in assets
        ],
    }


def ticker(call: Call) -> list[Json]:
    if call.params.text("pairSymbol"):
        return [_ticker(call, call.listing())]
    return [_ticker(call, each) for each in call.venue.listings()]


def order_book(call: Call) -> Json:
    listing = call.listing()
    limit = call.params.count("limit", 100, _MOST_LEVELS)
    book = call.venue.stage.exchange.depth(listing.instrument, limit)
    return {
        "timestamp": number(Decimal(to_millis(call.now))),
        "bids": [[price_text(listing, px), text(qty)] for px, qty in book.bids],
        "asks": [[price_text(listing, px), text(qty)] for px, qty in book.asks],
    }


def trades(call: Call) -> list[Json]:
    listing, limit = call.listing(), call.params.count("last", _MOST_TRADES, _MOST_TRADES)
    found = call.venue.stage.exchange.records.public_trades(listing.instrument, limit=limit)
    return [_trade(call.venue, listing, each) for each in reversed(found) if not each.busted]


def klines(call: Call) -> Json:
    """As the graph API tells them: a list for each field, oldest first."""
    listing = call.listing("symbol")
    # One of ccxt's ways to write a day is "1 d".
    wanted = call.params.text("resolution").upper().replace(" ", "")
    interval = RESOLUTIONS.get(wanted)
    length = INTERVALS[interval] if interval else None
    start, end = call.params.seconds("from"), call.params.seconds("to")
    if interval is None or length is None:
        raise ApiError("INVALID_REQUEST")
    last = min(end or call.now, call.now)
    first = max(start or last - length * _MOST_CANDLES, last - length * _MOST_CANDLES)
    series = call.venue.klines[listing.instrument]
    found = [] if first > last else series.between(interval, first, last, _MOST_CANDLES)
    kept = [each for each in found if each.trades]
    return {
        "s": "ok" if kept else "no_data",
        "t": [seconds(each.open_time) for each in kept],
        "h": [number(each.high) for each in kept],
        "o": [number(each.open) for each in kept],
        "l": [number(each.low) for each in kept],
        "c": [number(each.close) for each in kept],
        "v": [number(each.volume) for each in kept],
    }


def public_trade_id(venue: Venue, trade: PublicTrade) -> str:
    return str(venue.pair_id(trade.instrument) * _OF_PAIR + trade.trade_id)


def _day(venue: Venue, listing: Listing) -> list[Kline]:
    """The minutes of the last 24 hours in which there was a trade."""
    now = venue.stage.now()
    series = venue.klines[listing.instrument]
    found = series.between("1m", now - _DAY, now, int(_DAY / timedelta(minutes=1)) + 1)
    return [each for each in found if each.trades]


def figures(venue: Venue, listing: Listing) -> dict[str, Decimal]:
    """What a ticker tells, over REST and on the feed."""
    day = _day(venue, listing)
    exchange = venue.stage.exchange
    book, last = exchange.depth(listing.instrument, 1), exchange.last_px(listing.instrument) or ZERO
    volume = sum((each.volume for each in day), ZERO)
    quote = sum((each.quote_volume for each in day), ZERO)
    first = day[0].open if day else last
    return {
        "last": last,
        "high": max((each.high for each in day), default=last),
        "low": min((each.low for each in day), default=last),
        "bid": book.bids[0][0] if book.bids else ZERO,
        "ask": book.asks[0][0] if book.asks else ZERO,
        "open": first,
        "volume": volume,
        "average": quote / volume if volume else last,
        "daily": last - first,
        "dailyPercent": 100 * (last - first) / first if first else ZERO,
    }


def _ticker(call: Call, listing: Listing) -> Json:
    return {
        "pair": listing.instrument,
        "pairNormalized": normalized(listing),
        "timestamp": to_millis(call.now),
        **{name: number(value) for name, value in figures(call.venue, listing).items()},
        "denominatorSymbol": listing.quote,
        "numeratorSymbol": listing.base,
        "order": _ORDER + call.venue.pair_id(listing.instrument),
    }


def _trade(venue: Venue, listing: Listing, trade: PublicTrade) -> Json:
    return {
        "pair": listing.instrument,
        "pairNormalized": normalized(listing),
        "numerator": listing.base,
        "denominator": listing.quote,
        "date": to_millis(trade.transact_time),
        "tid": public_trade_id(venue, trade),
        "price": price_text(listing, trade.px),
        "amount": text(trade.qty),
        "side": "sell" if trade.buyer_is_maker else "buy",
    }


def _pair(venue: Venue, listing: Listing) -> Json:
    stage = venue.stage
    status = stage.exchange.status(listing.instrument).value
    return {
        "id": venue.pair_id(listing.instrument),
        "name": listing.instrument,
        "nameNormalized": normalized(listing),
        "status": _STRANGE if stage.strange_status else status,
        "numerator": listing.base,
        "denominator": listing.quote,
        "numeratorScale": scale(listing.lot),
        "denominatorScale": scale(listing.tick),
        "hasFraction": scale(listing.tick) > 0,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": format(listing.min_price, "f"),
                "maxPrice": format(listing.max_price, "f"),
                "tickSize": format(listing.tick, "f"),
                "minExchangeValue": format(listing.min_notional, "f"),
                "minAmount": None,
                "maxAmount": format(min(listing.max_qty, listing.market_max_qty), "f"),
            }
        ],
        "orderMethods": ["MARKET", "LIMIT", "STOP_MARKET", "STOP_LIMIT"],
        "displayFormat": "#,##0.00",
        "commissionFromNumerator": False,
        "order": _ORDER + venue.pair_id(listing.instrument),
        "priceRounding": False,
        "isNew": False,
        "marketPriceWarningThresholdPercentage": 0.25,
        "maximumOrderAmount": None,
        "maximumLimitOrderPrice": number(listing.max_price),
        "minimumLimitOrderPrice": number(listing.min_price),
    }


def _currency(position: int, asset: str) -> Json:
    fiat = asset == "TRY"
    return {
        "id": position,
        "symbol": asset,
        "minWithdrawal": 10.0 if fiat else 0.0005,
        "minDeposit": 0.0 if fiat else 0.0001,
        "precision": 2 if fiat else 8,
        "currencyType": "FIAT" if fiat else "CRYPTO",
        "name": asset,
        "isNew": False,
    }
