"""The user stream of BTCTurk: its feed, after a login with a key.

1. There is nothing to subscribe to: who has logged in is told of their orders and trades.
2. The feed may say nothing for hours. That the connection lives is asked by joining a channel that
   does not exist, which is answered in any case.
3. The venue has been seen to stop telling of orders on a connection that looked well
   (broker-api-docs, issue 614): a login is believed for `LOGIN_SECONDS`, then the line is opened
   anew, and everything is asked for.
4. Nothing that is signed is logged. The key needs the venue's permission for the feed.

docs.btcturk.com: WebSocket Authentication; Models.
"""

import json
from collections.abc import Sequence
from typing import Any

from aitrader.kernel.clock import monotonic, to_millis
from trading.gateways.btcturk.connection import Connection
from trading.gateways.streams import Heard

LOGIN_SECONDS = 1800.0
_LOGIN, _LOGGED_IN, _JOIN, _SYSTEM = 114, 112, 151, 801
#: Balances; trades, new, ended and changed orders of the account.
_NEWS = frozenset({201, 423, 441, 451, 452, 453})
#: An answer to a join, a welcome.
_ALIVE = frozenset({100, 991, _SYSTEM})


class BtcturkLine:
    """Implements `streams.Line` for the key of a connection."""

    venue = "BTCTURK"
    silence_seconds = 35.0
    keep_alive_seconds = 15.0

    def __init__(self, url: str, *, connection: Connection) -> None:
        self.url = url
        self._connection = connection
        self._logged_in_at = 0.0

    def greetings(self) -> Sequence[str]:
        signed = self._connection.credentials()
        self._logged_in_at = monotonic()
        login: dict[str, Any] = {
            "publicKey": signed["X-PCK"],
            "timestamp": to_millis(self._connection.now()),
            "nonce": int(signed["X-Stamp"]),
            "signature": signed["X-Signature"],
        }
        return [_message(_LOGIN, login)]

    def keep_alive(self) -> str:
        return _message(_JOIN, {"channel": "alive", "event": "alive", "join": True})

    def heard(self, message: str) -> Heard:
        kind, told = json.loads(message)
        if kind in {_LOGIN, _LOGGED_IN}:
            return Heard.CONFIRMED if told["ok"] is True else Heard.OVER
        if monotonic() - self._logged_in_at > LOGIN_SECONDS:
            return Heard.OVER
        if kind == _SYSTEM and "SHUTDOWN" in str(told.get("message")).upper():
            return Heard.OVER
        if kind in _NEWS:
            return Heard.NEWS
        return Heard.ALIVE if kind in _ALIVE else Heard.NOTHING


def _message(kind: int, body: dict[str, Any]) -> str:
    return json.dumps([kind, {"type": kind, **body}])
