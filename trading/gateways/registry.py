"""Which gateway speaks to which venue, and what the desk must know of it beforehand.

1. The only place where a venue's code chooses code of ours: a line in `_ENTRIES` names the folder.
   A venue of the settings that names an `exchange` has no code of its own: the generic gateway
   serves it.
2. A venue that is not listed is BadInput: nothing is traded by guesswork.
"""

import hashlib
from importlib import import_module
from queue import Empty, SimpleQueue
from threading import Thread
from typing import cast
from urllib.parse import urlsplit

from django.conf import settings

from aitrader.kernel.errors import BadInput, GatewayError
from trading.gateways import entry, sheet
from trading.gateways.entry import Connection, Entry
from trading.gateways.prices import PublicData
from trading.gateways.sim.gateway import SimGateway
from trading.gateways.timings import timed
from trading.services.venue_facts import Told

_ENTRIES = {
    SimGateway.venue: "sim",
    "BINANCE": "binance",
    "COINBASE": "coinbase",
    "BTCTURK": "btcturk",
}
_REACH_SECONDS = 3.0
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
#: In the name of a host: its market is made up.
_NOT_REAL = ("testnet", "sandbox", "demo")


def connect(venue: str, *, namespace: str) -> Connection:
    """The connection to a venue by code. Raises BadInput for one that we do not speak to, and
    what its gateway raises when it cannot be asked for its fees. Its calls are timed."""
    connected = _entry(venue).connect(venue, namespace=namespace)
    timed(connected.gateway)
    return connected


def _entry(venue: str) -> Entry:
    folder = _ENTRIES.get(venue)
    if folder is None and "exchange" in settings.AITRADER_VENUES.get(venue, {}):
        folder = "generic"
    if folder is None:
        raise BadInput(f"there is no gateway for venue {venue}")
    return cast(Entry, import_module(f"trading.gateways.{folder}.entry"))


def account_at(venue: str) -> str:
    """A name for the account that our key opens at the venue; it tells nothing of the key. Raises
    BadInput where there is no key."""
    key = entry.who(venue).api_key.get_secret_value()
    return f"{venue}-{hashlib.sha256(f'account|{key}'.encode()).hexdigest()[:16]}"


def told(venue: str, connected: Connection) -> Told:
    """What a process that holds no keys may know of a venue and our gateway to it."""
    able = sheet.told(connected.gateway.capabilities)
    return Told(
        host=sheet.host(venue),
        practice=is_practice(venue),
        capabilities=able | {"budget": sheet.budget(venue), "line": connected.line is not None},
        fees=connected.fees,
    )


def require_account(venue: str, name: str) -> None:
    """Raise BadInput unless orders at the venue move no real money, and our key there opens the
    account of this name. The simulated venue has no keys."""
    if venue == SimGateway.venue:
        return
    if not is_practice(venue):
        raise BadInput(
            f"orders at {venue} would move real money, and arming for that is not there yet: "
            f"point AITRADER_{venue}_REST_URL at a sandbox on this machine"
        )
    if account_at(venue) != name:
        raise BadInput(f"the key for {venue} opens another account than {name}")


def is_practice(venue: str) -> bool:
    """Whether orders at the venue move no real money: it is simulated, or its address is this
    machine's own."""
    if venue == SimGateway.venue:
        return True
    host = urlsplit(settings.AITRADER_VENUES[venue]["rest_url"]).hostname or ""
    return host in _LOOPBACK


def tells_real_prices(venue: str) -> bool:
    """Whether all that we hear of the venue comes from its market: no address of it is this
    machine's own, or a venue's place to practice by its name."""
    given = settings.AITRADER_VENUES[venue]
    hosts = [urlsplit(given[name]).hostname or "" for name in given if name.endswith("_url")]
    return not any(host in _LOOPBACK or any(word in host for word in _NOT_REAL) for host in hosts)


def public(venue: str) -> PublicData:
    """A venue's public market data; no key is needed. Raises BadInput for one without."""
    given = settings.AITRADER_VENUES.get(venue)
    if given is None:
        raise BadInput(f"there are no prices of venue {venue}")
    return _entry(venue).prices(given)


def comparable(venue: str, other: str) -> bool:
    """Whether prices of two venues are of one world: a sandbox's say nothing of the real ones."""
    known = settings.AITRADER_VENUES
    return venue in known and other in known and is_practice(venue) == is_practice(other)


def answers(venue: str) -> bool:
    """Whether the venue's public data is within reach, found out in three seconds at most."""
    heard: SimpleQueue[bool] = SimpleQueue()

    def ask() -> None:
        try:
            public(venue).ping()
            heard.put(True)
        except GatewayError:
            heard.put(False)

    # Looking a name up has no timeout of its own.
    Thread(target=ask, name="reach", daemon=True).start()
    try:
        return heard.get(timeout=_REACH_SECONDS)
    except Empty:
        return False
