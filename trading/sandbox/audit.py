"""What is wrong between a simulated desk and the exchange's own records.

1. `look` may be called at any instant outside a transaction; what it saw at its worst counts.
2. What the exchange might do to the account is what rests there, what has traded, and what is still
   on its way; the desk must have booked or reserved at least that, of every instrument and side.
3. What arrives, rests and is held stays within the limits (audit_limits.py).
4. What other hands did is in the books in the end, once each: orders, trades, what the exchange
   took back, what came in and went out.
5. Ledger, costs and what orders have filled are computed again (audit_books.py).
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from aitrader.kernel.fix import Origin
from aitrader.kernel.money import ZERO
from trading.domain.ports import ClientIdClass
from trading.sandbox import audit_books
from trading.sandbox.answers import ClientIds
from trading.sandbox.audit_books import FillName, OrderName
from trading.sandbox.audit_limits import Key, LimitWatch
from trading.sandbox.events import BalanceCause, BalanceEvent, Event, Execution, OrderEvent
from trading.sandbox.orders import Fill
from trading.sandbox.simulated_desk import Books
from trading.sandbox.stage import Stage
from trading.sandbox.wire import Wire
from trading.selectors.desk import Desk
from trading.services import order_rows

_ALL = 1_000_000


@dataclass(frozen=True, slots=True)
class Found:
    """What one seed showed; `breach` is in base: how much more the exchange could have done to the
    account than the desk had reserved; `over_limit` is how far beyond a limit anything was, as a
    share of it; `wishes_lost` are orders that were to be cancelled and rest on; `foreign_wrong` is
    what others did, or the exchange by itself, and the books do not say; `ledger_wrong` are
    transactions and accounts of the ledger, positions and orders whose amounts are not the
    exchange's; `calls_in_silence` were begun while the exchange wanted none."""

    seed: int
    plan: str
    sent: int
    duplicates: int
    lost_fills: int
    phantom_fills: int
    unknown_left: int
    breaks_left: int
    wishes_lost: int
    foreign_wrong: int
    ledger_wrong: int
    calls_in_silence: int
    breach: Decimal
    over_limit: Decimal
    books_equal: bool
    log_hash: str

    @property
    def failed(self) -> bool:
        wrong = self.duplicates + self.lost_fills + self.phantom_fills + self.unknown_left
        wrong += self.breaks_left + self.wishes_lost + self.foreign_wrong
        wrong += self.ledger_wrong + self.calls_in_silence
        return bool(wrong) or self.breach > 0 or self.over_limit > 0 or not self.books_equal


class Audit:
    """Watches one account. `prices` gives the market's price by instrument code."""

    def __init__(
        self,
        stage: Stage,
        wire: Wire,
        desk: Desk,
        books: Books,
        prices: Callable[[], Mapping[str, Decimal]],
    ) -> None:
        self._records = stage.exchange.records
        self._wire = wire
        self._listed = wire.codes
        self._store = order_rows.of(desk)
        self._books = books
        self._codes = {pk: row.code for pk, row in desk.instruments.items()}
        self._rows = {row.code: (pk, row) for pk, row in desk.instruments.items()}
        self._done: dict[Key, Decimal] = defaultdict(lambda: ZERO)
        self._breach = ZERO
        #: What came in from outside so far, by asset.
        self._brought: dict[str, Decimal] = defaultdict(lambda: ZERO)
        self._brought |= audit_books.outside(books.entries())
        self._hears_others = False
        #: Client ids of orders that were to be cancelled.
        self.wished: set[str] = set()
        self._heard = 0
        self._seen: tuple[int | None, int, int, int] | None = None
        stage.listen(self._hear)
        rows = {row.code: row for row in desk.instruments.values()}
        self.limits = LimitWatch(self._records, wire, rows, prices, self._might_trade)
        stage.listen(self.limits.hear)

    def look(self) -> None:
        """Compare what the exchange might do with what the desk is prepared for."""
        version = self._books.version()
        seen = version, self._heard, len(self._wire.sent), len(self._wire.on_the_way)
        if seen == self._seen and version is not None:
            return
        self._seen = seen
        might, foreign = self._might_trade(), self._foreign_intents()
        ready: dict[Key, Decimal] = defaultdict(lambda: ZERO)
        for order in self._store.working():
            if order.intent_id not in foreign:
                ready[self._codes[order.instrument_id], order.side] += order.leaves_qty
        for fill in self._books.fills():
            if not fill.foreign:
                ready[fill.instrument, fill.side] += fill.qty
        for key in might.keys() | self._done.keys():
            self._breach = max(self._breach, might[key] + self._done[key] - ready[key])

    def held(self, code: str) -> Decimal:
        """What the desk believes to hold of an instrument."""
        position = self._store.holdings()[1].get(self._rows[code][0])
        return position.quantity if position else ZERO

    def is_quiet(self) -> bool:
        """Whether nothing is in doubt, waiting, wished for or on its way."""
        store = self._store
        busy = store.any_waiting() or store.in_doubt() or store.asked() or self._wire.on_the_way
        return not busy

    def found(self, seed: int, plan: str) -> Found:
        """The whole account against the exchange's records."""
        account, codes, names = self._wire.account, self._listed, self._wire.names
        traded = {
            (codes[each.instrument], names.exec_id(each), each.side): each
            for each in self._records.account_trades(account, limit=_ALL)
        }
        theirs = {key: each.last_qty for key, each in traded.items()}
        busted = {key for key, each in traded.items() if each.busted}
        booked = {(f.instrument, f.exec_id, f.side): f for f in self._books.fills()}
        ours = {key: each.qty for key, each in booked.items()}
        voided = {key for key, each in booked.items() if each.voided}
        wrong = [key for key in theirs.keys() & ours.keys() if theirs[key] != ours[key]]
        orders = self._books.orders()
        known = {order.cl_ord_id for order in orders}
        sent = set(self._wire.sent)
        every = self._records.all_orders(account, limit=_ALL)
        taken = [name for name in map(names.cl_ord_id, every) if name in sent]
        held = {each.asset: each.total for each in self._records.balances(account)}
        resend = self._wire.promises.client_id_class is ClientIdClass.IDEMPOTENT
        return Found(
            seed=seed,
            plan=plan,
            sent=len(self._wire.sent),
            duplicates=_repeated(taken)
            + (0 if resend else _repeated(self._wire.sent))
            + sum(1 for each in taken if each not in known),
            lost_fills=len(theirs.keys() - ours.keys() - busted),
            phantom_fills=len(ours.keys() - theirs.keys()) + len(wrong),
            unknown_left=len(self._store.in_doubt()),
            breaks_left=len(self._store.open_breaks()),
            wishes_lost=len(
                self.wished & set(map(names.cl_ord_id, self._records.open_orders(account)))
            ),
            foreign_wrong=len(voided ^ (busted & ours.keys())) + self._foreign_wrong(held),
            ledger_wrong=self._ledger_wrong(
                {key: traded[key] for key in traded.keys() & ours.keys()}, voided
            ),
            calls_in_silence=self._wire.calls_in_silence,
            breach=self._breach,
            over_limit=self.limits.over,
            books_equal=_held(held) == _held(self._store.balances()),
            log_hash=_hash(self._books.bodies()),
        )

    def _ledger_wrong(self, booked: Mapping[FillName, Fill], voided: Collection[FillName]) -> int:
        entries = self._books.entries()
        rows = {code: row for code, (_, row) in self._rows.items()}
        standing = {key: fill for key, fill in booked.items() if key not in voided}
        positions = self._store.holdings()[1].items()
        held = {self._codes[pk]: each for pk, each in positions}
        balances = self._store.balances()
        return (
            audit_books.ledger_wrong(entries, standing, rows, balances, self._brought)
            + audit_books.costs_wrong(entries, booked, rows, held)
            + audit_books.filled_wrong(self._books.orders(), self._by_order(booked), self._codes)
        )

    def _by_order(self, booked: Mapping[FillName, Fill]) -> list[tuple[OrderName, Fill]]:
        found = []
        for (code, _, _), fill in booked.items():
            order = self._records.by_id(fill.order_id)
            found.append(((code, self._wire.names.order_id(order)), fill))
        return found

    def _foreign_wrong(self, held: Mapping[str, Decimal]) -> int:
        """Orders of other hands that are in the books twice or are ours, positions that are not
        what is held, open orders that are not reserved for."""
        foreign = [each for each in self._books.orders() if each.origin == Origin.EXTERNAL]
        every = self._records.all_orders(self._wire.account, limit=_ALL)
        ours = {
            self._wire.names.order_id(each)
            for each in every
            if self._wire.names.cl_ord_id(each) in self._wire.sent
        }
        mistaken = [each for each in foreign if each.order_id in ours]
        might = self._might_trade(sent_only=False)
        for order in self._store.working():
            might[self._codes[order.instrument_id], order.side] -= order.leaves_qty
        bases = {code: self._rows[code][1].base for code, _ in self._done}
        return (
            _repeated([f"{each.instrument_id} {each.order_id}" for each in foreign])
            + len(mistaken)
            + sum(held.get(base, ZERO) != self.held(code) for code, base in bases.items())
            + sum(left > 0 for left in might.values())
        )

    def _foreign_intents(self) -> set[str]:
        """Of the orders that the desk has taken in."""
        if not self._hears_others:
            return set()
        orders = self._books.orders()
        return {each.intent_id for each in orders if each.origin == Origin.EXTERNAL}

    def _hear(self, event: Event) -> None:
        """A listener of the exchange: what has traded, and what came from outside."""
        if isinstance(event, BalanceEvent) and event.account == self._wire.account:
            if event.cause in (BalanceCause.DEPOSIT, BalanceCause.WITHDRAWAL):
                self._brought[event.balances[0].asset] += event.delta or ZERO
            return
        if not isinstance(event, OrderEvent) or event.order.account != self._wire.account:
            return
        self._heard += 1
        is_ours = self._wire.names.cl_ord_id(event.order) in self._wire.sent
        self._hears_others = self._hears_others or not is_ours
        fill, execution = event.fill, event.execution
        if fill is None or execution not in (Execution.TRADE, Execution.TRADE_CANCEL):
            return
        code, taken_back = (
            self._listed[fill.instrument],
            execution is Execution.TRADE_CANCEL,
        )
        if is_ours:
            self._done[code, fill.side] += -fill.last_qty if taken_back else fill.last_qty

    def _might_trade(self, *, sent_only: bool = True) -> dict[Key, Decimal]:
        """What of the desk's, or of anybody's, rests at the exchange or is on its way there."""
        found: dict[Key, Decimal] = defaultdict(lambda: ZERO)
        codes, account = self._listed, self._wire.account
        for order in self._records.open_orders(account):
            if not sent_only or self._wire.names.cl_ord_id(order) in self._wire.sent:
                found[codes[order.instrument], order.side] += order.leaves_qty
        once = self._wire.promises.client_ids is ClientIds.FOREVER
        coming: set[str] = set()
        for request in (each.order for each in self._wire.on_the_way):
            if request is None:
                continue
            there = self._records.order(account, None, cl_ord_id=request.cl_ord_id)
            if once and (there or request.cl_ord_id in coming):
                continue
            coming.add(request.cl_ord_id)
            found[codes[request.instrument], request.side] += request.order_qty or ZERO
        return found


def _hash(bodies: Iterable[bytes]) -> str:
    total = hashlib.sha256()
    for body in bodies:
        total.update(len(body).to_bytes(8, "big"))
        total.update(body)
    return total.hexdigest()


def _repeated(names: Sequence[str]) -> int:
    return len(names) - len(set(names))


def _held(balances: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {asset: amount for asset, amount in balances.items() if amount}
