"""ROUTE: from a committed order to the venue; one claim transaction, then one network call.

1. What may be sent is decided in the claim (claims.py).
2. The claim is committed before the first byte leaves; what leaves is the request kept in it.
3. One attempt and no retry: anything but a definite answer makes the order UNKNOWN.
4. Senders hold the senders' lock shared from the recheck to the answer; the kill switch takes it
   exclusively, so after a halt commits nothing more is sent.
5. A call that sent nothing, or that a real venue left without an answer, holds the next ones back,
   longer each time: a venue that is away is not stormed, and orders grow too old meanwhile.
6. Where the venue takes an OCO group in one call, its orders are claimed and sent together; each
   has its own answer and its own doubt.
"""

from collections.abc import Sequence

from aitrader.kernel import crash, lease
from aitrader.kernel.clock import Moment
from aitrader.kernel.errors import NotSent, OutcomeUnknown, RejectedByVenue
from aitrader.kernel.events import EventName
from aitrader.kernel.fix import Certainty, OrdStatus
from risk.domain.trading_state import ScopedState
from trading.domain.evidence import Evidence
from trading.domain.execution_report import ExecutionReport
from trading.domain.order_state import Closedness
from trading.domain.ports import Gateway, GroupGateway, NewOrder
from trading.models import Order
from trading.models.order import TEXT_LENGTH
from trading.selectors.desk import Desk
from trading.selectors.order_store import OrderStore
from trading.services import claims, executions, order_rows, refused_balance, refused_key

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 15.0


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
        claim = claims.claim(desk, gateway, at)
        crash.point("route.claimed")
        for number, orders in enumerate(claim.calls):
            # A halt waits for us a while only; and whoever reconciles this order after its lease
            # must not meet a late send of ours.
            late = store.seconds() >= claim.deadline
            if late or (number and not _may_send_all(desk, orders, store.restricting())):
                claims.unclaim_all(store, orders, at)
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
    signed_by = store.seconds() + claims.SIGNED_SECONDS
    orders = claims.claim_again(desk, gateway, order, at)
    if not orders:
        return False
    crash.point("repeat.claimed")
    try:
        with lease.until(signed_by):
            said = _call(desk, gateway, [claims.as_new_order(each) for each in orders])
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
        said = _call(desk, gateway, [claims.as_new_order(order) for order in orders])
    except NotSent:
        crash.point("route.not_sent")
        claims.unclaim_all(order_rows.of(desk), orders, at)
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


def _may_send_all(desk: Desk, orders: Sequence[Order], restricting: Sequence[ScopedState]) -> bool:
    return all(claims.may_send(desk, order, restricting) for order in orders)


def _hold_back(desk: Desk) -> None:
    desk.pause = min(_LONGEST_PAUSE_SECONDS, desk.pause * 2 or _FIRST_PAUSE_SECONDS)
    desk.held_back_until = order_rows.of(desk).seconds() + desk.pause


def _call(desk: Desk, gateway: Gateway, orders: Sequence[NewOrder]) -> Sequence[ExecutionReport]:
    if not all(order.body for order in orders):
        # Said anew it says why it could not be kept; what was not kept is not sent.
        gateway.request(orders)
        raise NotSent("no request was kept for the order")
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
        event = claims.event(EventName.ORDER_CANCEL_ANSWERED, order, at, {"outcome": outcome})
        store.record([event], now=at.wall)


def mark_unknown(*, desk: Desk, order: Order, reason: str, at: Moment) -> None:
    """The venue may or may not have the order; only its evidence will tell."""
    store = order_rows.of(desk)
    with store.atomic():
        if store.mark_unknown(order, reason[:TEXT_LENGTH]):
            event = claims.event(EventName.ORDER_UNKNOWN, order, at, {"reason": reason})
            store.record([event], now=at.wall)
            crash.point("unknown.before_commit")
    crash.point("unknown.committed")
