"""What a fill does to the books: fill row, position, trade, ledger and balances.

1. All of it happens in the caller's transaction, under the account's lock.
2. A fill's ledger transaction sums to zero per asset; the database checks it again at commit.
3. Balances are moved by the same postings that they are later compared with.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from aitrader.kernel import ids
from aitrader.kernel.fix import AccountKind, Side
from aitrader.kernel.money import CONTEXT
from trading.domain import ledger
from trading.domain.execution_report import ExecutionReport
from trading.domain.ledger import LedgerAccount, Posting
from trading.domain.position import FillEffect, FillFacts, PositionState
from trading.models import Order, Trade
from trading.selectors import sql
from trading.selectors.desk import Desk

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


def book(desk: Desk, order: Order, report: ExecutionReport) -> FillEffect:
    """Book one trade report of an order that the caller has locked; moves `order.filled_*`."""
    facts = _facts(desk, order, report)
    effect = _move_position(order, facts)
    (fill_id,) = sql.fetch_one(
        _FILL,
        [
            desk.account.venue_id, order.account_id, order.instrument_id, order.pk,
            report.exec_id, facts.side.value, facts.qty, facts.px, facts.fee, facts.fee_asset,
            effect.missing_fee_conversion, effect.realised, report.liquidity.value,
            report.transact_time,
        ],
    )  # fmt: skip
    postings = ledger.postings_for_fill(
        kind=AccountKind(order.instrument.kind),
        side=facts.side,
        qty=facts.qty,
        px=facts.px,
        fee=facts.fee,
        fee_asset=facts.fee_asset,
        base=facts.base,
        quote=facts.quote,
        realised=effect.realised,
    )
    post(
        desk=desk,
        kind="FILL",
        key=f"{order.instrument.code} {report.exec_id} {order.side}",
        postings=postings,
        fill_id=fill_id,
        at=report.transact_time,
    )
    order.filled_qty = CONTEXT.add(order.filled_qty, facts.qty)
    order.filled_notional = CONTEXT.add(
        order.filled_notional, CONTEXT.multiply(facts.qty, facts.px)
    )
    if order.trade is not None:
        _move_trade(order, order.trade, facts, effect, report.transact_time)
    return effect


def _facts(desk: Desk, order: Order, report: ExecutionReport) -> FillFacts:
    return FillFacts(
        side=Side(order.side),
        qty=report.last_qty,
        px=report.last_px,
        fee=report.fee,
        fee_asset=report.fee_asset,
        base=order.instrument.base,
        quote=order.instrument.quote,
        fee_rate=_rate(desk, report.fee_asset, order.instrument.quote),
    )


def _rate(desk: Desk, asset: str, quote: str) -> Decimal | None:
    """What one unit of a third fee asset is worth: the mark of an instrument that the desk trades,
    or None."""
    marks = desk.marks()
    of_asset = (
        pk for pk, row in desk.instruments.items() if (row.base, row.quote) == (asset, quote)
    )
    return next((marks[pk].px for pk in of_asset if pk in marks), None)


def _move_position(order: Order, facts: FillFacts) -> FillEffect:
    pk, *held = sql.fetch_one(_POSITION, [order.account_id, order.instrument_id])
    after, effect = PositionState(AccountKind(order.instrument.kind), *held).apply(facts)
    sql.execute(_MOVE_POSITION, [after.quantity, after.cost, after.realised_pnl, after.fees, pk])
    return effect


def _move_trade(
    order: Order, trade: Trade, facts: FillFacts, effect: FillEffect, when: datetime
) -> None:
    """Move the trade in memory; the caller saves it."""
    notional = CONTEXT.multiply(facts.qty, facts.px)
    trade.fees = CONTEXT.add(trade.fees, effect.fee_in_quote)
    if order.closing:
        trade.exit_qty = CONTEXT.add(trade.exit_qty, facts.qty)
        trade.exit_notional = CONTEXT.add(trade.exit_notional, notional)
        trade.exit_reason = order.reason
        return
    in_base = facts.fee_asset == facts.base and order.instrument.kind == AccountKind.SPOT
    received = CONTEXT.subtract(facts.qty, facts.fee) if in_base else facts.qty
    trade.entry_qty = CONTEXT.add(trade.entry_qty, received)
    trade.entry_notional = CONTEXT.add(trade.entry_notional, CONTEXT.multiply(received, facts.px))
    trade.opened_at = trade.opened_at or when


def post(
    *,
    desk: Desk,
    kind: str,
    key: str,
    postings: Sequence[Posting],
    at: datetime,
    fill_id: int | None = None,
) -> None:
    """Write one ledger transaction and move the balances that it changes."""
    ledger.check_zero_sum(postings)
    public_id = ids.derive(desk.namespace, "ledger", desk.account.code, kind, key)
    sql.execute(
        _LEDGER,
        [
            public_id, desk.account.pk, fill_id, kind, at,
            [each.account.value for each in postings],
            [each.asset for each in postings],
            [each.amount for each in postings],
        ],
    )  # fmt: skip
    moved: dict[str, Decimal] = {}
    for each in postings:
        if each.account is LedgerAccount.VENUE:
            moved[each.asset] = CONTEXT.add(moved.get(each.asset, Decimal(0)), each.amount)
    if moved:
        sql.execute(_BALANCES, [desk.account.pk, list(moved), list(moved.values())])
