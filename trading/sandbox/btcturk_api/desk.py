"""All of BTCTurk on one server: REST, graph API, WebSocket feed."""

import base64
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from aiohttp import web

from aitrader.kernel.money import ZERO
from trading.sandbox.accounts import FeeIn, Fees
from trading.sandbox.btcturk_api.feed import PATH, Feed
from trading.sandbox.btcturk_api.rest import Rest
from trading.sandbox.btcturk_api.signing import Key
from trading.sandbox.btcturk_api.venue import Venue
from trading.sandbox.connection import Connection
from trading.sandbox.face import Base, Offer, secret
from trading.sandbox.rules import Listing
from trading.sandbox.stage import Stage

_LOT = Decimal("0.00000001")


def _listing(base: str) -> Listing:
    """A pair against the lira, priced between a tenth and ten times the last price."""
    return Listing(
        f"{base}TRY",
        base,
        "TRY",
        lot=_LOT,
        min_qty=_LOT,
        max_price=Decimal(10_000_000),
        # The venue's own is about 100; small so that whoever trades here may trade little.
        min_notional=Decimal("0.5"),
        max_notional=Decimal(10) ** 12,
        percent_down=Decimal("0.1"),
        percent_up=Decimal(10),
    )


LISTINGS = (_listing("BTC"), _listing("ETH"))
_START = {"TRY": Decimal(4_000_000), "BTC": Decimal(2), "ETH": Decimal(20)}
#: With the tax of 20 % on them.
_FEES = Fees(maker=Decimal("0.0006"), taker=Decimal("0.0012"), fee_in=FeeIn.QUOTE)


class BtcturkDesk:
    """What a server adds to offer BTCTurk."""

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
        self._feed = Feed(self.venue)

    def add_to(self, app: web.Application) -> None:
        self._rest.add_to(app)
        self._feed.add_to(app)

    def connections(self) -> Iterator[Connection]:
        """Everybody who is connected by WebSocket now."""
        yield from (each.connection for each in self._feed.sessions)

    async def run(self) -> None:
        """Send what goes out by the clock, for ever."""
        await self._feed.run()

    def told(self, base: Base) -> dict[str, Any]:
        """Addresses and test credentials."""
        accounts = [
            {"account": key.account, "api_key": key.api_key, "api_secret": key.api_secret}
            for key in self._keys
        ]
        return {
            "rest": f"http://{base.plain}",
            "graph": f"http://{base.plain}",
            "ws": f"ws://{base.plain}{PATH}",
            "api_key": accounts[0]["api_key"],
            "api_secret": accounts[0]["api_secret"],
            "accounts": accounts,
        }


def _fees(knobs: Mapping[str, Decimal]) -> Fees:
    return Fees(maker=ZERO, taker=ZERO, fee_in=FeeIn.QUOTE) if knobs["fee_zero"] else _FEES


def key_of(account: str, seed: int) -> Key:
    """The test key of an account; the same for the same seed."""
    name = uuid.UUID(bytes=secret("key", account, seed)[:16])
    return Key(str(name), base64.b64encode(secret("sign", account, seed)).decode(), account)


def _make(stage: Stage, *, accounts: Sequence[str], fees: Fees, seed: int) -> BtcturkDesk:
    keys = [key_of(each, seed) for each in accounts]
    symbols = tuple(each.instrument for each in LISTINGS)
    return BtcturkDesk(stage, keys, dict.fromkeys(accounts, fees), symbols)


OFFER = Offer(listings=LISTINGS, balances=_START, fees=_fees, make=_make)
