"""Which gateway speaks to which venue, and what the desk must know of it beforehand.

1. The only place where a venue's code chooses code of ours: a line in `_CONNECT` for one that is
   traded at, a line in `_PUBLIC` for one that gives its prices to anybody. A venue of the settings
   that names an `exchange` has no code of its own: the generic gateway serves it.
2. A venue that is not listed is BadInput: nothing is traded by guesswork.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from queue import Empty, SimpleQueue
from threading import Thread
from urllib.parse import urlsplit

from django.conf import settings
from pydantic import SecretStr

from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import BadInput, GatewayError
from trading.domain.matching import BPS
from trading.domain.ports import Gateway
from trading.gateways import credentials, sheet
from trading.gateways.binance import connection as binance
from trading.gateways.binance.gateway import BinanceGateway
from trading.gateways.binance.prices import BinancePrices
from trading.gateways.binance.user_stream import BinanceLine
from trading.gateways.btcturk import connection as btcturk
from trading.gateways.btcturk.gateway import BtcturkGateway
from trading.gateways.btcturk.prices import BtcturkPrices
from trading.gateways.btcturk.user_stream import BtcturkLine
from trading.gateways.clocks import watched
from trading.gateways.coinbase import connection as coinbase
from trading.gateways.coinbase.gateway import CoinbaseGateway
from trading.gateways.coinbase.prices import CoinbasePrices
from trading.gateways.coinbase.user_stream import CoinbaseLine
from trading.gateways.generic import connection as generic
from trading.gateways.generic.gateway import GenericGateway
from trading.gateways.generic.library import Address
from trading.gateways.generic.prices import GenericPrices
from trading.gateways.prices import PublicData
from trading.gateways.silence import Silence
from trading.gateways.sim import books
from trading.gateways.sim.gateway import SimGateway
from trading.gateways.sim.rules import SimRules
from trading.gateways.streams import Line
from trading.gateways.timings import timed
from trading.models import Order
from trading.services.silences import Silences
from trading.services.venue_facts import Told

_REACH_SECONDS = 3.0
_NOBODY = SecretStr("")
#: Whoever trades keeps silence with every other process that does.
_SHARED = Silence(shared=Silences())
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Connection:
    """A gateway, the venue's highest fee as a share of notional, how to make an account's books
    stand still at the venue while they are compared, and the user stream where there is one."""

    gateway: Gateway
    fee_rate: Decimal
    standstill: Callable[[str], AbstractContextManager[None]]
    line: Line | None = None


def connect(venue: str, *, namespace: str) -> Connection:
    """The connection to a venue by code. Raises BadInput for one that we do not speak to, and
    what its gateway raises when it cannot be asked for its fees. Its calls are timed."""
    if venue in _CONNECT:
        connected = _CONNECT[venue](namespace)
    elif _is_generic(venue):
        connected = _generic(venue)
    else:
        raise BadInput(f"there is no gateway for venue {venue}")
    timed(connected.gateway)
    return connected


def account_at(venue: str) -> str:
    """A name for the account that our key opens at the venue; it tells nothing of the key. Raises
    BadInput where there is no key."""
    given = settings.AITRADER_VENUES.get(venue, {}).get("credentials", "")
    who = credentials.read(given, venue=venue)
    digest = hashlib.sha256(f"account|{who.api_key.get_secret_value()}".encode()).hexdigest()
    return f"{venue}-{digest[:16]}"


def told(venue: str, connected: Connection) -> Told:
    """What a process that holds no keys may know of a venue and our gateway to it."""
    able = sheet.told(connected.gateway.capabilities)
    return Told(
        host=sheet.host(venue),
        practice=is_practice(venue),
        capabilities=able | {"budget": sheet.budget(venue), "line": connected.line is not None},
        fee_rate=connected.fee_rate,
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


def public(venue: str) -> PublicData:
    """A venue's public market data; no key is needed. Raises BadInput for one without."""
    if venue in _PUBLIC:
        return _PUBLIC[venue](settings.AITRADER_VENUES[venue])
    if _is_generic(venue):
        return _generic_prices(settings.AITRADER_VENUES[venue])
    raise BadInput(f"there are no prices of venue {venue}")


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


def _moving(account: str) -> AbstractContextManager[None]:
    """The books of a real venue do not stand still for us."""
    return nullcontext()


def _sim(namespace: str) -> Connection:
    rules = SimRules(seed=namespace)
    return Connection(SimGateway(rules), rules.costs.taker_fee_bps * BPS, books.writing)


def _binance(namespace: str) -> Connection:
    given = settings.AITRADER_VENUES[BinanceGateway.venue]
    who = credentials.read(given["credentials"], venue=BinanceGateway.venue)
    address = binance.Address(given["rest_url"], who.api_key, who.api_secret)
    connection = binance.Connection(address, wall=WALL, silence=_SHARED)
    watched(BinanceGateway.venue, connection)
    gateway = BinanceGateway(connection)
    line = BinanceLine(
        given["ws_api_url"],
        api_key=who.api_key,
        api_secret=who.api_secret,
        connection=connection,
        wall=WALL,
    )
    return Connection(gateway, gateway.fee_rate(), _moving, line)


def _binance_prices(given: Mapping[str, str]) -> PublicData:
    address = binance.Address(given["rest_url"], _NOBODY, _NOBODY)
    return BinancePrices(binance.Connection(address, wall=WALL), given["ws_url"])


def _btcturk(namespace: str) -> Connection:
    given = settings.AITRADER_VENUES[BtcturkGateway.venue]
    who = credentials.read(given["credentials"], venue=BtcturkGateway.venue)
    address = btcturk.Address(given["rest_url"], given["graph_url"], who.api_key, who.api_secret)
    connection = btcturk.Connection(address, wall=WALL, silence=_SHARED)
    watched(BtcturkGateway.venue, connection)
    gateway = BtcturkGateway(connection)
    line = BtcturkLine(given["ws_url"], connection=connection)
    return Connection(gateway, gateway.fee_rate(), _moving, line)


def _btcturk_prices(given: Mapping[str, str]) -> PublicData:
    address = btcturk.Address(given["rest_url"], given["graph_url"], _NOBODY, _NOBODY)
    return BtcturkPrices(btcturk.Connection(address, wall=WALL), given["ws_url"])


def _coinbase(namespace: str) -> Connection:
    given = settings.AITRADER_VENUES[CoinbaseGateway.venue]
    who = credentials.read(given["credentials"], venue=CoinbaseGateway.venue)
    address = coinbase.Address(given["rest_url"], who.api_key, who.api_secret)
    connection, gateway = _coinbase_at(address)
    line = CoinbaseLine(given["ws_user_url"], connection=connection)
    return Connection(gateway, gateway.fee_rate(), _moving, line)


@lru_cache(maxsize=16)
def _coinbase_at(address: coinbase.Address) -> tuple[coinbase.Connection, CoinbaseGateway]:
    """One for all threads: the venue counts requests by key, and what one thread was told of an
    order, another needs to cancel it."""
    connection = coinbase.Connection(address, wall=WALL, silence=_SHARED)
    watched(CoinbaseGateway.venue, connection)
    return connection, CoinbaseGateway(connection)


def _coinbase_prices(given: Mapping[str, str]) -> PublicData:
    address = coinbase.Address(given["rest_url"])
    return CoinbasePrices(coinbase.Connection(address, wall=WALL), given["ws_url"])


def _is_generic(venue: str) -> bool:
    return "exchange" in settings.AITRADER_VENUES.get(venue, {})


def _generic(venue: str) -> Connection:
    given = settings.AITRADER_VENUES[venue]
    who = credentials.read(given["credentials"], venue=venue)
    address = Address(given["exchange"], given["rest_url"], who.api_key, who.api_secret)
    connection = watched(venue, generic.Connection(address, wall=WALL, silence=_SHARED))
    gateway = GenericGateway(connection, venue=venue, beginning=_orders_beginning)
    return Connection(gateway, gateway.fee_rate(), _moving)


def _orders_beginning(head: str) -> Iterable[str]:
    orders = Order.objects.filter(cl_ord_id__startswith=head)
    return orders.values_list("cl_ord_id", flat=True)[:2]


def _generic_prices(given: Mapping[str, str]) -> PublicData:
    address = Address(given["exchange"], given["rest_url"], _NOBODY, _NOBODY)
    return GenericPrices(generic.Connection(address, wall=WALL))


_CONNECT: Mapping[str, Callable[[str], Connection]] = {
    SimGateway.venue: _sim,
    BinanceGateway.venue: _binance,
    CoinbaseGateway.venue: _coinbase,
    BtcturkGateway.venue: _btcturk,
}
_PUBLIC: Mapping[str, Callable[[Mapping[str, str]], PublicData]] = {
    BinanceGateway.venue: _binance_prices,
    CoinbaseGateway.venue: _coinbase_prices,
    BtcturkGateway.venue: _btcturk_prices,
}
