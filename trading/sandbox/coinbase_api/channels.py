"""The market channels and the user channel, each on an address of its own.

1. What happens is told to every connection that listens, with the connection's own numbers.
2. Books and orders are told as they change; trades and tickers by a tick of 100 ms; candles and
   heartbeats once a second.

Source: docs.cdp.coinbase.com, Advanced Trade API, "WebSocket Channels".
"""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from aiohttp import web

from trading.sandbox.candles import Kline
from trading.sandbox.coinbase_api import market_events, user_events
from trading.sandbox.coinbase_api.sessions import (
    CANDLES,
    HEARTBEATS,
    LEVEL2,
    MARKET_CHANNELS,
    TICKER,
    TRADES,
    USER,
    USER_CHANNELS,
    Session,
)
from trading.sandbox.coinbase_api.venue import Venue
from trading.sandbox.events import DepthEvent, Event, OrderEvent, TradeEvent
from trading.sandbox.orders import PublicTrade

Json = dict[str, Any]
MARKET_PATH, USER_PATH = "/coinbase/ws", "/coinbase/ws-user"
_TICK_SECONDS, _TICKS_A_SECOND = 0.1, 10
_REMEMBERED = 100


class Channels:
    """Both addresses and everybody connected to them."""

    def __init__(self, venue: Venue) -> None:
        self.sessions: set[Session] = set()
        self._venue = venue
        self._past: dict[str, deque[Json]] = {}
        self._traded: dict[str, list[PublicTrade]] = {}
        self._candles: dict[str, Kline] = {}
        self._heartbeats = 0
        venue.stage.listen(self._on_event)

    def add_to(self, app: web.Application) -> None:
        app.router.add_get(MARKET_PATH, self.handle)
        app.router.add_get(USER_PATH, self.handle)

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        offered = USER_CHANNELS if request.path == USER_PATH else MARKET_CHANNELS
        session = Session(self._venue, offered, self._past)
        self.sessions.add(session)
        try:
            return await session.connection.serve(request, session.on_text)
        finally:
            self.sessions.discard(session)

    async def run(self) -> None:
        """Send what goes out by the clock, for ever."""
        ticks = 0
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            ticks += 1
            self._flush_trades()
            if ticks % _TICKS_A_SECOND == 0:
                self._tell_candles()
                self._beat()
            for session in list(self.sessions):
                session.check_deadlines()

    def _on_event(self, event: Event) -> None:
        match event:
            case OrderEvent() if event.order.account in self._venue.fees:
                self._tell_order(event)
            case DepthEvent() if event.instrument in self._venue.symbols:
                self._tell(LEVEL2, event.instrument, lambda: market_events.book_change(event))
            case TradeEvent() if event.trade.instrument in self._venue.symbols:
                if not event.trade.busted:
                    self._traded.setdefault(event.trade.instrument, []).append(event.trade)

    def _tell_order(self, event: OrderEvent) -> None:
        account, symbol = event.order.account, event.order.instrument
        for state in user_events.told(self._venue, event):
            self._past.setdefault(account, deque(maxlen=_REMEMBERED)).append(state)
            for session in self.sessions:
                if session.hears_of(account, symbol):
                    session.tell(USER, user_events.update(state))

    def _flush_trades(self) -> None:
        traded, self._traded = self._traded, {}
        for symbol, found in traded.items():
            self._tell(TRADES, symbol, partial(market_events.trades, "update", found))
            self._tell(TICKER, symbol, partial(market_events.ticker, self._venue, symbol, "update"))

    def _tell_candles(self) -> None:
        """The candle that is open now, if it has changed."""
        for symbol, klines in self._venue.klines.items():
            current = klines.current(market_events.CANDLE, self._venue.stage.now())
            if current is not None and current.trades and current != self._candles.get(symbol):
                self._candles[symbol] = current
                told = partial(market_events.candles, "update", symbol, [current])
                self._tell(CANDLES, symbol, told)

    def _beat(self) -> None:
        self._heartbeats += 1
        beat = market_events.heartbeat(self._venue.stage.now(), self._heartbeats)
        for session in self.sessions:
            if HEARTBEATS in session.heard:
                session.tell(HEARTBEATS, beat)

    def _tell(self, channel: str, symbol: str, make: Callable[[], Json]) -> None:
        """Made once, and only if somebody hears it."""
        listening = [each for each in self.sessions if each.hears(channel, symbol)]
        event = make() if listening else {}
        for session in listening:
            session.tell(channel, event)
