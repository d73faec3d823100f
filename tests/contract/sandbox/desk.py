"""A sandbox within the test's own loop, and the clients that trade on it, unpatched."""

import contextlib
import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import aiohttp
from binance import AsyncClient, BinanceSocketManager, Client
from yarl import URL

from tests.contract.beside import Answer, Beside, Json


@dataclass(slots=True)
class Desk(Beside):
    """Requests as Binance wants them."""

    def sign(self, payload: str) -> str:
        """Written apart from the sandbox's own."""
        secret = self.told["api_secret"].encode()
        return hmac.new(secret, payload.encode(), hashlib.sha256).hexdigest()

    async def ask(
        self, method: str, path: str, *, key: str | None = None, **params: object
    ) -> Answer:
        """A signed request, its parameters in the query string; `signature` may be given."""
        stamp = params.pop("timestamp", int(time.time() * 1000) + self.offset_ms)
        signature = params.pop("signature", None)
        query = urlencode({**params, "timestamp": stamp})
        signed = f"{query}&signature={signature or self.sign(query)}"
        return await self.send(method, f"{path}?{signed}", key=self.key if key is None else key)

    async def send(
        self, method: str, path: str, *, key: str = "", body: str | None = None
    ) -> Answer:
        url = URL(f"{self.told['rest']}/api/v3/{path}", encoded=True)
        headers = {"X-MBX-APIKEY": key} if key else {}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        return await self.request(method, url, headers=headers, data=body)

    async def order(self, **params: Any) -> Answer:
        """A limit order to buy a little, far from the market, unless told otherwise."""
        usual = {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": "0.01",
            "price": "50000",
        }
        chosen = {k: v for k, v in (usual | params).items() if v is not None}
        return await self.ask("POST", "order", **chosen)

    async def begin_interval(self, seconds: int) -> None:
        """Move both clocks to where a rate limit's interval has just begun."""
        self.offset_ms = seconds * 1_000 - int(time.time() * 1_000) % (seconds * 1_000)
        await self.control("clock", offset_seconds=self.offset_ms / 1_000)

    @contextlib.asynccontextmanager
    async def listen(self, path: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A bare WebSocket, below the streams' address."""
        async with self.http.ws_connect(f"{self.told['ws']}/{path}") as socket:
            yield socket

    @contextlib.asynccontextmanager
    async def user_stream(self) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A bare connection to the WebSocket API that is subscribed to the account's events."""
        async with self.listen("ws-api/v3") as socket:
            answer = await self.call(socket, "userDataStream.subscribe.signature")
            assert answer["result"] == {"subscriptionId": 0}
            yield socket

    async def call(
        self, socket: aiohttp.ClientWebSocketResponse, method: str, **params: object
    ) -> Json:
        """A signed request over the WebSocket API; what comes before its answer is left out."""
        signed = params | {"apiKey": self.key, "timestamp": int(time.time() * 1_000)}
        payload = "&".join(f"{name}={signed[name]}" for name in sorted(signed))
        signed["signature"] = self.sign(payload)
        await socket.send_json({"id": method, "method": method, "params": signed})
        while (told := await socket.receive_json(timeout=5)).get("id") != method:
            pass
        return told

    async def market(self, *, bid: str = "59990", ask: str = "60000", qty: str = "1") -> None:
        """Somebody quotes both sides of BTCUSDT."""
        for side, price in (("BUY", bid), ("SELL", ask)):
            await self.control("book", instrument="BTCUSDT", side=side, price=price, qty=qty)

    async def client(self) -> AsyncClient:
        """python-binance, pointed here by the class attributes it documents."""

        class Pointed(AsyncClient):
            API_URL = f"{self.told['rest']}/api"
            WS_API_URL = self.told["ws_api"]

        client = await Pointed.create(self.key, self.told["api_secret"])
        # How long its reader waits before it notices that it is being closed.
        client.ws_api.TIMEOUT = 1
        return client

    def sockets(self, client: AsyncClient) -> BinanceSocketManager:
        class Pointed(BinanceSocketManager):
            STREAM_URL = f"{self.told['ws']}/"

        return Pointed(client)

    def blocking_client(self) -> Client:
        class Pointed(Client):
            API_URL = f"{self.told['rest']}/api"

        return Pointed(self.key, self.told["api_secret"])
