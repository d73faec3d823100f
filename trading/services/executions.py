"""SETTLE: from a venue's report to books, one transaction.

1. Locks are taken in the order account → order → position.
2. A fill is booked once: (venue, account, instrument, exec_id) is unique, and the stream's place
   moves in the same transaction.
3. Only a TRADE report makes a fill; nothing is inferred from quantities.
4. Selling more than a SPOT account holds is booked (it is a fact) and halts the account.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from django.db import connection, transaction

from aitrader.kernel import crash, ids
from aitrader.kernel.clock import Moment
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.fix import CLOSED, AccountKind, Certainty, ExecType, OrdStatus, Side
from aitrader.kernel.money import CONTEXT
from compliance.services import journal
from risk.domain.trading_state import Scope
from risk.services import kill_switch
from trading.domain import ledger
from trading.domain.execution_report import ExecutionReport
from trading.domain.ledger import LedgerAccount, Posting
from trading.domain.order_state import Closedness, OrderState
from trading.domain.ports import Gateway
from trading.domain.position import FillEffect, FillFacts, PositionState
from trading.models import (
    Account,
    CancelRequest,
    Fill,
    LedgerPosting,
    LedgerTransaction,
    Order,
    Position,
    ReconBreak,
    Trade,
)
from trading.selectors.desk import Desk

_ADD_BALANCE = """
INSERT INTO trading_balance (account_id, asset, amount) VALUES (%s, %s, %s)
ON CONFLICT (account_id, asset) DO UPDATE SET amount = trading_balance.amount + EXCLUDED.amount
"""
_BATCH = 500


def drain(*, desk: Desk, gateway: Gateway, at: Moment) -> int:
    """Settle everything the venue reported since the last place; returns how many reports."""
    settled = 0
    while True:
        after = Account.objects.values_list("stream_seq", flat=True).get(pk=desk.account.pk)
        reports = gateway.executions(account=desk.account.code, after=after, limit=_BATCH)
        for each in reports:
            crash.point("settle.before")
            apply(desk=desk, report=each.report, at=at, seq=each.seq)
            crash.point("settle.after")
        settled += len(reports)
        if len(reports) < _BATCH:
            return settled


def apply(*, desk: Desk, report: ExecutionReport, at: Moment, seq: int | None = None) -> None:
    """Settle one report; again is harmless. `seq` is its place in the stream, if it came there."""
    with transaction.atomic():
        account = Account.objects.select_for_update(of=("self",)).get(pk=desk.account.pk)
        if seq is not None and seq > account.stream_seq:
            account.stream_seq = seq
            account.save(update_fields=["stream_seq"])
        order = (
            Order.objects.select_for_update(of=("self",))
            .select_related("instrument", "trade__cursor")
            .filter(account=account, cl_ord_id=report.cl_ord_id)
            .first()
        )
        if order is None:
            _open_break(desk, "UNKNOWN_ORDER", report.cl_ord_id, "none", report.exec_type, at)
            return
        events = _settle(desk, order, report, at)
        journal.record(events, now=at.wall)
        crash.point("settle.before_commit")


def _settle(desk: Desk, order: Order, report: ExecutionReport, at: Moment) -> list[Event]:
    before = OrderState(order.order_qty, order.cum_qty, Closedness(order.closedness))
    after = before.apply(report)
    events: list[Event] = []
    if report.exec_type is ExecType.TRADE and _is_new(desk, order, report):
        events.append(_book(desk, order, report, at))
    was, was_certain = order.ord_status, order.certainty
    order.cum_qty, order.closedness = after.cum_qty, int(after.closedness)
    order.ord_status = after.ord_status
    order.order_id = order.order_id or report.order_id
    order.text = report.text or order.text
    complete = order.filled_qty >= order.cum_qty
    order.certainty = Certainty.CERTAIN if complete else Certainty.FILLS_INCOMPLETE
    if order.ord_status in CLOSED and order.closed_at is None:
        order.closed_at = report.transact_time
    order.save(
        update_fields=[
            "cum_qty", "closedness", "ord_status", "order_id", "text", "certainty", "closed_at",
            "filled_qty", "filled_notional",
        ]
    )  # fmt: skip
    if was_certain == Certainty.UNKNOWN:
        events.insert(0, _event(EventName.ORDER_RESOLVED, order, at, {"by": report.exec_type}))
    if order.ord_status != was:
        events += _status_events(order, was, report, at)
    if order.ord_status in CLOSED:
        _answer_cancels(order, at.market, order.ord_status)
    return events


def _is_new(desk: Desk, order: Order, report: ExecutionReport) -> bool:
    return not Fill.objects.filter(
        venue_id=desk.account.venue_id,
        account_id=order.account_id,
        instrument_id=order.instrument_id,
        exec_id=report.exec_id,
    ).exists()


def _status_events(order: Order, was: str, report: ExecutionReport, at: Moment) -> list[Event]:
    data = {"was": was, "ord_status": order.ord_status, "text": order.text}
    if order.ord_status in CLOSED:
        return [_event(EventName.ORDER_CLOSED, order, at, data | {"cum_qty": order.cum_qty})]
    if was in (OrdStatus.CREATED, OrdStatus.PENDING_NEW):
        return [_event(EventName.ORDER_ACKNOWLEDGED, order, at, data)]
    return []


def _book(desk: Desk, order: Order, report: ExecutionReport, at: Moment) -> Event:
    """Fill, position, trade, ledger and balances of one trade report."""
    instrument = order.instrument
    side = Side(order.side)
    facts = FillFacts(
        side=side,
        qty=report.last_qty,
        px=report.last_px,
        fee=report.fee,
        fee_asset=report.fee_asset,
        base=instrument.base,
        quote=instrument.quote,
    )
    effect = _move_position(desk, order, facts)
    fill = Fill.objects.create(
        venue_id=desk.account.venue_id,
        account_id=order.account_id,
        instrument=instrument,
        order=order,
        exec_id=report.exec_id,
        side=side,
        last_qty=report.last_qty,
        last_px=report.last_px,
        fee=report.fee,
        fee_asset=report.fee_asset,
        missing_fee_conversion=effect.missing_fee_conversion,
        realised_pnl=effect.realised,
        liquidity=report.liquidity,
        transact_time=report.transact_time,
    )
    postings = ledger.postings_for_fill(
        kind=AccountKind(instrument.kind),
        side=side,
        qty=facts.qty,
        px=facts.px,
        fee=facts.fee,
        fee_asset=facts.fee_asset,
        base=facts.base,
        quote=facts.quote,
        realised=effect.realised,
    )
    post(desk=desk, kind="FILL", key=report.exec_id, postings=postings, fill=fill,
         at=report.transact_time)  # fmt: skip
    order.filled_qty = CONTEXT.add(order.filled_qty, report.last_qty)
    order.filled_notional = CONTEXT.add(
        order.filled_notional, CONTEXT.multiply(report.last_qty, report.last_px)
    )
    if order.trade is not None:
        _move_trade(order, order.trade, facts, effect, report.transact_time)
    if effect.oversold:
        _halt_oversold(desk, order, at)
    return _event(
        EventName.ORDER_FILLED,
        order,
        at,
        {
            "exec_id": report.exec_id,
            "last_qty": report.last_qty,
            "last_px": report.last_px,
            "fee": report.fee,
            "fee_asset": report.fee_asset,
            "missing_fee_conversion": effect.missing_fee_conversion,
            "realised_pnl": effect.realised,
            "liquidity": report.liquidity,
            "transact_time": report.transact_time,
        },
    )


def _move_position(desk: Desk, order: Order, facts: FillFacts) -> FillEffect:
    row, _ = Position.objects.select_for_update(of=("self",)).get_or_create(
        account_id=order.account_id, instrument_id=order.instrument_id
    )
    state = PositionState(
        AccountKind(order.instrument.kind), row.quantity, row.cost, row.realised_pnl, row.fees
    )
    after, effect = state.apply(facts)
    row.quantity, row.cost = after.quantity, after.cost
    row.realised_pnl, row.fees = after.realised_pnl, after.fees
    row.save(update_fields=["quantity", "cost", "realised_pnl", "fees"])
    return effect


def _move_trade(
    order: Order, trade: Trade, facts: FillFacts, effect: FillEffect, when: datetime
) -> None:
    notional = CONTEXT.multiply(facts.qty, facts.px)
    trade.fees = CONTEXT.add(trade.fees, effect.fee_in_quote)
    if order.reduce_only:
        trade.exit_qty = CONTEXT.add(trade.exit_qty, facts.qty)
        trade.exit_notional = CONTEXT.add(trade.exit_notional, notional)
        trade.exit_reason = order.reason
    else:
        in_base = facts.fee_asset == facts.base and order.instrument.kind == AccountKind.SPOT
        received = CONTEXT.subtract(facts.qty, facts.fee) if in_base else facts.qty
        trade.entry_qty = CONTEXT.add(trade.entry_qty, received)
        trade.entry_notional = CONTEXT.add(
            trade.entry_notional, CONTEXT.multiply(received, facts.px)
        )
        trade.opened_at = trade.opened_at or when
    trade.save(
        update_fields=[
            "fees", "exit_qty", "exit_notional", "exit_reason", "entry_qty", "entry_notional",
            "opened_at",
        ]
    )  # fmt: skip


def post(
    *,
    desk: Desk,
    kind: str,
    key: str,
    postings: tuple[Posting, ...],
    at: datetime,
    fill: Fill | None = None,
) -> None:
    """Write one ledger transaction and move the balances that it changes."""
    ledger.check_zero_sum(postings)
    row = LedgerTransaction.objects.create(
        public_id=ids.derive(desk.namespace, "ledger", desk.account.code, kind, key),
        account=desk.account,
        fill=fill,
        kind=kind,
        at=at,
    )
    LedgerPosting.objects.bulk_create(
        LedgerPosting(
            transaction=row, ledger_account=each.account, asset=each.asset, amount=each.amount
        )
        for each in postings
    )
    with connection.cursor() as cursor:
        for each in postings:
            if each.account is LedgerAccount.VENUE:
                cursor.execute(_ADD_BALANCE, [desk.account.pk, each.asset, each.amount])


def _halt_oversold(desk: Desk, order: Order, at: Moment) -> None:
    event = _event(EventName.INTEGRITY_FAILED, order, at, {"rule": "OVERSOLD"})
    journal.record([replace(event, object_type="account", object_id=desk.account.code)],
                   now=at.wall)  # fmt: skip
    kill_switch.engage(
        scope=Scope.ACCOUNT,
        scope_code=desk.account.code,
        reason=f"integrity: sold more {order.instrument.base} than held",
        actor="desk",
        now=at.wall,
        market_at=at.market,
        wait_for_senders=False,
    )


def _answer_cancels(order: Order, at: datetime, outcome: str) -> None:
    CancelRequest.objects.filter(order=order, answered_at__isnull=True).update(
        answered_at=at, outcome=outcome
    )


def _open_break(desk: Desk, kind: str, object_id: str, ours: str, venues: str, at: Moment) -> None:
    row, created = ReconBreak.objects.get_or_create(
        account=desk.account,
        kind=kind,
        object_id=object_id,
        closed_at=None,
        defaults={
            "public_id": ids.derive(desk.namespace, "break", kind, object_id, at.market),
            "ours": ours,
            "venues": venues,
            "opened_at": at.market,
        },
    )
    if created:
        event = Event(
            name=EventName.BREAK_OPENED,
            actor="desk",
            object_type="break",
            object_id=row.public_id,
            market_at=at.market,
            data={"kind": kind, "object": object_id, "ours": ours, "venue": venues},
        )
        journal.record([event], now=at.wall)


def open_break(
    *, desk: Desk, kind: str, object_id: str, ours: str, venues: str, at: Moment
) -> None:
    """Record a difference that no venue record explains, once while it is open."""
    with transaction.atomic():
        _open_break(desk, kind, object_id, ours, venues, at)


def _event(name: EventName, order: Order, at: Moment, data: dict[str, object]) -> Event:
    return Event(
        name=name,
        actor="venue",
        object_type="order",
        object_id=order.public_id,
        trace_id=order.trace_id,
        market_at=at.market,
        data=data,
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What the desk itself concludes about an order that no report speaks of."""

    ord_status: OrdStatus
    closedness: Closedness
    text: str


def conclude(*, desk: Desk, order_id: int, answer: Answer, at: Moment) -> None:
    """Close an order on our own evidence: never sent, withdrawn, refused, or never accepted."""
    with transaction.atomic():
        Account.objects.select_for_update(of=("self",)).get(pk=desk.account.pk)
        order = Order.objects.select_for_update(of=("self",)).get(pk=order_id)
        was = order.ord_status
        if was in CLOSED:
            return
        order.closedness = max(order.closedness, int(answer.closedness))
        order.ord_status = answer.ord_status
        order.certainty = Certainty.CERTAIN
        order.text = answer.text
        order.closed_at = at.market
        order.save(update_fields=["closedness", "ord_status", "certainty", "text", "closed_at"])
        _answer_cancels(order, at.market, answer.ord_status)
        data = {"was": was, "ord_status": order.ord_status, "text": order.text}
        event = _event(EventName.ORDER_CLOSED, order, at, data | {"cum_qty": order.cum_qty})
        journal.record([replace(event, actor="desk")], now=at.wall)
