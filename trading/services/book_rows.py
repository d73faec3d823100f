"""What the gate reads and what a fill moves, as rows of PostgreSQL: half of `OrderStore`.

1. The journal is written in the same transaction as what it tells of.
2. A fill, an intent and a position exist once: the database's constraints say so.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from decimal import Decimal

from aitrader.kernel import ids
from aitrader.kernel.clock import Moment, day_start
from aitrader.kernel.events import Event
from aitrader.kernel.fix import AccountKind
from compliance.services import journal
from risk.domain.trading_state import ScopedState
from risk.selectors import states
from risk.services import decisions
from risk.services.decisions import Counter, Verdict
from trading.domain.execution_report import ExecutionReport
from trading.domain.ledger import Posting
from trading.domain.position import FillEffect, FillFacts, PositionState
from trading.models import InstrumentRow, Order
from trading.selectors import account_state, gate_inputs, sql
from trading.selectors import orders as order_reads
from trading.selectors.desk import Desk
from trading.selectors.gate_inputs import GateInputs
from trading.selectors.orders import WorkingOrder

# The account is locked when the counter is: there is no row of both before.
_HOLD = f"""
WITH counter AS ({decisions.LOCK})
SELECT counter.*, account.peak_equity FROM counter, trading_account account
 WHERE account.id = %s FOR NO KEY UPDATE OF account
"""
_HOLD_DERIVED = f"""
WITH held AS ({_HOLD}) SELECT held.*, {sql.SOON} FROM held
"""
_KNOWN = "SELECT 1 FROM trading_order WHERE intent_id = %s"
_FILL = """
INSERT INTO trading_fill (
    venue_id, account_id, instrument_id, order_id, exec_id, side, last_qty, last_px, fee,
    fee_asset, missing_fee_conversion, realised_pnl, liquidity, transact_time)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
"""
_POSITION = """
INSERT INTO trading_position (account_id, instrument_id, quantity, cost, realised_pnl, fees)
VALUES (%s, %s, 0, 0, 0, 0)
ON CONFLICT ON CONSTRAINT trading_position_once DO UPDATE SET quantity = trading_position.quantity
RETURNING id, quantity, cost, realised_pnl, fees
"""
_MOVE_POSITION = """
UPDATE trading_position SET quantity = %s, cost = %s, realised_pnl = %s, fees = %s WHERE id = %s
"""
_LEDGER = """
WITH entry AS (
    INSERT INTO trading_ledger_transaction (public_id, account_id, fill_id, kind, at)
    VALUES (%s, %s, %s, %s, %s) RETURNING id)
INSERT INTO trading_ledger_posting (transaction_id, ledger_account, asset, amount)
SELECT entry.id, posting.* FROM entry,
       unnest(%s::text[], %s::text[], %s::numeric[]) AS posting (ledger_account, asset, amount)
"""
_BALANCES = """
INSERT INTO trading_balance (account_id, asset, amount)
SELECT %s, moved.* FROM unnest(%s::text[], %s::numeric[]) AS moved (asset, amount)
ON CONFLICT ON CONSTRAINT trading_balance_asset
DO UPDATE SET amount = trading_balance.amount + EXCLUDED.amount
"""
_BASELINES = """
UPDATE trading_account SET opening_equity = opening_equity + %s, peak_equity = peak_equity + %s
 WHERE id = %s
"""
_DAY = """
UPDATE trading_accountday SET start_equity = start_equity + %s WHERE account_id = %s AND day = %s
"""


def is_known(intent_id: str) -> bool:
    """Whether the intent has become an order, allowed or denied."""
    return sql.fetch_one(_KNOWN, [intent_id]) is not None


class BookRows:
    """Implements `Books`."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.account = desk.account

    def atomic(self) -> AbstractContextManager[object]:
        return sql.atomic()

    def record(self, events: Sequence[Event], *, now: datetime) -> None:
        journal.record(events, now=now)

    def hold(self, at: Moment, *, derived: bool = False) -> tuple[Counter, Decimal]:
        day = day_start(at.market).date()
        statement = _HOLD_DERIVED if derived else _HOLD
        asked = [self.account.code, day, self.account.pk]
        held = sql.fetch_one(statement, asked)
        if held is None:
            decisions.counters_for_update(self.account.code, day)
            held = sql.fetch_one(statement, asked)
        *counter, peak = held[:6]
        return Counter(*counter), peak

    def gate_inputs(self, intent_id: str, at: Moment) -> GateInputs:
        return gate_inputs.read(self.account, self.desk.feed, intent_id, at)

    def holdings(self) -> tuple[dict[str, Decimal], dict[int, PositionState]]:
        return account_state.holdings(self.account)

    def working(self) -> list[WorkingOrder]:
        return order_reads.working(self.account)

    def restricting(self) -> tuple[ScopedState, ...]:
        return states.current()

    def is_known(self, intent_id: str) -> bool:
        return is_known(intent_id)

    def of_intent(self, intent_id: str) -> Order:
        return Order.objects.get(intent_id=intent_id)

    def open(
        self, order: Order, event: Event, *, now: datetime, verdict: Verdict | None = None
    ) -> Order:
        parts = {"told": journal.insertion([event], now=now)}
        if verdict is None:
            return sql.inserted(order, *sql.at_once(sql.insertion(order), **parts))
        parts["verdict"] = decisions.insertion(
            verdict,
            public_id=ids.derive(self.desk.namespace, "decision", order.intent_id),
            account_code=self.account.code,
            now=order.created_at,
        )
        if verdict.approved:
            parts["counted"] = decisions.reservation(verdict)
            verdict.counter.count(verdict.notional)
        insertion = sql.insertion(order, decision_id="(SELECT id FROM verdict)")
        key, order.decision_id = sql.at_once(insertion, **parts)
        return sql.inserted(order, key)

    def position(self, row: InstrumentRow) -> tuple[int, PositionState]:
        pk, *held = sql.fetch_one(_POSITION, [self.account.pk, row.pk])
        return pk, PositionState(AccountKind(row.kind), *held)

    def move_position(self, key: int, after: PositionState) -> None:
        sql.execute(
            _MOVE_POSITION, [after.quantity, after.cost, after.realised_pnl, after.fees, key]
        )

    def add_fill(
        self, order: Order, report: ExecutionReport, facts: FillFacts, effect: FillEffect
    ) -> int:
        (pk,) = sql.fetch_one(
            _FILL,
            [
                self.account.venue_id, order.account_id, order.instrument_id, order.pk,
                report.exec_id, facts.side.value, facts.qty, facts.px, facts.fee, facts.fee_asset,
                effect.missing_fee_conversion, effect.realised, report.liquidity.value,
                report.transact_time,
            ],
        )  # fmt: skip
        return int(pk)

    def post(
        self,
        *,
        public_id: str,
        fill_id: int | None,
        kind: str,
        postings: Sequence[Posting],
        at: datetime,
    ) -> None:
        sql.execute(
            _LEDGER,
            [
                public_id, self.account.pk, fill_id, kind, at,
                [each.account.value for each in postings],
                [each.asset for each in postings],
                [each.amount for each in postings],
            ],
        )  # fmt: skip

    def move_balances(self, moved: Mapping[str, Decimal]) -> None:
        sql.execute(_BALANCES, [self.account.pk, list(moved), list(moved.values())])

    def move_baselines(self, worth: Decimal, at: datetime) -> None:
        sql.execute(_BASELINES, [worth, worth, self.account.pk])
        sql.execute(_DAY, [worth, self.account.pk, day_start(at).date()])
