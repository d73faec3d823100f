"""Many accounts side by side at exchanges that misbehave: over the wire, with PostgreSQL, Redis and
Celery as they are; then the faults stop, and every account's books must be its exchange's.

1. A run is one account under a plan drawn from a seed. Accounts of one exchange share its plan and
   meet different fates, for a fate is of a request: 500 runs, 100 plans.
2. What counts is the exchange's own truth.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
import redis
import requests
from django.conf import settings
from django.test import override_settings

from aitrader import paper
from aitrader.kernel import ids
from aitrader.kernel.clock import WALL, Moment
from aitrader.kernel.fix import WORKING, AccountKind, OrdType, Origin, PriceSource, Side
from aitrader.paper import PaperOptions
from compliance.services import installation
from tests.integration.trading import at_venue
from tests.integration.trading.at_venue import MINUTE, PX, SYMBOL
from tests.services import crowd
from tests.services.processes import Desk as Processes
from tests.simulation import exchange_audit
from trading.domain.bar import Bar
from trading.domain.instrument import Instrument
from trading.domain.order import OrderIntent
from trading.gateways import registry
from trading.models import Feed, Order, ReconBreak
from trading.models.feed import FeedStatus
from trading.sandbox import fault_knobs, server
from trading.sandbox.simulation import _PLAYED
from trading.sandbox.stand import serving
from trading.services import market_data, orders

pytestmark = pytest.mark.services

EXCHANGES, ACCOUNTS = 20, 5
FAULTY_SECONDS, HEAL_SECONDS = 20, 240
BATCHES = 5
_HOLD = {"USDT": Decimal(100_000), "BTC": Decimal(1)}
_SECONDS = 20
_WORKERS, _THREADS = 2, 24


@dataclass(slots=True)
class Run:
    """One account: the exchange's name of it, ours, and what is drawn for it."""

    exchange: int
    control: str
    account: str
    desk: Any
    draw: Random
    seed: int
    orders: int = 0

    def act(self) -> None:
        """Somebody orders, or cancels what works."""
        if self.draw.random() < 0.3:
            mine = Order.objects.filter(account=self.desk.account, ord_status__in=WORKING)
            if working := list(mine.order_by("pk")):
                orders.request_cancel(
                    order_id=self.draw.choice(working).pk,
                    requested_by="ann",
                    reason="drawn",
                    now=WALL.now(),
                )
        else:
            self._order()

    def _order(self) -> None:
        self.orders += 1
        (row,) = self.desk.instruments.values()
        market = self.draw.random() < 0.4
        off = Decimal(self.draw.randrange(-3, 10)) * 10
        at = Moment(WALL.now(), WALL.now())
        intent = OrderIntent(
            intent_id=ids.derive(self.desk.namespace, "crowd", self.seed, self.orders),
            account=self.desk.account.code,
            instrument=row.code,
            side=Side.SELL,
            ord_type=OrdType.MARKET if market else OrdType.LIMIT,
            order_qty=Decimal(self.draw.randrange(20, 200)) / 100_000,
            origin=Origin.OPERATOR,
            reference_px=PX,
            price=None if market else PX + off,
            reduce_only=True,
            reason="drawn",
            decided_at=at.market,
        )
        draft = orders.Draft(intent=intent, instrument=row, trace_id=intent.intent_id)
        orders.submit(desk=self.desk, draft=draft, at=at)

    def is_quiet(self) -> bool:
        mine = Order.objects.filter(account=self.desk.account)
        if mine.exclude(certainty="CERTAIN").exists():
            return False
        if mine.filter(ord_status__in=["CREATED", "PENDING_NEW"]).exists():
            return False
        return not ReconBreak.objects.filter(
            account=self.desk.account, closed_at__isnull=True
        ).exists()

    def wrong(self, database: str) -> list[str]:
        truth = at_venue.truth(self.control, self.account)
        return exchange_audit.wrong(exchange_audit.books(database, self.desk.account.code), truth)


def plan_of(seed: int) -> str:
    """Drawn from the seed: what meets requests, and the exchange's own halts."""
    drawn = fault_knobs.read(fault_knobs.swarm(seed))
    # Further off than a second, nothing is signed: most exchanges are to trade.
    drawn["clock_skew_ms"] //= 4
    # A ban outlasts the faults: what comes after it is what is waited for.
    drawn["ban_s"] = min(drawn["ban_s"], Decimal(30))
    kept = {**fault_knobs.read(""), **{name: drawn[name] for name in _PLAYED}}
    return fault_knobs.write(kept | {"until_s": Decimal(FAULTY_SECONDS)})


@contextmanager
def exchanges(count: int, accounts: int) -> Iterator[list[tuple[Mapping[str, Any], str]]]:
    """So many exchanges: each account's keys with the code of the venue that it is at."""
    with ExitStack() as stack:
        found: list[tuple[Mapping[str, Any], str]] = []
        for number in range(count):
            chosen = server.Options(
                venues=("binance",), market=False, hold=_HOLD, accounts=accounts, seed=number
            )
            told = stack.enter_context(serving(chosen))["binance"]
            for each in told["accounts"]:
                found.append(({**told, **each, "exchange": number}, f"SBX{len(found):03}"))
        yield found


def _opened(told: Mapping[str, Any], code: str, seed: int) -> Run:
    """The desk of an account, as a feed would open it."""
    instrument = Instrument(
        f"{code}:BTC-USDT", "BTC", "USDT", AccountKind.SPOT, Decimal("0.01"), Decimal("0.00001"),
        Decimal("0.00001"), Decimal(5),
    )  # fmt: skip
    market = paper.Market(
        source=PriceSource.REAL_TIME,
        title="by hand",
        interval=MINUTE,
        kind=AccountKind.SPOT,
        instruments=[(instrument, "by hand")],
    )
    at = Moment(WALL.now(), WALL.now())
    made = paper.open_desk(
        PaperOptions(venue=code, at_venue=True, strategies=()),
        market,
        code=registry.account_at(code),
        namespace=installation.install(namespace="seed-1", now=at.wall),
        at=at,
        prices={instrument.code: PX},
    )
    (row,) = made.desk.instruments.values()
    bar = Bar(at.wall - MINUTE, MINUTE, PX, PX, PX, PX, Decimal(1))
    market_data.record(feed=made.desk.feed, bars=[(row, bar)], at=at)
    made.desk.refresh_bars()
    Feed.objects.filter(pk=made.desk.feed.pk).update(status=FeedStatus.RUNNING)
    control, account = str(told["control"]), str(told["account"])
    return Run(told["exchange"], control, account, made.desk, Random(f"crowd|{seed}"), seed)


class Crowd:
    """Accounts, their exchanges, and workers of them all."""

    def __init__(self, processes: Processes, home: Path) -> None:
        self._processes = processes
        self._home = home

    def play(self, first_seed: int, count: int, accounts: int) -> list[str]:
        """A batch of runs; what is wrong at its end, in words."""
        with exchanges(count, accounts) as found:
            there = {
                code: {
                    "rest_url": f"{told['rest']}/api",
                    "ws_api_url": told["ws_api"],
                    "credentials": f"file:{self._key(code, told)}",
                }
                for told, code in found
            }
            with override_settings(AITRADER_VENUES={**settings.AITRADER_VENUES}):
                crowd.known(there)
                (self._home / crowd.FILE).write_text(json.dumps(there), encoding="utf-8")
                runs = [
                    _opened(told, code, first_seed + number)
                    for number, (told, code) in enumerate(found)
                ]
                self._start()
                self._misbehave(runs, first_seed)
                return self._healed(runs)

    def _key(self, code: str, told: Mapping[str, Any]) -> Path:
        path = self._home / f"{code}.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps({name: told[name] for name in ("api_key", "api_secret")}))
        return path

    def _start(self) -> None:
        for _ in range(_WORKERS):
            self._processes.start(
                *("-m", "celery", "-A", "tests.services.crowd", "worker", "--pool", "threads"),
                *("--concurrency", str(_THREADS), "--loglevel", "WARNING"),
                *("--without-mingle", "--without-gossip"),
            )
        self._processes.beat()

    def _misbehave(self, runs: list[Run], first_seed: int) -> None:
        controls = dict.fromkeys(each.control for each in runs)
        for number, control in enumerate(controls):
            _change(control, "faults", plan=plan_of(first_seed + number), seed=first_seed + number)
        until = time.monotonic() + FAULTY_SECONDS
        while time.monotonic() < until:
            for control in controls:
                # Refused while the market is halted.
                _ask(control, "book", instrument=SYMBOL, side="BUY", price="60000", qty="0.01")
            for each in runs:
                if each.draw.random() < 0.5:
                    each.act()
            time.sleep(1)
        for control in controls:
            _change(control, "faults", plan="")
            _change(control, "book", instrument=SYMBOL, status="TRADING")

    def _healed(self, runs: list[Run]) -> list[str]:
        """Wait until all are quiet and right; what is not at the end."""
        (database,) = {self._processes.database}
        left, until = runs, time.monotonic() + HEAL_SECONDS
        while left and time.monotonic() < until:
            time.sleep(2)
            left = [each for each in left if not each.is_quiet() or each.wrong(database)]
        assert sum(each.orders for each in runs) > len(runs)
        return [
            f"seed {each.seed} of {each.desk.account.code}, quiet {each.is_quiet()}: {said}"
            for each in left
            for said in [each.wrong(database) or self._processes.logs()[-1500:]]
        ]


def _change(control: str, what: str, **asked: Any) -> None:
    _ask(control, what, **asked).raise_for_status()


def _ask(control: str, what: str, **asked: Any) -> requests.Response:
    return requests.post(f"{control}/{what}", json=asked, timeout=_SECONDS)


@pytest.fixture
def many(desk: Processes, tmp_path: Path) -> Crowd:
    return Crowd(desk, tmp_path)


@pytest.mark.prove
@pytest.mark.timeout(900)
@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_hundred_accounts_end_with_the_books_of_their_exchanges(
    many: Crowd, broker: "redis.Redis", batch: int
) -> None:
    first = 1 + batch * EXCHANGES * ACCOUNTS
    assert many.play(first, EXCHANGES, ACCOUNTS) == []
