"""A sandbox and the clients that trade on it, unpatched, over TLS."""

import asyncio
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
import orjson
import requests
from coinbase import jwt_generator
from coinbase.rest import RESTClient
from websockets.asyncio.client import ClientConnection, connect

Json = Any
SECONDS = 10
PREFIX = "/api/v3/brokerage"


@dataclass(slots=True)
class Desk:
    """Addresses and credentials as `ready` tells them; `all` is what it tells of every venue."""

    told: Mapping[str, Any]
    all: Mapping[str, Any] = field(default_factory=dict)
    _sdk: RESTClient | None = None

    @property
    def host(self) -> str:
        return str(self.told["rest"]).removeprefix("https://")

    @property
    def sdk(self) -> RESTClient:
        """The official client, which trusts the sandbox's authority."""
        if self._sdk is None:
            self._sdk = self.client()
        return self._sdk

    def client(self, number: int = 0) -> RESTClient:
        account = self.told["accounts"][number]
        client = RESTClient(
            api_key=account["api_key"],
            api_secret=account["api_secret"],
            base_url=self.host,
            timeout=SECONDS,
        )
        # A bundle named in the environment would count for more than `verify`.
        client.session.trust_env = False
        client.session.verify = self.told["ca"]
        return client

    def close(self) -> None:
        if self._sdk is not None:
            self._sdk.session.close()

    def buy(self, cl_ord_id: str, **changes: Any) -> Json:
        """A limit order to buy a little, far from the market, unless told otherwise."""
        usual = {"product_id": "BTC-USD", "base_size": "0.01", "limit_price": "50000"}
        return self.sdk.limit_order_gtc_buy(cl_ord_id, **usual | changes).to_dict()

    def place(self, configuration: Json, **changes: Any) -> Json:
        """An order by its configuration, as the client passes it on."""
        usual = {"client_order_id": "", "product_id": "BTC-USD", "side": "BUY"}
        chosen = usual | changes
        return self.sdk.create_order(order_configuration=configuration, **chosen).to_dict()

    def order(self, order_id: str) -> Json:
        return self.sdk.get_order(order_id).to_dict()["order"]

    def token(self, method: str, path: str, **claims: Any) -> str:
        """Written apart from the sandbox's own; claims and headers may be wrong."""
        now = int(time.time())
        header = {"kid": self.told["api_key"], "nonce": "1", **claims.pop("header", {})}
        secret = claims.pop("secret", self.told["api_secret"])
        payload = {
            "sub": self.told["api_key"],
            "iss": "cdp",
            "nbf": now,
            "exp": now + 120,
            "uri": f"{method} {self.host}{PREFIX}{path}",
            **claims,
        }
        return jwt.encode(payload, secret, algorithm="ES256", headers=header)

    def ask(
        self,
        method: str,
        path: str,
        body: Json = None,
        *,
        token: str | None = None,
        query: str = "",
    ) -> requests.Response:
        """A bare request with a good token, or with this one."""
        with requests.Session() as session:
            session.trust_env = False
            token = self.token(method, path) if token is None else token
            return session.request(
                method,
                f"{self.told['rest']}{PREFIX}{path}{query}",
                data=body if isinstance(body, bytes) else orjson.dumps(body or {}),
                headers={"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"},
                verify=self.told["ca"],
                timeout=SECONDS,
            )

    def post(self, body: Json, path: str = "/orders") -> requests.Response:
        return self.ask("POST", path, body)

    def control(self, name: str, **change: Any) -> Json:
        """Change something through the control route."""
        answer = requests.post(f"{self.told['control']}/{name}", json=change, timeout=SECONDS)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def truth(self) -> list[Json]:
        """Every order of the first account, as the exchange itself has it."""
        query = {"account": self.told["accounts"][0]["account"]}
        url = f"{self.told['control']}/account"
        return list(requests.get(url, params=query, timeout=SECONDS).json()["orders"])

    def market(self, *, bid: str = "59990", ask: str = "60000", qty: str = "1") -> None:
        """Somebody quotes both sides of BTC-USD."""
        for side, price in (("BUY", bid), ("SELL", ask)):
            self.control("book", instrument="BTC-USD", side=side, price=price, qty=qty)

    def trade(self, side: str, qty: str) -> None:
        """Somebody takes what there is."""
        self.control("book", instrument="BTC-USD", side=side, qty=qty)

    @contextmanager
    def listen(self, address: str) -> Iterator["Socket"]:
        """A connection to the channels (`ws` or `ws_user`)."""
        trusted = ssl.create_default_context(cafile=self.told["ca"])
        # Not the client with threads: it reads and writes one TLS session at the same time.
        with asyncio.Runner() as runner:
            opening = connect(self.told[address], ssl=trusted, open_timeout=SECONDS)
            try:
                socket = Socket(runner, runner.run(_open(opening)), self)
                yield socket
                runner.run(socket.socket.close())
            finally:
                # The transport under TLS is closed by the loop, some turns later.
                runner.run(asyncio.sleep(0.02))


async def _open(opening: connect) -> ClientConnection:
    return await opening


@dataclass(slots=True)
class Socket:
    """One connection to the channels, and every message that came by it."""

    runner: asyncio.Runner
    socket: ClientConnection
    desk: Desk
    seen: list[Json] = field(default_factory=list)

    def subscribe(self, channel: str, *products: str, signed: bool = True, **more: Any) -> Json:
        """Returns the answer; what came before it is in `seen`."""
        asked = {"type": "subscribe", "channel": channel, **more}
        if products:
            asked["product_ids"] = list(products)
        if signed:
            key = self.desk.told
            asked.setdefault("jwt", jwt_generator.build_ws_jwt(key["api_key"], key["api_secret"]))
        self.send(orjson.dumps(asked).decode())
        return self.until(lambda told: told.get("type") == "error" or _head(told))

    def send(self, text: str) -> None:
        self.runner.run(self.socket.send(text))

    def receive(self, timeout: float = SECONDS) -> Json:
        told = orjson.loads(self.runner.run(asyncio.wait_for(self.socket.recv(), timeout)))
        self.seen.append(told)
        return told

    def until(self, wanted: Any) -> Json:
        """The next message that is wanted."""
        while not wanted(told := self.receive()):
            pass
        return told

    def drain(self, timeout: float = SECONDS) -> None:
        """Read until nothing comes any more. Raises what ends it."""
        while True:
            self.receive(timeout)

    def of(self, channel: str) -> Json:
        """The next event of this channel."""
        return self.until(lambda told: told.get("channel") == channel)["events"][0]

    def state(self) -> Json:
        """The next state of an order."""
        (order,) = self.until(
            lambda told: told.get("channel") == "user" and told["events"][0]["type"] == "update"
        )["events"][0]["orders"]
        return order


def _head(told: Json) -> bool:
    return told.get("channel") == "subscriptions"
