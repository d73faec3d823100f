"""A sandbox that speaks BTCTurk, and plain clients of it."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import ccxt.async_support as ccxt
import websockets.asyncio.client as websockets

from tests.contract.beside import Answer, Beside, Json

#: Fee and tax of who takes, for each lira spent on coins.
WITH_FEE = Decimal("1.0012")


@dataclass(slots=True)
class Desk(Beside):
    """Requests as BTCTurk wants them."""

    _last: int = 0

    def stamp(self) -> int:
        """Now, and later than any before."""
        self._last = max(int(time.time() * 1_000) + self.offset_ms, self._last + 1)
        return self._last

    def sign(self, text: object) -> str:
        """Written apart from the sandbox's own."""
        secret = base64.b64decode(self.told["api_secret"])
        digest = hmac.new(secret, f"{self.key}{text}".encode(), hashlib.sha256).digest()
        return base64.b64encode(digest).decode()

    def headers(self, **changes: object) -> dict[str, str]:
        """What a signed request carries."""
        stamp = changes.pop("stamp", None) or self.stamp()
        signed = {"X-PCK": self.key, "X-Stamp": stamp, "X-Signature": self.sign(stamp)}
        return {name: str(value) for name, value in (signed | changes).items()}

    async def ask(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **params: Any
    ) -> Answer:
        """A signed request; a POST carries its parameters as JSON."""
        body = json.dumps(params) if method == "POST" else None
        query = None if method == "POST" else {k: str(v) for k, v in params.items()}
        signed = dict(self.headers() if headers is None else headers)
        url = f"{self.told['rest']}/api/{path}"
        return await self.request(method, url, params=query, data=body, headers=signed)

    async def get(self, path: str, **params: Any) -> Json:
        """The data of a successful answer."""
        answer = await self.ask("GET", path, **params)
        assert (answer.status, answer.body["success"]) == (200, True), answer.body
        return answer.body["data"]

    async def order(self, **params: Any) -> Answer:
        """A limit order to buy a little, far from the market, unless told otherwise."""
        usual = {
            "pairSymbol": "BTCTRY",
            "orderType": "buy",
            "orderMethod": "limit",
            "quantity": "0.01",
            "price": "50000",
        }
        chosen = {name: value for name, value in (usual | params).items() if value is not None}
        return await self.ask("POST", "v1/order", **chosen)

    async def placed(self, **params: Any) -> Json:
        """The data of an order that is taken."""
        answer = await self.order(**params)
        assert answer.status == 200, answer.body
        return answer.body["data"]

    async def market_order(self, side: str, quantity: str, **params: Any) -> Answer:
        return await self.order(
            orderMethod="market", orderType=side, quantity=quantity, price=None, **params
        )

    async def buy_for(self, notional: str) -> Answer:
        """A market order that spends so much on coins, and the fee besides."""
        return await self.market_order("buy", str(Decimal(notional) * WITH_FEE))

    async def cancel(self, number: int) -> Answer:
        return await self.ask("DELETE", "v1/order", id=number)

    async def all_orders(self, **params: Any) -> list[Json]:
        return list(await self.get("v1/allOrders", **({"pairSymbol": "BTCTRY"} | params)))

    async def trades(self, **params: Any) -> list[Json]:
        return list(await self.get("v1/users/transactions/trade", **params))

    async def quote(self, side: str, price: str, qty: str = "1") -> None:
        """Somebody else rests in the book, or takes what is there."""
        await self.control("book", instrument="BTCTRY", side=side, price=price, qty=qty)

    async def market(self, *, bid: str = "59990", ask: str = "60000", qty: str = "1") -> None:
        """Somebody quotes both sides."""
        await self.quote("BUY", bid, qty)
        await self.quote("SELL", ask, qty)

    async def trade_at(self, price: str) -> None:
        """Two others trade a little at this price."""
        await self.quote("BUY", price, "0.001")
        await self.quote("SELL", price, "0.001")

    async def balance(self, asset: str) -> Json:
        held = await self.get("v1/users/balances")
        return next(each for each in held if each["asset"] == asset)

    def client(self) -> ccxt.btcturk:
        """ccxt, pointed here by its addresses and by nothing else."""
        rest = self.told["rest"]
        client = ccxt.btcturk(
            {
                "apiKey": self.key,
                "secret": self.told["api_secret"],
                "urls": {
                    "api": {
                        "public": f"{rest}/api/v2",
                        "private": f"{rest}/api/v1",
                        "graph": f"{self.told['graph']}/v1",
                    }
                },
            }
        )
        client.number = str
        return client

    @contextlib.asynccontextmanager
    async def feed(self, *, login: bool = False) -> AsyncIterator["Ears"]:
        """A plain WebSocket, welcomed, and logged in if asked for."""
        async with websockets.connect(self.told["ws"]) as socket:
            ears = Ears(socket)
            assert (await ears.next())[0] == 991
            if login:
                told = await ears.login(self.key, self.sign(3_000))
                assert told["ok"], told
            yield ears


@dataclass(slots=True)
class Ears:
    """Whoever listens to the feed."""

    socket: websockets.ClientConnection

    async def next(self) -> list[Any]:
        async with asyncio.timeout(5):
            return list(json.loads(await self.socket.recv()))

    async def next_of(self, *kinds: int) -> Json:
        """The body of the next message of one of these models."""
        while (told := await self.next())[0] not in kinds:
            pass
        return told[1]

    async def send(self, kind: int, **body: Any) -> None:
        await self.socket.send(json.dumps([kind, {"type": kind, **body}]))

    async def join(self, channel: str, event: str, *, join: bool = True) -> Json:
        await self.send(151, channel=channel, event=event, join=join)
        return await self.next_of(100)

    async def login(self, key: str, signature: str) -> Json:
        stamp = int(time.time() * 1_000)
        await self.send(114, publicKey=key, timestamp=stamp, nonce=3_000, signature=signature)
        return await self.next_of(114)
