"""ccxt's client of an exchange, pointed where we say and held to our rules.

1. Numbers are text on both ways: nothing is a float, and what was ordered is what goes out. The
   venue refuses what does not fit its steps; nothing is rounded for it in silence.
2. The library logs and prints nothing: its lines hold keys, signatures and bodies.
3. An answer that is not JSON is no answer. What the last call was answered says nothing of this
   one (the library's Kraken reads it to tell why a cancel failed).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from itertools import count
from threading import Lock
from typing import Any

from pydantic import SecretStr

from aitrader.kernel.errors import BadInput
from trading.gateways.generic import strict_json
from trading.gateways.generic.profiles import Profile
from trading.gateways.generic.wire import Wire

_ORIGIN = re.compile(r"^https?://[^/]+")
#: What the gateway cannot do without.
_NEEDED = ("createOrder", "cancelOrder", "fetchOpenOrders", "fetchBalance", "fetchMyTrades")


@dataclass(frozen=True, slots=True)
class Address:
    """Which exchange, by the library's name, and who we are there. An empty `rest_url` leaves the
    library's own addresses; else it takes the place of scheme and host in each of them."""

    exchange: str
    rest_url: str
    api_key: SecretStr
    api_secret: SecretStr


class NotJson(Exception):
    """The venue, or whoever answers in its place, sent something else."""


class _Silent:
    """Takes the place of the library's logger."""

    def debug(self, *args: object) -> None:
        """Say nothing."""


class _Counter:
    """Numbers that only rise, in all threads of the process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._last = 0

    def next(self, least: int) -> int:
        with self._lock:
            self._last = max(least, self._last + 1)
            return self._last


_COUNTER = _Counter()
_NUMBERS = count(1)


def client(address: Address, wire: Wire, profile: Profile, *, paced: bool) -> Any:
    """The library's client. Raises BadInput for an exchange that it does not have."""
    ccxt = import_module("ccxt")
    if address.exchange not in ccxt.exchanges:
        raise BadInput(f"ccxt has no exchange {address.exchange}")
    rules = _rules(getattr(ccxt, address.exchange), wire, profile)
    # A name of its own: the library writes aliases into the class.
    made = type(f"Pointed{next(_NUMBERS)}", (getattr(ccxt, address.exchange),), rules)
    found = made(
        {
            "apiKey": address.api_key.get_secret_value(),
            "secret": address.api_secret.get_secret_value(),
            "session": wire.session(),
            "enableRateLimit": paced,
            "options": dict(profile.options),
        }
    )
    # Asked for with every list of markets, and often signed.
    found.has["fetchCurrencies"] = False
    if address.rest_url:
        found.urls["api"] = _moved(found.urls["api"], address.rest_url.rstrip("/"))
    return found


def _rules(theirs: Any, wire: Wire, profile: Profile) -> dict[str, Any]:
    """What is ours in the library's client."""

    def fetch(self: Any, *args: Any, **kwargs: Any) -> Any:
        self.last_http_response = None
        wire.heard.taken = False
        answer = theirs.fetch(self, *args, **kwargs)
        if isinstance(answer, str | bytes):
            raise NotJson
        wire.heard.taken = True
        return answer

    def on_json_response(self: Any, body: str) -> Any:
        return strict_json.loads(body)

    def as_ordered(self: Any, symbol: str, number: str | None) -> str | None:
        return number

    rules: dict[str, Any] = {
        "number": str,
        "verbose": False,
        "logger": _Silent(),
        "fetch": fetch,
        "on_json_response": on_json_response,
        "price_to_precision": as_ordered,
        "amount_to_precision": as_ordered,
    }
    if profile.counts_requests:
        rules["nonce"] = lambda self: _COUNTER.next(theirs.nonce(self))
    return rules


def check_trading(found: Any) -> None:
    """Raises BadInput for an exchange that needs more than a key and a secret, or that cannot do
    what a gateway must."""
    exchange = found.id
    more = {name for name, needed in found.requiredCredentials.items() if needed}
    more -= {"apiKey", "secret"}
    if more:
        raise BadInput(f"{exchange} wants {', '.join(sorted(more))} beside a key and a secret")
    missing = [name for name in _NEEDED if found.has.get(name) is not True]
    if not any(found.has.get(name) is True for name in ("fetchOrders", "fetchClosedOrders")):
        missing.append("fetchClosedOrders")
    if missing:
        raise BadInput(f"{exchange} cannot {', '.join(missing)} through ccxt")
    if feature(found, "fetchOpenOrders").get("symbolRequired"):
        raise BadInput(f"{exchange} does not list the open orders of all instruments")


def feature(found: Any, name: str) -> Mapping[str, Any]:
    """What the library says of one call on the spot market; empty where it says nothing."""
    spot = (found.features or {}).get("spot") or {}
    return spot.get(name) or {}


def _moved(urls: Any, origin: str) -> Any:
    if isinstance(urls, dict):
        return {name: _moved(each, origin) for name, each in urls.items()}
    return _ORIGIN.sub(origin, urls) if isinstance(urls, str) else urls
