"""Public streams: /ws/<stream>, /stream?streams=a/b, and subscriptions made later.

1. A stream has one sender for all who listen: its events carry the same numbers to each of them.
2. Trades and best prices go out as they happen; books and candles by a tick of 100 ms.
3. `depth` events of one stream join without a gap, unless the plan loses one.

Source: binance-spot-api-docs, web-socket-streams.md.
"""

import asyncio
import re
from datetime import datetime, timedelta
from typing import Any

import orjson
from aiohttp import web

from trading.sandbox.binance_api import market_events, user_events
from trading.sandbox.binance_api.amounts import millis
from trading.sandbox.binance_api.klines import INTERVALS, closing
from trading.sandbox.binance_api.venue import Venue
from trading.sandbox.connection import Connection, Delivery
from trading.sandbox.events import DepthEvent, Event, TradeEvent

Json = dict[str, Any]
_STREAM = re.compile(
    r"([a-z0-9]+)@(trade|aggTrade|bookTicker|kline_(\w+)|depth(5|10|20)?(@100ms|@1000ms)?)"
)
TICK_SECONDS = 0.1
_SLOW_TICKS, _CANDLE_TICKS = 10, 20
#: Closed candles told at once, at most, after the clock was moved.
_CANDLES = 1_000


class MarketStreams:
    """All public streams and everybody connected to them."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.listeners: set[Listener] = set()
        self._deliveries: dict[str, Delivery] = {}
        self._trades = {symbol: market_events.Trades() for symbol in venue.symbols}
        self._tops = {symbol: market_events.Top() for symbol in venue.symbols}
        self._changes = {
            (symbol, speed): market_events.Changes(symbol)
            for symbol in venue.symbols
            for speed in ("@100ms", "")
        }
        self._told: dict[str, datetime] = {}
        self._ticks = 0
        venue.stage.listen(self._on_event)

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/ws", self.handle)
        app.router.add_get("/ws/{streams:.*}", self.handle)
        app.router.add_get("/stream", self.handle)

    def exists(self, stream: str) -> bool:
        found = _STREAM.fullmatch(stream)
        if found is None or found[1].upper() not in self.venue.symbols:
            return False
        return found[3] is None or found[3] in INTERVALS

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        combined = request.path.startswith("/stream")
        named = request.query.get("streams") if combined else request.match_info.get("streams")
        listener = Listener(self, combined=combined)
        listener.streams = {each for each in (named or "").split("/") if self.exists(each)}
        self.listeners.add(listener)
        try:
            return await listener.connection.serve(request, listener.on_text)
        finally:
            self.listeners.discard(listener)

    async def run(self) -> None:
        """Send books and candles, for ever."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._ticks += 1
            for symbol, speed in self._changes:
                if speed or self._ticks % _SLOW_TICKS == 0:
                    self._flush_changes(symbol, speed)
            for stream in sorted({name for each in self.listeners for name in each.streams}):
                self._tick(stream)

    def _tick(self, stream: str) -> None:
        found = _STREAM.fullmatch(stream)
        if found is None:
            return
        symbol = found[1].upper()
        if found[3] is not None and self._ticks % _CANDLE_TICKS == 0:
            self._tell_candles(stream, symbol, found[3])
        fast = found[5] == "@100ms"
        if found[4] is not None and (fast or self._ticks % _SLOW_TICKS == 0):
            book = self.venue.stage.exchange.depth(symbol, int(found[4]))
            self._emit(stream, market_events.partial_book(book))

    def _tell_candles(self, stream: str, symbol: str, interval: str) -> None:
        """The open candle, and before it the one that has closed since the last time."""
        now, klines = self.venue.stage.now(), self.venue.klines[symbol]
        told = self._told.get(stream)
        for candle in klines.between(interval, told, now, _CANDLES) if told else []:
            if closing(candle.open_time, interval) <= now:
                self._emit(stream, market_events.kline(symbol, candle, interval, now))
        current = klines.current(interval, now)
        if current is not None:
            self._told[stream] = current.open_time
            self._emit(stream, market_events.kline(symbol, current, interval, now))

    def _flush_changes(self, symbol: str, speed: str) -> None:
        changed = self._changes[(symbol, speed)].take(self.venue.stage.now())
        for name in _names(symbol, speed):
            if changed is not None:
                self._emit(name, changed)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, TradeEvent) and event.trade.instrument in self._trades:
            symbol = event.trade.instrument
            self._emit(f"{symbol.lower()}@trade", market_events.trade(event))
            self._send_aggregate(symbol, self._trades[symbol].add(event))
        elif isinstance(event, DepthEvent) and event.instrument in self._trades:
            symbol = event.instrument
            self._send_aggregate(symbol, self._trades[symbol].take())
            for speed in ("@100ms", ""):
                self._changes[(symbol, speed)].add(event)
            # The exchange is still in its call: its book is looked at afterwards.
            asyncio.get_running_loop().call_soon(self._tell_top, symbol)

    def _tell_top(self, symbol: str) -> None:
        ticker = self._tops[symbol].changed(self.venue.stage.exchange.depth(symbol, 1))
        if ticker is not None:
            self._emit(f"{symbol.lower()}@bookTicker", ticker)

    def _send_aggregate(self, symbol: str, message: Json | None) -> None:
        if message is not None:
            self._emit(f"{symbol.lower()}@aggTrade", message)

    def _emit(self, stream: str, message: Json) -> None:
        if stream not in self._deliveries:
            self._deliveries[stream] = self._delivery(stream)
        self._deliveries[stream](message)

    def _delivery(self, stream: str) -> Delivery:
        def send(message: Json, delay: timedelta) -> None:
            for listener in self.listeners:
                listener.tell(stream, message, delay)

        if "@depth" in stream:
            stage = self.venue.stage
            return Delivery(
                send,
                lambda number: stage.plan.depth(stream, number, stage.elapsed()),
                market_events.changed,
            )
        return Delivery(send, lambda _number: market_events.ON_TIME)


class Listener:
    """One connection and what it listens to."""

    def __init__(self, hub: MarketStreams, *, combined: bool) -> None:
        self._hub = hub
        self.combined = combined
        self.streams: set[str] = set()
        self.connection = Connection(hub.venue.stage.next_connection(), self._farewell)

    def tell(self, stream: str, message: Json, delay: timedelta) -> None:
        if stream in self.streams:
            told = {"stream": stream, "data": message} if self.combined else message
            self.connection.send(told, delay)

    async def on_text(self, text: str) -> None:
        try:
            asked = orjson.loads(text)
            method, params = asked["method"], list(asked.get("params") or [])
        except (ValueError, KeyError, TypeError, AttributeError):
            self.connection.send({"error": {"code": 3, "msg": "Invalid JSON"}, "id": None})
            return
        self.connection.send({**self._do(method, params), "id": asked.get("id")})

    def _do(self, method: str, params: list[Any]) -> Json:
        if method in {"SUBSCRIBE", "UNSUBSCRIBE"}:
            strange = [each for each in params if not self._hub.exists(str(each))]
            if strange:
                return _wrong(f"Invalid request: unknown stream {strange[0]}")
            change = (
                self.streams.update if method == "SUBSCRIBE" else self.streams.difference_update
            )
            change(params)
            return {"result": None}
        if method == "LIST_SUBSCRIPTIONS":
            return {"result": sorted(self.streams)}
        if method == "SET_PROPERTY" and params[:1] == ["combined"]:
            self.combined = bool(params[-1])
            return {"result": None}
        if method == "GET_PROPERTY" and params == ["combined"]:
            return {"result": self.combined}
        return _wrong(f"Invalid request: unknown variant {method}")

    def _farewell(self) -> Json:
        event = user_events.shutdown(millis(self._hub.venue.stage.now()))
        return {"stream": "!serverShutdown", "data": event} if self.combined else event


def _names(symbol: str, speed: str) -> tuple[str, ...]:
    lower = symbol.lower()
    return (f"{lower}@depth@100ms",) if speed else (f"{lower}@depth", f"{lower}@depth@1000ms")


def _wrong(message: str) -> Json:
    return {"error": {"code": 2, "msg": message}}
