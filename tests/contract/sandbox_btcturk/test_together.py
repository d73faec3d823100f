"""Binance and BTCTurk on one exchange, at once."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest

from tests.contract.sandbox.desk import Desk as BinanceDesk
from tests.contract.sandbox_btcturk.desk import Desk
from trading.sandbox import server

Told = Mapping[str, Any]


@pytest.fixture
async def told() -> AsyncIterator[Told]:
    venues = ("binance", "btcturk")
    async with server.running(server.Options(venues=venues, market=False)) as served:
        yield served


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_each_venue_takes_its_own_orders(told: Told, http: aiohttp.ClientSession) -> None:
    binance, btcturk = BinanceDesk(dict(told["binance"]), http), Desk(dict(told["btcturk"]), http)
    await btcturk.market()
    assert (await binance.order()).status == 200
    assert (await btcturk.buy_for("6000")).status == 200
    assert (await btcturk.order()).status == 200
    assert len(await binance.orders()) == 1
    assert len(await btcturk.orders()) == 2
    assert len(await btcturk.all_orders()) == 2
    assert (await binance.order(symbol="BTCTRY")).body["code"] == -1121
    assert (await btcturk.order(pairSymbol="BTCUSDT")).body["message"] == "PAIR_NOT_FOUND"


async def test_each_venue_tells_its_own_pairs(told: Told, http: aiohttp.ClientSession) -> None:
    binance, btcturk = BinanceDesk(dict(told["binance"]), http), Desk(dict(told["btcturk"]), http)
    info = (await binance.send("GET", "exchangeInfo")).body
    assert "BTCTRY" not in {each["symbol"] for each in info["symbols"]}
    pairs = await btcturk.get("v2/server/exchangeinfo")
    assert {each["name"] for each in pairs["symbols"]} == {"BTCTRY", "ETHTRY"}


async def test_each_venue_s_stream_tells_its_own_orders(
    told: Told, http: aiohttp.ClientSession
) -> None:
    binance, btcturk = BinanceDesk(dict(told["binance"]), http), Desk(dict(told["btcturk"]), http)
    async with binance.user_stream() as stream, btcturk.feed(login=True) as feed:
        await binance.order(newClientOrderId="there")
        await btcturk.placed(newOrderClientId="here")
        assert (await feed.next_of(451))["newOrderClientId"] == "here"
        assert (await stream.receive_json(timeout=5))["event"]["c"] == "there"


async def test_a_plan_is_of_all_venues(told: Told, http: aiohttp.ClientSession) -> None:
    binance, btcturk = BinanceDesk(dict(told["binance"]), http), Desk(dict(told["btcturk"]), http)
    await btcturk.control("faults", plan="refuse_balance=1")
    assert (await binance.order()).status == 400
    assert (await btcturk.order()).status == 400


async def test_strange_assets_and_orders_of_an_account_are_not_told(
    told: Told, http: aiohttp.ClientSession
) -> None:
    """What a plan does on its own is done to all accounts, with the first venue's money."""
    btcturk = Desk(dict(told["btcturk"]), http)
    await btcturk.control(
        "account", account="btcturk-1", move="deposit", asset="USDT", amount="100"
    )
    held = await btcturk.get("v1/users/balances")
    assert [each["asset"] for each in held] == ["TRY", "BTC", "ETH"]


def test_their_secrets_differ(told: Told) -> None:
    assert told["binance"]["api_secret"] != told["btcturk"]["api_secret"]
    assert told["btcturk"]["accounts"][0]["account"] == "btcturk-1"
