"""Orders, fills and books in memory: `OrderStore` without a database, for simulations.

1. What is read is a copy: nothing changes before it is kept.
2. What the database forbids is forbidden here: two orders of one intent or client id, two fills of
   one trade, postings that do not sum to zero, a lock or a journal entry outside a transaction.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from decimal import Decimal

from django.db import IntegrityError

from aitrader.kernel.clock import Moment, day_start
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.fix import CLOSED, WORKING, AccountKind, Certainty, OrdStatus, Side
from aitrader.kernel.money import CONTEXT, ZERO
from risk.domain.trading_state import ScopedState, TradingState
from risk.services.decisions import Counter, Verdict
from trading.domain import evidence, ledger
from trading.domain.evidence import Evidence
from trading.domain.execution_report import ExecutionReport
from trading.domain.ledger import Posting
from trading.domain.order_state import Closedness
from trading.domain.ports import VenueTrade
from trading.domain.position import FillEffect, FillFacts, PositionState
from trading.models import InstrumentRow, Order, ReconBreak, Trade
from trading.sandbox.memory import ABSENT, Memory, as_read, copied
from trading.sandbox.memory_foreign import ForeignMemory
from trading.selectors.desk import Desk
from trading.selectors.gate_inputs import GateInputs
from trading.selectors.order_store import FillKey, KeptFill, Terms
from trading.selectors.orders import WorkingOrder

_RESTING = (OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED)


class MemoryStore(ForeignMemory):
    """Implements `OrderStore` for one desk; desks of one account share the memory."""

    def __init__(self, desk: Desk, memory: Memory) -> None:
        self._desk = desk
        self._memory = memory

    def atomic(self) -> AbstractContextManager[object]:
        return self._memory.atomic()

    def record(self, events: Sequence[Event], *, now: datetime) -> None:
        self._memory.tell([*events])

    # The gate

    def hold(self, at: Moment, *, derived: bool = False) -> tuple[Counter, Decimal]:
        self._memory.require_transaction()
        day = day_start(at.market).date()
        orders, notional = self._memory.counters.get(day, (0, ZERO))
        counter = Counter(1, self._desk.account.code, day, orders, notional)
        return counter, Decimal(self._memory.account["peak_equity"])

    def gate_inputs(self, intent_id: str, at: Moment) -> GateInputs:
        balances, positions = self.holdings()
        return GateInputs(
            balances=balances,
            positions=positions,
            working=self.working(),
            limits=self._memory.limits,
            restricting=self.restricting(),
            day_start_equity=self._memory.days.get(day_start(at.market).date()),
            is_known=self.is_known(intent_id),
        )

    def holdings(self) -> tuple[dict[str, Decimal], dict[int, PositionState]]:
        return dict(self._memory.balances), dict(self._memory.positions)

    def working(self) -> list[WorkingOrder]:
        return [_working(order) for order in self._memory.living()]

    def restricting(self) -> tuple[ScopedState, ...]:
        return tuple(self._memory.states.values())

    def is_known(self, intent_id: str) -> bool:
        return intent_id in self._memory.by_intent

    def of_intent(self, intent_id: str) -> Order:
        return copied(self._memory.orders[self._memory.by_intent[intent_id]])

    def open(
        self, order: Order, event: Event, *, now: datetime, verdict: Verdict | None = None
    ) -> Order:
        memory = self._memory
        if order.intent_id in memory.by_intent or order.cl_ord_id in memory.by_client:
            raise IntegrityError(f"there is an order of intent {order.intent_id}")
        order.pk = next(memory.numbers)
        memory.put(memory.by_intent, order.intent_id, order.pk)
        memory.put(memory.by_client, order.cl_ord_id, order.pk)
        memory.keep_order(as_read(order))
        memory.tell([event])
        if verdict is not None and verdict.approved:
            counter = verdict.counter
            counter.count(verdict.notional)
            memory.put(memory.counters, counter.day, (counter.orders, counter.notional))
        return order

    # Fills

    def position(self, row: InstrumentRow) -> tuple[int, PositionState]:
        flat = PositionState(AccountKind(row.kind))
        return row.pk, self._memory.positions.get(row.pk, flat)

    def move_position(self, key: int, after: PositionState) -> None:
        self._memory.put(self._memory.positions, key, after)

    def add_fill(
        self, order: Order, report: ExecutionReport, facts: FillFacts, effect: FillEffect
    ) -> int:
        key = (order.instrument_id, report.exec_id, order.side)
        if key in self._memory.fills:
            raise IntegrityError(f"fill {key} is booked")
        kept = KeptFill(
            next(self._memory.numbers), order.pk, order.instrument_id, report.exec_id, facts.side,
            facts.qty, facts.px, facts.fee, facts.fee_asset, report.transact_time,
        )  # fmt: skip
        self._memory.put(self._memory.fills, key, kept)
        return kept.pk

    def post(
        self,
        *,
        public_id: str,
        fill_id: int | None,
        kind: str,
        postings: Sequence[Posting],
        at: datetime,
    ) -> None:
        ledger.check_zero_sum(postings)
        memory = self._memory
        if kind == "VOID" and fill_id is not None:
            if fill_id in memory.voided:
                raise IntegrityError(f"fill {fill_id} is voided")
            memory.put(memory.voided, fill_id, True)
        memory.put(memory.entries, len(memory.entries), (kind, fill_id, tuple(postings)))

    def move_balances(self, moved: Mapping[str, Decimal]) -> None:
        held = self._memory.balances
        for asset, amount in moved.items():
            self._memory.put(held, asset, CONTEXT.add(held.get(asset, ZERO), amount))

    def move_baselines(self, worth: Decimal, at: datetime) -> None:
        memory, day = self._memory, day_start(at).date()
        for name in ("opening_equity", "peak_equity"):
            memory.put(memory.account, name, CONTEXT.add(memory.account[name], worth))
        if day in memory.days:
            memory.put(memory.days, day, CONTEXT.add(memory.days[day], worth))

    # Sending

    def lock(self) -> int:
        self._memory.lock()
        return int(self._memory.account["fencing_token"])

    @contextmanager
    def sending(self, *, if_waiting: bool = False) -> Iterator[bool]:
        yield self.any_waiting() or not if_waiting

    def restrict(self, asked: ScopedState, at: Moment) -> None:
        key = (asked.scope, asked.code)
        kept = self._memory.states.get(key)
        before = TradingState.ACTIVE if kept is None else kept.state
        if before.severity >= asked.state.severity:
            return
        self._memory.put(self._memory.states, key, asked)
        event = Event(
            name=EventName.TRADING_HALTED,
            actor="desk",
            object_type="trading_state",
            object_id=asked.code,
            market_at=at.market,
            data={
                "scope": asked.scope, "scope_code": asked.code, "reason": asked.reason,
                "state": asked.state, "before": before, "drained": False,
            },
        )  # fmt: skip
        self.record([event], now=at.wall)

    def seconds(self) -> float:
        return self._memory.now().timestamp()

    def any_waiting(self) -> bool:
        return any(order.ord_status == OrdStatus.CREATED for order in self._memory.living())

    def waiting(self) -> tuple[list[Order], tuple[ScopedState, ...]]:
        created = [o for o in self._memory.living() if o.ord_status == OrdStatus.CREATED]
        return _copies(created), self.restricting()

    def waiting_in_group(self, order: Order) -> int:
        return sum(each.oco_group == order.oco_group for each in self.waiting()[0])

    def claimed_with(self, order: Order) -> list[Order]:
        # Its venue takes no groups in one call.
        return [order]

    def take(
        self, orders: Sequence[Order], terms: Terms, events: Sequence[Event], *, now: datetime
    ) -> None:
        columns = ("closedness", "ord_status", "fencing_token", "sent_at", "body", "body_sha256")
        claimed_at = self._memory.now()
        given: dict[str, object] = {
            "claimed_at": claimed_at,
            "lease_until": claimed_at + terms.lease,
            "recv_window": terms.recv_window,
            "deadline": claimed_at + terms.enters_within,
        }
        for order in orders:
            theirs = {name: getattr(order, name) for name in columns}
            self._memory.change(order.pk, **given, **theirs)
        self._memory.put(self._memory.account, "fencing_token", orders[0].fencing_token)
        self.record(events, now=now)

    def unclaim(self, order: Order) -> bool:
        kept = self._memory.orders[order.pk]
        mine = kept.fencing_token == order.fencing_token
        if kept.ord_status != OrdStatus.PENDING_NEW or not mine:
            return False
        self._memory.change(
            order.pk,
            ord_status=OrdStatus.CREATED,
            closedness=int(Closedness.UNSENT),
            certainty=Certainty.CERTAIN,
            lease_until=None,
            evidence=None,
        )
        return True

    def mark_unknown(self, order: Order, reason: str) -> bool:
        kept = self._memory.orders[order.pk]
        if kept.ord_status not in WORKING or kept.certainty != Certainty.CERTAIN:
            return False
        self._memory.change(order.pk, certainty=Certainty.UNKNOWN, text=reason)
        return True

    # Requests to cancel

    def asked(self) -> list[Order]:
        asked = self._memory.asked
        return _copies(self._memory.orders[pk] for pk in sorted(asked, key=asked.__getitem__))

    def answer(self, order: Order, outcome: str, at: Moment) -> None:
        if order.pk in self._memory.asked:
            self._memory.put(self._memory.asked, order.pk, ABSENT)

    def is_missed(self, order: Order) -> bool:
        # No person is told here.
        return False

    # Settling

    def place(self) -> int:
        return int(self._memory.account["stream_seq"])

    def move_place(self, place: int) -> None:
        self._memory.put(self._memory.account, "stream_seq", max(self.place(), place))

    def of_reports(self, reports: Sequence[ExecutionReport]) -> dict[str, Order]:
        self._memory.require_lock()
        known = self._memory.by_client
        keys = sorted({known[each.cl_ord_id] for each in reports if each.cl_ord_id in known})
        found = _copies(self._memory.orders[pk] for pk in keys)
        return {order.cl_ord_id: order for order in found}

    def booked(self, exec_ids: Sequence[str]) -> set[FillKey]:
        wanted = set(exec_ids)
        return {key for key in self._memory.fills if key[1] in wanted}

    def locked(self, order_id: int) -> Order:
        self._memory.require_lock()
        return copied(self._memory.orders[order_id])

    def save(self, order: Order, *columns: str) -> None:
        self._memory.change(order.pk, **{name: getattr(order, name) for name in columns})

    def save_trade(self, trade: Trade, *columns: str) -> None:
        raise AssertionError("no trade of a strategy is kept here")

    # Doubt

    def claimed(self, order: Order) -> tuple[datetime | None, datetime | None]:
        kept = self._memory.orders[order.pk]
        return kept.claimed_at, kept.deadline

    def keep_evidence(self, order: Order, found: Evidence) -> None:
        order.evidence = evidence.to_json(found)
        with self._memory.atomic():
            self._memory.change(order.pk, evidence=order.evidence)

    def is_booked(self, order: Order, trade: VenueTrade) -> bool:
        return any(
            (kept := self._memory.fills.get((order.instrument_id, trade.exec_id, side)))
            and self._memory.orders[kept.order_pk].order_id == trade.order_id
            for side in Side
        )

    def balances(self, *assets: str) -> dict[str, Decimal]:
        held = self._memory.balances
        return {asset: held[asset] for asset in assets or held if asset in held}

    # Reconciling

    def end_leases(self) -> None:
        with self._memory.atomic():
            for order in self._memory.living():
                if order.ord_status == OrdStatus.PENDING_NEW:
                    self._memory.change(order.pk, lease_until=None)

    def doubtful(self) -> list[Order]:
        now = self._memory.now()
        return _copies(order for order in self._memory.living() if _is_due(order, now))

    def resting(self) -> list[Order]:
        return _copies(
            order
            for order in self._memory.living()
            if order.ord_status in _RESTING and order.certainty == Certainty.CERTAIN
        )

    def resting_ids(self) -> set[str]:
        return {order.cl_ord_id for order in self._memory.living() if order.ord_status in _RESTING}

    def closed_among(self, cl_ord_ids: Collection[str]) -> list[Order]:
        known = self._memory.by_client
        keys = sorted(known[each] for each in cl_ord_ids if each in known)
        found = (self._memory.orders[pk] for pk in keys)
        return _copies(order for order in found if order.ord_status in CLOSED)

    def is_settled(self, order: Order) -> bool:
        kept = self._memory.orders[order.pk]
        return kept.certainty == Certainty.CERTAIN and kept.ord_status != OrdStatus.PENDING_NEW

    def in_doubt(self) -> set[str]:
        return {order.cl_ord_id for order in self.unsettled()}

    def unsettled(self) -> list[Order]:
        return _copies(
            order
            for order in self._memory.living()
            if order.certainty != Certainty.CERTAIN or order.ord_status == OrdStatus.PENDING_NEW
        )

    def is_doubtful(self, cl_ord_id: str) -> bool:
        pk = self._memory.by_client.get(cl_ord_id)
        return pk is not None and self._memory.orders[pk].certainty != Certainty.CERTAIN

    def open_breaks(self) -> list[ReconBreak]:
        return [copied(each) for each in self._memory.breaks.values() if each.closed_at is None]

    def open_break(self, found: ReconBreak) -> bool:
        same = (found.kind, found.object_id)
        if any((each.kind, each.object_id) == same for each in self.open_breaks()):
            return False
        kept = copied(found)
        kept.pk, kept.noticed_at = next(self._memory.numbers), self._memory.now()
        self._memory.put(self._memory.breaks, kept.pk, kept)
        return True

    def keep_break(self, found: ReconBreak) -> None:
        self._memory.put(self._memory.breaks, found.pk, copied(found))

    def close_break(self, found: ReconBreak, resolution: str, at: Moment) -> None:
        found.closed_at, found.resolution = at.market, resolution
        self._memory.put(self._memory.breaks, found.pk, copied(found))


def _copies(orders: Iterable[Order]) -> list[Order]:
    return [copied(order) for order in orders]


def _is_due(order: Order, now: datetime) -> bool:
    """Whether the order is in doubt, or claimed by a sender whose lease has run out."""
    if order.certainty != Certainty.CERTAIN:
        return True
    over = order.lease_until is None or order.lease_until < now
    return order.ord_status == OrdStatus.PENDING_NEW and over


def _working(order: Order) -> WorkingOrder:
    most = order.order_qty if order.ord_status in WORKING else order.cum_qty
    return WorkingOrder(
        instrument_id=order.instrument_id,
        side=Side(order.side),
        leaves_qty=CONTEXT.subtract(most, order.filled_qty),
        oco_group=order.oco_group,
        reduce_only=order.reduce_only,
        worst_px=order.price or order.stop_px or order.reference_px,
        intent_id=order.intent_id,
        strategy="",
        ord_type=order.ord_type,
        created_at=order.created_at,
        doubtful=order.certainty == Certainty.UNKNOWN,
    )
