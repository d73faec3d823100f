"""The desk against an exchange that misbehaves, on a clock of its own, from a seed.

Orders of a person are judged, sent, cancelled and reconciled by the desk's own services, while the
exchange loses requests, acts without answering, answers late, shows old state, fills before it
cancels, and its stream loses and doubles what it tells; and the processes die between any two
commits, or stop for longer than their leases while another one of the same account goes on. Then
the faults stop, time passes, and the books must be the exchange's.

1. Everything follows from the seed: the same one writes the same journal, to the byte, whether it
   is kept in memory or in PostgreSQL.
2. What is found is held against the exchange's own records, never against what it answered.
3. At every instant the desk has reserved at least what the exchange might do to it, requests that
   nobody waits for any more included.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from random import Random

from aitrader.kernel import ids
from aitrader.kernel.clock import Moment
from aitrader.kernel.errors import GatewayError
from aitrader.kernel.fix import WORKING, OrdType, Origin, Side, TimeInForce
from trading.domain.order import OrderIntent, client_order_id
from trading.domain.ports import Gateway
from trading.sandbox import fault_knobs
from trading.sandbox.accounts import FeeIn, Fees
from trading.sandbox.acts import Acts
from trading.sandbox.audit import Audit, Found
from trading.sandbox.faults import FaultPlan
from trading.sandbox.hint_stream import HintStream
from trading.sandbox.inside import InsideGateway
from trading.sandbox.opening import QUOTE, Opening
from trading.sandbox.promises import VENUES, Promises
from trading.sandbox.rules import Listing, Status
from trading.sandbox.simulated_desk import Books, InMemory
from trading.sandbox.simulated_process import Died, SimulatedProcess
from trading.sandbox.stage import Stage
from trading.sandbox.thin_market import ThinMarket
from trading.sandbox.wire import Process, Wire
from trading.services import external, orders

START = datetime(2026, 1, 5, tzinfo=UTC)
LISTINGS = {
    "SIM:BTC-USDT": Listing("BTCUSDT", "BTC", QUOTE),
    "SIM:ETH-USDT": Listing("ETHUSDT", "ETH", QUOTE, lot=Decimal("0.0001")),
    #: Priced and not traded: fees may be paid in it.
    "SIM:BNB-USDT": Listing("BNBUSDT", "BNB", QUOTE, lot=Decimal("0.001")),
}
PRICES = dict(zip(LISTINGS, (Decimal(60_000), Decimal(3_000), Decimal(600)), strict=True))
_TRADED = tuple(LISTINGS)[:2]
#: How a process comes to its gateway, once all processes share what they have with the venue.
Connect = Callable[[Wire], Callable[[Process], Gateway]]
_CASH, _BNB = Decimal(10_000), Decimal(1)
_ACCOUNT = "desk"
_STEPS = 40
#: Long enough for the quarantine of every order in doubt.
_HEAL_SECONDS = 500
_SETTLED_SECONDS = 30
#: The knobs that mean something here: what meets requests and reports, the exchange's own halts.
_PLAYED = (
    "lose_request", "accept_no_answer", "timeout_code", "http_502", "http_504", "garbage",
    "late_answer", "late_answer_ms", "answer_jitter_ms", "latency_ms", "latency_jitter_ms",
    "stale_read", "stale_read_s", "hide_order", "fill_first", "rate_limit", "retry_after_s",
    "ban", "ban_s", "refuse_filter", "refuse_balance", "maintenance_at_s", "maintenance_s",
    "halt_every_s", "halt_s", "cancel_only_every_s", "clock_skew_ms", "clock_step_ms",
    "clock_step_at_s", "drop_event", "dup_event", "late_event", "late_event_ms", "reorder_event",
    "replay_events", "stream_cut_s", "stream_silent_s", "fee_third", "self_trade_every_s",
)  # fmt: skip
#: What other hands do, and the exchange by itself, to what was traded.
_FOREIGN = (
    "deposit_every_s", "withdraw_every_s", "lock_every_s", "external_every_s", "bust_every_s",
)  # fmt: skip
_ACTS = tuple(name for name in (*_PLAYED, *_FOREIGN) if name.endswith("_every_s"))
_REFUSED_LATE = 0.7
#: The limit of a stop, where the venue takes none without.
_BELOW = Decimal("0.995")
_RECONCILED_EVERY = timedelta(seconds=60)


def without_protocol(wire: Wire) -> Callable[[Process], Gateway]:
    return partial(InsideGateway, wire)


class Simulation:
    """One seed. `books` says where the account is kept, in memory unless told; `connect` how the
    desk speaks to the exchange, without a protocol unless told."""

    def __init__(
        self,
        seed: int,
        *,
        namespace: str,
        venue: str = "binance",
        books: Callable[[Opening], Books] = InMemory,
        connect: Connect = without_protocol,
    ) -> None:
        self._seed = seed
        self._draw = Random(f"simulation|{seed}")
        self._now = START
        self._promises = VENUES[venue]
        drawn = fault_knobs.read(fault_knobs.swarm(seed))
        # Further off than a second, nothing is signed: most seeds are to trade.
        drawn["clock_skew_ms"] = drawn["clock_skew_ms"] // 4
        self.plan = fault_knobs.write(
            {**fault_knobs.read(""), **{name: drawn[name] for name in (*_PLAYED, *_FOREIGN)}}
        )
        self._listings = {code: _listed(each, self._promises) for code, each in LISTINGS.items()}
        plan = FaultPlan(self.plan, seed)
        self._stage = Stage([*self._listings.values()], plan, seed, self)
        self._deposits = self._open_account(bool(drawn["fee_third"]))
        self.books = books(self._opening(namespace))
        symbols = {code: each.instrument for code, each in self._listings.items()}
        self.wire = Wire(
            self._stage, _ACCOUNT, symbols, self._promises, self.skip, self.now, self._seconds
        )
        self._stream = HintStream(self._stage, _ACCOUNT, self.wire.codes, self.wire.sent)
        self.wire.told = self._stream.told
        self._stage.listen(self._stream)
        self._markets = {code: self._market(code) for code in _TRADED}
        self._stage.flows = [*self._markets.values()]
        self._acts = Acts(self._stage)
        self._acts_of_its_own = any(drawn[name] for name in _ACTS)
        # How often each of these happens is drawn, as the knobs of the plan are.
        self._chance = {
            what: self._draw.choice((0.0, 0.0, most / 4, most))
            for what, most in (
                ("commit", 0.02), ("answer", 0.1), ("signed", 0.012), ("claimed", 0.06),
                ("clock", 0.1), ("second", 0.5), ("stop", 0.3),
            )
        }  # fmt: skip
        self._late = Random(f"late|{seed}")
        self._late_chance = self._late.choice((0.0, 0.0, 0.03, 0.1))
        self._stopped = False
        self._faulty = False
        self.deaths = 0
        self._reconciled_at = START
        self._intents = 0
        self.connect = connect(self.wire)
        self._processes = [SimulatedProcess(self, number) for number in range(2)]
        desk = self._processes[0].desk
        self.audit = Audit(self._stage, self.wire, desk, self.books, self._prices)

    def run(self) -> Found:
        """Misbehave, heal, and compare."""
        try:
            self._faulty = True
            for _ in range(_STEPS):
                self._step()
            self._faulty = False
            self._heal()
            return self.audit.found(self._seed, self.plan)
        finally:
            self.books.close()

    # The clock of a run: the exchange's, and what all processes share

    def now(self) -> datetime:
        return self._now

    def passed(self) -> timedelta:
        return self._now - START

    def _seconds(self) -> float:
        return self.passed().total_seconds()

    def skip(self, by: timedelta) -> None:
        """Let time pass."""
        if by > timedelta(0):
            self._now += by
            self.books.tell(self._now)

    def is_time_to_reconcile(self) -> bool:
        """Once in a minute, whichever process asks."""
        due = self._now - self._reconciled_at >= _RECONCILED_EVERY
        if due:
            self._reconciled_at = self._now
        return due

    # What becomes of a process

    def may_die(self, where: str) -> None:
        if self._happens(where):
            raise Died

    def may_stop(self, process: SimulatedProcess, where: str) -> None:
        """Stop a process for a while: the exchange and the other one go on."""
        if not self._stopped and self._happens(where):
            self._stop(process, sweeps=self._draw.choice((1, 4, 12, 30)))

    def may_come_late(self, process: SimulatedProcess) -> bool:
        """Stop a process with a signed order in its hands for longer than its lease; whether the
        venue refuses the order then, of which another copy may rest by now."""
        if self._stopped or not self._faulty or self._late.random() >= self._late_chance:
            return False
        self._stop(process, sweeps=self._late.choice((6, 12)))
        return self._late.random() < _REFUSED_LATE

    def _stop(self, process: SimulatedProcess, *, sweeps: int) -> None:
        self._stopped = True
        other = self._processes[1 - process.number]
        for _ in range(sweeps):
            self._pass_time(timedelta(seconds=self._draw.choice((2, 5, 8))))
            other.sweep()
        self._stopped = False

    def _happens(self, what: str) -> bool:
        chance = self._chance[what]
        return self._faulty and bool(chance) and self._draw.random() < chance

    # The run

    def _step(self) -> None:
        self._pass_time(timedelta(seconds=self._draw.choice((0, 1, 1, 2, 5, 20))))
        if self._acts_of_its_own:
            self._acts.catch_up()
        self.books.mark(self._prices(), Moment(self._now, self._now))
        for process in self._processes:
            if self._happens("clock"):
                process.offset = timedelta(seconds=self._draw.choice((0, 0, -8, 2, 8, 70)))
        first, second = self._processes
        for _ in range(self._draw.randrange(3)):
            self._order(first)
        if self._happens("stop"):
            self._protect(first)
        if self._draw.random() < 0.4:
            self._ask_to_cancel()
        first.sweep()
        if self._happens("second"):
            second.sweep()
        self.audit.look()

    def _heal(self) -> None:
        self._stage.set_plan(FaultPlan("", self._seed), self._seed)
        now = self._stage.now()
        for listing in self._listings.values():
            self._stage.exchange.set_status(listing.instrument, Status.TRADING, now=now)
        for market in self._markets.values():
            market.interval = timedelta(seconds=30)
        healed, settled = 0, 0
        while healed < _HEAL_SECONDS and settled < _SETTLED_SECONDS:
            self._pass_time(timedelta(seconds=5))
            for process in self._processes:
                process.offset = timedelta(0)
            self._processes[healed % 2].sweep()
            self.audit.look()
            healed += 5
            settled = settled + 5 if self.audit.is_quiet() else 0
            if settled >= _SETTLED_SECONDS and not self._agrees():
                settled = 0

    def _agrees(self) -> bool:
        """Whether everything that other hands did is taken in, too."""
        first = self._processes[0]
        try:
            found = external.reconcile(desk=first.desk, gateway=first.gateway, at=first.at())
        except GatewayError:
            # A silence that the exchange asked for outlasts its faults.
            return False
        return found.agree and not found.breaks

    def _pass_time(self, by: timedelta) -> None:
        self.skip(by)
        self._stage.advance()
        self.wire.deliver()
        self._stream.deliver()

    def _order(self, process: SimulatedProcess) -> None:
        code = self._draw.choice(_TRADED)
        listing, px = LISTINGS[code], self._prices()[code]
        limit = self._draw.random() < 0.6
        off = Decimal(self._draw.randrange(-30, 30)) / 10_000
        worth = Decimal(self._draw.randrange(60, 2_000))
        in_force = self._draw.choice((TimeInForce.GTC, TimeInForce.IOC))
        if in_force not in process.gateway.capabilities.times_in_force:
            in_force = TimeInForce.GTC
        self._submit(
            process,
            code,
            side=self._draw.choice((Side.BUY, Side.BUY, Side.SELL)),
            ord_type=OrdType.LIMIT if limit else OrdType.MARKET,
            order_qty=(worth / px).quantize(listing.lot),
            price=(px * (1 + off)).quantize(listing.tick) if limit else None,
            time_in_force=in_force if limit else TimeInForce.GTC,
        )

    def _protect(self, process: SimulatedProcess) -> None:
        """A protective stop for a part of what is held."""
        code = self._draw.choice(_TRADED)
        listing, px = LISTINGS[code], self._prices()[code]
        off = Decimal(self._draw.randrange(5, 60)) / 10_000
        held = self.audit.held(code)
        qty = (held * self._draw.randrange(2, 10) / 10).quantize(listing.lot)
        if qty > 0:
            stop_px, bare = (px * (1 - off)).quantize(listing.tick), OrdType.STOP
            by_itself = bare in process.gateway.capabilities.ord_types
            self._submit(
                process,
                code,
                side=Side.SELL,
                ord_type=bare if by_itself else OrdType.STOP_LIMIT,
                order_qty=qty,
                price=None if by_itself else (stop_px * _BELOW).quantize(listing.tick),
                stop_px=stop_px,
                origin=Origin.PROTECTION,
                reduce_only=True,
            )

    def _submit(
        self,
        process: SimulatedProcess,
        code: str,
        *,
        side: Side,
        ord_type: OrdType,
        order_qty: Decimal,
        price: Decimal | None = None,
        stop_px: Decimal | None = None,
        time_in_force: TimeInForce = TimeInForce.GTC,
        origin: Origin = Origin.OPERATOR,
        reduce_only: bool = False,
    ) -> None:
        self._intents += 1
        desk = process.desk
        intent = OrderIntent(
            intent_id=ids.derive(desk.namespace, "simulated", self._seed, self._intents),
            account=desk.account.code,
            instrument=code,
            side=side,
            ord_type=ord_type,
            order_qty=order_qty,
            origin=origin,
            reference_px=self._prices()[code],
            reason="simulation",
            decided_at=process.now(),
            price=price,
            stop_px=stop_px,
            time_in_force=time_in_force,
            reduce_only=reduce_only,
        )
        cl_ord_id = client_order_id(desk.namespace, intent.intent_id, 1)
        self.audit.limits.decide(cl_ord_id, intent)
        row = next(row for row in desk.instruments.values() if row.code == code)
        draft = orders.Draft(intent=intent, instrument=row, trace_id=intent.intent_id)
        try:
            orders.submit(desk=desk, draft=draft, at=process.at())
        except Died:
            self.deaths += 1
        self.audit.look()

    def _ask_to_cancel(self) -> None:
        working = [order for order in self.books.orders() if order.ord_status in WORKING]
        if working:
            order = self._draw.choice(working)
            self.audit.wished.add(order.cl_ord_id)
            self.books.ask_to_cancel(order, Moment(self._now, self._now))

    def _prices(self) -> dict[str, Decimal]:
        return {**PRICES, **{code: market.px for code, market in self._markets.items()}}

    def _market(self, code: str) -> ThinMarket:
        listing, px = self._listings[code], PRICES[code]
        return ThinMarket(
            self._stage.crowds[listing.instrument],
            seed=self._seed,
            start=START,
            px=px,
            qty=(2_000 / px).quantize(listing.lot),
        )

    def _open_account(self, third: bool) -> dict[str, Decimal]:
        """At the exchange; what was deposited there."""
        exchange, promises = self._stage.exchange, self._promises
        fee_in = promises.fee_in[-1] if third else promises.fee_in[0]
        fees = Fees(fee_in=fee_in, third_asset="BNB", third_prices={QUOTE: PRICES["SIM:BNB-USDT"]})
        deposits = {QUOTE: _CASH} | ({"BNB": _BNB} if fee_in is FeeIn.THIRD else {})
        exchange.open_account(_ACCOUNT, fees=fees, client_ids=promises.client_ids)
        self._stage.accounts[_ACCOUNT] = self._listings[_TRADED[0]].instrument
        for asset, amount in deposits.items():
            exchange.deposit(_ACCOUNT, asset, amount, now=START)
        return deposits

    def _opening(self, namespace: str) -> Opening:
        return Opening(
            seed=self._seed,
            namespace=namespace,
            start=START,
            listings=self._listings,
            prices=PRICES,
            deposits=self._deposits,
            fee_rate=Decimal("0.001"),
        )


def _listed(listing: Listing, promises: Promises) -> Listing:
    """By the name that it has at such a venue."""
    return replace(listing, instrument=f"{listing.base}{promises.between}{listing.quote}")
