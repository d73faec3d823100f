"""BTCTurk as the settings have it."""

from collections.abc import Mapping

from django.conf import settings

from aitrader.kernel.clock import WALL
from trading.gateways import entry
from trading.gateways.btcturk.connection import Address, Connection
from trading.gateways.btcturk.gateway import BtcturkGateway
from trading.gateways.btcturk.prices import BtcturkPrices
from trading.gateways.btcturk.user_stream import BtcturkLine
from trading.gateways.clocks import watched


def connect(venue: str, *, namespace: str) -> entry.Connection:
    given, who = settings.AITRADER_VENUES[venue], entry.who(venue)
    address = Address(given["rest_url"], given["graph_url"], who.api_key, who.api_secret)
    connection = watched(venue, Connection(address, wall=WALL, silence=entry.SHARED))
    gateway = BtcturkGateway(connection)
    line = BtcturkLine(given["ws_url"], connection=connection)
    return entry.Connection(gateway, gateway.fees(), line=line)


def prices(given: Mapping[str, str]) -> BtcturkPrices:
    address = Address(given["rest_url"], given["graph_url"], entry.NOBODY, entry.NOBODY)
    return BtcturkPrices(Connection(address, wall=WALL), given["ws_url"])
