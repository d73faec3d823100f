"""The user channel of Coinbase: totals of the account's orders, whenever they move.

1. A token is signed anew for every subscription; the venue wants it within 5 s of connecting.
2. Messages are counted by the venue. A number that is left out may have been news: everything is
   asked for.
3. The heartbeats channel tells every second that the venue lives; without it a channel on which
   nothing happens is closed. Two channels are asked for, so that both stand or the line is over.

API reference: WebSocket Overview (sequence numbers, heartbeats), User channel.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from trading.gateways.coinbase.connection import Connection
from trading.gateways.streams import Heard

_USER, _HEARTBEATS = "user", "heartbeats"


class CoinbaseLine:
    """Implements `streams.Line` for the key of a connection."""

    venue = "COINBASE"
    silence_seconds = 15.0
    keep_alive_seconds = 0.0

    def __init__(self, url: str, *, connection: Connection) -> None:
        self.url = url
        self._connection = connection
        self._number: int | None = None
        self._missed = False

    def greetings(self) -> Sequence[str]:
        self._number, self._missed = None, False
        asked: tuple[dict[str, Any], ...] = (
            {"channel": _HEARTBEATS},
            {"channel": _USER, "jwt": self._connection.token()},
        )
        return [orjson.dumps({"type": "subscribe", **each}).decode() for each in asked]

    def keep_alive(self) -> str:
        """Nothing: the venue speaks by itself."""
        return ""

    def heard(self, message: str) -> Heard:
        told = orjson.loads(message)
        if told.get("type") == "error":
            return Heard.OVER
        channel = told["channel"]
        self._count(told["sequence_num"])
        if channel == "subscriptions":
            standing = told["events"][0]["subscriptions"]
            return Heard.CONFIRMED if standing.get(_USER) else Heard.ALIVE
        if channel == _USER or self._missed:
            self._missed = False
            return Heard.NEWS
        return Heard.ALIVE if channel == _HEARTBEATS else Heard.NOTHING

    def _count(self, number: int) -> None:
        if self._number is not None and number != self._number + 1:
            self._missed = True
        self._number = int(number)
