"""The WebSocket feed: `[type, body]` messages both ways, for markets and for accounts.

1. A connection is welcomed with 991. It joins and leaves channels with 151 and is answered with
   100; a channel that does not exist is joined with success and says nothing, a second join fails.
2. After a login with 114 an account is told of its orders; there is nothing to join for that.
3. Books, tickers and candles go out by a tick, trades as they happen. A book's change numbers are
   its subscription's own and rise by one.

Source: docs.btcturk.com "Websocket Feed"; frames of the live feed, 2026-09; issue 603.
"""

import asyncio
import json
from collections import deque
from datetime import timedelta
from typing import Any

from aiohttp import web

from trading.sandbox.btcturk_api import feed_market, feed_user, market
from trading.sandbox.btcturk_api.errors import ApiError
from trading.sandbox.btcturk_api.limits import Rule
from trading.sandbox.btcturk_api.venue import Venue
from trading.sandbox.connection import Connection, Delivery
from trading.sandbox.engine import Depth
from trading.sandbox.events import Event, OrderEvent, TradeEvent
from trading.sandbox.faults import EventFate
from trading.sandbox.rules import Listing

Message = list[Any]
PATH = "/ws-feed"
TICK_SECONDS = 0.2
WELCOME: Message = [991, {"type": 991, "current": "6.0.0", "min": "2.3.0"}]
_RESULT, _LOGIN, _JOIN, _SYSTEM = 100, 114, 151, 801
_REMEMBERED = 100
_CONNECTIONS = (Rule(15),)
_ON_TIME = EventFate()
_BOOKS = {"orderbook", "obdiff"}


class Feed:
    """The feed and everybody connected to it."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.sessions: set[Session] = set()
        #: Of each account, for a connection that repeats the past at its login.
        self.past: dict[str, deque[Message]] = {}
        venue.stage.listen(self._on_event)

    def add_to(self, app: web.Application) -> None:
        app.router.add_get(PATH, self.handle)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        address, now = request.remote or "", self.venue.stage.now()
        try:
            self.venue.limits.charge(PATH, _CONNECTIONS, "", address, now)
        except ApiError as error:
            return web.Response(
                status=error.status, headers={"Retry-After": str(error.retry_after_seconds)}
            )
        session = Session(self)
        self.sessions.add(session)
        try:
            return await session.connection.serve(request, session.on_text)
        finally:
            self.sessions.discard(session)

    async def run(self) -> None:
        """Send what goes out by the clock, for ever."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            for session in list(self.sessions):
                session.tick()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, TradeEvent) and event.trade.instrument in self.venue.symbols:
            for session in self.sessions:
                session.tell_trade(event)
        if isinstance(event, OrderEvent) and event.order.account in self.venue.fees:
            account = event.order.account
            for message in feed_user.told(self.venue, event):
                self.past.setdefault(account, deque(maxlen=_REMEMBERED)).append(message)
                for session in self.sessions:
                    session.tell(account, message)


class Session:
    """One connection with what it has joined."""

    def __init__(self, feed: Feed) -> None:
        self._feed, self._venue = feed, feed.venue
        self._fate = self._venue.stage.next_connection()
        self.connection = Connection(self._fate, _farewell)
        self._joined: dict[tuple[str, str], Subscription | None] = {}
        self._accounts: dict[str, Delivery] = {}
        self.connection.send(WELCOME)

    async def on_text(self, text: str) -> None:
        """What is not understood gets no answer."""
        try:
            kind, body = json.loads(text)
            asked = {str(name): value for name, value in body.items()}
        except (ValueError, TypeError, AttributeError):
            return
        if kind == _JOIN:
            self._join(asked)
        elif kind == _LOGIN:
            self._login(asked)

    def tell(self, account: str, message: Message) -> None:
        if account in self._accounts:
            self._accounts[account](message)

    def tell_trade(self, event: TradeEvent) -> None:
        found = self._joined.get(("trade", event.trade.instrument))
        if found is not None:
            found.trade(event)

    def tick(self) -> None:
        for each in self._joined.values():
            if each is not None:
                each.tick()

    def _join(self, asked: dict[str, Any]) -> None:
        channel, event, joins = asked.get("channel"), asked.get("event"), asked.get("join")
        if not isinstance(channel, str) or not isinstance(event, str):
            return
        key = (channel, event)
        done = (key not in self._joined) is bool(joins)
        word = "join" if joins else "leave"
        answer = {"type": _RESULT, "ok": done, "message": f"{word}|{channel}:{event}"}
        self.connection.send([_RESULT, answer])
        if done and joins:
            self._joined[key] = subscription(self._venue, self.connection, channel, event)
        elif done:
            del self._joined[key]

    def _login(self, asked: dict[str, Any]) -> None:
        key = self._venue.keys.get(str(asked.get("publicKey")))
        nonce, signature = asked.get("nonce"), str(asked.get("signature"))
        if key is None or not key.signed(str(nonce), signature):
            wrong = {"type": _LOGIN, "id": 0, "ok": False, "message": "INVALID_SIGNATURE"}
            self.connection.send([_LOGIN, wrong])
            return
        account, stage = key.account, self._venue.stage
        number = feed_user.user_id(self._venue, account)
        self.connection.send([_LOGIN, {"type": _LOGIN, "id": number, "ok": True, "message": None}])
        if account in self._accounts:
            return
        self._accounts[account] = Delivery(
            self.connection.send,
            lambda event: stage.plan.event(f"btcturk:{account}", event, stage.elapsed()),
            feed_user.changed,
        )
        if self._fate.replay:
            for message in list(self._feed.past.get(account, ()))[-self._fate.replay :]:
                self.connection.send(message)


class Subscription:
    """One channel and event of one connection."""

    def __init__(
        self, venue: Venue, connection: Connection, channel: str, event: str, listing: Listing
    ) -> None:
        self._venue, self._listing = venue, listing
        self._channel, self._event = channel, event
        self._resolution = event.rpartition("_")[2]
        self._number = 1_000 * venue.pair_id(listing.instrument)
        self._last: Any = None
        stage, stream = venue.stage, f"btcturk:{channel}:{event}"

        def fate(number: int) -> EventFate:
            books = channel in _BOOKS
            return stage.plan.depth(stream, number, stage.elapsed()) if books else _ON_TIME

        self._deliver = Delivery(connection.send, fate, feed_market.crossed)
        self._send = connection.send
        self._begin()

    def trade(self, event: TradeEvent) -> None:
        told = feed_market.trade(self._venue, self._listing, event.trade)
        self._tell(422, {**told, "PS": self._listing.instrument})

    def tick(self) -> None:
        match self._channel:
            case "ticker":
                self._tell_ticker()
            case "orderbook":
                self._tell_book()
            case "obdiff":
                self._tell_changes()
            case "tradeview":
                self._tell_candle()

    def _begin(self) -> None:
        """What a join brings at once; a first picture of a book is never lost."""
        if self._channel == "trade":
            self._tell(421, feed_market.trades(self._venue, self._listing))
        elif self._channel in _BOOKS:
            self._last = self._book()
            body = feed_market.whole_book(self._listing, self._last, self._number)
            self._send(self._message(431, body), timedelta(0))
        else:
            self.tick()

    def _tell_ticker(self) -> None:
        venue = self._venue
        if self._event == "all":
            items = [feed_market.ticker(venue, each) for each in venue.listings()]
            self._tell(401, {"items": items})
        else:
            self._tell(402, feed_market.ticker(venue, self._listing))

    def _tell_book(self) -> None:
        book = self._book()
        if not _same(book, self._last):
            self._last, self._number = book, self._number + 1
            self._tell(431, feed_market.whole_book(self._listing, book, self._number))

    def _tell_changes(self) -> None:
        book, before = self._book(), self._last
        if not _same(book, before):
            self._last, self._number = book, self._number + 1
            self._tell(432, feed_market.changes(self._listing, before, book, self._number))

    def _tell_candle(self) -> None:
        interval = market.RESOLUTIONS[self._resolution]
        series = self._venue.klines[self._listing.instrument]
        kline = series.current(interval, self._venue.stage.now())
        if kline is not None and kline != self._last:
            self._last = kline
            self._tell(428, feed_market.candle(self._listing, self._resolution, kline))

    def _book(self) -> Depth:
        exchange = self._venue.stage.exchange
        return exchange.depth(self._listing.instrument, feed_market.LEVELS)

    def _message(self, kind: int, body: dict[str, Any]) -> Message:
        return [kind, {**body, "channel": self._channel, "event": self._event, "type": kind}]

    def _tell(self, kind: int, body: dict[str, Any]) -> None:
        self._deliver(self._message(kind, body))


def subscription(
    venue: Venue, connection: Connection, channel: str, event: str
) -> Subscription | None:
    """None for a channel or an event that says nothing; names are in their own case only."""
    pair, _, resolution = event.partition("_")
    if channel == "ticker" and event == "all":
        pair, resolution = venue.symbols[0], ""
    known = channel in {"ticker", "trade", *_BOOKS} and not resolution
    if channel == "tradeview":
        known = resolution in market.RESOLUTIONS
    if not known or pair not in venue.symbols:
        return None
    listing = venue.listing(pair)
    return Subscription(venue, connection, channel, event, listing) if listing else None


def _same(one: Depth, other: Depth) -> bool:
    return (one.bids, one.asks) == (other.bids, other.asks)


def _farewell() -> Message:
    return [_SYSTEM, {"type": _SYSTEM, "id": 0, "ok": True, "message": "SERVER_SHUTDOWN"}]
