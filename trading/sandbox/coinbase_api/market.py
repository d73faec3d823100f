"""Market data: products, books, candles, trades; with a key, and without one below /market.

1. Candles are newest first, and one without a trade is not told.
2. The side of a trade is its maker's.
3. A product that is not open says so by its flags; its `status` is a word for people.

Source: docs.cdp.coinbase.com, Advanced Trade API, "Public" and "Products".
"""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from aitrader.kernel.clock import EPOCH, iso, to_millis
from aitrader.kernel.money import ZERO
from trading.sandbox.candles import INTERVALS, Kline
from trading.sandbox.coinbase_api import errors
from trading.sandbox.coinbase_api.amounts import text
from trading.sandbox.coinbase_api.calls import Call
from trading.sandbox.coinbase_api.venue import Venue
from trading.sandbox.engine import Depth
from trading.sandbox.events import Level
from trading.sandbox.orders import PublicTrade
from trading.sandbox.rules import Listing, Status

Json = dict[str, Any]
GRANULARITIES = {
    "ONE_MINUTE": "1m",
    "FIVE_MINUTE": "5m",
    "FIFTEEN_MINUTE": "15m",
    "THIRTY_MINUTE": "30m",
    "ONE_HOUR": "1h",
    "TWO_HOUR": "2h",
    "FOUR_HOUR": "4h",
    "SIX_HOUR": "6h",
    "ONE_DAY": "1d",
}
_NAMES = {"BTC": "Bitcoin", "ETH": "Ethereum", "USD": "US Dollar"}
_MOST_CANDLES = 350
_MOST_TRADES, _WHOLE_BOOK = 1_000, 10_000
_BPS = 10_000


def time(call: Call) -> Json:
    millis = to_millis(call.now)
    return {
        "iso": iso(call.now),
        "epochSeconds": str(millis // 1_000),
        "epochMillis": str(millis),
    }


def products(call: Call) -> Json:
    named = call.query.each("product_ids")
    spot = call.query.text("product_type") in {None, "SPOT", "UNKNOWN_PRODUCT_TYPE"}
    found = [
        _product(call, each)
        for each in call.venue.listings()
        if spot and (not named or each.instrument in named)
    ]
    begin = call.query.integer("offset") or 0
    page = found[begin : begin + call.query.limit(default=1_000, most=1_000)]
    return {"products": page, "num_products": len(page)}


def product(call: Call) -> Json:
    return _product(call, call.listing(call.named))


def product_book(call: Call) -> Json:
    symbol = call.listing(call.query.text("product_id") or "").instrument
    book = call.venue.stage.exchange.depth(symbol, call.query.integer("limit") or _WHOLE_BOOK)
    told: Json = {"pricebook": _pricebook(call, book)}
    if book.bids and book.asks:
        middle = (book.bids[0][0] + book.asks[0][0]) / 2
        spread = book.asks[0][0] - book.bids[0][0]
        last = call.venue.stage.exchange.last_px(symbol)
        told |= {
            "last": text(last),
            "mid_market": text(middle),
            "spread_bps": text(spread / middle * _BPS),
            "spread_absolute": text(spread),
        }
    return told


def best_bid_ask(call: Call) -> Json:
    named = call.query.each("product_ids")
    symbols = [call.listing(each).instrument for each in sorted(named)] or call.venue.symbols
    books = (call.venue.stage.exchange.depth(each, 1) for each in symbols)
    return {"pricebooks": [_pricebook(call, book) for book in books]}


def candles(call: Call) -> Json:
    symbol, query = call.listing(call.named).instrument, call.query
    interval = GRANULARITIES.get(query.text("granularity") or "")
    start, end = query.seconds("start"), query.seconds("end")
    if interval is None or start is None or end is None:
        raise errors.invalid("start, end and granularity are required")
    length = INTERVALS[interval]
    if length is not None and end - start > _MOST_CANDLES * length:
        raise errors.invalid(f"number of candles requested should be less than {_MOST_CANDLES}")
    limit = query.limit(default=_MOST_CANDLES, most=_MOST_CANDLES)
    upto = min(end, call.now)
    klines = call.venue.klines[symbol].between(interval, start, upto, _MOST_CANDLES + 1)
    traded = [candle(each) for each in reversed(klines) if each.trades]
    return {"candles": traded[:limit]}


def candle(kline: Kline) -> Json:
    return {
        "start": str((kline.open_time - EPOCH) // timedelta(seconds=1)),
        "low": text(kline.low),
        "high": text(kline.high),
        "open": text(kline.open),
        "close": text(kline.close),
        "volume": text(kline.volume),
    }


def trades(call: Call) -> Json:
    """What the venue calls a product's ticker."""
    symbol, query = call.listing(call.named).instrument, call.query
    limit = query.limit(default=_MOST_TRADES, most=_MOST_TRADES)
    start, end = query.seconds("start"), query.seconds("end")
    exchange = call.venue.stage.exchange
    found = [
        each
        for each in exchange.records.public_trades(symbol, limit=_WHOLE_BOOK)
        if not each.busted
        and (start is None or each.transact_time >= start)
        and (end is None or each.transact_time <= end)
    ]
    best = exchange.depth(symbol, 1)
    return {
        "trades": [trade(each) for each in reversed(found[-limit:])],
        "best_bid": text(best.bids[0][0] if best.bids else None),
        "best_ask": text(best.asks[0][0] if best.asks else None),
    }


def trade(each: PublicTrade) -> Json:
    return {
        "trade_id": str(each.trade_id),
        "product_id": each.instrument,
        "price": text(each.px),
        "size": text(each.qty),
        "time": iso(each.transact_time),
        "side": "BUY" if each.buyer_is_maker else "SELL",
    }


def day(venue: Venue, symbol: str) -> tuple[Decimal, list[Kline]]:
    """The traded hours of the last day, and by how much the price has changed, in per cent."""
    now = venue.stage.now()
    hours = venue.klines[symbol].between("1h", now - timedelta(hours=24), now, 25)
    traded = [each for each in hours if each.trades]
    if not traded:
        return ZERO, []
    first, last = traded[0].open, traded[-1].close
    return (last - first) / first * 100, traded


def _product(call: Call, listing: Listing) -> Json:
    stage, symbol = call.venue.stage, listing.instrument
    status, last = stage.exchange.status(symbol), stage.exchange.last_px(symbol)
    shut = status in {Status.HALT, Status.BREAK}
    change, hours = day(call.venue, symbol)
    volume = sum((each.volume for each in hours), ZERO)
    book = stage.exchange.depth(symbol, 1)
    middle = (book.bids[0][0] + book.asks[0][0]) / 2 if book.bids and book.asks else None
    return {
        "product_id": symbol,
        "price": "" if last is None else text(last),
        "price_percentage_change_24h": text(change),
        "volume_24h": text(volume),
        "volume_percentage_change_24h": "0",
        "base_increment": text(listing.lot),
        "quote_increment": text(listing.tick),
        "quote_min_size": text(listing.min_notional),
        "quote_max_size": text(listing.max_notional),
        "base_min_size": text(listing.min_qty),
        "base_max_size": text(min(listing.max_qty, listing.market_max_qty)),
        "base_name": _NAMES.get(listing.base, listing.base),
        "quote_name": _NAMES.get(listing.quote, listing.quote),
        "watched": False,
        "is_disabled": shut,
        "new": False,
        # A word that no list of statuses has, where a plan wants one.
        "status": "intermission" if stage.strange_status else "online",
        "cancel_only": status is Status.CANCEL_ONLY,
        "limit_only": False,
        "post_only": False,
        "trading_disabled": shut,
        "auction_mode": False,
        "product_type": "SPOT",
        "quote_currency_id": listing.quote,
        "base_currency_id": listing.base,
        "fcm_trading_session_details": None,
        "mid_market_price": "" if middle is None else text(middle),
        "alias": "",
        "alias_to": [],
        "base_display_symbol": listing.base,
        "quote_display_symbol": listing.quote,
        "view_only": False,
        "price_increment": text(listing.tick),
        "display_name": f"{listing.base}-{listing.quote}",
        "product_venue": "CBE",
        "approximate_quote_24h_volume": text(sum((each.quote_volume for each in hours), ZERO)),
    }


def _pricebook(call: Call, book: Depth) -> Json:
    return {
        "product_id": book.instrument,
        "bids": _levels(book.bids),
        "asks": _levels(book.asks),
        "time": iso(call.now),
    }


def _levels(side: tuple[Level, ...]) -> list[Json]:
    return [{"price": text(price), "size": text(size)} for price, size in side]
