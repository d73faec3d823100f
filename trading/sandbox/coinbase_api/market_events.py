"""What the market channels say.

Source: docs.cdp.coinbase.com, Advanced Trade API, "WebSocket Channels".
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from aitrader.kernel.money import ONE, ZERO
from trading.sandbox.candles import Kline
from trading.sandbox.coinbase_api import market
from trading.sandbox.coinbase_api.amounts import nanos, text
from trading.sandbox.coinbase_api.venue import Venue
from trading.sandbox.events import DepthEvent, Level
from trading.sandbox.faults import EventFate
from trading.sandbox.orders import PublicTrade

Json = dict[str, Any]
#: The only length of the candles channel.
CANDLE = "5m"
_WHOLE_BOOK, _PAST_TRADES, _PAST_CANDLES = 10_000, 50, 100
_CROSSING = Decimal(900_000)


def heartbeat(now: datetime, counter: int) -> Json:
    shown = now.strftime("%Y-%m-%d %H:%M:%S.%f000 +0000 UTC")
    return {"current_time": f"{shown} m=+{counter}.000000001", "heartbeat_counter": counter}


def book(venue: Venue, symbol: str, now: datetime) -> Json:
    """All of it, as a subscription begins with."""
    depth = venue.stage.exchange.depth(symbol, _WHOLE_BOOK)
    return {
        "type": "snapshot",
        "product_id": symbol,
        "updates": _levels("bid", depth.bids, now) + _levels("offer", depth.asks, now),
    }


def book_change(event: DepthEvent) -> Json:
    return {
        "type": "update",
        "product_id": event.instrument,
        "updates": _levels("bid", event.bids, event.at) + _levels("offer", event.asks, event.at),
    }


def crossed(message: Json, fate: EventFate) -> Json:
    """A crossed book: a bid far above every offer."""
    if not fate.crossed:
        return message
    (event,) = message["events"]
    bid = {
        "side": "bid",
        "event_time": message["timestamp"],
        "price_level": text(_CROSSING),
        "new_quantity": text(ONE),
    }
    return message | {"events": [event | {"updates": [*event["updates"], bid]}]}


def trades(kind: str, found: list[PublicTrade]) -> Json:
    """Newest first."""
    return {"type": kind, "trades": [market.trade(each) for each in reversed(found)]}


def past_trades(venue: Venue, symbol: str) -> list[PublicTrade]:
    found = venue.stage.exchange.records.public_trades(symbol, limit=_PAST_TRADES)
    return [each for each in found if not each.busted]


def candles(kind: str, symbol: str, found: list[Kline]) -> Json:
    told = [market.candle(each) | {"product_id": symbol} for each in reversed(found)]
    return {"type": kind, "candles": told}


def past_candles(venue: Venue, symbol: str, now: datetime) -> list[Kline]:
    found = venue.klines[symbol].between(CANDLE, None, now, _PAST_CANDLES)
    return [each for each in found if each.trades]


def ticker(venue: Venue, symbol: str, kind: str) -> Json:
    change, hours = market.day(venue, symbol)
    best = venue.stage.exchange.depth(symbol, 1)
    bid, ask = (next(iter(side), (ZERO, ZERO)) for side in (best.bids, best.asks))
    low = min((each.low for each in hours), default=None)
    high = max((each.high for each in hours), default=None)
    told = {
        "type": "ticker",
        "product_id": symbol,
        "price": text(venue.stage.exchange.last_px(symbol)),
        "volume_24_h": text(sum((each.volume for each in hours), ZERO)),
        "low_24_h": text(low),
        "high_24_h": text(high),
        "low_52_w": text(low),
        "high_52_w": text(high),
        "price_percent_chg_24_h": text(change),
        "best_bid": text(bid[0]),
        "best_bid_quantity": text(bid[1]),
        "best_ask": text(ask[0]),
        "best_ask_quantity": text(ask[1]),
    }
    return {"type": kind, "tickers": [told]}


def _levels(side: str, levels: tuple[Level, ...], at: datetime) -> list[Json]:
    when = nanos(at)
    return [
        {
            "side": side,
            "event_time": when,
            "price_level": text(price),
            "new_quantity": text(quantity),
        }
        for price, quantity in levels
    ]
