"""The desk that a simulation trades with: one account, kept in memory or in PostgreSQL.

1. Both give the same ids, the same limits and the same opening deposits, so that what the services
   write down is the same to the byte.
2. Desks of one account stand for processes: they share what is kept and nothing else.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from aitrader.kernel import ids
from aitrader.kernel.clock import Moment, day_start, iso
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.fix import AccountKind, Mode, PriceSource, Side
from aitrader.kernel.money import ZERO
from compliance.domain.canonical import body_of, canonical
from compliance.services.journal import body
from risk.domain.limits import LimitKey, profile
from risk.services import limits
from trading.domain import ledger
from trading.domain.bar import Bar
from trading.models import Account, Feed, Fill, InstrumentRow, Order, Venue
from trading.sandbox.memory import Memory, copied
from trading.sandbox.memory_store import MemoryStore
from trading.sandbox.rules import Listing
from trading.selectors import account_state, sql
from trading.selectors.bars import BarCache
from trading.selectors.desk import VOLATILITY_BARS, Desk
from trading.services import booking, market_data, order_rows, orders
from trading.services.monitor import Monitor
from trading.services.order_rows import OrderRows

MINUTE = timedelta(minutes=1)
QUOTE = "USDT"
#: Within the demo profile, and small enough to be reached.
LIMITS: Mapping[LimitKey, Decimal] = profile("demo") | {
    LimitKey.MAX_ORDER_NOTIONAL: Decimal(1_800),
    LimitKey.MAX_POSITION_SHARE: Decimal("0.35"),
    LimitKey.MAX_GROSS_EXPOSURE: Decimal("0.5"),
    LimitKey.MAX_OPEN_ORDERS: Decimal(9),
}
_WHO, _WHY = "simulation", "drawn"
_LAST = "SELECT coalesce(max(id), 0) FROM compliance_journalentry"
_SINCE = "SELECT payload FROM compliance_journalentry WHERE id > %s ORDER BY id"


@dataclass(frozen=True, slots=True)
class Opening:
    """How a simulated account begins. `listings` by instrument code; `deposits` by asset."""

    seed: int
    namespace: str
    start: datetime
    listings: Mapping[str, Listing]
    prices: Mapping[str, Decimal]
    deposits: Mapping[str, Decimal]
    fee_rate: Decimal

    @property
    def worth(self) -> Decimal:
        """In the quote asset."""
        px = {each.base: self.prices[code] for code, each in self.listings.items()}
        px[QUOTE] = Decimal(1)
        return sum((amount * px[asset] for asset, amount in self.deposits.items()), ZERO)


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
    """A fill as the desk booked it."""

    instrument: str
    exec_id: str
    side: Side
    qty: Decimal


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

    def version(self) -> int | None:
        """The same as before only if nothing was changed since; None where nobody counts."""
        ...

    def bodies(self) -> Iterator[bytes]:
        """What was written into the journal since the opening, in order."""
        ...

    def close(self) -> None: ...


class InMemory:
    """Implements `Books`."""

    def __init__(self, opening: Opening) -> None:
        self._now = opening.start
        self._first = _first_desk(opening)
        peak = {"fencing_token": 0, "stream_seq": 0, "peak_equity": opening.worth}
        self._memory = Memory(dict(LIMITS), lambda: self._now, account=peak)
        self._first.store = MemoryStore(self._first, self._memory)
        _deposit(self._first, opening)
        self._codes = {pk: row.code for pk, row in self._first.instruments.items()}

    def desk(self, life: Life) -> Desk:
        desk = replace(self._first, account=copied(self._first.account), store=None)
        desk.store = _MortalMemory(desk, self._memory, life)
        return desk

    def tell(self, now: datetime) -> None:
        self._now = now

    def mark(self, prices: Mapping[str, Decimal], at: Moment) -> None:
        desk, memory = self._first, self._memory
        for row, bar in _bars(desk, prices, at):
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
            actor=_WHO,
            object_type="order",
            object_id=order.public_id,
            trace_id=order.trace_id,
            market_at=at.market,
            data={"reason": _WHY},
        )
        with memory.atomic():
            memory.put(memory.asked, order.pk, next(memory.numbers))
            memory.tell([event])

    def orders(self) -> list[Order]:
        return [self._memory.orders[pk] for pk in sorted(self._memory.orders)]

    def fills(self) -> list[Booked]:
        return [
            Booked(self._codes[each.instrument_id], each.exec_id, each.side, each.qty)
            for each in self._memory.fills.values()
        ]

    def version(self) -> int | None:
        return self._memory.version

    def bodies(self) -> Iterator[bytes]:
        return (canonical(body(event)) for event in self._memory.log)

    def close(self) -> None:
        """Nothing is held."""


class InRows:
    """Implements `Books` in the database in use, which must be installed."""

    def __init__(self, opening: Opening) -> None:
        self.tell(opening.start)
        at = Moment(opening.start, opening.start)
        with sql.atomic():
            self._first = _save(_first_desk(opening))
            self._account = self._first.account
            _set_limits(self._account.code, at)
            _deposit(self._first, opening)
        (self._since,) = sql.fetch_one(_LAST, [])

    def desk(self, life: Life) -> Desk:
        desk = replace(self._first, account=copied(self._account), store=None)
        desk.store = _MortalRows(desk, life)
        return desk

    def tell(self, now: datetime) -> None:
        sql.fetch_one("SELECT set_config('aitrader.now', %s, false)", [iso(now)])

    def mark(self, prices: Mapping[str, Decimal], at: Moment) -> None:
        desk = self._first
        bars = _bars(desk, prices, at)
        market_data.record(feed=desk.feed, bars=bars, at=at)
        for row, bar in bars:
            desk.bars.append(desk.feed.pk, row.pk, bar)
        Monitor(desk).value(at)

    def ask_to_cancel(self, order: Order, at: Moment) -> None:
        orders.request_cancel(
            order_id=order.pk, requested_by=_WHO, reason=_WHY, now=at.wall, market_at=at.market
        )

    def orders(self) -> list[Order]:
        return list(Order.objects.filter(account=self._account).order_by("pk"))

    def fills(self) -> list[Booked]:
        rows = Fill.objects.filter(account=self._account).order_by("pk")
        named = rows.values_list("instrument__code", "exec_id", "side", "last_qty")
        return [Booked(code, exec_id, Side(side), qty) for code, exec_id, side, qty in named]

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


def _first_desk(opening: Opening) -> Desk:
    """The desk as it is before anything is traded, with the bars that a volatility needs."""
    venue = Venue(pk=1, code="SIM", name="Simulated venue")
    account = Account(
        pk=1,
        public_id=ids.derive(opening.namespace, "account", opening.seed),
        code=f"SIMULATED-{opening.seed}",
        venue=venue,
        kind=AccountKind.SPOT,
        mode=Mode.PAPER,
        base_currency=QUOTE,
        opening_equity=opening.worth,
        peak_equity=opening.worth,
        opened_at=opening.start,
    )
    feed = Feed(
        pk=1,
        code=f"simulation-{opening.seed}",
        title=f"simulation {opening.seed}",
        source=PriceSource.SIMULATED,
        account=account,
        interval_seconds=int(MINUTE.total_seconds()),
        started_at=opening.start,
    )
    rows = {
        pk: InstrumentRow(
            pk=pk,
            venue=venue,
            code=code,
            base=listing.base,
            quote=listing.quote,
            kind=AccountKind.SPOT,
            tick=listing.tick,
            lot=listing.lot,
            min_qty=listing.min_qty,
            min_notional=listing.min_notional,
            max_bar_range=Decimal("0.5"),
        )
        for pk, (code, listing) in enumerate(opening.listings.items(), start=1)
    }
    desk = Desk(account, feed, rows, {}, opening.namespace, opening.fee_rate)
    _remember_bars(desk, opening)
    return desk


def _remember_bars(desk: Desk, opening: Opening) -> None:
    """Enough bars before the start for a volatility."""
    for pk, row in desk.instruments.items():
        # Asked for once, a series is kept.
        desk.bars.count(desk.feed.pk, pk)
        for number in range(VOLATILITY_BARS + 1, 1, -1):
            px = opening.prices[row.code] * (1 + Decimal(number % 7) / 10_000)
            bar = Bar(opening.start - number * MINUTE, MINUTE, px, px, px, px, Decimal(100))
            desk.bars.append(desk.feed.pk, pk, bar)


def _save(desk: Desk) -> Desk:
    """The same desk as rows."""
    venue, _ = Venue.objects.get_or_create(code="SIM", defaults={"name": "Simulated venue"})
    desk.account.pk, desk.account.venue = None, venue
    desk.account.save()
    desk.feed.pk, desk.feed.account = None, desk.account
    desk.feed.save()
    for row in desk.instruments.values():
        row.pk, row.venue = None, venue
        known = InstrumentRow.objects.filter(code=row.code).first()
        if known is None:
            row.save()
        else:
            row.pk = known.pk
    kept = replace(desk, instruments={row.pk: row for row in desk.instruments.values()})
    bars = BarCache()
    for old, row in desk.instruments.items():
        bars.count(kept.feed.pk, row.pk)
        for bar in desk.bars.after(1, old, None):
            bars.append(kept.feed.pk, row.pk, bar)
    return replace(kept, bars=bars)


def _set_limits(account_code: str, at: Moment) -> None:
    limits.apply_profile(
        account_code=account_code, profile="demo", set_by=_WHO, now=at.wall, market_at=at.market
    )
    for key, value in LIMITS.items():
        limits.change(
            account_code=account_code,
            key=key,
            value=value,
            purpose=_WHY,
            set_by=_WHO,
            now=at.wall,
            market_at=at.market,
        )


def _deposit(desk: Desk, opening: Opening) -> None:
    store = order_rows.of(desk)
    with store.atomic():
        for asset, amount in opening.deposits.items():
            postings = ledger.postings_for_deposit(asset, amount)
            booking.post(desk=desk, kind="DEPOSIT", key=asset, postings=postings, at=opening.start)


def _bars(desk: Desk, prices: Mapping[str, Decimal], at: Moment) -> list[tuple[InstrumentRow, Bar]]:
    """A bar of each instrument's present price."""
    found = []
    for row in desk.instruments.values():
        px = prices[row.code]
        bar = Bar(at.market - MINUTE, MINUTE, px, px, px, px, Decimal(100))
        found.append((row, bar))
    return found
