"""Many accounts side by side at exchanges that misbehave: over HTTP and WebSocket, with PostgreSQL,
Redis and Celery as they are; then the faults stop, and every account's books must be its
exchange's.

1. A run is one account under a plan drawn from a seed. Accounts of one exchange share its plan and
   meet different fates, for a fate is of a request: 500 runs, 100 plans.
2. What counts is the exchange's own truth; and that much was ordered, traded and in doubt there.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
import redis
import requests
from django.conf import settings
from django.db import transaction
from django.test import override_settings

from aitrader import paper
from aitrader.kernel import ids
from aitrader.kernel.clock import WALL, Moment
from aitrader.kernel.fix import WORKING, AccountKind, OrdType, Origin, PriceSource, Side
from aitrader.paper import PaperOptions
from compliance.services import installation
from tests.integration.trading import at_venue
from tests.integration.trading.at_venue import BINANCE, BTCTURK, COINBASE, MINUTE, PX, Place
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
from trading.selectors.desk import VOLATILITY_BARS
from trading.services import market_data, orders
from trading.services.monitor import Monitor

pytestmark = pytest.mark.services

#: A worker keeps its talks with sixteen accounts at Coinbase, so there are no more of them.
EXCHANGES, ACCOUNTS = (*[BINANCE] * 14, *[COINBASE] * 3, *[BTCTURK] * 3), 5
FAULTY_SECONDS, HEAL_SECONDS = 40, 240
BATCHES = 5
_CASH = Decimal(100_000)
#: As many bars as the gate measures the market by.
_HISTORY = (VOLATILITY_BARS + 2) * MINUTE
_SECONDS = 20
_LEAST_UNANSWERED = Decimal("0.1")
_WORKERS, _THREADS = 2, 24
_TOLD_OF = "SELECT count(*) FROM compliance_journalentry WHERE event = '{}'"
_STREAMS_UP = """
SELECT count(*) FROM (
    SELECT DISTINCT ON (object_id) event FROM compliance_journalentry
     WHERE event IN ('stream.up', 'stream.down') ORDER BY object_id, id DESC) AS last
 WHERE event = 'stream.up'
"""


@dataclass(slots=True)
class Run:
    """One account: the exchange's name of it, ours, and what is drawn for it."""

    place: Place
    control: str
    account: str
    desk: Any
    draw: Random
    seed: int
    orders: int = 0
    next_bar: datetime = field(default_factory=lambda: WALL.now() - _HISTORY)

    def tell_prices(self) -> None:
        """Record the bars that have ended by now: what is too old is not traded on."""
        (row,) = self.desk.instruments.values()
        at, bars = Moment(WALL.now(), WALL.now()), []
        while self.next_bar + MINUTE <= at.wall:
            bars.append((row, Bar(self.next_bar, MINUTE, PX, PX, PX, PX, Decimal(1))))
            self.next_bar += MINUTE
        if bars:
            market_data.record(feed=self.desk.feed, bars=bars, at=at)
            self.desk.refresh_bars()

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
        # Through the best price of the other side, or behind that of its own.
        off = Decimal(self.draw.randrange(-3, 10)) * 10
        side = self.draw.choice(list(Side))
        at = Moment(WALL.now(), WALL.now())
        intent = OrderIntent(
            intent_id=ids.derive(self.desk.namespace, "crowd", self.seed, self.orders),
            account=self.desk.account.code,
            instrument=row.code,
            side=side,
            ord_type=OrdType.MARKET if market else OrdType.LIMIT,
            order_qty=Decimal(self.draw.randrange(20, 200)) / 100_000,
            origin=Origin.OPERATOR,
            reference_px=PX,
            price=None if market else PX - side.sign * off,
            reduce_only=side is Side.SELL,
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

    def truth(self) -> dict[str, Any]:
        return at_venue.truth(self.control, self.account)

    def wrong(self, database: str) -> list[str]:
        books = exchange_audit.books(database, self.desk.account.code)
        # The other protocols name trades by themselves.
        return exchange_audit.wrong(books, self.truth(), named=self.place is BINANCE)


def plan_of(seed: int) -> str:
    """Drawn from the seed: what meets requests, and the exchange's own halts."""
    drawn = fault_knobs.read(fault_knobs.swarm(seed))
    # Further off than a second, nothing is signed: most exchanges are to trade.
    drawn["clock_skew_ms"] //= 4
    # A ban outlasts the faults: what comes after it is what is waited for.
    drawn["ban_s"] = min(drawn["ban_s"], Decimal(30))
    # No exchange answers always: doubt is to be met everywhere.
    drawn["accept_no_answer"] = max(drawn["accept_no_answer"], _LEAST_UNANSWERED)
    kept = {**fault_knobs.read(""), **{name: drawn[name] for name in _PLAYED}}
    return fault_knobs.write(kept | {"until_s": Decimal(FAULTY_SECONDS)})


@contextmanager
def exchanges(
    places: Sequence[Place], accounts: int
) -> Iterator[list[tuple[Place, Mapping[str, Any], str]]]:
    """So many exchanges: each account's keys with the code of the venue that it is at."""
    with ExitStack() as stack:
        found: list[tuple[Place, Mapping[str, Any], str]] = []
        for number, place in enumerate(places):
            name = place.venue.lower()
            chosen = server.Options(
                venues=(name,),
                market=False,
                hold={place.quote: _CASH, "BTC": Decimal("0.1")},
                accounts=accounts,
                seed=number,
            )
            told = stack.enter_context(serving(chosen))[name]
            for each in told["accounts"]:
                found.append((place, {**told, **each}, f"SBX{len(found):03}"))
        yield found


def _opened(place: Place, told: Mapping[str, Any], code: str, seed: int) -> Run:
    """The desk of an account, as a feed would open it."""
    instrument = Instrument(
        f"{code}:BTC-{place.quote}", "BTC", place.quote, AccountKind.SPOT, Decimal("0.01"),
        Decimal("0.00001"), Decimal("0.00001"), Decimal(5),
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
    control, account = str(told["control"]), str(told["account"])
    run = Run(place, control, account, made.desk, Random(f"crowd|{seed}"), seed)
    run.tell_prices()
    with transaction.atomic():
        Monitor(made.desk).value(at)
    Feed.objects.filter(pk=made.desk.feed.pk).update(status=FeedStatus.RUNNING)
    return run


class Crowd:
    """Accounts, their exchanges, and workers of them all."""

    def __init__(self, processes: Processes, home: Path) -> None:
        self._processes = processes
        self._home = home

    def play(self, first_seed: int, places: Sequence[Place], accounts: int) -> list[str]:
        """A batch of runs; what is wrong at its end, in words."""
        with exchanges(places, accounts) as found:
            there = {
                code: {
                    "speaks": place.venue.lower(),
                    **place.addresses(told),
                    "credentials": f"file:{self._key(code, told)}",
                }
                for place, told, code in found
            }
            with override_settings(AITRADER_VENUES={**settings.AITRADER_VENUES}):
                crowd.known(there)
                (self._home / crowd.FILE).write_text(json.dumps(there), encoding="utf-8")
                runs = [_opened(*each, first_seed + number) for number, each in enumerate(found)]
                self._start(len(runs))
                self._misbehave(runs, first_seed)
                wrong = self._healed(runs)
                if not wrong:
                    self._until_streams_are_up(len(runs))
                    self._was_tried(runs)
                return wrong

    def _key(self, code: str, told: Mapping[str, Any]) -> Path:
        path = self._home / f"{code}.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps({name: told[name] for name in ("api_key", "api_secret")}))
        return path

    def _start(self, accounts: int) -> None:
        for _ in range(_WORKERS):
            self._processes.start(
                *("-m", "celery", "-A", "tests.services.crowd", "worker", "--pool", "threads"),
                *("--concurrency", str(_THREADS), "--loglevel", "WARNING"),
                *("--without-mingle", "--without-gossip"),
            )
        self._processes.beat()
        self._processes.start("-m", "tests.services.crowd")
        self._until_streams_are_up(accounts)

    def _until_streams_are_up(self, accounts: int) -> None:
        self._processes.until(
            lambda: self._processes.ask(_STREAMS_UP)[0][0] == accounts,
            "not every user stream is up",
            seconds=HEAL_SECONDS,
        )

    def _misbehave(self, runs: list[Run], first_seed: int) -> None:
        controls = {each.control: each.place for each in runs}
        for number, control in enumerate(controls):
            _change(control, "faults", plan=plan_of(first_seed + number), seed=first_seed + number)
        until = time.monotonic() + FAULTY_SECONDS
        while time.monotonic() < until:
            for control, place in controls.items():
                for side, price in (("BUY", "60000"), ("SELL", "60010")):
                    # Refused while the market is halted.
                    _ask(
                        control, "book", instrument=place.symbol, side=side, price=price, qty="0.01"
                    )  # fmt: skip
            for each in runs:
                each.tell_prices()
                if each.draw.random() < 0.5:
                    each.act()
            time.sleep(1)
        for control, place in controls.items():
            _change(control, "faults", plan="")
            _change(control, "book", instrument=place.symbol, status="TRADING")

    def _healed(self, runs: list[Run]) -> list[str]:
        """Wait until all are quiet and right; what is not at the end."""
        (database,) = {self._processes.database}
        left, until = runs, time.monotonic() + HEAL_SECONDS
        while left and time.monotonic() < until:
            time.sleep(2)
            # None may have gone wrong since it was right.
            left = _not_right(left, database) or _not_right(runs, database)
        return [
            f"seed {each.seed} of {each.desk.account.code}, quiet {each.is_quiet()}: {said}"
            for each in left
            for said in [each.wrong(database) or self._processes.logs()[-1500:]]
        ]

    def _was_tried(self, runs: list[Run]) -> None:
        """Much was ordered, traded both ways and in doubt; at each venue's protocol."""
        orders: Counter[str] = Counter()
        trades: Counter[tuple[str, str]] = Counter()
        for each in runs:
            truth = each.truth()
            orders[each.place.venue] += len(truth["orders"])
            trades.update((each.place.venue, fill["side"]) for fill in truth["fills"])
        in_doubt, cut = (
            self._processes.ask(_TOLD_OF.format(event))[0][0]
            for event in ("order.outcome_unknown", "stream.down")
        )
        said = f"orders {dict(orders)}, trades {dict(trades)}, in doubt {in_doubt}, cut {cut}"
        print(said)
        venues = Counter(each.place.venue for each in runs)
        assert all(orders[venue] > accounts for venue, accounts in venues.items()), said
        assert trades.keys() == {(venue, side) for venue in venues for side in Side}, said
        assert in_doubt > 0, said
        assert cut > 0, said


def _not_right(runs: list[Run], database: str) -> list[Run]:
    return [each for each in runs if not each.is_quiet() or each.wrong(database)]


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
    first = 1 + batch * len(EXCHANGES) * ACCOUNTS
    assert many.play(first, EXCHANGES, ACCOUNTS) == []
