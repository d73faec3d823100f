"""ROUTE: from a committed order to the venue; one claim transaction, then one network call.

1. What may be sent is decided under the account's lock, from the trading state of that moment.
2. The claim (PENDING_NEW, fencing token, lease) is committed before the first byte leaves.
3. One attempt and no retry: anything but a definite answer makes the order UNKNOWN.
4. Senders hold the senders' lock shared from the recheck to the answer; the kill switch takes it
   exclusively, so after a halt commits nothing more is sent.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection, transaction

from aitrader.kernel import crash
from aitrader.kernel.clock import Moment, monotonic
from aitrader.kernel.errors import NotSent, OutcomeUnknown, RejectedByVenue
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.fix import Certainty, OrdStatus, OrdType, Side, TimeInForce
from aitrader.kernel.topics import SENDERS_LOCK
from compliance.services import journal
from risk.domain import trading_state
from risk.selectors import states
from trading.domain.order_state import Closedness, OrderState
from trading.domain.ports import Gateway, NewOrder
from trading.models import Account, CancelRequest, Order
from trading.selectors.desk import Desk
from trading.selectors.orders import WORKING_STATUSES
from trading.services import executions, orders

#: How long a claimed order belongs to its sender, wall time; live: recvWindow 5 s + 10 s.
LEASE = timedelta(seconds=16)


@dataclass(frozen=True, slots=True)
class _Claim:
    order: Order
    deadline: float


def send_all(*, desk: Desk, gateway: Gateway, at: Moment) -> int:
    """Answer every cancel request, then send every order that may go; returns how many."""
    done = cancel_all(desk=desk, gateway=gateway, at=at)
    while send_next(desk=desk, gateway=gateway, at=at):
        done += 1
    return done


def send_next(*, desk: Desk, gateway: Gateway, at: Moment) -> bool:
    """Send the oldest order that may go; False when there is none."""
    with _sending():
        claim = _claim(desk, at)
        if claim is None:
            return False
        crash.point("route.claimed")
        if monotonic() >= claim.deadline:
            # Fencing: whoever reconciles this order now must not meet a late send of ours.
            return True
        submit(desk=desk, gateway=gateway, order=claim.order, at=at)
    return True


def submit(*, desk: Desk, gateway: Gateway, order: Order, at: Moment) -> None:
    """Make the one network call for a claimed order and settle its answer."""
    try:
        report = gateway.submit(account=desk.account.code, order=as_new_order(order))
    except NotSent:
        _unclaim(order)
    except RejectedByVenue as error:
        answer = executions.Answer(OrdStatus.REJECTED, Closedness.REJECTED, str(error)[:200])
        executions.conclude(desk=desk, order_id=order.pk, answer=answer, at=at)
    except OutcomeUnknown as error:
        mark_unknown(order=order, reason=str(error), at=at)
    else:
        crash.point("route.answered")
        executions.apply(desk=desk, report=report, at=at)


def cancel_all(*, desk: Desk, gateway: Gateway, at: Moment) -> int:
    """Pass every unanswered cancel request on; cancels go in every trading state."""
    requests = CancelRequest.objects.filter(
        order__account=desk.account, answered_at__isnull=True
    ).select_related("order")
    done = 0
    for request in requests.order_by("pk"):
        done += _cancel(desk, gateway, request.order, at)
    return done


def _cancel(desk: Desk, gateway: Gateway, order: Order, at: Moment) -> bool:
    if order.ord_status == OrdStatus.CREATED:
        answer = executions.Answer(OrdStatus.CANCELED, Closedness.CANCELED, "WITHDRAWN")
        return _withdraw(desk, order, answer, at)
    if order.ord_status == OrdStatus.PENDING_NEW:
        return False
    try:
        report = gateway.cancel(account=desk.account.code, cl_ord_id=order.cl_ord_id, at=at.market)
    except (NotSent, OutcomeUnknown):
        return False
    except RejectedByVenue as error:
        # It filled or closed first: the stream says how; here the wish is answered.
        _answer(order, str(error), at)
        return True
    executions.apply(desk=desk, report=report, at=at)
    return True


def _withdraw(desk: Desk, order: Order, answer: executions.Answer, at: Moment) -> bool:
    """Close an order that was never sent, unless a sender took it meanwhile."""
    with transaction.atomic():
        Account.objects.select_for_update(of=("self",)).get(pk=desk.account.pk)
        still = Order.objects.filter(pk=order.pk, ord_status=OrdStatus.CREATED).exists()
        if still:
            executions.conclude(desk=desk, order_id=order.pk, answer=answer, at=at)
    return still


def _answer(order: Order, outcome: str, at: Moment) -> None:
    with transaction.atomic():
        CancelRequest.objects.filter(order=order, answered_at__isnull=True).update(
            answered_at=at.market, outcome=outcome[:200]
        )
        event = _event(EventName.ORDER_CANCEL_ANSWERED, order, at, {"outcome": outcome})
        journal.record([event], now=at.wall)


def _claim(desk: Desk, at: Moment) -> _Claim | None:
    """Take the oldest order that may be sent now and commit that it is being sent."""
    deadline = monotonic() + LEASE.total_seconds()
    with transaction.atomic():
        account = Account.objects.select_for_update(of=("self",)).get(pk=desk.account.pk)
        rows = Order.objects.filter(account=account, ord_status=OrdStatus.CREATED)
        waiting = rows.select_for_update(of=("self",), skip_locked=True).select_related(
            "instrument", "version__strategy"
        )
        for order in waiting.order_by("pk"):
            if order.expires_at is not None and at.market >= order.expires_at:
                answer = executions.Answer(
                    OrdStatus.EXPIRED, Closedness.EXPIRED, "EXPIRED_BEFORE_SEND"
                )
                executions.conclude(desk=desk, order_id=order.pk, answer=answer, at=at)
            elif _may_send(desk, order):
                return _take(account, order, at, deadline)
    return None


def _may_send(desk: Desk, order: Order) -> bool:
    strategy = order.version.strategy.code if order.version else ""
    scopes = orders.scopes_of(desk.account, order.instrument, strategy)
    state = states.effective(scopes).state
    return trading_state.permits(state, reduces=order.reduce_only)


def _take(account: Account, order: Order, at: Moment, deadline: float) -> _Claim:
    account.fencing_token += 1
    account.save(update_fields=["fencing_token"])
    sent = OrderState(order.order_qty, order.cum_qty, Closedness(order.closedness)).sent()
    order.closedness, order.ord_status = int(sent.closedness), sent.ord_status
    order.fencing_token = account.fencing_token
    order.sent_at = at.market
    order.lease_until = at.wall + LEASE
    order.save(
        update_fields=["closedness", "ord_status", "fencing_token", "sent_at", "lease_until"]
    )
    event = _event(EventName.ORDER_SENT, order, at, {"fencing_token": order.fencing_token})
    journal.record([event], now=at.wall)
    crash.point("route.before_claim_commit")
    return _Claim(order, deadline)


def _unclaim(order: Order) -> None:
    """Proven not sent: the order waits again. The only step back, and it never left the desk."""
    Order.objects.filter(
        pk=order.pk, ord_status=OrdStatus.PENDING_NEW, fencing_token=order.fencing_token
    ).update(ord_status=OrdStatus.CREATED, closedness=int(Closedness.UNSENT), lease_until=None)


def mark_unknown(*, order: Order, reason: str, at: Moment) -> None:
    """The venue may or may not have the order; only its evidence will tell."""
    with transaction.atomic():
        changed = Order.objects.filter(
            pk=order.pk, ord_status__in=WORKING_STATUSES, certainty=Certainty.CERTAIN
        ).update(certainty=Certainty.UNKNOWN, text=reason[:200])
        if changed:
            event = _event(EventName.ORDER_UNKNOWN, order, at, {"reason": reason})
            journal.record([event], now=at.wall)


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
    )


@contextmanager
def _sending() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock_shared(%s)", [SENDERS_LOCK])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock_shared(%s)", [SENDERS_LOCK])


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
