"""All of Binance on one server: REST, public streams, WebSocket API."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from aiohttp import web

from aitrader.kernel.money import ZERO
from trading.sandbox.accounts import FeeIn, Fees
from trading.sandbox.binance_api.market_streams import MarketStreams
from trading.sandbox.binance_api.rest import Rest
from trading.sandbox.binance_api.signing import Key
from trading.sandbox.binance_api.socket_api import SocketApi
from trading.sandbox.binance_api.venue import Venue
from trading.sandbox.connection import Connection
from trading.sandbox.face import Base, Offer, secret
from trading.sandbox.rules import Listing
from trading.sandbox.stage import Stage

LISTINGS = (
    Listing("BTCUSDT", "BTC", "USDT"),
    Listing("ETHUSDT", "ETH", "USDT", lot=Decimal("0.0001"), min_qty=Decimal("0.0001")),
    Listing("BNBUSDT", "BNB", "USDT", lot=Decimal("0.001"), min_qty=Decimal("0.001")),
)
_BNB_FEES = Fees(fee_in=FeeIn.THIRD, third_asset="BNB", third_prices={"USDT": Decimal(600)})
_START = {"USDT": Decimal(100_000), "BTC": Decimal(2), "ETH": Decimal(20), "BNB": Decimal(10)}


class BinanceDesk:
    """What a server adds to offer Binance."""

    def __init__(
        self,
        stage: Stage,
        keys: Iterable[Key],
        fees: Mapping[str, Fees],
        symbols: tuple[str, ...],
    ) -> None:
        self._keys = tuple(keys)
        self.venue = Venue(stage, {key.api_key: key for key in self._keys}, fees, symbols)
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

    def told(self, base: Base) -> dict[str, Any]:
        """Addresses and test credentials."""
        accounts = [
            {"account": key.account, "api_key": key.api_key, "api_secret": key.api_secret}
            for key in self._keys
        ]
        return {
            "rest": f"http://{base.plain}",
            "ws": f"ws://{base.plain}",
            "ws_api": f"ws://{base.plain}/ws-api/v3",
            "api_key": accounts[0]["api_key"],
            "api_secret": accounts[0]["api_secret"],
            "accounts": accounts,
        }


def _fees(knobs: Mapping[str, Decimal]) -> Fees:
    if knobs["fee_zero"]:
        return Fees(maker=ZERO, taker=ZERO)
    return _BNB_FEES if knobs["fee_third"] else Fees()


def key_of(account: str, seed: int) -> Key:
    """The test key of an account; the same for the same seed."""
    return Key(secret("key", account, seed).hex(), secret("sign", account, seed).hex(), account)


def _make(stage: Stage, *, accounts: Sequence[str], fees: Fees, seed: int) -> BinanceDesk:
    keys = [key_of(each, seed) for each in accounts]
    symbols = tuple(each.instrument for each in LISTINGS)
    return BinanceDesk(stage, keys, dict.fromkeys(accounts, fees), symbols)


OFFER = Offer(listings=LISTINGS, balances=_START, fees=_fees, make=_make)
