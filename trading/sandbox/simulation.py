"""The desk against an exchange that misbehaves, on a clock of its own, from a seed.

Orders of a person are judged, sent, cancelled and reconciled by the desk's own services, while the
exchange loses requests, acts without answering, answers late, shows old state, fills before it
cancels; and the process dies between sending and settling. Then the faults stop, time passes, and
the books must be the exchange's.

1. Everything follows from the seed: the same one gives the same log.
2. What is found is held against the exchange's own records, never against what it answered.
3. At every instant the desk has reserved at least what the exchange might do to it.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from django.db import connection

from aitrader.kernel import ids
from aitrader.kernel.clock import Moment, iso
from aitrader.kernel.fix import (
    AccountKind,
    OrdStatus,
    OrdType,
    Origin,
    PriceSource,
    Side,
    TimeInForce,
)
from aitrader.kernel.money import ZERO, plain
from trading.domain.bar import Bar
from trading.domain.execution_report import ExecutionReport
from trading.domain.instrument import Instrument
from trading.domain.order import OrderIntent
from trading.domain.ports import NewOrder
from trading.models import Balance, Fill, Order
from trading.sandbox import fault_knobs
from trading.sandbox.acts import Acts
from trading.sandbox.faults import FaultPlan
from trading.sandbox.flow import SeededFlow
from trading.sandbox.inside import InsideGateway
from trading.sandbox.orders import Fill as VenueFill
from trading.sandbox.orders import Order as VenueOrder
from trading.sandbox.rules import Listing, Status
from trading.sandbox.stage import Stage
from trading.selectors import orders as order_reads
from trading.selectors.desk import VOLATILITY_BARS, Desk
from trading.services import market_data, orders, reconciliation, routing, setup
from trading.services.monitor import Monitor
from trading.services.setup import DeskPlan

CODE, SYMBOL = "SIM:BTC-USDT", "BTCUSDT"
START = datetime(2026, 1, 5, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_PX = Decimal(60_000)
_CASH = Decimal(100_000)
_ACCOUNT = "desk"
_STEPS = 60
#: Long enough for the quarantine of every order in doubt.
_HEAL_SECONDS = 400
#: The knobs that mean something here: what meets requests, and the exchange's own halts.
_PLAYED = (
    "lose_request", "accept_no_answer", "timeout_code", "http_502", "http_504", "garbage",
    "late_answer", "late_answer_ms", "answer_jitter_ms", "latency_ms", "latency_jitter_ms",
    "stale_read", "stale_read_s", "hide_order", "fill_first", "rate_limit", "retry_after_s",
    "ban", "ban_s", "refuse_filter", "refuse_balance", "maintenance_at_s", "maintenance_s",
    "halt_every_s", "halt_s", "cancel_only_every_s",
)  # fmt: skip
LISTING = Listing(SYMBOL, "BTC", "USDT")


class Died(BaseException):
    """The process ends here; nothing may catch it on the way."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one seed showed; `breach` is in base: how much more the exchange could have done to the
    account than the desk had reserved."""

    seed: int
    plan: str
    sent: int
    duplicates: int
    lost_fills: int
    phantom_fills: int
    unknown_left: int
    breach: Decimal
    books_equal: bool
    log_hash: str

    @property
    def failed(self) -> bool:
        wrong = self.duplicates + self.lost_fills + self.phantom_fills + self.unknown_left
        return bool(wrong) or self.breach > 0 or not self.books_equal


class _Time:
    """The one clock of a run: the exchange's, the desk's and the database session's."""

    def __init__(self) -> None:
        self._now = START
        self._tell()

    def now(self) -> datetime:
        return self._now

    def skip(self, by: timedelta) -> None:
        if by > timedelta(0):
            self._now += by
            self._tell()

    def end(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("RESET aitrader.now")

    def _tell(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('aitrader.now', %s, false)", [iso(self._now)])


class _Mortal(InsideGateway):
    """Dies at drawn calls, right after the exchange has acted."""

    dies: Callable[[], bool] = staticmethod(lambda: False)

    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        reports = super().submit(account=account, order=order)
        if self.dies():
            raise Died
        return reports


class Simulation:
    """One seed, in the database in use, on an account of its own."""

    def __init__(self, seed: int, *, namespace: str) -> None:
        self._seed = seed
        self._draw = Random(f"simulation|{seed}")
        self._time = _Time()
        drawn = fault_knobs.read(fault_knobs.swarm(seed))
        self.plan = fault_knobs.write(
            {**fault_knobs.read(""), **{name: drawn[name] for name in _PLAYED}}
        )
        self._stage = Stage([LISTING], FaultPlan(self.plan, seed), seed, self._time)
        self._stage.exchange.open_account(_ACCOUNT)
        self._stage.exchange.deposit(_ACCOUNT, "USDT", _CASH, now=START)
        self._stage.flows = [SeededFlow(self._stage.crowds[SYMBOL], seed=seed, start=START, px=_PX)]
        self._acts = Acts(self._stage)
        self._desk = self._open(namespace)
        self._gateway = _Mortal(self._stage, _ACCOUNT, {CODE: SYMBOL}, pass_time=self._time.skip)
        self._gateway.dies = lambda: self._draw.random() < 0.05
        self._intents = 0
        self._breach = ZERO
        self._log = hashlib.sha256()

    def run(self) -> Found:
        """Misbehave, heal, and compare."""
        try:
            for _ in range(_STEPS):
                self._step()
            self._heal()
            return self._found()
        finally:
            self._time.end()

    def _step(self) -> None:
        self._time.skip(timedelta(seconds=self._draw.choice((0, 1, 1, 2, 5, 20))))
        self._stage.advance()
        self._acts.catch_up()
        self._gateway.deliver()
        self._mark()
        for _ in range(self._draw.randrange(3)):
            self._order()
        if self._draw.random() < 0.4:
            self._ask_to_cancel()
        self._work()
        self._see_exposure()

    def _work(self) -> None:
        """What the desk's tasks do in a sweep; a process that dies is started again."""
        desk, gateway = self._desk, self._gateway
        try:
            routing.cancel_all(desk=desk, gateway=gateway, at=self._at())
            routing.send_all(desk=desk, gateway=gateway, at=self._at())
            reconciliation.follow(desk=desk, gateway=gateway, at=self._at())
            reconciliation.resolve(desk=desk, gateway=gateway, at=self._at())
        except Died:
            self._note("died")

    def _heal(self) -> None:
        self._stage.set_plan(FaultPlan("", self._seed), self._seed)
        self._stage.exchange.set_status(SYMBOL, Status.TRADING, now=self._time.now())
        self._gateway.dies = lambda: False
        for _ in range(_HEAL_SECONDS // 2):
            self._time.skip(timedelta(seconds=2))
            self._stage.advance()
            self._gateway.deliver()
            self._work()
            self._see_exposure()

    def _order(self) -> None:
        self._intents += 1
        side = self._draw.choice((Side.BUY, Side.BUY, Side.SELL))
        limit = self._draw.random() < 0.6
        off = Decimal(self._draw.randrange(-30, 30)) / 10_000
        px = (self._px() * (1 + off)).quantize(LISTING.tick)
        intent = OrderIntent(
            intent_id=ids.derive(self._desk.namespace, "simulated", self._seed, self._intents),
            account=self._desk.account.code,
            instrument=CODE,
            side=side,
            ord_type=OrdType.LIMIT if limit else OrdType.MARKET,
            order_qty=Decimal(self._draw.randrange(1, 40)) / 1_000,
            origin=Origin.OPERATOR,
            reference_px=self._px(),
            reason="simulation",
            decided_at=self._time.now(),
            price=px if limit else None,
            time_in_force=self._draw.choice((TimeInForce.GTC, TimeInForce.IOC))
            if limit
            else TimeInForce.GTC,
        )
        (row,) = self._desk.instruments.values()
        draft = orders.Draft(intent=intent, instrument=row, trace_id=intent.intent_id)
        order = orders.submit(desk=self._desk, draft=draft, at=self._at())
        self._note(f"{order.ord_status} {side} {plain(intent.order_qty)} {order.text}")

    def _ask_to_cancel(self) -> None:
        working = list(
            Order.objects.filter(account=self._desk.account, ord_status__in=_WORKING)
            .order_by("pk")
            .values_list("pk", flat=True)
        )
        if working:
            orders.request_cancel(
                order_id=self._draw.choice(working),
                requested_by="simulation",
                reason="drawn",
                now=self._time.now(),
                market_at=self._time.now(),
            )

    def _mark(self) -> None:
        """A bar of the present price, so that the gate has a mark."""
        (row,) = self._desk.instruments.values()
        px, at = self._px(), self._time.now()
        bar = Bar(at - _MINUTE, _MINUTE, px, px, px, px, Decimal(100))
        market_data.record(feed=self._desk.feed, bars=[(row, bar)], at=self._at())
        self._desk.bars.append(self._desk.feed.pk, row.pk, bar)
        monitor = Monitor(self._desk)
        monitor.value(self._at())

    def _see_exposure(self) -> None:
        """What the exchange might do to the account, against what the desk has reserved."""
        for side in Side:
            resting = sum((each.leaves_qty for each in self._resting() if each.side is side), ZERO)
            done = sum((f.last_qty for f in self._fills() if f.side is side), ZERO)
            reserved = sum(
                (
                    order.leaves_qty
                    for order in order_reads.working(self._desk.account)
                    if order.side is side
                ),
                ZERO,
            )
            booked = sum(
                Fill.objects.filter(account=self._desk.account, side=side).values_list(
                    "last_qty", flat=True
                ),
                ZERO,
            )
            self._breach = max(self._breach, resting + done - reserved - booked)

    def _found(self) -> Found:
        records = self._stage.exchange.records
        theirs = {(str(each.trade_id), str(each.side)): each.last_qty for each in self._fills()}
        rows = Fill.objects.filter(account=self._desk.account)
        ours = {
            (exec_id, side): qty
            for exec_id, side, qty in rows.values_list("exec_id", "side", "last_qty")
        }
        mine = Order.objects.filter(account=self._desk.account)
        known = set(mine.values_list("cl_ord_id", flat=True))
        taken = [each.cl_ord_id for each in records.all_orders(_ACCOUNT, limit=_ALL)]
        strangers = [each for each in taken if each not in known]
        held = {each.asset: each.free + each.locked for each in records.balances(_ACCOUNT)}
        kept = Balance.objects.filter(account=self._desk.account).values_list("asset", "amount")
        for line in sorted(f"{' '.join(key)} {plain(qty)}" for key, qty in ours.items()):
            self._note(line)
        wrong = [key for key in theirs.keys() & ours.keys() if theirs[key] != ours[key]]
        doubtful = mine.exclude(certainty="CERTAIN") | mine.filter(ord_status="PENDING_NEW")
        return Found(
            seed=self._seed,
            plan=self.plan,
            sent=len(self._gateway.sent),
            duplicates=_repeated(taken) + _repeated(self._gateway.sent) + len(strangers),
            lost_fills=len(theirs.keys() - ours.keys()),
            phantom_fills=len(ours.keys() - theirs.keys()) + len(wrong),
            unknown_left=doubtful.count(),
            breach=self._breach,
            books_equal=_held(held) == _held(dict(kept)),
            log_hash=self._log.hexdigest(),
        )

    def _resting(self) -> Sequence[VenueOrder]:
        return self._stage.exchange.records.open_orders(_ACCOUNT)

    def _fills(self) -> Sequence[VenueFill]:
        return self._stage.exchange.records.account_trades(_ACCOUNT, limit=_ALL)

    def _px(self) -> Decimal:
        return self._stage.exchange.last_px(SYMBOL) or _PX

    def _at(self) -> Moment:
        return Moment(market=self._time.now(), wall=self._time.now())

    def _note(self, line: str) -> None:
        self._log.update(f"{iso(self._time.now())} {line}\n".encode())

    def _open(self, namespace: str) -> Desk:
        instrument = Instrument(
            code=CODE,
            base="BTC",
            quote="USDT",
            kind=AccountKind.SPOT,
            tick=LISTING.tick,
            lot=LISTING.lot,
            min_qty=LISTING.min_qty,
            min_notional=LISTING.min_notional,
        )
        plan = DeskPlan(
            code=f"simulation-{self._seed}",
            title=f"simulation {self._seed}",
            source=PriceSource.SIMULATED,
            kind=AccountKind.SPOT,
            interval_seconds=60,
            speed=None,
            history_bars=0,
            instruments=[(instrument, "simulation")],
            strategies=(),
            profile="demo",
            cash=_CASH,
            base_currency="USDT",
        )
        desk = setup.open_desk(
            plan=plan, namespace=namespace, fee_rate=Decimal("0.001"), at=self._at()
        )
        (row,) = desk.instruments.values()
        for bar in _history():
            market_data.record(
                feed=desk.feed, bars=[(row, bar)], at=Moment(bar.close_time, self._time.now())
            )
        desk.refresh_bars()
        return desk


_ALL = 1_000_000
_WORKING = [OrdStatus.CREATED, OrdStatus.PENDING_NEW, OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED]


def _repeated(names: Sequence[str]) -> int:
    return len(names) - len(set(names))


def _held(balances: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {asset: amount for asset, amount in balances.items() if amount}


def _history() -> Iterator[Bar]:
    """Enough bars before the start for a volatility."""
    for number in range(VOLATILITY_BARS + 1, 1, -1):
        px = _PX + Decimal(number % 7)
        at = START - number * _MINUTE
        yield Bar(at, _MINUTE, px, px + 1, px - 1, px, Decimal(100))
