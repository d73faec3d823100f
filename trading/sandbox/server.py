"""The sandbox exchange as one process: venues, control, market, on loopback.

1. Nothing is kept: accounts, orders and trades live and end with the process. No database.
2. Test credentials follow from the seed, so that the same command makes the same exchange.
3. Before it ends, every stream is told that the server goes.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from aiohttp import web

from aitrader.kernel.clock import WALL, Clock
from aitrader.kernel.errors import BadInput
from aitrader.kernel.money import ZERO
from trading.sandbox import flows
from trading.sandbox.accounts import FeeIn, Fees
from trading.sandbox.acts import Acts
from trading.sandbox.binance_api.desk import BinanceDesk
from trading.sandbox.binance_api.signing import Key
from trading.sandbox.control import Control
from trading.sandbox.faults import FaultPlan
from trading.sandbox.rules import Listing
from trading.sandbox.stage import Stage

HOST = "127.0.0.1"
VENUES = ("binance",)
LISTINGS = (
    Listing("BTCUSDT", "BTC", "USDT"),
    Listing("ETHUSDT", "ETH", "USDT", lot=Decimal("0.0001"), min_qty=Decimal("0.0001")),
    Listing("BNBUSDT", "BNB", "USDT", lot=Decimal("0.001"), min_qty=Decimal("0.001")),
)
_MOST_ACCOUNTS = 100
_TICK_SECONDS = 0.1
_BNB_FEES = Fees(fee_in=FeeIn.THIRD, third_asset="BNB", third_prices={"USDT": Decimal(600)})
_START = {"USDT": Decimal(100_000), "BTC": Decimal(2), "ETH": Decimal(20), "BNB": Decimal(10)}


@dataclass(frozen=True, slots=True)
class Options:
    """How a sandbox is started; port 0 takes a free one."""

    venues: tuple[str, ...] = VENUES
    port: int = 0
    plan: str = ""
    seed: int = 0
    accounts: int = 1
    replay: tuple[str, ...] = ()
    #: Without a market nothing trades but what the control route asks for.
    market: bool = True
    clock: Clock = field(default=WALL)


@contextlib.asynccontextmanager
async def running(options: Options) -> AsyncIterator[Mapping[str, Any]]:
    """Serve until the block ends; gives what `ready` tells. Raises OSError for a taken port,
    BadInput for a venue, a plan or a number of accounts that does not exist."""
    plan = FaultPlan(options.plan, options.seed)
    strange = set(options.venues) - set(VENUES)
    if strange or not 1 <= options.accounts <= _MOST_ACCOUNTS:
        raise BadInput(f"venues are {', '.join(VENUES)}; accounts 1 to {_MOST_ACCOUNTS}")
    stage = Stage(LISTINGS, plan, options.seed, options.clock)
    if options.market:
        stage.flows = flows.make(stage, options.replay, start=stage.now())
    keys = [_open_account(stage, options.seed, number) for number in range(options.accounts)]
    stage.accounts = [key.account for key in keys]
    fees = dict.fromkeys(stage.accounts, _fees(plan))
    desk = BinanceDesk(stage, keys, fees, tuple(each.instrument for each in LISTINGS))
    app = web.Application()
    desk.add_to(app)
    Control(stage, desk.connections).add_to(app)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, HOST, options.port)
    await site.start()
    work = [asyncio.create_task(each) for each in (desk.run(), _run(stage))]
    try:
        yield {"binance": _addresses(runner.addresses[0][1], keys)}
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        for connection in list(desk.connections()):
            connection.cut(notice=True)
        await runner.cleanup()


async def _run(stage: Stage) -> None:
    """Let the time pass: markets, orders that end by the clock, what happens on its own."""
    acts = Acts(stage)
    while True:
        stage.advance()
        acts.catch_up()
        await asyncio.sleep(_TICK_SECONDS)


def _fees(plan: FaultPlan) -> Fees:
    if plan.knobs["fee_zero"]:
        return Fees(maker=ZERO, taker=ZERO)
    return _BNB_FEES if plan.knobs["fee_third"] else Fees()


def _open_account(stage: Stage, seed: int, number: int) -> Key:
    """An account with money on it, and the key that trades it."""
    account = f"binance-{number + 1}"
    stage.exchange.open_account(account, fees=_fees(stage.plan))
    for asset, amount in _START.items():
        stage.exchange.deposit(account, asset, amount, now=stage.now())
    public, secret = (
        hashlib.sha256(f"{word}|{account}|{seed}".encode()).hexdigest() for word in ("key", "sign")
    )
    return Key(public, secret, account)


def _addresses(port: int, keys: list[Key]) -> dict[str, Any]:
    accounts = [
        {"account": key.account, "api_key": key.api_key, "api_secret": key.api_secret}
        for key in keys
    ]
    return {
        "rest": f"http://{HOST}:{port}",
        "ws": f"ws://{HOST}:{port}",
        "ws_api": f"ws://{HOST}:{port}/ws-api/v3",
        "control": f"http://{HOST}:{port}/control",
        "api_key": keys[0].api_key,
        "api_secret": keys[0].api_secret,
        "accounts": accounts,
    }
