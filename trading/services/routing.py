"""ROUTE: from a committed order to the venue; one claim transaction, then one network call.

1. What may be sent is decided under the account's lock, from the trading state of that moment.
2. The claim (PENDING_NEW, fencing token, lease) is committed before the first byte leaves.
3. One attempt and no retry: anything but a definite answer makes the order UNKNOWN.
4. Senders hold the senders' lock shared from the recheck to the answer; the kill switch takes it
   exclusively, so after a halt commits nothing more is sent.
5. A call that sent nothing, or that a real venue left without an answer, holds the next ones back,
   longer each time: a venue that is away is not stormed, and orders grow too old meanwhile.
6. Where the venue takes an OCO group in one call, its orders are claimed and sent together; each
   has its own answer and its own doubt.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from aitrader.kernel import crash, lease
from aitrader.kernel.clock import Moment
from aitrader.kernel.errors import NotSent, OutcomeUnknown, RejectedByVenue
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.fix import Certainty, OrdStatus, OrdType, Side, TimeInForce
from risk.domain import trading_state
from risk.domain.trading_state import ScopedState
from trading.domain.evidence import Evidence
from trading.domain.execution_report import ExecutionReport
from trading.domain.order_state import Closedness, OrderState
from trading.domain.ports import Gateway, GroupGateway, NewOrder
from trading.models import Order
from trading.models.order import TEXT_LENGTH
from trading.selectors import freshness
from trading.selectors.desk import Desk, scopes_of
from trading.selectors.order_store import OrderStore
from trading.services import executions, order_rows, refused_balance, refused_key

#: How long a claimed order belongs to its sender; live: recvWindow 5 s + 10 s.
LEASE = timedelta(seconds=16)
#: A call is begun this long before the lease ends, at the latest: no call takes longer.
_LONGEST_CALL_SECONDS = 13.0
#: From the claim on: nothing is signed and sent after that, however long the process was stopped.
_SIGNED_SECONDS = 5.0
_TOO_LATE = executions.Answer(OrdStatus.EXPIRED, Closedness.EXPIRED, "EXPIRED_BEFORE_SEND")
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 15.0
#: Orders claimed together: a halt waits for no more network calls than these.
_BATCH = 4


@dataclass(frozen=True, slots=True)
class _Claim:
    orders: list[Order]
    deadline: float
    signed_by: float


def send_all(*, desk: Desk, gateway: Gateway, at: Moment) -> int:
    """Send every order that may go; returns how many."""
    done = 0
    while sent := send_next(desk=desk, gateway=gateway, at=at):
        done += sent
    return done


def send_next(*, desk: Desk, gateway: Gateway, at: Moment) -> int:
    """Send the oldest few orders that may go; returns how many."""
    store = order_rows.of(desk)
    if store.seconds() < desk.held_back_until:
        return 0
    sent = 0
    reports: list[ExecutionReport] = []
    with store.sending(if_waiting=True) as any_waiting:
        if not any_waiting:
            return 0
        claim = _claim(desk, at, in_groups=isinstance(gateway, GroupGateway))
        crash.point("route.claimed")
        for number, orders in enumerate(_calls(claim.orders, gateway)):
            # A halt waits for us a while only; and whoever reconciles this order after its lease
            # must not meet a late send of ours.
            late = store.seconds() >= claim.deadline
            if late or (number and not _may_send_all(desk, orders, store.restricting())):
                _unclaim_all(store, orders, at)
            else:
                with lease.until(claim.signed_by):
                    went = _attempt(desk, gateway, orders, at, reports)
                sent += len(orders) if went else 0
        if reports:
            executions.apply(desk=desk, reports=reports, at=at)
    return sent


def submit(*, desk: Desk, gateway: Gateway, order: Order, at: Moment) -> None:
    """Make the one network call for a claimed order and settle its answer; what is proven not sent
    waits for the next call."""
    reports: list[ExecutionReport] = []
    _attempt(desk, gateway, [order], at, reports)
    if reports:
        executions.apply(desk=desk, reports=reports, at=at)


def repeat(*, desk: Desk, gateway: Gateway, order: Order, at: Moment) -> bool:
    """Send an order in doubt once more, where that makes no second one, with those that went in one
    call with it; True when its outcome became known.

    It is a claim of its own: answers to earlier copies that come only now end nothing any more. And
    an earlier copy may be at the venue or on its way there, so that this one was not sent, or was
    refused, says nothing about the order.
    """
    store = order_rows.of(desk)
    signed_by = store.seconds() + _SIGNED_SECONDS
    orders = _claim_again(store, order, at, in_groups=isinstance(gateway, GroupGateway))
    if not orders:
        return False
    crash.point("repeat.claimed")
    try:
        with lease.until(signed_by):
            said = _call(desk, gateway, [as_new_order(each) for each in orders])
    except NotSent:
        return False
    except (RejectedByVenue, OutcomeUnknown) as error:
        crash.point("repeat.not_taken")
        refused = isinstance(error, RejectedByVenue)
        for each in orders:
            if refused:
                store.keep_evidence(each, Evidence(refused=True))
            why = f"refused when sent again: {error}" if refused else str(error)
            mark_unknown(desk=desk, order=each, reason=why, at=at)
        return False
    crash.point("repeat.answered")
    executions.apply(desk=desk, reports=said, at=at)
    return True


def _claim_again(store: OrderStore, order: Order, at: Moment, *, in_groups: bool) -> list[Order]:
    """Claim an order that was claimed before, and with it those of its call; none if the venue was
    heard about any of them meanwhile."""
    with store.atomic():
        token = store.lock() + 1
        orders = store.claimed_with(order) if in_groups else [order]
        now = [store.locked(each.pk) for each in orders]
        waits = (OrdStatus.PENDING_NEW, order.fencing_token)
        if not now or any((each.ord_status, each.fencing_token) != waits for each in now):
            return []
        for each in orders:
            each.fencing_token, each.evidence = token, None
        data: dict[str, object] = {"fencing_token": token, "again": True}
        events = [_event(EventName.ORDER_SENT, each, at, data) for each in orders]
        store.take(orders, LEASE, events, now=at.wall)
        for each in orders:
            store.save(each, "evidence")
        crash.point("repeat.before_commit")
    return orders


def _calls(orders: Sequence[Order], gateway: Gateway) -> list[list[Order]]:
    """The orders as they go out: each by itself, or a group in one call."""
    if not isinstance(gateway, GroupGateway):
        return [[order] for order in orders]
    calls: dict[str, list[Order]] = {}
    for order in orders:
        calls.setdefault(order.oco_group or order.cl_ord_id, []).append(order)
    return [*calls.values()]


def _attempt(
    desk: Desk,
    gateway: Gateway,
    orders: Sequence[Order],
    at: Moment,
    reports: list[ExecutionReport],
) -> bool:
    """The one call for these orders. What the venue reports is added to `reports`; any other end is
    settled here, for each of them."""
    crash.point("route.before_send")
    try:
        said = _call(desk, gateway, [as_new_order(order) for order in orders])
    except NotSent:
        crash.point("route.not_sent")
        _unclaim_all(order_rows.of(desk), orders, at)
        _hold_back(desk)
        return False
    except RejectedByVenue as error:
        crash.point("route.refused")
        refused_key.see(desk=desk, error=error, at=at)
        refused_balance.see(desk=desk, error=error, orders=orders, at=at)
        for order in orders:
            # Of this copy alone: whoever claimed the order since may have sent another one.
            answer = executions.Answer(
                OrdStatus.REJECTED,
                Closedness.REJECTED,
                str(error)[:TEXT_LENGTH],
                fencing_token=order.fencing_token,
            )
            executions.conclude(desk=desk, order_id=order.pk, answer=answer, at=at)
    except OutcomeUnknown as error:
        crash.point("route.unanswered")
        for order in orders:
            mark_unknown(desk=desk, order=order, reason=str(error), at=at)
        if not gateway.capabilities.streams:
            _hold_back(desk)
        return True
    else:
        crash.point("route.answered")
        reports += said
    desk.pause = 0.0
    return True


def _hold_back(desk: Desk) -> None:
    desk.pause = min(_LONGEST_PAUSE_SECONDS, desk.pause * 2 or _FIRST_PAUSE_SECONDS)
    desk.held_back_until = order_rows.of(desk).seconds() + desk.pause


def _call(desk: Desk, gateway: Gateway, orders: Sequence[NewOrder]) -> Sequence[ExecutionReport]:
    account = desk.account.code
    if len(orders) > 1 and isinstance(gateway, GroupGateway):
        return gateway.submit_group(account=account, orders=orders)
    (order,) = orders
    return gateway.submit(account=account, order=order)


def cancel_all(*, desk: Desk, gateway: Gateway, at: Moment) -> int:
    """Pass every unanswered cancel request on; cancels go in every trading state."""
    return sum(_cancel(desk, gateway, order, at) for order in order_rows.of(desk).asked())


def _cancel(desk: Desk, gateway: Gateway, order: Order, at: Moment) -> bool:
    if order.ord_status == OrdStatus.CREATED:
        # It was never sent; a sender that took it meanwhile has another token.
        answer = executions.Answer(
            OrdStatus.CANCELED, Closedness.CANCELED, "WITHDRAWN", fencing_token=order.fencing_token
        )
        return executions.conclude(desk=desk, order_id=order.pk, answer=answer, at=at)
    if order.ord_status == OrdStatus.PENDING_NEW and order.certainty == Certainty.CERTAIN:
        # On its way with a sender; one in doubt is cancelled, if it is there.
        return False
    crash.point("cancel.before_send")
    try:
        report = gateway.cancel(
            account=desk.account.code,
            instrument=desk.instruments[order.instrument_id].code,
            cl_ord_id=order.cl_ord_id,
            at=at.market,
        )
    except (NotSent, OutcomeUnknown):
        crash.point("cancel.unanswered")
        return False
    except RejectedByVenue as error:
        crash.point("cancel.refused")
        refused_key.see(desk=desk, error=error, at=at)
        if not (error.gone and gateway.capabilities.exact_reads):
            # Our key, our clock, or a list that lags: the wish stands until the order's end is
            # reported, for that is what answers it.
            return False
        # It filled or closed first: the stream says how; here the wish is answered.
        _answer(order_rows.of(desk), order, str(error), at)
        return True
    crash.point("cancel.answered")
    executions.apply(desk=desk, reports=[report], at=at)
    return True


def _answer(store: OrderStore, order: Order, outcome: str, at: Moment) -> None:
    with store.atomic():
        store.answer(order, outcome[:TEXT_LENGTH], at)
        event = _event(EventName.ORDER_CANCEL_ANSWERED, order, at, {"outcome": outcome})
        store.record([event], now=at.wall)


def _claim(desk: Desk, at: Moment, *, in_groups: bool) -> _Claim:
    """Take the oldest orders that may be sent now and commit that they are being sent."""
    store = order_rows.of(desk)
    begun = store.seconds()
    deadline = begun + LEASE.total_seconds() - _LONGEST_CALL_SECONDS
    taken: list[Order] = []
    with store.atomic():
        token = store.lock()
        waiting, restricting = store.waiting()
        # While the market is silent its time runs on: an order grows too old in an outage too.
        now = freshness.market_now(desk.feed, at)
        for order in waiting:
            if order.expires_at is not None and now >= order.expires_at:
                executions.conclude(desk=desk, order_id=order.pk, answer=_TOO_LATE, at=at)
                continue
            # A group that has begun is taken whole.
            if len(taken) >= _BATCH and taken[-1].oco_group != (order.oco_group or None):
                break
            if may_send(desk, order, restricting):
                taken.append(order)
        if in_groups:
            taken = _whole_groups(store, taken)
        if taken:
            _take(store, taken, token + 1, at)
        crash.point("route.before_claim_commit")
    return _Claim(taken, deadline, begun + _SIGNED_SECONDS)


def _whole_groups(store: OrderStore, taken: Sequence[Order]) -> list[Order]:
    """Without the groups of which an order is held elsewhere: they are sent whole or not now."""
    mine = Counter(order.oco_group for order in taken)
    return [
        order
        for order in taken
        if not order.oco_group or mine[order.oco_group] == store.waiting_in_group(order)
    ]


def may_send(desk: Desk, order: Order, restricting: Iterable[ScopedState]) -> bool:
    """Whether the trading states that restrict anything let this order go."""
    loaded = desk.strategies.get(order.version_id) if order.version_id else None
    code = loaded.code if loaded else ""
    scopes = {*scopes_of(desk.account, order.instrument, code)}
    mine = [each for each in restricting if (each.scope, each.code) in scopes]
    return trading_state.permits(trading_state.effective(mine).state, reduces=order.reduce_only)


def _may_send_all(desk: Desk, orders: Sequence[Order], restricting: Sequence[ScopedState]) -> bool:
    return all(may_send(desk, order, restricting) for order in orders)


def _take(store: OrderStore, taken: list[Order], token: int, at: Moment) -> None:
    for order in taken:
        sent = OrderState(order.order_qty).sent()
        order.closedness, order.ord_status = int(sent.closedness), sent.ord_status
        order.fencing_token, order.sent_at = token, at.market
    data: dict[str, object] = {"fencing_token": token}
    events = [_event(EventName.ORDER_SENT, order, at, data) for order in taken]
    store.take(taken, LEASE, events, now=at.wall)


def _unclaim_all(store: OrderStore, orders: Sequence[Order], at: Moment) -> None:
    for order in orders:
        _unclaim(store, order, at)


def _unclaim(store: OrderStore, order: Order, at: Moment) -> None:
    """Proven not sent: the order waits again. The only step back, and it never left the desk."""
    with store.atomic():
        if store.unclaim(order):
            data: dict[str, object] = {"fencing_token": order.fencing_token}
            event = _event(EventName.ORDER_NOT_SENT, order, at, data)
            store.record([event], now=at.wall)
            crash.point("unclaim.before_commit")
    crash.point("unclaim.committed")


def mark_unknown(*, desk: Desk, order: Order, reason: str, at: Moment) -> None:
    """The venue may or may not have the order; only its evidence will tell."""
    store = order_rows.of(desk)
    with store.atomic():
        if store.mark_unknown(order, reason[:TEXT_LENGTH]):
            event = _event(EventName.ORDER_UNKNOWN, order, at, {"reason": reason})
            store.record([event], now=at.wall)
            crash.point("unknown.before_commit")
    crash.point("unknown.committed")


def as_new_order(order: Order) -> NewOrder:
    """What goes to the venue; the same bytes at every attempt."""
    return NewOrder(
        cl_ord_id=order.cl_ord_id,
        instrument=order.instrument.code,
        side=Side(order.side),
        ord_type=OrdType(order.ord_type),
        order_qty=order.order_qty,
        time_in_force=TimeInForce(order.time_in_force),
        sent_at=order.sent_at or order.created_at,
        price=order.price,
        stop_px=order.stop_px,
        trailing_bps=order.trailing_bps,
        oco_group=order.oco_group,
        reduce_only=order.reduce_only,
        post_only=order.post_only,
        expire_time=order.expire_time,
    )


def _event(name: EventName, order: Order, at: Moment, data: dict[str, object]) -> Event:
    return Event(
        name=name,
        actor="desk",
        object_type="order",
        object_id=order.public_id,
        trace_id=order.trace_id,
        market_at=at.market,
        data={"cl_ord_id": order.cl_ord_id, **data},
    )
