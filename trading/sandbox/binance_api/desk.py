"""All of Binance on one server: REST, public streams, WebSocket API."""

from collections.abc import Iterable, Iterator, Mapping

from aiohttp import web

from trading.sandbox.accounts import Fees
from trading.sandbox.binance_api.connection import Connection
from trading.sandbox.binance_api.market_streams import MarketStreams
from trading.sandbox.binance_api.rest import Rest
from trading.sandbox.binance_api.signing import Key
from trading.sandbox.binance_api.socket_api import SocketApi
from trading.sandbox.binance_api.venue import Venue
from trading.sandbox.stage import Stage


class BinanceDesk:
    """What a server adds to offer Binance."""

    def __init__(
        self,
        stage: Stage,
        keys: Iterable[Key],
        fees: Mapping[str, Fees],
        symbols: tuple[str, ...],
    ) -> None:
        self.venue = Venue(stage, {key.api_key: key for key in keys}, fees, symbols)
        self._rest = Rest(self.venue)
        self._streams = MarketStreams(self.venue)
        self._sockets = SocketApi(self.venue)

    def add_to(self, app: web.Application) -> None:
        self._rest.add_to(app)
        self._streams.add_to(app)
        self._sockets.add_to(app)

    def connections(self) -> Iterator[Connection]:
        """Everybody who is connected by WebSocket now."""
        yield from (each.connection for each in self._streams.listeners)
        yield from (each.connection for each in self._sockets.sessions)

    async def run(self) -> None:
        """Send what goes out by the clock, for ever."""
        await self._streams.run()
