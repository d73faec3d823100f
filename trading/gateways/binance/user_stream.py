"""The user stream of Binance by its WebSocket API: listen keys are gone since 2026-02-20.

1. The subscription is asked about every 20 s: a connection whose subscription is gone stays open
   and looks well.
2. Nothing that is signed is logged.

web-socket-api.md (userDataStream.subscribe.signature, session.subscriptions), user-data-stream.md.
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

import orjson
from pydantic import SecretStr

from aitrader.kernel.clock import Clock, to_millis
from trading.gateways.binance.connection import Connection
from trading.gateways.streams import Heard

_SUBSCRIBE, _ASK = "subscribe", "ask"
#: Positions of the account come beside one of these, and tell nothing more.
_NEWS = frozenset({"executionReport", "listStatus", "balanceUpdate", "externalLockUpdate"})
_OVER = frozenset({"serverShutdown", "eventStreamTerminated"})


class BinanceLine:
    """Implements `streams.Line` for one API key; `connection` knows how far off our clock is."""

    venue = "BINANCE"
    silence_seconds = 35.0
    keep_alive_seconds = 15.0

    def __init__(
        self,
        url: str,
        *,
        api_key: SecretStr,
        api_secret: SecretStr,
        connection: Connection,
        wall: Clock,
    ) -> None:
        self.url = url
        self._api_key = api_key
        self._api_secret = api_secret
        self._connection = connection
        self._wall = wall

    def greetings(self) -> Sequence[str]:
        # The time of a call is checked against the venue's before anything is signed.
        self._connection.call(lambda client: None)
        at = to_millis(self._wall.now()) + round(self._connection.offset_seconds * 1000)
        params: dict[str, Any] = {"apiKey": self._api_key.get_secret_value(), "timestamp": at}
        payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
        key = self._api_secret.get_secret_value().encode()
        params["signature"] = hmac.new(key, payload.encode(), hashlib.sha256).hexdigest()
        return [_request(_SUBSCRIBE, "userDataStream.subscribe.signature", params)]

    def keep_alive(self) -> str:
        return _request(_ASK, "session.subscriptions", {})

    def heard(self, message: str) -> Heard:
        told = orjson.loads(message)
        if "event" in told:
            kind = told["event"]["e"]
            if kind in _OVER:
                return Heard.OVER
            return Heard.NEWS if kind in _NEWS else Heard.ALIVE
        if told.get("id") == _SUBSCRIBE:
            return Heard.CONFIRMED if told["status"] == 200 else Heard.OVER
        if told.get("id") == _ASK:
            return Heard.ALIVE if told["status"] == 200 and told["result"] else Heard.OVER
        return Heard.NOTHING


def _request(number: str, method: str, params: dict[str, Any]) -> str:
    return orjson.dumps({"id": number, "method": method, "params": params}).decode()
