"""Coinbase as the settings have it."""

from collections.abc import Mapping
from functools import lru_cache

from django.conf import settings

from aitrader.kernel.clock import WALL
from trading.gateways import entry
from trading.gateways.clocks import watched
from trading.gateways.coinbase.connection import Address, Connection
from trading.gateways.coinbase.gateway import CoinbaseGateway
from trading.gateways.coinbase.prices import CoinbasePrices
from trading.gateways.coinbase.user_stream import CoinbaseLine
from trading.gateways.meters import metered


def connect(venue: str, *, namespace: str) -> entry.Connection:
    given, who = settings.AITRADER_VENUES[venue], entry.who(venue)
    address = Address(given["rest_url"], who.api_key, who.api_secret)
    connection, gateway = _at(venue, address)
    line = CoinbaseLine(given["ws_user_url"], connection=connection)
    return entry.Connection(gateway, gateway.fees(), line=line)


@lru_cache(maxsize=16)
def _at(venue: str, address: Address) -> tuple[Connection, CoinbaseGateway]:
    """One for all threads: the venue counts requests by key, and what one thread was told of an
    order, another needs to cancel it."""
    made = Connection(address, wall=WALL, silence=entry.SHARED)
    connection = metered(venue, watched(venue, made))
    return connection, CoinbaseGateway(connection)


def prices(given: Mapping[str, str]) -> CoinbasePrices:
    return CoinbasePrices(Connection(Address(given["rest_url"]), wall=WALL), given["ws_url"])
