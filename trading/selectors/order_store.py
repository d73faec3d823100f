"""What the order services need of storage, as protocols: the services decide, a store keeps.

`trading/services/order_rows.py` keeps rows in PostgreSQL; the sandbox keeps them in memory. What is
handed over are instances of the models, which can be made without a database.

1. A store belongs to one desk. What is changed inside `atomic` is kept whole or not at all, and an
   exception of any kind keeps nothing.
2. What is said to be locked stays as it was read until the transaction ends; locks are taken in the
   order limit counter → account → order → position.
3. A store decides nothing: no status, no quantity and no event is of its making.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from aitrader.kernel.clock import Moment
from aitrader.kernel.events import Event
from aitrader.kernel.fix import Side
from risk.domain.trading_state import ScopedState
from risk.services.decisions import Counter, Verdict
from trading.domain.evidence import Evidence
from trading.domain.execution_report import ExecutionReport
from trading.domain.ledger import Posting
from trading.domain.ports import VenueTrade
from trading.domain.position import FillEffect, FillFacts, PositionState
from trading.models import InstrumentRow, Order, ReconBreak, Trade
from trading.selectors.gate_inputs import GateInputs
from trading.selectors.orders import WorkingOrder

#: What makes a fill the same fill: instrument, execution id, side.
FillKey = tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class KeptFill:
    """A fill as it was booked; `order_pk` is the key of our order. `fee` in `fee_asset`."""

    pk: int
    order_pk: int
    instrument_id: int
    exec_id: str
    side: Side
    qty: Decimal
    px: Decimal
    fee: Decimal
    fee_asset: str
    transact_time: datetime


@dataclass(frozen=True, slots=True)
class Terms:
    """Of a claim: how long it belongs to its sender, how long the venue takes its request in once
    that is signed, and how long after the claim the request may still enter."""

    lease: timedelta
    recv_window: timedelta
    enters_within: timedelta


class Books(Protocol):
    """What the gate reads and a fill moves."""

    def atomic(self) -> AbstractContextManager[object]:
        """A transaction, or a part of the one that is open."""
        ...

    def record(self, events: Sequence[Event], *, now: datetime) -> None:
        """Write the events into the journal, in the open transaction."""
        ...

    # The gate

    def hold(self, at: Moment, *, derived: bool = False) -> tuple[Counter, Decimal]:
        """Lock the counter of the day of `at`, then the account; the counter, and the account's
        highest worth so far. `derived`: what the transaction decides would be decided again if a
        server that dies has lost it, so that its commit waits for the next one's."""
        ...

    def gate_inputs(self, intent_id: str, at: Moment) -> GateInputs: ...

    def holdings(self) -> tuple[dict[str, Decimal], dict[int, PositionState]]:
        """Balances by asset, positions by instrument id."""
        ...

    def working(self) -> list[WorkingOrder]:
        """Orders that may still fill, those in doubt among them, oldest first."""
        ...

    def restricting(self) -> tuple[ScopedState, ...]:
        """Every trading state that restricts anything, as of now."""
        ...

    def is_known(self, intent_id: str) -> bool:
        """Whether the intent has become an order."""
        ...

    def of_intent(self, intent_id: str) -> Order: ...

    def open(
        self, order: Order, event: Event, *, now: datetime, verdict: Verdict | None = None
    ) -> Order:
        """Keep a new order with the gate's verdict, if it was asked, and the event; an order that
        the verdict allows is counted. The order's key is set."""
        ...

    # Fills

    def position(self, row: InstrumentRow) -> tuple[int, PositionState]:
        """The account's position in an instrument with its key, made if absent, locked."""
        ...

    def move_position(self, key: int, after: PositionState) -> None: ...

    def add_fill(
        self, order: Order, report: ExecutionReport, facts: FillFacts, effect: FillEffect
    ) -> int:
        """Keep a fill; its key. Raises IntegrityError when it was booked before."""
        ...

    def post(
        self,
        *,
        public_id: str,
        fill_id: int | None,
        kind: str,
        postings: Sequence[Posting],
        at: datetime,
    ) -> None:
        """Keep one ledger transaction; of each kind a fill has one at the most."""
        ...

    def move_balances(self, moved: Mapping[str, Decimal]) -> None: ...

    def move_baselines(self, worth: Decimal, at: datetime) -> None:
        """Raise the opening equity, the peak and the start of the day by what came from outside."""
        ...


class OrderStore(Books, Protocol):
    """What routing, settling, doubt and reconciliation need besides."""

    def lock(self) -> int:
        """Lock the account; the last fencing token."""
        ...

    def sending(self, *, if_waiting: bool = False) -> AbstractContextManager[bool]:
        """The senders' lock, shared; with `if_waiting` not taken, and False, when no order waits to
        be sent."""
        ...

    def restrict(self, asked: ScopedState, at: Moment) -> None:
        """Put a trading state in force by the desk, without waiting for senders; a milder one than
        is in force changes nothing."""
        ...

    def seconds(self) -> float:
        """For measuring how long something took; clock steps do not move it."""
        ...

    # Sending

    def any_waiting(self) -> bool: ...

    def waiting(self) -> tuple[list[Order], tuple[ScopedState, ...]]:
        """Orders that wait to be sent, oldest first, locked; none that another sender holds. With
        them every trading state that restricts anything, as of now."""
        ...

    def waiting_in_group(self, order: Order) -> int:
        """How many orders of the order's OCO group wait to be sent, those that another holds among
        them."""
        ...

    def claimed_with(self, order: Order) -> list[Order]:
        """The orders that were claimed together with it as one OCO group, itself among them, as
        they were sent; itself alone where it has no group."""
        ...

    def take(
        self, orders: Sequence[Order], terms: Terms, events: Sequence[Event], *, now: datetime
    ) -> None:
        """Keep the claim that the orders carry, their requests among it, and the events; the terms
        run from now on by the clock that all processes share."""
        ...

    def unclaim(self, order: Order) -> bool:
        """Let a claimed order wait again; False if the claim is not this one any more."""
        ...

    def mark_unknown(self, order: Order, reason: str) -> bool:
        """False if the order is closed or in doubt already."""
        ...

    # Requests to cancel

    def asked(self) -> list[Order]:
        """Orders whose cancel is wanted and not answered, in the order of the requests."""
        ...

    def answer(self, order: Order, outcome: str, at: Moment) -> None:
        """Answer the order's open cancel request, if there is one."""
        ...

    def is_missed(self, order: Order) -> bool:
        """Whether nobody ever asked for the end of an order that has ended, nor of its OCO group,
        and nothing of the group was filled or, unless it was refused, may be yet. An order at the
        market is missed only where it stood in the place of a stop."""
        ...

    # Settling

    def place(self) -> int:
        """How far the venue's stream is settled."""
        ...

    def move_place(self, place: int) -> None: ...

    def of_reports(self, reports: Sequence[ExecutionReport]) -> dict[str, Order]:
        """The orders that the reports speak of by client order id, locked; those that may be filled
        share their trade's object."""
        ...

    def booked(self, exec_ids: Sequence[str]) -> set[FillKey]:
        """Which of these are booked already."""
        ...

    def locked(self, order_id: int) -> Order: ...

    def save(self, order: Order, *columns: str) -> None: ...

    def save_trade(self, trade: Trade, *columns: str) -> None: ...

    # Doubt

    def claimed(self, order: Order) -> tuple[datetime | None, datetime | None]:
        """When it was claimed last, and from when on what was sent then cannot enter any more."""
        ...

    def keep_evidence(self, order: Order, found: Evidence) -> None: ...

    def is_booked(self, order: Order, trade: VenueTrade) -> bool:
        """Whether the trade is a fill of ours, of that very order."""
        ...

    def balances(self, *assets: str) -> dict[str, Decimal]:
        """Of these assets, or of all."""
        ...

    # Reconciling

    def end_leases(self) -> None: ...

    def doubtful(self) -> list[Order]:
        """Orders in doubt, and claimed ones whose lease has run out, oldest first."""
        ...

    def resting(self) -> list[Order]:
        """Orders that rest at the venue and are in no doubt, oldest first."""
        ...

    def resting_ids(self) -> set[str]:
        """Client ids of all orders that rest at the venue as far as we know."""
        ...

    def closed_among(self, cl_ord_ids: Collection[str]) -> list[Order]: ...

    def is_settled(self, order: Order) -> bool:
        """Whether the order is in no doubt and not on its way."""
        ...

    def in_doubt(self) -> set[str]:
        """Client ids of orders in doubt or on their way."""
        ...

    def unsettled(self) -> list[Order]:
        """Orders in doubt or on their way, oldest first."""
        ...

    def is_doubtful(self, cl_ord_id: str) -> bool:
        """Whether the order of this client id is in doubt."""
        ...

    def open_breaks(self) -> list[ReconBreak]: ...

    def open_break(self, found: ReconBreak) -> bool:
        """Keep a break, noticed now by the clock that all processes share; False if one of its kind
        and object is open."""
        ...

    def keep_break(self, found: ReconBreak) -> None:
        """Keep what an open break says now of both sides; it is as old as it was."""
        ...

    def close_break(self, found: ReconBreak, resolution: str, at: Moment) -> None: ...

    def reconciled(self, at: Moment) -> None: ...

    # What other hands did

    def looked_at(self) -> tuple[datetime | None, datetime | None]:
        """When the account's holdings were told, and when the books were compared last."""
        ...

    def known_among(self, cl_ord_ids: Collection[str]) -> set[str]:
        """Which of these client ids are taken by an order, of whatever account."""
        ...

    def of_venue(self, row: InstrumentRow, order_ids: Collection[str]) -> dict[str, Order]:
        """The account's orders in an instrument by the venue's ids."""
        ...

    def is_unseen(self, row: InstrumentRow, side: Side, text: str) -> bool:
        """Whether the account has an order of this text that the venue never told of."""
        ...

    def standing_fills(self, row: InstrumentRow, since: datetime) -> list[KeptFill]:
        """Fills from this instant on that were not voided, oldest first."""
        ...
