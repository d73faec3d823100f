"""SETTLE: from a venue's reports to books, one transaction for what arrived together.

1. Locks are taken in the order account → order → position.
2. A fill is booked once: (venue, account, instrument, exec_id, side) is unique, and the stream's
   place moves in the same transaction.
3. Only a TRADE report makes a fill; nothing is inferred from quantities.
4. Selling more than a SPOT account holds is booked (it is a fact) and halts the account. An order
   that was given up and lives is booked too, and leaves only cancels to its instrument.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from aitrader.kernel import crash, ids
from aitrader.kernel.clock import Moment
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.fix import CLOSED, Certainty, ExecType, OrdStatus
from aitrader.kernel.money import ZERO, plain
from risk.domain.trading_state import Scope, ScopedState, TradingState
from trading.domain.execution_report import ExecutionReport
from trading.domain.order_state import Closedness, OrderState
from trading.domain.ports import Gateway
from trading.domain.position import FillEffect
from trading.models import Order, ReconBreak, Trade
from trading.models.recon_break import Severity
from trading.selectors.desk import Desk
from trading.selectors.order_store import FillKey, OrderStore
from trading.services import booking, lost_stops, order_rows

_ORDER_COLUMNS = (
    "cum_qty", "closedness", "ord_status", "order_id", "text", "certainty", "closed_at",
    "filled_qty", "filled_notional",
)  # fmt: skip
_CONCLUDED_COLUMNS = (
    "closedness", "cum_qty", "ord_status", "certainty", "order_id", "text", "closed_at",
)  # fmt: skip
TRADE_COLUMNS = (
    "fees", "exit_qty", "exit_notional", "exit_reason", "entry_qty", "entry_notional", "opened_at",
)  # fmt: skip
_BATCH = 500
#: Why an order was closed that the venue says it never saw.
NEVER_ACCEPTED = "NEVER_ACCEPTED"
#: And one that a person found closed in the venue's record.
CLOSED_BY_WORD = "CLOSED_BY_WORD"


def drain(*, desk: Desk, gateway: Gateway, at: Moment) -> int:
    """Settle everything the venue reported since the last place; returns how many reports."""
    settled = 0
    store = order_rows.of(desk)
    while True:
        after = store.place()
        streamed = gateway.executions(account=desk.account.code, after=after, limit=_BATCH)
        if streamed:
            crash.point("settle.before")
            apply(
                desk=desk,
                reports=[each.report for each in streamed],
                at=at,
                place=streamed[-1].seq,
            )
            crash.point("settle.after")
        settled += len(streamed)
        if len(streamed) < _BATCH:
            return settled


def apply(
    *, desk: Desk, reports: Sequence[ExecutionReport], at: Moment, place: int | None = None
) -> None:
    """Settle reports; again is harmless. `place` is where they end in the stream, if they came
    from there."""
    store = order_rows.of(desk)
    with store.atomic():
        store.lock()
        orders = store.of_reports(reports)
        booked = _booked(store, reports)
        events: list[Event] = []
        changed: dict[int, Order] = {}
        stops = lost_stops.living(orders.values())
        traded: dict[int, Trade] = {}
        for report in reports:
            order = orders.get(report.cl_ord_id)
            if order is None:
                _open_break(desk, "UNKNOWN_ORDER", report.cl_ord_id, "none", report.exec_type, at)
                continue
            key = (order.instrument_id, report.exec_id, order.side)
            is_trade = report.exec_type is ExecType.TRADE and key not in booked
            if _is_risen(order, report):
                _rise(desk, order, report, at)
            if is_trade or _is_news(order, report):
                events += _settle(desk, order, report, at, is_trade=is_trade)
                changed[order.pk] = order
            if is_trade:
                booked.add(key)
                if order.trade is not None:
                    traded[order.trade.pk] = order.trade
        for order in changed.values():
            store.save(order, *_ORDER_COLUMNS)
        for trade in traded.values():
            store.save_trade(trade, *TRADE_COLUMNS)
        if place is not None:
            store.move_place(place)
        store.record(events, now=at.wall)
        lost_stops.say(desk, stops, at)
        crash.point("settle.before_commit")
    crash.point("settle.committed")


def _booked(store: OrderStore, reports: Sequence[ExecutionReport]) -> set[FillKey]:
    trades = [report.exec_id for report in reports if report.exec_type is ExecType.TRADE]
    # Venues number the trades of each instrument by themselves, and one trade may have us on both
    # sides.
    return store.booked(trades) if trades else set()


def _state(order: Order) -> OrderState:
    return OrderState(order.order_qty, order.cum_qty, Closedness(order.closedness))


def _is_news(order: Order, report: ExecutionReport) -> bool:
    """Whether the report tells anything about the order that we did not know."""
    before = _state(order)
    return before.apply(report) != before or order.certainty != Certainty.CERTAIN


def _is_risen(order: Order, report: ExecutionReport) -> bool:
    """Whether the venue tells of an order that was given up, or more of it than a person said."""
    if order.ord_status not in CLOSED or order.text != CLOSED_BY_WORD:
        told = report.exec_type is not ExecType.REJECTED
        return told and order.ord_status in CLOSED and order.text == NEVER_ACCEPTED
    resting = report.exec_type in (ExecType.NEW, ExecType.ORDER_STATUS)
    is_open = resting and report.cum_qty < order.order_qty
    return is_open or report.cum_qty > order.cum_qty


def _rise(desk: Desk, order: Order, report: ExecutionReport, at: Moment) -> None:
    """What we gave up lives: until a person has seen why, nothing of its instrument is sent."""
    _open_break(desk, "ZOMBIE", order.cl_ord_id, order.ord_status, report.exec_type, at)
    code = order.instrument.code
    reason = f"order {order.cl_ord_id} was given up, and the venue tells of it"
    asked = ScopedState(TradingState.CANCEL_ONLY, Scope.INSTRUMENT, code, reason)
    order_rows.of(desk).restrict(asked, at)
    if order.text == NEVER_ACCEPTED:
        # Said once: what comes after is of an order that we know.
        order.text = ""


def _settle(
    desk: Desk, order: Order, report: ExecutionReport, at: Moment, *, is_trade: bool
) -> list[Event]:
    was, certainty = order.ord_status, order.certainty
    after = _state(order).apply(report)
    events: list[Event] = []
    if certainty == Certainty.UNKNOWN:
        events.append(_event(EventName.ORDER_RESOLVED, order, at, {"by": report.exec_type}))
    if is_trade:
        effect = booking.book(desk, order, report)
        events.append(_filled(order, report, effect, at))
        if effect.oversold:
            events.append(_halt_oversold(desk, order, at))
    order.cum_qty, order.closedness = after.cum_qty, int(after.closedness)
    order.ord_status = after.ord_status
    order.order_id = order.order_id or report.order_id
    order.text = report.text or order.text
    complete = order.filled_qty >= order.cum_qty
    order.certainty = Certainty.CERTAIN if complete else Certainty.FILLS_INCOMPLETE
    if order.ord_status in CLOSED and order.closed_at is None:
        order.closed_at = report.transact_time
    if after.overfilled:
        ours, venues = plain(order.order_qty), plain(after.cum_qty)
        _open_break(desk, "OVERFILL", order.cl_ord_id, ours, venues, at)
    if order.ord_status != was:
        events += _status_events(order, was, at)
    if order.ord_status in CLOSED:
        order_rows.of(desk).answer(order, order.ord_status, at)
    return events


def _status_events(order: Order, was: str, at: Moment) -> list[Event]:
    data = {"was": was, "ord_status": order.ord_status, "text": order.text}
    if order.ord_status in CLOSED:
        return [_event(EventName.ORDER_CLOSED, order, at, data | {"cum_qty": order.cum_qty})]
    if was in (OrdStatus.CREATED, OrdStatus.PENDING_NEW):
        return [_event(EventName.ORDER_ACKNOWLEDGED, order, at, data)]
    return []


def _filled(order: Order, report: ExecutionReport, effect: FillEffect, at: Moment) -> Event:
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


def _halt_oversold(desk: Desk, order: Order, at: Moment) -> Event:
    # A claim needs the account's lock, which we hold: no order slips out before the halt commits.
    reason = f"integrity: sold more {order.instrument.base} than held"
    halted = ScopedState(TradingState.HALTED, Scope.ACCOUNT, desk.account.code, reason)
    order_rows.of(desk).restrict(halted, at)
    event = _event(EventName.INTEGRITY_FAILED, order, at, {"rule": "OVERSOLD"})
    return replace(event, object_type="account", object_id=desk.account.code)


def _open_break(
    desk: Desk,
    kind: str,
    object_id: str,
    ours: str,
    venues: str,
    at: Moment,
    severity: Severity = Severity.MAJOR,
    evidence: Mapping[str, object] | None = None,
) -> None:
    store = order_rows.of(desk)
    found = ReconBreak(
        public_id=ids.derive(desk.namespace, "break", kind, object_id, at.market, ours, venues),
        account=desk.account,
        kind=kind,
        object_id=object_id,
        ours=ours,
        venues=venues,
        severity=severity,
        evidence=dict(evidence or {}),
        opened_at=at.market,
    )
    if store.open_break(found):
        event = Event(
            name=EventName.BREAK_OPENED,
            actor="desk",
            object_type="break",
            object_id=found.public_id,
            market_at=at.market,
            data={
                "kind": kind,
                "object": object_id,
                "ours": ours,
                "venue": venues,
                "severity": severity,
            },
        )
        store.record([event], now=at.wall)


def open_break(
    *,
    desk: Desk,
    kind: str,
    object_id: str,
    ours: str,
    venues: str,
    at: Moment,
    severity: Severity = Severity.MAJOR,
    evidence: Mapping[str, object] | None = None,
) -> None:
    """Record a difference that no venue record explains, once while it is open."""
    with order_rows.of(desk).atomic():
        _open_break(desk, kind, object_id, ours, venues, at, severity, evidence)


def close_break(*, desk: Desk, found: ReconBreak, resolution: str, at: Moment) -> None:
    """Say how a break ended. The caller's transaction is open."""
    store = order_rows.of(desk)
    store.close_break(found, resolution, at)
    event = Event(
        name=EventName.BREAK_CLOSED,
        actor="desk",
        object_type="break",
        object_id=found.public_id,
        market_at=at.market,
        data={"kind": found.kind, "object": found.object_id, "resolution": resolution},
    )
    store.record([event], now=at.wall)


def _event(name: EventName, order: Order, at: Moment, data: Mapping[str, object]) -> Event:
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
    """What the desk, or a person, concludes about an order that no report speaks of. `cum_qty` and
    `order_id` are the venue's, where a person has seen them there; they make no fill."""

    ord_status: OrdStatus
    closedness: Closedness
    text: str
    evidence: Mapping[str, object] | None = None
    #: The claim that the evidence is about: another claim, or any word of the venue, voids it.
    fencing_token: int | None = None
    cum_qty: Decimal = ZERO
    order_id: str = ""
    actor: str = "desk"
    #: The desk's own doing, or a person's word: nobody misses the order.
    expected: bool = False


def conclude(*, desk: Desk, order_id: int, answer: Answer, at: Moment) -> bool:
    """Close an order on our own evidence: never sent, withdrawn, refused, or never accepted; False
    if it is closed already, or the answer does not stand any more."""
    store = order_rows.of(desk)
    with store.atomic():
        store.lock()
        order = store.locked(order_id)
        was = order.ord_status
        if was in CLOSED or not _still_stands(answer, order):
            return False
        order.closedness = max(order.closedness, int(answer.closedness))
        order.cum_qty = max(order.cum_qty, answer.cum_qty)
        order.ord_status = answer.ord_status
        complete = order.filled_qty >= order.cum_qty
        order.certainty = Certainty.CERTAIN if complete else Certainty.FILLS_INCOMPLETE
        order.order_id = order.order_id or answer.order_id
        order.text = answer.text
        order.closed_at = at.market
        store.save(order, *_CONCLUDED_COLUMNS)
        store.answer(order, answer.ord_status, at)
        data: dict[str, object] = {
            "was": was, "ord_status": order.ord_status, "text": order.text,
        }  # fmt: skip
        if answer.evidence is not None:
            data["evidence"] = answer.evidence
        event = _event(EventName.ORDER_CLOSED, order, at, data | {"cum_qty": order.cum_qty})
        store.record([replace(event, actor=answer.actor)], now=at.wall)
        if not answer.expected:
            lost_stops.say(desk, [order], at)
        crash.point("conclude.before_commit")
    crash.point("conclude.committed")
    return True


def _still_stands(answer: Answer, order: Order) -> bool:
    """Whether nothing was learned about the order since the answer was found."""
    if answer.fencing_token is None:
        return True
    # Every word of a venue says that it has taken the order, or more.
    heard = order.closedness > int(Closedness.SENT)
    return not heard and order.fencing_token == answer.fencing_token
