"""Binance as the settings have it."""

from collections.abc import Mapping

from django.conf import settings

from aitrader.kernel.clock import WALL
from trading.gateways import entry
from trading.gateways.binance.connection import Address, Connection
from trading.gateways.binance.gateway import BinanceGateway
from trading.gateways.binance.prices import BinancePrices
from trading.gateways.binance.user_stream import BinanceLine
from trading.gateways.clocks import watched
from trading.gateways.meters import metered


def connect(venue: str, *, namespace: str) -> entry.Connection:
    given, who = settings.AITRADER_VENUES[venue], entry.who(venue)
    address = Address(given["rest_url"], who.api_key, who.api_secret)
    made = Connection(address, wall=WALL, silence=entry.SHARED)
    connection = metered(venue, watched(venue, made))
    gateway = BinanceGateway(connection)
    line = BinanceLine(
        given["ws_api_url"],
        api_key=who.api_key,
        api_secret=who.api_secret,
        connection=connection,
        wall=WALL,
    )
    return entry.Connection(gateway, gateway.fees(), line=line)


def prices(given: Mapping[str, str]) -> BinancePrices:
    address = Address(given["rest_url"], entry.NOBODY, entry.NOBODY)
    return BinancePrices(Connection(address, wall=WALL), given["ws_url"])
