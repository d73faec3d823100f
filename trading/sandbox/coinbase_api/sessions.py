"""One connection to the channels: what it listens to, its numbers, its deadlines.

1. Every message has the connection's next `sequence_num`; one that a plan loses leaves a gap.
2. A subscription is answered with its snapshot, then with what the connection listens to now.
3. Who has not subscribed within 5 s is cut off; so is who hears nothing for 75 s, which only
   happens without the heartbeats.

Source: docs.cdp.coinbase.com, Advanced Trade API, "WebSocket Overview"; venues.md 2.1.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import orjson

from trading.sandbox.coinbase_api import market_events, signing, user_events
from trading.sandbox.coinbase_api.amounts import nanos
from trading.sandbox.coinbase_api.errors import ApiError
from trading.sandbox.coinbase_api.venue import Venue
from trading.sandbox.connection import Connection, Delivery
from trading.sandbox.faults import EventFate

Json = dict[str, Any]
USER, HEARTBEATS, LEVEL2 = "user", "heartbeats", "level2"
TICKER, TRADES, CANDLES = "ticker", "market_trades", "candles"
MARKET_CHANNELS = frozenset({HEARTBEATS, LEVEL2, TICKER, TRADES, CANDLES})
USER_CHANNELS = frozenset({HEARTBEATS, USER})
#: As its messages are headed, where that is not its name.
_HEADS = {LEVEL2: "l2_data"}
_ON_TIME = EventFate()
TO_SUBSCRIBE, OF_SILENCE = timedelta(seconds=5), timedelta(seconds=75)


class Refused(Exception):
    """A message that is answered with an error; the text is told."""


class Session:
    """`past` are the last states of the orders of each account, for a connection that repeats."""

    def __init__(
        self, venue: Venue, channels: frozenset[str], past: Mapping[str, Sequence[Json]]
    ) -> None:
        self._venue = venue
        self._channels = channels
        self._past = past
        self._fate = venue.stage.next_connection()
        self.connection = Connection(self._fate, self._farewell)
        #: Products by channel; of the user channel none means all.
        self.heard: dict[str, set[str]] = {}
        self.account = ""
        self._ever = False
        self._number = 0
        self._opened_at = self._last_at = venue.stage.now()
        self._deliveries: dict[str, Delivery] = {}

    async def on_text(self, text: str) -> None:
        try:
            asked = orjson.loads(text)
            change = {"subscribe": self._subscribe, "unsubscribe": self._unsubscribe}
            change[asked["type"]](str(asked["channel"]), asked)
        except (ValueError, KeyError, TypeError):
            self.connection.send(_error("malformed message"))
        except Refused as refused:
            self.connection.send(_error(str(refused)))
        except ApiError:
            self.connection.send(_error("authentication failure"))

    def tell(self, channel: str, event: Json) -> None:
        """On its way to the client, where the plan may meet it."""
        self._deliveries[channel](self._message(channel, event))

    def hears(self, channel: str, symbol: str) -> bool:
        return symbol in self.heard.get(channel, ())

    def hears_of(self, account: str, symbol: str) -> bool:
        """Whether the user channel tells an order of this account and product."""
        products = self.heard.get(USER)
        if products is None or account != self.account:
            return False
        return not products or symbol in products

    def check_deadlines(self) -> None:
        """Cut the connection if its time is over."""
        now = self._venue.stage.now()
        late = not self._ever and now - self._opened_at > TO_SUBSCRIBE
        silent = HEARTBEATS not in self.heard and now - self._last_at > OF_SILENCE
        if late or silent:
            self.connection.cut(notice=False)

    def _subscribe(self, channel: str, asked: Json) -> None:
        if channel not in self._channels:
            raise Refused(f"{channel} is no channel of this address")
        products = {str(each) for each in asked.get("product_ids") or ()}
        if strange := products - set(self._venue.symbols):
            raise Refused(f"{sorted(strange)[0]} is not a valid product")
        token = asked.get("jwt")
        if token or channel == USER:
            now = self._venue.stage.now()
            key = signing.verify(self._venue.keys, str(token), now).key
            self.account = key.account if channel == USER else self.account
        if channel in MARKET_CHANNELS - {HEARTBEATS} and not products:
            products = set(self._venue.symbols)
        self._ever = True
        self._deliveries.setdefault(channel, self._delivery(channel))
        for event in self._snapshot(channel, products):
            self._send(self._message(channel, event))
        self.heard.setdefault(channel, set()).update(products)
        self._send(self._message("subscriptions", {"subscriptions": self._subscriptions()}))
        if channel == USER and self._fate.replay:
            for state in list(self._past.get(self.account, ()))[-self._fate.replay :]:
                self._send(self._message(USER, user_events.update(state)))

    def _unsubscribe(self, channel: str, asked: Json) -> None:
        products = {str(each) for each in asked.get("product_ids") or ()}
        left = self.heard.get(channel, set()) - products if products else set()
        self.heard.pop(channel, None)
        if left:
            self.heard[channel] = left
        self._send(self._message("subscriptions", {"subscriptions": self._subscriptions()}))

    def _snapshot(self, channel: str, products: set[str]) -> Iterator[Json]:
        now = self._venue.stage.now()
        if channel == USER:
            yield from user_events.snapshots(self._venue, self.account)
        for symbol in sorted(products):
            match channel:
                case "level2":
                    yield market_events.book(self._venue, symbol, now)
                case "market_trades":
                    past = market_events.past_trades(self._venue, symbol)
                    yield market_events.trades("snapshot", past)
                case "candles":
                    known = market_events.past_candles(self._venue, symbol, now)
                    yield market_events.candles("snapshot", symbol, known)
                case "ticker":
                    yield market_events.ticker(self._venue, symbol, "snapshot")

    def _subscriptions(self) -> dict[str, list[str]]:
        told = {channel: sorted(products) for channel, products in self.heard.items()}
        if USER in told:
            told[USER] = [self._venue.user(self.account)]
        if HEARTBEATS in told:
            told[HEARTBEATS] = [HEARTBEATS]
        return told

    def _delivery(self, channel: str) -> Delivery:
        plan_of, stream = self._venue.stage, f"coinbase:{self.account or channel}"
        if channel == USER:
            return Delivery(
                self._send,
                lambda number: plan_of.plan.event(stream, number, plan_of.elapsed()),
                user_events.changed,
            )
        if channel == LEVEL2:
            return Delivery(
                self._send,
                lambda number: plan_of.plan.depth(stream, number, plan_of.elapsed()),
                market_events.crossed,
            )
        return Delivery(self._send, lambda _number: _ON_TIME)

    def _message(self, channel: str, event: Json) -> Json:
        number, self._number = self._number, self._number + 1
        return {
            "channel": _HEADS.get(channel, channel),
            "client_id": "",
            "timestamp": nanos(self._venue.stage.now()),
            "sequence_num": number,
            "events": [event],
        }

    def _send(self, message: Json, delay: timedelta = timedelta(0)) -> None:
        self._last_at = self._venue.stage.now()
        self.connection.send(message, delay)

    def _farewell(self) -> Json:
        return _error("the server goes away")


def _error(message: str) -> Json:
    return {"type": "error", "message": message}
