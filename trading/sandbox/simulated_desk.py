"""The desk that a simulation trades with: one account, kept in memory or in PostgreSQL.

1. Both give the same ids, the same limits and the same opening deposits, so that what the services
   write down is the same to the byte.
2. Desks of one account stand for processes: they share what is kept and nothing else.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from aitrader.kernel.clock import Moment, day_start, iso
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.fix import Origin, Side
from compliance.domain.canonical import body_of, canonical
from compliance.services.journal import body
from trading.domain.ledger import LedgerAccount, Posting
from trading.models import Fill, LedgerTransaction, Order
from trading.sandbox import opening
from trading.sandbox.audit_books import Entry
from trading.sandbox.memory import Memory, copied
from trading.sandbox.memory_store import MemoryStore
from trading.sandbox.opening import Opening
from trading.selectors import account_state, sql
from trading.selectors.desk import Desk
from trading.services import market_data, orders
from trading.services.monitor import Monitor
from trading.services.order_rows import OrderRows

_LAST = "SELECT coalesce(max(id), 0) FROM compliance_journalentry"
_SINCE = "SELECT payload FROM compliance_journalentry WHERE id > %s ORDER BY id"


class Life(Protocol):
    """What becomes of a simulated process."""

    def go_on(self) -> None:
        """Called before and after each commit; may raise what ends the process."""
        ...

    def seconds(self) -> float:
        """The process's own measure of time; it may be paused here."""
        ...


@dataclass(frozen=True, slots=True)
class Booked:
    """A fill as the desk booked it; `foreign` if of an order of other hands."""

    instrument: str
    exec_id: str
    side: Side
    qty: Decimal
    foreign: bool
    voided: bool


class Books(Protocol):
    """Where a simulated account is kept, as a simulation sees it."""

    def desk(self, life: Life) -> Desk:
        """Another process's desk of the account."""
        ...

    def tell(self, now: datetime) -> None:
        """Set the clock that all processes share."""
        ...

    def mark(self, prices: Mapping[str, Decimal], at: Moment) -> None:
        """Record a bar of each price and value the account."""
        ...

    def ask_to_cancel(self, order: Order, at: Moment) -> None: ...

    def orders(self) -> list[Order]:
        """Every order, oldest first."""
        ...

    def fills(self) -> list[Booked]: ...

    def entries(self) -> list[Entry]:
        """The ledger, oldest first."""
        ...

    def version(self) -> int | None:
        """The same as before only if nothing was changed since; None where nobody counts."""
        ...

    def bodies(self) -> Iterator[bytes]:
        """What was written into the journal since the opening, in order."""
        ...

    def close(self) -> None: ...


class InMemory:
    """Implements `Books`."""

    def __init__(self, given: Opening) -> None:
        self._now = given.start
        self._first = opening.first_desk(given)
        account = {
            "fencing_token": 0, "stream_seq": 0, "held_at": given.start,
            "opening_equity": given.worth, "peak_equity": given.worth,
        }  # fmt: skip
        self._memory = Memory(dict(opening.LIMITS), lambda: self._now, account=account)
        self._first.store = MemoryStore(self._first, self._memory)
        opening.deposit(self._first, given)
        self._codes = {pk: row.code for pk, row in self._first.instruments.items()}

    def desk(self, life: Life) -> Desk:
        desk = replace(self._first, account=copied(self._first.account), store=None)
        desk.store = _MortalMemory(desk, self._memory, life)
        return desk

    def tell(self, now: datetime) -> None:
        self._now = now

    def mark(self, prices: Mapping[str, Decimal], at: Moment) -> None:
        desk, memory = self._first, self._memory
        for row, bar in opening.bars_of(desk, prices, at):
            desk.bars.append(desk.feed.pk, row.pk, bar)
        state = account_state.value(
            desk.account, desk.instruments, memory.balances, memory.positions, desk.marks()
        )
        if state.equity is None:
            return
        with memory.atomic():
            day = day_start(at.market).date()
            memory.put(memory.days, day, memory.days.get(day, state.equity))
            peak = max(memory.account["peak_equity"], state.equity)
            memory.put(memory.account, "peak_equity", peak)

    def ask_to_cancel(self, order: Order, at: Moment) -> None:
        memory = self._memory
        if order.pk in memory.asked:
            return
        event = Event(
            name=EventName.ORDER_CANCEL_REQUESTED,
            actor=opening.WHO,
            object_type="order",
            object_id=order.public_id,
            trace_id=order.trace_id,
            market_at=at.market,
            data={"reason": opening.WHY},
        )
        with memory.atomic():
            memory.put(memory.asked, order.pk, next(memory.numbers))
            memory.tell([event])

    def orders(self) -> list[Order]:
        return [self._memory.orders[pk] for pk in sorted(self._memory.orders)]

    def fills(self) -> list[Booked]:
        memory = self._memory
        return [
            Booked(
                self._codes[each.instrument_id], each.exec_id, each.side, each.qty,
                memory.orders[each.order_pk].origin == Origin.EXTERNAL, each.pk in memory.voided,
            )
            for each in memory.fills.values()
        ]  # fmt: skip

    def entries(self) -> list[Entry]:
        names = {
            each.pk: (self._codes[each.instrument_id], each.exec_id, each.side)
            for each in self._memory.fills.values()
        }
        return [
            Entry(kind, None if fill is None else names[fill], postings)
            for kind, fill, postings in self._memory.entries.values()
        ]

    def version(self) -> int | None:
        return self._memory.version

    def bodies(self) -> Iterator[bytes]:
        return (canonical(body(event)) for event in self._memory.log)

    def close(self) -> None:
        """Nothing is held."""


class InRows:
    """Implements `Books` in the database in use, which must be installed."""

    def __init__(self, given: Opening) -> None:
        self.tell(given.start)
        at = Moment(given.start, given.start)
        with sql.atomic():
            self._first = opening.save(opening.first_desk(given))
            self._account = self._first.account
            opening.set_limits(self._account.code, at)
            opening.deposit(self._first, given)
        (self._since,) = sql.fetch_one(_LAST, [])

    def desk(self, life: Life) -> Desk:
        desk = replace(self._first, account=copied(self._account), store=None)
        desk.store = _MortalRows(desk, life)
        return desk

    def tell(self, now: datetime) -> None:
        sql.fetch_one("SELECT set_config('aitrader.now', %s, false)", [iso(now)])

    def mark(self, prices: Mapping[str, Decimal], at: Moment) -> None:
        desk = self._first
        bars = opening.bars_of(desk, prices, at)
        market_data.record(feed=desk.feed, bars=bars, at=at)
        for row, bar in bars:
            desk.bars.append(desk.feed.pk, row.pk, bar)
        Monitor(desk).value(at)

    def ask_to_cancel(self, order: Order, at: Moment) -> None:
        orders.request_cancel(
            order_id=order.pk,
            requested_by=opening.WHO,
            reason=opening.WHY,
            now=at.wall,
            market_at=at.market,
        )

    def orders(self) -> list[Order]:
        return list(Order.objects.filter(account=self._account).order_by("pk"))

    def fills(self) -> list[Booked]:
        rows = Fill.objects.filter(account=self._account).order_by("pk")
        voided = set(rows.filter(entries__kind="VOID").values_list("pk", flat=True))
        return [
            Booked(
                each.instrument.code, each.exec_id, Side(each.side), each.last_qty,
                each.order.origin == Origin.EXTERNAL, each.pk in voided,
            )
            for each in rows.select_related("instrument", "order")
        ]  # fmt: skip

    def entries(self) -> list[Entry]:
        rows = LedgerTransaction.objects.filter(account=self._account).order_by("pk")
        found = []
        for row in rows.select_related("fill__instrument").prefetch_related("postings"):
            of = row.fill
            fill = None if of is None else (of.instrument.code, of.exec_id, Side(of.side))
            postings = tuple(
                Posting(LedgerAccount(each.ledger_account), each.asset, each.amount)
                for each in row.postings.all()
            )
            found.append(Entry(row.kind, fill, postings))
        return found

    def version(self) -> int | None:
        return None

    def bodies(self) -> Iterator[bytes]:
        return (body_of(bytes(row[0])) for row in sql.fetch_all(_SINCE, [self._since]))

    def close(self) -> None:
        sql.execute("RESET aitrader.now", [])


class _MortalMemory(MemoryStore):
    def __init__(self, desk: Desk, memory: Memory, life: Life) -> None:
        super().__init__(desk, memory)
        self._life = life

    @contextmanager
    def atomic(self) -> Iterator[None]:
        with super().atomic():
            yield
            self._life.go_on()
        self._life.go_on()

    def seconds(self) -> float:
        return self._life.seconds()


class _MortalRows(OrderRows):
    def __init__(self, desk: Desk, life: Life) -> None:
        super().__init__(desk)
        self._life = life

    @contextmanager
    def atomic(self) -> Iterator[None]:
        with super().atomic():
            yield
            self._life.go_on()
        self._life.go_on()

    def seconds(self) -> float:
        return self._life.seconds()
