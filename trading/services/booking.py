"""What a fill does to the books: fill row, position, trade, ledger and balances.

1. All of it happens in the caller's transaction, under the account's lock.
2. A fill's ledger transaction sums to zero per asset; the database checks it again at commit.
3. Balances are moved by the same postings that they are later compared with.
4. A fill that the venue voids is booked once more with the signs of its amounts turned; its own row
   stays as it was told.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from aitrader.kernel import ids
from aitrader.kernel.fix import AccountKind, Side
from aitrader.kernel.money import CONTEXT, ZERO
from trading.domain import ledger
from trading.domain.execution_report import ExecutionReport
from trading.domain.ledger import LedgerAccount, Posting
from trading.domain.position import FillEffect, FillFacts
from trading.models import InstrumentRow, Order, Trade
from trading.selectors.desk import Desk
from trading.selectors.order_store import Books, KeptFill
from trading.services import order_rows


def book(desk: Desk, order: Order, report: ExecutionReport) -> FillEffect:
    """Book one trade report of an order that the caller has locked; moves `order.filled_*`."""
    facts = _facts(desk, order, report)
    store = order_rows.of(desk)
    effect = _move_position(store, order, facts)
    fill_id = store.add_fill(order, report, facts, effect)
    post(
        desk=desk,
        kind="FILL",
        key=f"{order.instrument.code} {report.exec_id} {order.side}",
        postings=_postings(order.instrument, facts, effect),
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


def void(desk: Desk, order: Order, fill: KeptFill, at: datetime) -> FillEffect:
    """Take back what a fill of an order that the caller has locked has moved, in a ledger
    transaction of its own. What the order has filled stays: it says what was told."""
    row = order.instrument
    facts = _taken_back(desk, row, fill)
    effect = _move_position(order_rows.of(desk), order, facts)
    post(
        desk=desk,
        kind="VOID",
        key=f"{row.code} {fill.exec_id} {fill.side}",
        postings=_postings(row, facts, effect),
        fill_id=fill.pk,
        at=at,
    )
    if order.trade is not None and order.trade.closed_at is None:
        _move_trade(order, order.trade, facts, effect, at)
    return effect


def moved_back(desk: Desk, row: InstrumentRow, fill: KeptFill) -> dict[str, Decimal]:
    """How balances move when the fill of a SPOT account is voided, by asset."""
    facts = _taken_back(desk, row, fill)
    return _at_venue(_postings(row, facts, FillEffect(ZERO, ZERO, False, False)))


def _taken_back(desk: Desk, row: InstrumentRow, fill: KeptFill) -> FillFacts:
    """The fill with the signs of its amounts turned."""
    return FillFacts(
        side=fill.side,
        qty=fill.qty.copy_negate(),
        px=fill.px,
        fee=fill.fee.copy_negate(),
        fee_asset=fill.fee_asset,
        base=row.base,
        quote=row.quote,
        fee_rate=desk.px_of(fill.fee_asset, row.quote),
    )


def _postings(row: InstrumentRow, facts: FillFacts, effect: FillEffect) -> tuple[Posting, ...]:
    return ledger.postings_for_fill(
        kind=AccountKind(row.kind),
        side=facts.side,
        qty=facts.qty,
        px=facts.px,
        fee=facts.fee,
        fee_asset=facts.fee_asset,
        base=facts.base,
        quote=facts.quote,
        realised=effect.realised,
    )


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
    key, before = store.position(order.instrument)
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
    if moved := _at_venue(postings):
        store.move_balances(moved)


def _at_venue(postings: Sequence[Posting]) -> dict[str, Decimal]:
    """What they move of what the venue owes us, by asset."""
    moved: dict[str, Decimal] = {}
    for each in postings:
        if each.account is LedgerAccount.VENUE:
            moved[each.asset] = CONTEXT.add(moved.get(each.asset, ZERO), each.amount)
    return moved
