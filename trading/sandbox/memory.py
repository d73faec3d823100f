"""The tables of one simulated account in memory, and transactions over them.

1. A row that is kept is never changed: a change keeps another one in its place.
2. A transaction that ends by an exception of any kind, the death of a simulated process among them,
   leaves everything as it was, except that numbers once given are not given again.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from itertools import count
from typing import Any, TypeVar

from django.db.models import DecimalField, Model
from django.db.models.base import ModelState

from aitrader.kernel.events import Event
from aitrader.kernel.fix import WORKING, Certainty
from risk.domain.limits import LimitKey
from risk.domain.trading_state import Scope, ScopedState
from trading.domain.ledger import Posting
from trading.domain.position import PositionState
from trading.models import Order, ReconBreak
from trading.selectors.order_store import FillKey, KeptFill

_Row = TypeVar("_Row", bound=Model)
_AMOUNTS = [each.attname for each in Order._meta.concrete_fields if isinstance(each, DecimalField)]
#: Put as a row, it deletes the row.
ABSENT = object()


@dataclass(slots=True)
class Memory:
    """One account's tables. `live` are the orders that may still change anything: working ones and
    those in doubt; `asked` numbers the open requests to cancel."""

    limits: dict[LimitKey, Decimal]
    now: Callable[[], datetime]
    orders: dict[int, Order] = field(default_factory=dict)
    live: dict[int, bool] = field(default_factory=dict)
    by_client: dict[str, int] = field(default_factory=dict)
    by_intent: dict[str, int] = field(default_factory=dict)
    asked: dict[int, int] = field(default_factory=dict)
    fills: dict[FillKey, KeptFill] = field(default_factory=dict)
    #: Keys of fills that were voided.
    voided: dict[int, bool] = field(default_factory=dict)
    #: The ledger, in order: kind, key of the fill, postings.
    entries: dict[int, tuple[str, int | None, tuple[Posting, ...]]] = field(default_factory=dict)
    positions: dict[int, PositionState] = field(default_factory=dict)
    balances: dict[str, Decimal] = field(default_factory=dict)
    breaks: dict[int, ReconBreak] = field(default_factory=dict)
    counters: dict[date, tuple[int, Decimal]] = field(default_factory=dict)
    days: dict[date, Decimal] = field(default_factory=dict)
    states: dict[tuple[Scope, str], ScopedState] = field(default_factory=dict)
    #: The account's own columns.
    account: dict[str, Any] = field(default_factory=dict)
    log: list[Event] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    #: Rises with every change, undone ones included.
    version: int = 0
    _undo: list[tuple[dict[Any, Any], Any, Any]] | None = None
    #: Whether the open transaction has locked the account.
    _locked: bool = False

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """A transaction, or a part of the one that is open."""
        if self._undo is not None:
            yield
            return
        self._undo, told = [], len(self.log)
        try:
            yield
        except BaseException:
            for table, key, value in reversed(self._undo):
                _set(table, key, value)
            del self.log[told:]
            self.version += 1
            raise
        finally:
            self._undo, self._locked = None, False

    def put(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        """Keep a row in the open transaction."""
        self.require_transaction()
        assert self._undo is not None
        self._undo.append((table, key, table.get(key, ABSENT)))
        self.version += 1
        _set(table, key, value)

    def require_transaction(self) -> None:
        """Raise AssertionError outside a transaction."""
        assert self._undo is not None, "only inside a transaction"

    def lock(self) -> None:
        """Lock the account until the transaction ends."""
        self.require_transaction()
        self._locked = True

    def require_lock(self) -> None:
        """Raise AssertionError unless the account is locked: it comes before its orders."""
        assert self._locked, "only under the account's lock"

    def tell(self, events: list[Event]) -> None:
        """Write events into the log, in the open transaction."""
        self.require_transaction()
        self.log += events

    def keep_order(self, order: Order) -> None:
        """Keep the order as it is from here on."""
        self.put(self.orders, order.pk, order)
        alive = order.ord_status in WORKING or order.certainty != Certainty.CERTAIN
        if alive is not (order.pk in self.live):
            self.put(self.live, order.pk, alive or ABSENT)

    def change(self, pk: int, **columns: Any) -> None:
        """Keep an order with other values in these columns."""
        changed = copied(self.orders[pk])
        for name, value in columns.items():
            setattr(changed, name, value)
        self.keep_order(changed)

    def living(self) -> list[Order]:
        """The orders that are `live`, oldest first; not to be changed."""
        return [self.orders[pk] for pk in sorted(self.live)]


def copied(row: _Row) -> _Row:
    """Another instance of the same values."""
    made = row.__class__.__new__(row.__class__)
    made.__dict__.update(row.__dict__)
    made._state = ModelState()
    made._state.adding, made._state.db = row._state.adding, row._state.db
    made._state.fields_cache = dict(row._state.fields_cache)
    return made


def as_read(order: Order) -> Order:
    """A copy with its amounts as a database gives them back: the defaults of columns are numbers of
    other kinds."""
    made = copied(order)
    for name in _AMOUNTS:
        value = getattr(made, name)
        if value is not None:
            setattr(made, name, Decimal(value))
    return made


def _set(table: dict[Any, Any], key: Any, value: Any) -> None:
    if value is ABSENT:
        table.pop(key, None)
    else:
        table[key] = value
