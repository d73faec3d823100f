# isort: skip_file
"""The sandbox's Binance as a process of its own, and a desk beside it, for the benchmarks."""

import benchmarks._django  # noqa: F401  # sets Django up for the imports below

import asyncio
import http.client
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

import requests
from binance.client import Client
from django.conf import settings
from django.db import transaction

from aitrader import paper
from aitrader.env import REPOSITORY
from aitrader.kernel.clock import WALL, Moment
from aitrader.kernel.fix import AccountKind, PriceSource
from aitrader.paper import PaperDesk, PaperOptions
from compliance.services import installation
from trading.domain.bar import Bar
from trading.domain.instrument import Instrument
from trading.gateways import registry
from trading.services import market_data
from trading.services.bar_steps import Step
from trading.services.monitor import Monitor

VENUE, CODE, SYMBOL = "BINANCE", "BINANCE:BTC-USDT", "BTCUSDT"
PX = Decimal(60_000)
MINUTE = timedelta(minutes=1)
#: More than a strategy of the running desk waits for, or the gate measures the market by.
HISTORY_BARS = 150
#: What the venue allows an account: a hundred new orders in ten seconds.
SECONDS_PER_ORDER = 0.11
_CALL_SECONDS = 5.0
_END_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Exchange:
    """A sandbox that serves; `there` is how the settings name it to a desk."""

    told: Mapping[str, Any]
    there: Mapping[str, str]
    control: requests.Session

    def sells(self, price: Decimal, qty: Decimal) -> None:
        """Somebody sells at this price: whoever rests highest at or above it is filled."""
        asked = {"instrument": SYMBOL, "side": "SELL", "price": str(price), "qty": str(qty)}
        url = f"{self.told['control']}/book"
        self.control.post(url, json=asked, timeout=_CALL_SECONDS).raise_for_status()

    def client(self, number: int) -> Client:
        """The library alone, signed in to the account of this number."""
        who = self.told["accounts"][number]
        pointed = type("Bare", (Client,), {"API_URL": f"{self.told['rest']}/api"})
        # The library takes a loop for calls that it never makes from here.
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            made = pointed(who["api_key"], who["api_secret"], ping=False)
        finally:
            asyncio.set_event_loop(None)
            loop.close()
        assert isinstance(made, Client)
        return made


@contextmanager
def sandbox(*, accounts: int) -> Iterator[Exchange]:
    """An exchange where nothing trades but what it is told, until the block ends."""
    program = [
        *(sys.executable, "manage.py", "sandbox", "--venues", "binance", "--still", "--port", "0"),
        *("--accounts", str(accounts), "--hold", "USDT=100000", "BTC=0.1"),
    ]
    with TemporaryDirectory() as folder, ended(program) as process, requests.Session() as control:
        told = json.loads(said(process, "ready ").removeprefix("ready "))["binance"]
        key = Path(folder) / "key.json"
        key.touch(mode=0o600)
        key.write_text(json.dumps({name: told[name] for name in ("api_key", "api_secret")}))
        there = {
            "rest_url": f"{told['rest']}/api",
            "ws_url": told["ws"],
            "ws_api_url": told["ws_api"],
            "credentials": f"file:{key}",
        }
        yield Exchange(told, there, control)


@contextmanager
def ended(program: Sequence[str]) -> "Iterator[subprocess.Popen[str]]":
    """A process of ours, asked to end when the block does."""
    process = subprocess.Popen(program, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


def said(process: "subprocess.Popen[str]", beginning: str) -> str:
    """The first line that begins so."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(beginning):
            return line.strip()
    raise RuntimeError(f"a process ended without saying {beginning!r}")


def point(there: Mapping[str, str]) -> None:
    """Have this process trade at the sandbox."""
    settings.AITRADER_VENUES = {**settings.AITRADER_VENUES, VENUE: dict(there)}


def market(live: Callable[[Event], Iterator[Step]] | None = None) -> paper.Market:
    """One instrument whose bars are made by hand."""
    instrument = Instrument(
        CODE, "BTC", "USDT", AccountKind.SPOT, Decimal("0.01"), Decimal("0.00001"),
        Decimal("0.00001"), Decimal(5),
    )  # fmt: skip
    return paper.Market(
        source=PriceSource.REAL_TIME,
        title="by hand",
        interval=MINUTE,
        kind=AccountKind.SPOT,
        instruments=[(instrument, "by hand")],
        live=live,
    )


def steps(stop: Event) -> Iterator[Step]:
    """Bars that are over, and one more a minute from then on."""
    for number in range(HISTORY_BARS, -1, -1):
        open_time = WALL.now() - (number + 1) * MINUTE
        yield Step(open_time, {CODE: bar(open_time)})
    while not stop.wait(MINUTE.total_seconds()):
        open_time += MINUTE
        yield Step(open_time, {CODE: bar(open_time)})


def bar(open_time: datetime) -> Bar:
    return Bar(open_time, MINUTE, PX, PX, PX, PX, Decimal(1))


def open_desk() -> PaperDesk:
    """A desk at the venue that `point` named, on one bar by hand."""
    namespace = installation.install(namespace="seed-1", now=WALL.now())
    made = paper.open_desk(
        PaperOptions(venue=VENUE, at_venue=True, strategies=()),
        market(),
        code=registry.account_at(VENUE),
        namespace=namespace,
        at=now(),
        prices={CODE: PX},
    )
    tell_prices(made, HISTORY_BARS)
    with transaction.atomic():
        Monitor(made.desk).value(now())
    return made


def tell_prices(made: PaperDesk, count: int = 1) -> None:
    """The last bars, up to one that is just over: prices grow old in two minutes."""
    desk, at = made.desk, now()
    (row,) = desk.instruments.values()
    told = [(row, bar(at.market - (number + 1) * MINUTE)) for number in range(count)]
    market_data.record(feed=desk.feed, bars=told[::-1], at=at)
    desk.refresh_bars()


def now() -> Moment:
    at = WALL.now()
    return Moment(market=at, wall=at)


@dataclass(frozen=True, slots=True)
class Instant:
    """Now: on the clock, and how long this thread has had a core to itself, in seconds."""

    clock: float
    cpu: float

    @classmethod
    def now(cls) -> "Instant":
        return cls(time.perf_counter(), time.thread_time())

    def __sub__(self, before: "Instant") -> "Instant":
        return Instant(self.clock - before.clock, self.cpu - before.cpu)


class FirstByte:
    """When the first byte of the last request of one kind went to the socket."""

    def __init__(self) -> None:
        self._noted: Instant | None = None
        self._beginning = b""
        self._send = http.client.HTTPConnection.send

    def wait_for(self, beginning: bytes) -> Instant:
        """From this instant on."""
        self._beginning, self._noted = beginning, None
        return Instant.now()

    @property
    def at(self) -> Instant:
        if self._noted is None:
            raise RuntimeError("no such request was made")
        return self._noted

    @contextmanager
    def watched(self) -> Iterator["FirstByte"]:
        def send(connection: http.client.HTTPConnection, data: Any) -> None:
            if isinstance(data, bytes) and data.startswith(self._beginning):
                if connection.sock is None:
                    connection.connect()
                self._noted = self._noted or Instant.now()
            self._send(connection, data)

        http.client.HTTPConnection.send = send  # type: ignore[assignment,method-assign]  # a clock
        try:
            yield self
        finally:
            http.client.HTTPConnection.send = self._send  # type: ignore[method-assign]  # as before


def millis(seconds: Sequence[float], *percents: int) -> str:
    """`p50 1.23 ms   p99 4.56 ms`."""
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return "   ".join(f"p{each} {cuts[each - 1] * 1e3:7.2f} ms" for each in percents)
