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
from trading.domain.position import FillEffect, FillFacts
from trading.models import Order, Trade
from trading.selectors.desk import Desk
from trading.selectors.order_store import Books
from trading.services import order_rows


def book(desk: Desk, order: Order, report: ExecutionReport) -> FillEffect:
    """Book one trade report of an order that the caller has locked; moves `order.filled_*`."""
    facts = _facts(desk, order, report)
    store = order_rows.of(desk)
    effect = _move_position(store, order, facts)
    fill_id = store.add_fill(order, report, facts, effect)
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
        fee_rate=desk.px_of(report.fee_asset, order.instrument.quote),
    )


def _move_position(store: Books, order: Order, facts: FillFacts) -> FillEffect:
    key, before = store.position(order)
    after, effect = before.apply(facts)
    store.move_position(key, after)
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
    store = order_rows.of(desk)
    store.post(public_id=public_id, fill_id=fill_id, kind=kind, postings=postings, at=at)
    moved: dict[str, Decimal] = {}
    for each in postings:
        if each.account is LedgerAccount.VENUE:
            moved[each.asset] = CONTEXT.add(moved.get(each.asset, Decimal(0)), each.amount)
    if moved:
        store.move_balances(moved)
