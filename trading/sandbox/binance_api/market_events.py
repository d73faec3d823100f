"""The messages of the public streams, and what has to be remembered between two of them.

Source: binance-spot-api-docs, web-socket-streams.md.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from trading.sandbox.binance_api.amounts import millis, text
from trading.sandbox.binance_api.klines import Kline, closing
from trading.sandbox.binance_api.market import levels
from trading.sandbox.engine import Depth
from trading.sandbox.events import DepthEvent, TradeEvent
from trading.sandbox.faults import EventFate

Json = dict[str, Any]
ON_TIME = EventFate()
_CROSSING = Decimal(900_000)


def trade(event: TradeEvent) -> Json:
    one = event.trade
    return {
        "e": "trade",
        "E": millis(event.at),
        "s": one.instrument,
        "t": one.trade_id,
        "p": text(one.px),
        "q": text(one.qty),
        "T": millis(one.transact_time),
        "m": one.buyer_is_maker,
        "M": True,
    }


def kline(symbol: str, candle: Kline, interval: str, now: datetime) -> Json:
    close_time = millis(closing(candle.open_time, interval)) - 1
    return {
        "e": "kline",
        "E": millis(now),
        "s": symbol,
        "k": {
            "t": millis(candle.open_time),
            "T": close_time,
            "s": symbol,
            "i": interval,
            "f": candle.first_trade_id,
            "L": candle.last_trade_id,
            "o": text(candle.open),
            "c": text(candle.close),
            "h": text(candle.high),
            "l": text(candle.low),
            "v": text(candle.volume),
            "n": candle.trades,
            "x": close_time < millis(now),
            "q": text(candle.quote_volume),
            "V": text(candle.taker_volume),
            "Q": text(candle.taker_quote_volume),
            "B": "0",
        },
    }


def partial_book(book: Depth) -> Json:
    return {
        "lastUpdateId": book.last_update_id,
        "bids": levels(book.bids),
        "asks": levels(book.asks),
    }


def changed(message: Json, fate: EventFate) -> Json:
    """A crossed book: a bid far above every ask."""
    if fate.crossed and "b" in message:
        return message | {"b": [*message["b"], [text(_CROSSING), text(Decimal(1))]]}
    return message


class Trades:
    """Joins the trades of one taker at one price."""

    def __init__(self) -> None:
        self._number = 0
        self._open: Json | None = None
        self._key: tuple[int, Decimal] | None = None
        self._qty = Decimal(0)

    def add(self, event: TradeEvent) -> Json | None:
        """Take in a trade; return the aggregate that it does not belong to any more."""
        one = event.trade
        taker = one.sell_order_id if one.buyer_is_maker else one.buy_order_id
        done = None if self._key == (taker, one.px) else self.take()
        if self._open is None:
            self._number += 1
            self._key, self._qty = (taker, one.px), Decimal(0)
            self._open = {
                "e": "aggTrade",
                "E": millis(event.at),
                "s": one.instrument,
                "a": self._number,
                "p": text(one.px),
                "q": text(None),
                "f": one.trade_id,
                "l": one.trade_id,
                "T": millis(one.transact_time),
                "m": one.buyer_is_maker,
                "M": True,
            }
        self._qty += one.qty
        self._open |= {"q": text(self._qty), "l": one.trade_id}
        return done

    def take(self) -> Json | None:
        """The aggregate that is open, and nothing after it."""
        done, self._open, self._key = self._open, None, None
        return done


class Top:
    """Tells the best prices when they have changed."""

    def __init__(self) -> None:
        self._last: list[str] = []

    def changed(self, book: Depth) -> Json | None:
        bid = levels(book.bids[:1]) or [[text(None), text(None)]]
        ask = levels(book.asks[:1]) or [[text(None), text(None)]]
        best = [*bid[0], *ask[0]]
        if best == self._last:
            return None
        self._last = best
        return {
            "u": book.last_update_id,
            "s": book.instrument,
            **dict(zip("bBaA", best, strict=True)),
        }


class Changes:
    """Gathers a book's changes between two messages of one stream."""

    def __init__(self, symbol: str) -> None:
        self._symbol = symbol
        self._first: int | None = None
        self._last = 0
        self._bids: dict[Decimal, Decimal] = {}
        self._asks: dict[Decimal, Decimal] = {}

    def add(self, event: DepthEvent) -> None:
        if self._first is None:
            self._first = event.first_update_id
        self._last = event.last_update_id
        self._bids.update(event.bids)
        self._asks.update(event.asks)

    def take(self, now: datetime) -> Json | None:
        """What has changed since the last time, if anything has."""
        if self._first is None:
            return None
        told = {
            "e": "depthUpdate",
            "E": millis(now),
            "s": self._symbol,
            "U": self._first,
            "u": self._last,
            "b": levels(tuple(sorted(self._bids.items(), reverse=True))),
            "a": levels(tuple(sorted(self._asks.items()))),
        }
        self._first = None
        self._bids.clear()
        self._asks.clear()
        return told
