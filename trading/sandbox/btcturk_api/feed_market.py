"""What the feed says about a market: each function makes the body of one model.

1. Prices and amounts are text. `channel` and `event` say which subscription is told.
2. A book shows 100 levels a side; `obdiff` tells what became of a level: 0 changed, 1 new, 3 gone.

Source: docs.btcturk.com "Models"; frames of the live feed, 2026-09.
"""

from decimal import Decimal
from typing import Any

from aitrader.kernel.clock import to_millis
from trading.sandbox.btcturk_api import market
from trading.sandbox.btcturk_api.amounts import number, price_text, seconds, text
from trading.sandbox.btcturk_api.venue import Venue
from trading.sandbox.candles import Kline
from trading.sandbox.engine import Depth
from trading.sandbox.faults import EventFate
from trading.sandbox.orders import PublicTrade
from trading.sandbox.rules import Listing

Json = dict[str, Any]
Levels = dict[Decimal, Decimal]
LEVELS = 100
_CHANGED, _NEW, _GONE = 0, 1, 3
_NAMES = {
    "H": "high",
    "L": "low",
    "LA": "last",
    "O": "open",
    "V": "volume",
    "AV": "average",
    "D": "daily",
    "DP": "dailyPercent",
    "B": "bid",
    "A": "ask",
}


def ticker(venue: Venue, listing: Listing) -> Json:
    told = market.figures(venue, listing)
    book = venue.stage.exchange.depth(listing.instrument, 1)
    return {
        "PS": listing.instrument,
        **{short: text(told[name]) for short, name in _NAMES.items()},
        "BA": text(book.bids[0][1] if book.bids else None),
        "AA": text(book.asks[0][1] if book.asks else None),
        "DS": listing.quote,
        "NS": listing.base,
        "PId": venue.pair_id(listing.instrument),
    }


def trade(venue: Venue, listing: Listing, one: PublicTrade) -> Json:
    """An item of the list and, with its pair, a message of its own; `S` is the taker's side."""
    return {
        "D": str(to_millis(one.transact_time)),
        "I": market.public_trade_id(venue, one),
        "A": text(one.qty),
        "P": price_text(listing, one.px),
        "S": 1 if one.buyer_is_maker else 0,
    }


def trades(venue: Venue, listing: Listing) -> Json:
    found = venue.stage.exchange.records.public_trades(listing.instrument, limit=50)
    items = [trade(venue, listing, each) for each in reversed(found)]
    return {"symbol": listing.instrument, "items": items}


def whole_book(listing: Listing, book: Depth, change_set: int) -> Json:
    return {
        "CS": change_set,
        "PS": listing.instrument,
        "AO": [_level(listing, px, qty) for px, qty in book.asks],
        "BO": [_level(listing, px, qty) for px, qty in book.bids],
    }


def changes(listing: Listing, before: Depth, after: Depth, change_set: int) -> Json:
    """What has to be done to the one book to get the other."""
    return {
        "CS": change_set,
        "PS": listing.instrument,
        "AO": _changed(listing, dict(before.asks), dict(after.asks), falls=False),
        "BO": _changed(listing, dict(before.bids), dict(after.bids), falls=True),
    }


def candle(listing: Listing, resolution: str, kline: Kline) -> Json:
    return {
        "D": seconds(kline.open_time),
        "P": listing.instrument,
        "R": resolution,
        "O": number(kline.open),
        "H": number(kline.high),
        "L": number(kline.low),
        "C": number(kline.close),
        "V": number(kline.volume),
    }


def crossed(message: list[Any], fate: EventFate) -> list[Any]:
    """A book with a bid above every ask, if the fate wants it."""
    kind, body = message
    if not fate.crossed or "BO" not in body:
        return message
    bid: Json = {"A": "1.00000000", "P": "9999999.00"}
    if kind != 431:
        bid = {"CP": _NEW, **bid}
    return [kind, body | {"BO": [bid, *body["BO"]]}]


def _changed(listing: Listing, before: Levels, after: Levels, *, falls: bool) -> list[Json]:
    told = []
    for px in sorted(before.keys() | after.keys(), reverse=falls):
        if before.get(px) == after.get(px):
            continue
        kind = _GONE if px not in after else _CHANGED if px in before else _NEW
        told.append({"CP": kind, **_level(listing, px, after.get(px, before.get(px)))})
    return told


def _level(listing: Listing, px: Decimal, qty: Decimal | None) -> Json:
    return {"A": text(qty), "P": price_text(listing, px)}
