"""Which gateway speaks to which venue, and what the desk must know of it beforehand.

1. The only place where a venue's code chooses code of ours.
2. A venue that is not listed is BadInput: nothing is traded by guesswork.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from queue import Empty, SimpleQueue
from threading import Thread

from django.conf import settings
from pydantic import SecretStr

from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import BadInput, GatewayError
from trading.domain.instrument import Instrument
from trading.domain.matching import BPS
from trading.domain.ports import Gateway
from trading.gateways import credentials
from trading.gateways.binance import connection as binance
from trading.gateways.binance import listing
from trading.gateways.binance.gateway import BinanceGateway
from trading.gateways.binance.klines import Klines
from trading.gateways.sim import books
from trading.gateways.sim.gateway import SimGateway
from trading.gateways.sim.rules import SimRules

_REACH_SECONDS = 3.0


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


def public(venue: str) -> "PublicData":
    """A venue's public market data; no key is needed. Raises BadInput for one without."""
    if venue != BinanceGateway.venue:
        raise BadInput(f"there are no prices of venue {venue}")
    given = settings.AITRADER_VENUES[venue]
    nobody = SecretStr("")
    address = binance.Address(given["rest_url"], nobody, nobody)
    return PublicData(binance.Connection(address, wall=WALL), given["ws_url"])


def answers(venue: str) -> bool:
    """Whether the venue's public data is within reach, found out in three seconds at most."""
    heard: SimpleQueue[bool] = SimpleQueue()

    def ask() -> None:
        try:
            public(venue).connection.call(lambda client: client.ping())
            heard.put(True)
        except GatewayError:
            heard.put(False)

    # Looking a name up has no timeout of its own.
    Thread(target=ask, name="reach", daemon=True).start()
    try:
        return heard.get(timeout=_REACH_SECONDS)
    except Empty:
        return False


@dataclass(frozen=True, slots=True)
class PublicData:
    """Instruments and bars of a venue, for desks that only look."""

    connection: binance.Connection
    ws_url: str

    def instruments(self, symbols: Sequence[str], *, venue: str) -> dict[str, Instrument]:
        """See listing.instruments."""
        return listing.instruments(self.connection, symbols, venue=venue)

    def klines(
        self, symbols: Mapping[str, str], interval: timedelta, *, history_bars: int
    ) -> Klines:
        """The bars of these symbols, by code, in real time."""
        return Klines(
            self.connection, self.ws_url, symbols, interval, history_bars=history_bars, wall=WALL
        )


def _binance() -> BinanceGateway:
    given = settings.AITRADER_VENUES[BinanceGateway.venue]
    who = credentials.read(given["credentials"], venue=BinanceGateway.venue)
    address = binance.Address(given["rest_url"], who.api_key, who.api_secret)
    return BinanceGateway(binance.Connection(address, wall=WALL))
