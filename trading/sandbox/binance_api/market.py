"""Public market data over REST and the WebSocket API.

Source: binance-spot-api-docs, rest-api.md "General endpoints", "Market Data endpoints".
"""

import json
from datetime import timedelta
from typing import Any

from aitrader.kernel.money import ZERO
from trading.sandbox.binance_api import errors, exchange_info
from trading.sandbox.binance_api.amounts import millis, text
from trading.sandbox.binance_api.calls import Call
from trading.sandbox.binance_api.klines import INTERVALS, row
from trading.sandbox.binance_api.parameters import Parameters
from trading.sandbox.events import Level

Json = dict[str, Any]
_DEEPEST = 5_000
_AVERAGE_MINUTES = 5


def ping(_call: Call) -> Json:
    return {}


def time(call: Call) -> Json:
    return {"serverTime": millis(call.now)}


def describe(call: Call) -> Json:
    """exchangeInfo: all symbols, or those that were named."""
    call.params.text("permissions")
    call.params.text("showPermissionSets")
    status = call.params.text("symbolStatus")
    named = _named(call)
    told = [
        exchange_info.symbol(each, _status(call, each.instrument))
        for each in call.venue.listings()
        if named is None or each.instrument in named
    ]
    return {
        "timezone": "UTC",
        "serverTime": millis(call.now),
        "rateLimits": call.venue.limits.rules(),
        "exchangeFilters": [],
        "symbols": [each for each in told if status is None or each["status"] == status],
    }


def _status(call: Call, symbol: str) -> str:
    """AUCTION_MATCH was one of the exchange's statuses and may be one again."""
    stage = call.venue.stage
    return "AUCTION_MATCH" if stage.strange_status else stage.exchange.status(symbol).value


def depth(call: Call) -> Json:
    limit = call.params.limit(default=100, most=_DEEPEST)
    book = call.venue.stage.exchange.depth(call.symbol(), limit)
    return {
        "lastUpdateId": book.last_update_id,
        "bids": levels(book.bids),
        "asks": levels(book.asks),
    }


def depth_weight(params: Parameters) -> int:
    limit = params.limit(default=100, most=_DEEPEST)
    return next(weight for most, weight in _DEPTH_WEIGHTS if limit <= most)


_DEPTH_WEIGHTS = ((100, 5), (500, 25), (1_000, 50), (_DEEPEST, 250))


def levels(side: tuple[Level, ...]) -> list[list[str]]:
    return [[text(price), text(quantity)] for price, quantity in side]


def trades(call: Call) -> list[Json]:
    found = call.venue.stage.exchange.records.public_trades(
        call.symbol(), limit=call.params.limit()
    )
    return [
        {
            "id": each.trade_id,
            "price": text(each.px),
            "qty": text(each.qty),
            "quoteQty": text(each.px * each.qty),
            "time": millis(each.transact_time),
            "isBuyerMaker": each.buyer_is_maker,
            "isBestMatch": True,
        }
        for each in found
        if not each.busted
    ]


def klines(call: Call) -> list[list[object]]:
    params, symbol = call.params, call.symbol()
    interval = params.required("interval")
    if interval not in INTERVALS:
        raise errors.bad_interval()
    params.text("timeZone")
    start, end = params.instant("startTime"), params.instant("endTime")
    upto = call.now if end is None else min(call.now, end)
    found = call.venue.klines[symbol].between(interval, start, upto, params.limit())
    return [row(each, interval) for each in found]


def average_price(call: Call) -> Json:
    """Weighted by volume over five minutes; the last price where nothing was traded."""
    symbol = call.symbol()
    since = call.now - timedelta(minutes=_AVERAGE_MINUTES)
    found = call.venue.klines[symbol].between("1m", since, call.now, _AVERAGE_MINUTES + 1)
    volume = sum((each.volume for each in found), ZERO)
    quote = sum((each.quote_volume for each in found), ZERO)
    last = call.venue.stage.exchange.last_px(symbol)
    return {
        "mins": _AVERAGE_MINUTES,
        "price": text(quote / volume if volume else last),
        "closeTime": millis(call.now),
    }


def book_ticker(call: Call) -> Json | list[Json]:
    named = _named(call)
    told = [
        _best(call, each.instrument)
        for each in call.venue.listings()
        if named is None or each.instrument in named
    ]
    return told[0] if "symbol" in call.params.given else told


def price_ticker(call: Call) -> Json | list[Json]:
    named = _named(call)
    told = [
        {
            "symbol": each.instrument,
            "price": text(call.venue.stage.exchange.last_px(each.instrument)),
        }
        for each in call.venue.listings()
        if named is None or each.instrument in named
    ]
    return told[0] if "symbol" in call.params.given else told


def ticker_weight(params: Parameters) -> int:
    return 2 if "symbol" in params.given else 4


def _best(call: Call, symbol: str) -> Json:
    book = call.venue.stage.exchange.depth(symbol, 1)
    bid, ask = next(iter(book.bids), (ZERO, ZERO)), next(iter(book.asks), (ZERO, ZERO))
    return {
        "symbol": symbol,
        "bidPrice": text(bid[0]),
        "bidQty": text(bid[1]),
        "askPrice": text(ask[0]),
        "askQty": text(ask[1]),
    }


def _named(call: Call) -> set[str] | None:
    """The symbols that were asked for; None for all. Raises ApiError -1121 for a strange one."""
    if "symbol" in call.params.given:
        return {call.symbol()}
    given = call.params.text("symbols")
    if given is None:
        return None
    try:
        named = set(json.loads(given.replace("'", '"')))
    except (ValueError, TypeError):
        raise errors.invalid("symbols") from None
    if not named <= set(call.venue.symbols):
        raise errors.bad_symbol()
    return named
