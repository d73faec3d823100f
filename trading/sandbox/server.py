"""The sandbox exchange as one process: venues, control, market, on loopback.

1. Nothing is kept: accounts, orders and trades live and end with the process. No database.
2. Test credentials follow from the seed, so that the same command makes the same exchange.
3. Before it ends, every stream is told that the server goes.
4. One exchange for all venues, each with instruments and accounts of its own. It answers in the
   clear, and with TLS for clients that insist.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from weakref import WeakSet

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from aitrader.kernel.clock import WALL, Clock, monotonic
from aitrader.kernel.errors import BadInput
from trading.sandbox import certificate, flows
from trading.sandbox.acts import Acts
from trading.sandbox.binance_api import desk as binance
from trading.sandbox.btcturk_api import desk as btcturk
from trading.sandbox.coinbase_api import desk as coinbase
from trading.sandbox.connection import Connection
from trading.sandbox.control import Control
from trading.sandbox.face import Base, Face, Offer
from trading.sandbox.faults import FaultPlan
from trading.sandbox.stage import Stage

HOST = "127.0.0.1"
OFFERS: Mapping[str, Offer] = {
    "binance": binance.OFFER,
    "btcturk": btcturk.OFFER,
    "coinbase": coinbase.OFFER,
}
VENUES = tuple(OFFERS)
_MOST_ACCOUNTS = 100
_TICK_SECONDS = 0.1
_GOODBYE_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Options:
    """How a sandbox is started; port 0 takes a free one. `accounts` are opened at each venue."""

    venues: tuple[str, ...] = VENUES
    port: int = 0
    plan: str = ""
    seed: int = 0
    accounts: int = 1
    replay: tuple[str, ...] = ()
    #: What each account starts with instead of what its venue usually gives.
    hold: Mapping[str, Decimal] = field(default_factory=dict)
    #: Without a market nothing trades but what the control route asks for.
    market: bool = True
    clock: Clock = field(default=WALL)
    #: Is told, when the run is over, what of the recordings was played and what was skipped.
    tell: Callable[[str], object] = field(default=lambda line: None)


@contextlib.asynccontextmanager
async def running(options: Options) -> AsyncIterator[Mapping[str, Any]]:
    """Serve until the block ends; gives what `ready` tells. Raises OSError for a taken port,
    BadInput for a venue, a plan or a number of accounts that does not exist."""
    plan = FaultPlan(options.plan, options.seed)
    strange = set(options.venues) - set(VENUES)
    if strange or not 1 <= options.accounts <= _MOST_ACCOUNTS:
        raise BadInput(f"venues are {', '.join(VENUES)}; accounts 1 to {_MOST_ACCOUNTS}")
    listings = [each for venue in options.venues for each in OFFERS[venue].listings]
    stage = Stage(listings, plan, options.seed, options.clock)
    if options.market:
        stage.flows = flows.make(stage, options.replay, start=stage.now())
    faces = {venue: _open(stage, venue, options) for venue in options.venues}

    def connections() -> Iterator[Connection]:
        for face in faces.values():
            yield from face.connections()

    lines: WeakSet[asyncio.Transport] = WeakSet()
    app = web.Application(middlewares=[_line_of(stage, lines)])
    for face in faces.values():
        face.add_to(app)
    Control(stage, connections).add_to(app)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    with certificate.made(stage.now()) as shown:
        base = await _listen(runner, options.port, shown.context)
        work = [asyncio.create_task(each.run()) for each in faces.values()]
        work.append(asyncio.create_task(_run(stage)))
        shared = {"control": f"http://{base.plain}/control", "ca": str(shown.authority)}
        try:
            yield {venue: {**face.told(base), **shared} for venue, face in faces.items()}
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            for connection in list(connections()):
                connection.cut(notice=True)
            await runner.cleanup()
            # With TLS a line stays until the other side has said goodbye, which an idle one will
            # not do.
            for each in list(lines):
                each.abort()
            await asyncio.sleep(_GOODBYE_SECONDS)
            for line in flows.said(stage.flows):
                options.tell(line)


def _line_of(stage: Stage, lines: WeakSet[asyncio.Transport]) -> Middleware:
    """The network between the exchange and everybody else, which the control may cut. Keeps a note
    in `lines` of those that were used."""

    @web.middleware
    async def line(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.transport is not None:
            lines.add(request.transport)
        cut = monotonic() < stage.unreachable_until
        if cut and not request.path.startswith("/control/") and request.transport is not None:
            # What does not get through is not acted on either.
            request.transport.abort()
            return web.Response(status=503)
        return await handler(request)

    return line


async def _listen(runner: web.AppRunner, port: int, context: ssl.SSLContext) -> Base:
    """On the port in the clear, on a free one with TLS."""
    await web.TCPSite(runner, HOST, port).start()
    await web.TCPSite(runner, HOST, 0, ssl_context=context).start()
    plain, secure = (address[1] for address in runner.addresses)
    return Base(plain=f"{HOST}:{plain}", secure=f"{HOST}:{secure}")


async def _run(stage: Stage) -> None:
    """Let the time pass: markets, orders that end by the clock, what happens on its own."""
    acts = Acts(stage)
    while True:
        stage.advance()
        acts.catch_up()
        await asyncio.sleep(_TICK_SECONDS)


def _open(stage: Stage, venue: str, options: Options) -> Face:
    """The venue's protocol, with accounts that have money on them."""
    offer = OFFERS[venue]
    fees = offer.fees(stage.plan.knobs)
    accounts = [f"{venue}-{number + 1}" for number in range(options.accounts)]
    for account in accounts:
        stage.exchange.open_account(account, fees=fees)
        for asset, amount in (options.hold or offer.balances).items():
            stage.exchange.deposit(account, asset, amount, now=stage.now())
    stage.accounts |= dict.fromkeys(accounts, offer.listings[0].instrument)
    return offer.make(stage, accounts=accounts, fees=fees, seed=options.seed)
