"""All of Coinbase Advanced Trade on one server: REST, market channels, the user channel."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from aiohttp import web

from aitrader.kernel.money import ZERO
from trading.sandbox.accounts import FeeIn, Fees
from trading.sandbox.coinbase_api.channels import MARKET_PATH, USER_PATH, Channels
from trading.sandbox.coinbase_api.rest import Rest
from trading.sandbox.coinbase_api.signing import Key, key_of
from trading.sandbox.coinbase_api.venue import Venue
from trading.sandbox.connection import Connection
from trading.sandbox.face import Base, Offer
from trading.sandbox.rules import Listing
from trading.sandbox.stage import Stage

_MANY = 500
_SMALLEST = Decimal("0.00000001")


def _listing(base: str, most: int) -> Listing:
    return Listing(
        f"{base}-USD",
        base,
        "USD",
        lot=_SMALLEST,
        min_qty=_SMALLEST,
        max_qty=Decimal(most),
        market_max_qty=Decimal(most),
        min_notional=Decimal(1),
        max_notional=Decimal(150_000_000),
        percent_down=None,
        percent_up=None,
        max_orders=_MANY,
        max_stop_orders=_MANY,
    )


LISTINGS = (_listing("BTC", 3_400), _listing("ETH", 49_000))
_START = {"USD": Decimal(100_000), "BTC": Decimal(2), "ETH": Decimal(20)}
#: Of the lowest tier.
_FEES = Fees(maker=Decimal("0.006"), taker=Decimal("0.012"), fee_in=FeeIn.QUOTE)


class CoinbaseDesk:
    """What a server adds to offer Coinbase."""

    def __init__(
        self, stage: Stage, keys: Iterable[Key], fees: Mapping[str, Fees], seed: int
    ) -> None:
        self._keys = tuple(keys)
        symbols = tuple(each.instrument for each in LISTINGS)
        self.venue = Venue(stage, {key.name: key for key in self._keys}, fees, symbols, seed)
        self._rest = Rest(self.venue)
        self._channels = Channels(self.venue)

    def add_to(self, app: web.Application) -> None:
        self._rest.add_to(app)
        self._channels.add_to(app)

    def connections(self) -> Iterator[Connection]:
        """Everybody who is connected by WebSocket now."""
        yield from (each.connection for each in self._channels.sessions)

    async def run(self) -> None:
        """Send what goes out by the clock, for ever."""
        await self._channels.run()

    def told(self, base: Base) -> dict[str, Any]:
        """Addresses and test credentials."""
        accounts = [
            {"account": key.account, "api_key": key.name, "api_secret": key.pem}
            for key in self._keys
        ]
        return {
            "rest": f"https://{base.secure}",
            "rest_plain": f"http://{base.plain}",
            "ws": f"wss://{base.secure}{MARKET_PATH}",
            "ws_user": f"wss://{base.secure}{USER_PATH}",
            "ws_plain": f"ws://{base.plain}{MARKET_PATH}",
            "ws_user_plain": f"ws://{base.plain}{USER_PATH}",
            "api_key": accounts[0]["api_key"],
            "api_secret": accounts[0]["api_secret"],
            "accounts": accounts,
        }


def _fees(knobs: Mapping[str, Decimal]) -> Fees:
    """The venue knows no third asset for fees: they stay in what is paid with."""
    if knobs["fee_zero"]:
        return Fees(maker=ZERO, taker=ZERO, fee_in=FeeIn.QUOTE)
    return _FEES


def _make(stage: Stage, *, accounts: Sequence[str], fees: Fees, seed: int) -> CoinbaseDesk:
    keys = [key_of(each, seed) for each in accounts]
    return CoinbaseDesk(stage, keys, dict.fromkeys(accounts, fees), seed)


OFFER = Offer(listings=LISTINGS, balances=_START, fees=_fees, make=_make)
