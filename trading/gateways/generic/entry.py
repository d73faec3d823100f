"""An exchange of ccxt, as the settings have it."""

from collections.abc import Iterable, Mapping

from django.conf import settings

from aitrader.kernel.clock import WALL
from trading.gateways import entry
from trading.gateways.clocks import watched
from trading.gateways.generic.connection import Connection
from trading.gateways.generic.gateway import GenericGateway
from trading.gateways.generic.library import Address
from trading.gateways.generic.prices import GenericPrices
from trading.models import Order


def connect(venue: str, *, namespace: str) -> entry.Connection:
    given, who = settings.AITRADER_VENUES[venue], entry.who(venue)
    address = Address(given["exchange"], given["rest_url"], who.api_key, who.api_secret)
    connection = watched(venue, Connection(address, wall=WALL, silence=entry.SHARED))
    gateway = GenericGateway(connection, venue=venue, beginning=orders_beginning)
    return entry.Connection(gateway, gateway.fees())


def prices(given: Mapping[str, str]) -> GenericPrices:
    address = Address(given["exchange"], given["rest_url"], entry.NOBODY, entry.NOBODY)
    return GenericPrices(Connection(address, wall=WALL))


def orders_beginning(head: str) -> Iterable[str]:
    """Client order ids of the desk that begin so; two tell that one is not enough."""
    orders = Order.objects.filter(cl_ord_id__startswith=head)
    return orders.values_list("cl_ord_id", flat=True)[:2]
