"""A paper desk on bars made by hand: a fresh database, the simulated venue, and the loop.

The strategy is `sma_cross` with averages of one and two bars: it wants to be long after a close
above the one before, short (flat on SPOT) after one below, and holds after an equal one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from aitrader import paper
from aitrader.kernel.clock import WALL, Moment
from aitrader.kernel.fix import AccountKind, ExecType, PriceSource
from aitrader.kernel.topics import SENDERS_LOCK
from aitrader.paper import PaperDesk, PaperOptions
from compliance.services import installation
from trading.domain.bar import Bar
from trading.domain.execution_report import ExecutionReport
from trading.domain.instrument import Instrument
from trading.domain.ports import Gateway, MatchingEngine
from trading.gateways.sim.gateway import SimGateway
from trading.gateways.sim.rules import SimRules
from trading.models import Feed, Fill, Order, StrategyCursor, Trade
from trading.selectors import integrity, snapshot
from trading.services import decide, executions, market_data, warmup
from trading.services.bar_steps import Gap, Step
from trading.services.desk_loop import DeskLoop
from trading.services.monitor import Monitor
from trading.services.setup import StrategyPlan

MINUTE = timedelta(minutes=1)
START = datetime(2026, 1, 5, 10, tzinfo=UTC)
NAMESPACE = "seed-1"
#: What the strategy trades: a tenth of 100,000 at 100 is a hundred.
TENTH = {"method": "FIXED_FRACTION", "fraction": "0.1"}
NO_EXITS = {"stop_loss_pct": "0", "take_profit_pct": "0", "trailing_pct": "0"}

D = Decimal


def plan(name: str = "sma_cross", **parameters: str) -> StrategyPlan:
    """A strategy without exits but those given."""
    quick = {"fast": "1", "slow": "2"} if name == "sma_cross" else {"entry": "2", "exit": "1"}
    return StrategyPlan(name, {**quick, **NO_EXITS, **parameters}, TENTH)


class Road:
    """One desk on one instrument; a bar at a time, a minute each."""

    def __init__(
        self,
        *,
        kind: AccountKind = AccountKind.SPOT,
        strategies: Sequence[StrategyPlan] | None = None,
        exits: Mapping[str, str] | None = None,
        profile: str = "demo",
        **rules: Any,
    ) -> None:
        """`exits` are parameters of the one strategy; `rules` those of the venue (PaperOptions)."""
        plans = [plan(**(exits or {}))] if strategies is None else list(strategies)
        self.options = PaperOptions(kind=kind, profile=profile, strategies=plans, **rules)
        suffix = "-PERP" if kind is AccountKind.PERP else ""
        self.code = f"SIM:BTC-USDT{suffix}"
        self.at = self._closed_at = START
        self.last = D(100)
        installation.install(namespace=NAMESPACE, now=START)
        self._open()
        self._history()

    def _history(self) -> None:
        """Bars on which nothing moves, as many as the first decision needs, written together."""
        ((code, row),) = warmup.by_code(self.desk).items()
        count, px = warmup.bars_needed(self.desk), self.last
        flat = [
            Bar(START + number * MINUTE, MINUTE, px, px, px, px, D(10_000_000))
            for number in range(count)
        ]
        self.at = self._closed_at = START + count * MINUTE
        with transaction.atomic():
            market_data.record(
                feed=self.desk.feed, bars=[(row, bar) for bar in flat], at=self._closing(flat[-1])
            )
            StrategyCursor.objects.update(last_open_time=flat[-1].open_time)
        for bar in flat:
            self.desk.bars.append(self.desk.feed.pk, row.pk, bar)
        self.made.engine.prime(code, flat[-1])

    def restart(self, *, gateway: Gateway | None = None, **rules: Any) -> None:
        """Start the desk again on what its database holds, as after a crash."""
        self.options = replace(self.options, **rules)
        self._open(gateway)

    def restart_with(self, gateway: Gateway, engine: MatchingEngine) -> None:
        """Go on with another venue over the same books."""
        self.gateway = gateway
        self.loop = DeskLoop(desk=self.desk, gateway=gateway, engine=engine, wall=WALL)
        self.loop.resume()

    def _open(self, gateway: Gateway | None = None) -> None:
        kind = self.options.kind or AccountKind.SPOT
        instrument = Instrument(
            code=self.code,
            base="BTC",
            quote="USDT",
            kind=kind,
            tick=D("0.01"),
            lot=D("0.001"),
            min_qty=D("0.001"),
            min_notional=D(5),
        )
        market = paper.Market(
            source=PriceSource.SIMULATED,
            title="made by hand",
            interval=MINUTE,
            kind=kind,
            instruments=[(instrument, "by hand")],
        )
        at = Moment(market=START, wall=WALL.now())
        self.made: PaperDesk = paper.open_desk(
            self.options, market, code="paper", namespace=NAMESPACE, at=at
        )
        self.desk = self.made.desk
        self.restart_with(gateway or self.made.gateway, self.made.engine)

    def bar(
        self,
        open_px: object,
        high: object,
        low: object,
        close: object,
        *,
        volume: object = 10_000_000,
        after: int = 0,
    ) -> None:
        """The next minute's bar; `after` is how many are missing before it."""
        self.at += after * MINUTE
        numbers = [D(str(number)) for number in (open_px, high, low, close, volume)]
        missing = (self.at - self._closed_at) // MINUTE
        gaps = [(self.code, Gap(self._closed_at, missing))] if missing else []
        self.loop.run(Step(self.at, {self.code: Bar(self.at, MINUTE, *numbers)}, gaps=gaps))
        self.at = self._closed_at = self.at + MINUTE
        self.last = numbers[3]

    def move(self, *closes: object, volume: object = 10_000_000) -> None:
        """Bars that open at the last close and go straight to these closes."""
        for close in closes:
            to = D(str(close))
            self.bar(self.last, max(self.last, to), min(self.last, to), to, volume=volume)

    def hold(self, bars: int = 1, *, volume: object = 10_000_000) -> None:
        """Bars on which nothing moves: the strategy holds."""
        self.move(*[self.last] * bars, volume=volume)

    def decide(self, close: object) -> None:
        """The next bar goes to this close and is decided on; nothing is sent yet."""
        to, opened, at = D(str(close)), self.at, self.last
        bar = Bar(opened, MINUTE, at, max(at, to), min(at, to), to, D(10_000_000))
        self.at = self._closed_at = self.at + MINUTE
        self.last = to
        with transaction.atomic():
            warmup.record(self.desk, {self.code: bar}, self._closing(bar))
            Monitor(self.desk).value(self._closing(bar))
            decide.run(desk=self.desk, at=self._closing(bar))

    def _closing(self, bar: Bar) -> Moment:
        return Moment(market=bar.close_time, wall=WALL.now())

    @property
    def rules(self) -> SimRules:
        """Of the simulated venue that the desk was opened at."""
        assert isinstance(self.made.gateway, SimGateway)
        return self.made.gateway._rules

    @property
    def moment(self) -> Moment:
        """The market clock of the desk and the wall clock, now."""
        return Moment(market=Feed.objects.get().market_at or START, wall=WALL.now())

    def wrong(self) -> list[str]:
        """Integrity checks that do not hold; numbering of the journal is not asked for."""
        state = snapshot.read(self.desk).state
        found = integrity.checks(self.desk.account, self.gateway, state)
        return [name for name, holds in found.items() if not holds and name not in _LATER]


_LATER = {"journal_is_numbered"}
_HELD = f"""
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
   AND (classid::bigint << 32 | objid::bigint) = {SENDERS_LOCK}
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def senders_locks() -> int:
    """How often the lock is held that a halt waits for."""
    with connection.cursor() as cursor:
        cursor.execute(_HELD)
        return int(cursor.fetchone()[0])


def report_trade(
    road: Road, cl_ord_id: str, *, cum_qty: object, px: object, exec_id: str = "T"
) -> None:
    """A trade report that the simulated venue did not make, settled."""
    order = Order.objects.get(cl_ord_id=cl_ord_id)
    cum = D(str(cum_qty))
    report = ExecutionReport(
        cl_ord_id=cl_ord_id,
        order_id=f"SIM-{cl_ord_id}",
        exec_id=exec_id,
        exec_type=ExecType.TRADE,
        instrument=road.code,
        cum_qty=cum,
        transact_time=road.moment.market,
        last_qty=cum - order.filled_qty,
        last_px=D(str(px)),
        fee_asset="USDT",
    )
    executions.apply(desk=road.desk, reports=[report], at=road.moment)


def orders(**given: Any) -> list[Order]:
    return list(Order.objects.filter(**given).order_by("pk"))


def only_order(**given: Any) -> Order:
    (order,) = orders(**given)
    return order


def fills() -> list[tuple[str, Decimal, Decimal]]:
    """Side, quantity and price of every fill, oldest first."""
    rows = Fill.objects.order_by("pk").values_list("side", "last_qty", "last_px")
    return [(side, qty.normalize(), px.normalize()) for side, qty, px in rows]


def only_trade() -> Trade:
    return Trade.objects.get()
