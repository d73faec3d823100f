"""Which gateway speaks to which venue, and what the desk must know of it beforehand.

1. The only place where a venue's code chooses code of ours.
2. A venue that is not listed is BadInput: nothing is traded by guesswork.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings

from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import BadInput
from trading.domain.matching import BPS
from trading.domain.ports import Gateway
from trading.gateways import credentials
from trading.gateways.binance import connection as binance
from trading.gateways.binance.gateway import BinanceGateway
from trading.gateways.sim import books
from trading.gateways.sim.gateway import SimGateway
from trading.gateways.sim.rules import SimRules


@dataclass(frozen=True, slots=True)
class Connection:
    """A gateway, the venue's highest fee as a share of notional, and how to make an account's
    books stand still at the venue while they are compared."""

    gateway: Gateway
    fee_rate: Decimal
    standstill: Callable[[str], AbstractContextManager[None]]


def connect(venue: str, *, namespace: str) -> Connection:
    """The connection to a venue by code. Raises BadInput for one that we do not speak to, and
    what its gateway raises when it cannot be asked for its fees."""
    if venue == SimGateway.venue:
        rules = SimRules(seed=namespace)
        return Connection(SimGateway(rules), rules.costs.taker_fee_bps * BPS, books.writing)
    if venue == BinanceGateway.venue:
        gateway = _binance()
        return Connection(gateway, gateway.fee_rate(), lambda account: nullcontext())
    raise BadInput(f"there is no gateway for venue {venue}")


def _binance() -> BinanceGateway:
    given = settings.AITRADER_VENUES[BinanceGateway.venue]
    who = credentials.read(given["credentials"], venue=BinanceGateway.venue)
    address = binance.Address(given["rest_url"], who.api_key, who.api_secret)
    return BinanceGateway(binance.Connection(address, wall=WALL))
