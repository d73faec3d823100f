"""ROUTE: from a committed order to the venue; one claim transaction, then one network call.

1. What may be sent is decided under the account's lock, from the trading state of that moment.
2. The claim (PENDING_NEW, fencing token, lease) is committed before the first byte leaves.
3. One attempt and no retry: anything but a definite answer makes the order UNKNOWN.
4. Senders hold the senders' lock shared from the recheck to the answer; the kill switch takes it
   exclusively, so after a halt commits nothing more is sent.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection

from aitrader.kernel import crash
from aitrader.kernel.clock import Moment, monotonic
from aitrader.kernel.errors import NotSent, OutcomeUnknown, RejectedByVenue
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.fix import Certainty, OrdStatus, OrdType, Side, TimeInForce
from aitrader.kernel.topics import SENDERS_LOCK
from compliance.services import journal
from risk.domain import trading_state
from risk.domain.trading_state import ScopedState
from risk.selectors import states
from trading.domain.execution_report import ExecutionReport
from trading.domain.order_state import Closedness, OrderState
from trading.domain.ports import Gateway, NewOrder
from trading.models import CancelRequest, Order
from trading.selectors import sql
from trading.selectors.desk import Desk, scopes_of
from trading.selectors.orders import WORKING_STATUSES
from trading.services import executions

#: How long a claimed order belongs to its sender; live: recvWindow 5 s + 10 s.
LEASE = timedelta(seconds=16)
#: A call is begun this long before the lease ends, at the latest: no call takes longer.
_LONGEST_CALL_SECONDS = 13.0
_TOO_LATE = executions.Answer(OrdStatus.EXPIRED, Closedness.EXPIRED, "EXPIRED_BEFORE_SEND")
_ANY_WAITING = """
SELECT 1 FROM trading_order WHERE account_id = %s AND ord_status = 'CREATED' LIMIT 1
"""
_WAITING = (
    "WHERE account_id = %s AND ord_status = 'CREATED' ORDER BY id FOR NO KEY UPDATE SKIP LOCKED"
)
_LOCK_ACCOUNT = "SELECT fencing_token FROM trading_account WHERE id = %s FOR NO KEY UPDATE"
# The lease runs on the database's clock, the one that all processes share.
_TAKE = f"""
WITH claimed AS (
    UPDATE trading_order SET closedness = %s, ord_status = %s, fencing_token = %s, sent_at = %s,
           claimed_at = {sql.NOW}, lease_until = {sql.NOW} + %s
     WHERE id = ANY(%s))
UPDATE trading_account SET fencing_token = %s WHERE id = %s
"""
_REQUESTED = """
SELECT request.order_id FROM trading_cancelrequest request
  JOIN trading_order o ON o.id = request.order_id
 WHERE o.account_id = %s AND request.answered_at IS NULL ORDER BY request.id
"""


#: Orders claimed together: a halt waits for no more network calls than these.
_BATCH = 4


@dataclass(frozen=True, slots=True)
class _Claim:
    orders: list[Order]
    deadline: float


def send_all(*, desk: Desk, gateway: Gateway, at: Moment) -> int:
    """Send every order that may go; returns how many."""
    done = 0
    while sent := send_next(desk=desk, gateway=gateway, at=at):
        done += sent
    return done


def send_next(*, desk: Desk, gateway: Gateway, at: Moment) -> int:
    """Send the oldest few orders that may go; returns how many."""
    if not sql.fetch_one(_ANY_WAITING, [desk.account.pk]):
        return 0
    sent = 0
    reports: list[ExecutionReport] = []
    with sending():
        claim = _claim(desk, at)
        crash.point("route.claimed")
        for number, order in enumerate(claim.orders):
            # A halt waits for us a while only; and whoever reconciles this order after its lease
            # must not meet a late send of ours.
            late = monotonic() >= claim.deadline
            if late or (number and not may_send(desk, order, states.current())):
                _unclaim(order, at)
            else:
                sent += _attempt(desk, gateway, order, at, reports)
        if reports:
            executions.apply(desk=desk, reports=reports, at=at)
    return sent


def submit(*, desk: Desk, gateway: Gateway, order: Order, at: Moment) -> bool:
    """Make the one network call for a claimed order and settle its answer; False when it is
    proven that nothing was sent: the order waits for the next call."""
    reports: list[ExecutionReport] = []
    sent = _attempt(desk, gateway, order, at, reports)
    if reports:
        executions.apply(desk=desk, reports=reports, at=at)
    return sent


def _attempt(
    desk: Desk, gateway: Gateway, order: Order, at: Moment, reports: list[ExecutionReport]
) -> bool:
    """The call. What the venue reports is added to `reports`; any other end is settled here."""
    try:
        said = gateway.submit(account=desk.account.code, order=as_new_order(order))
    except NotSent:
        _unclaim(order, at)
        return False
    except RejectedByVenue as error:
        answer = executions.Answer(OrdStatus.REJECTED, Closedness.REJECTED, str(error)[:200])
        executions.conclude(desk=desk, order_id=order.pk, answer=answer, at=at)
    except OutcomeUnknown as error:
        mark_unknown(order=order, reason=str(error), at=at)
    else:
        crash.point("route.answered")
        reports += said
    return True


def cancel_all(*, desk: Desk, gateway: Gateway, at: Moment) -> int:
    """Pass every unanswered cancel request on; cancels go in every trading state."""
    requested = [row[0] for row in sql.fetch_all(_REQUESTED, [desk.account.pk])]
    if not requested:
        return 0
    found = {row.pk: row for row in sql.load(Order, "WHERE id = ANY(%s)", [requested])}
    return sum(_cancel(desk, gateway, found[pk], at) for pk in requested)


def _cancel(desk: Desk, gateway: Gateway, order: Order, at: Moment) -> bool:
    if order.ord_status == OrdStatus.CREATED:
        answer = executions.Answer(OrdStatus.CANCELED, Closedness.CANCELED, "WITHDRAWN")
        return _withdraw(desk, order, answer, at)
    if order.ord_status == OrdStatus.PENDING_NEW:
        return False
    try:
        report = gateway.cancel(
            account=desk.account.code,
            instrument=desk.instruments[order.instrument_id].code,
            cl_ord_id=order.cl_ord_id,
            at=at.market,
        )
    except (NotSent, OutcomeUnknown):
        return False
    except RejectedByVenue as error:
        if not error.gone:
            # Our key, our clock: it says nothing about the order, and the wish stands.
            return False
        # It filled or closed first: the stream says how; here the wish is answered.
        _answer(order, str(error), at)
        return True
    executions.apply(desk=desk, reports=[report], at=at)
    return True


def _withdraw(desk: Desk, order: Order, answer: executions.Answer, at: Moment) -> bool:
    """Close an order that was never sent, unless a sender took it meanwhile."""
    with sql.atomic():
        sql.fetch_one(_LOCK_ACCOUNT, [desk.account.pk])
        still = Order.objects.filter(pk=order.pk, ord_status=OrdStatus.CREATED).exists()
        if still:
            executions.conclude(desk=desk, order_id=order.pk, answer=answer, at=at)
    return still


def _answer(order: Order, outcome: str, at: Moment) -> None:
    with sql.atomic():
        CancelRequest.objects.filter(order=order, answered_at__isnull=True).update(
            answered_at=at.market, outcome=outcome[:200]
        )
        event = _event(EventName.ORDER_CANCEL_ANSWERED, order, at, {"outcome": outcome})
        journal.record([event], now=at.wall)


def _claim(desk: Desk, at: Moment) -> _Claim:
    """Take the oldest orders that may be sent now and commit that they are being sent."""
    deadline = monotonic() + LEASE.total_seconds() - _LONGEST_CALL_SECONDS
    taken: list[Order] = []
    with sql.atomic():
        (token,) = sql.fetch_one(_LOCK_ACCOUNT, [desk.account.pk])
        restricting = states.current()
        for order in _waiting(desk):
            if order.expires_at is not None and at.market >= order.expires_at:
                executions.conclude(desk=desk, order_id=order.pk, answer=_TOO_LATE, at=at)
            elif may_send(desk, order, restricting):
                taken.append(order)
            if len(taken) == _BATCH:
                break
        if taken:
            _take(desk, taken, token + 1, at)
        crash.point("route.before_claim_commit")
    return _Claim(taken, deadline)


def _waiting(desk: Desk) -> list[Order]:
    found = sql.load(Order, _WAITING, [desk.account.pk])
    for order in found:
        order.instrument = desk.instruments[order.instrument_id]
    return found


def may_send(desk: Desk, order: Order, restricting: Iterable[ScopedState]) -> bool:
    """Whether the trading states that restrict anything let this order go."""
    loaded = desk.strategies.get(order.version_id or 0)
    code = loaded.code if loaded else ""
    scopes = {*scopes_of(desk.account, order.instrument, code)}
    mine = [each for each in restricting if (each.scope, each.code) in scopes]
    return trading_state.permits(trading_state.effective(mine).state, reduces=order.reduce_only)


def _take(desk: Desk, taken: list[Order], token: int, at: Moment) -> None:
    sent = OrderState(taken[0].order_qty).sent()
    for order in taken:
        order.closedness, order.ord_status = int(sent.closedness), sent.ord_status
        order.fencing_token, order.sent_at = token, at.market
    sql.execute(
        _TAKE,
        [
            int(sent.closedness), sent.ord_status.value, token, at.market, LEASE,
            [order.pk for order in taken], token, desk.account.pk,
        ],
    )  # fmt: skip
    data: dict[str, object] = {"fencing_token": token}
    events = [_event(EventName.ORDER_SENT, order, at, data) for order in taken]
    journal.record(events, now=at.wall)


def _unclaim(order: Order, at: Moment) -> None:
    """Proven not sent: the order waits again. The only step back, and it never left the desk."""
    with sql.atomic():
        changed = Order.objects.filter(
            pk=order.pk, ord_status=OrdStatus.PENDING_NEW, fencing_token=order.fencing_token
        ).update(
            ord_status=OrdStatus.CREATED,
            closedness=int(Closedness.UNSENT),
            certainty=Certainty.CERTAIN,
            lease_until=None,
            evidence=None,
        )
        if changed:
            data: dict[str, object] = {"fencing_token": order.fencing_token}
            event = _event(EventName.ORDER_NOT_SENT, order, at, data)
            journal.record([event], now=at.wall)


def mark_unknown(*, order: Order, reason: str, at: Moment) -> None:
    """The venue may or may not have the order; only its evidence will tell."""
    with sql.atomic():
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
def sending() -> Iterator[None]:
    """Held by whoever rechecks the trading states and then sends."""
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
