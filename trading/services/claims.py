"""The claim: which orders are sent now, committed before the first byte of any of them leaves.

1. What may be sent is decided under the account's lock, from the trading state of that moment.
2. A claimed order is PENDING_NEW with its fencing token, its lease, and the request as it will go
   out (domain/request.py) with how long the venue takes it in and when it cannot enter any more.
   That is committed before the call, and the call sends the request that was kept.
3. An order whose request cannot be said is claimed without one; the call that would send it says
   why, and nothing leaves.
4. Where the venue takes an OCO group in one call, its orders are claimed together.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from aitrader.kernel import crash
from aitrader.kernel.clock import Moment
from aitrader.kernel.errors import BadInput, GatewayError
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.fix import OrdStatus, OrdType, Side, TimeInForce
from risk.domain import trading_state
from risk.domain.trading_state import ScopedState
from trading.domain import request
from trading.domain.order_state import Closedness, OrderState
from trading.domain.ports import Gateway, GroupGateway, NewOrder, QuotedGateway
from trading.models import Order
from trading.selectors import freshness
from trading.selectors.desk import Desk, scopes_of
from trading.selectors.order_store import OrderStore, Terms
from trading.services import executions, order_rows

#: How long a claimed order belongs to its sender; live: recvWindow 5 s + 10 s.
LEASE = timedelta(seconds=16)
#: A call is begun this long before the lease ends, at the latest: no call takes longer.
_LONGEST_CALL_SECONDS = 13.0
#: From the claim on: nothing is signed and sent after that, however long the process was stopped.
SIGNED_SECONDS = 5.0
_TOO_LATE = executions.Answer(OrdStatus.EXPIRED, Closedness.EXPIRED, "EXPIRED_BEFORE_SEND")
#: Orders claimed together: a halt waits for no more network calls than these.
_BATCH = 4


@dataclass(frozen=True, slots=True)
class Claim:
    """The calls to make, each of the orders that go out together; until when a call may begin and
    until when it may be signed, by the store's seconds."""

    calls: list[list[Order]]
    deadline: float
    signed_by: float


def claim(desk: Desk, gateway: Gateway, at: Moment) -> Claim:
    """Take the oldest orders that may be sent now and commit that they are being sent."""
    store = order_rows.of(desk)
    _look(store, gateway)
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
        if takes_groups(gateway):
            taken = _whole_groups(store, taken)
        calls = _calls(taken, gateway)
        if taken:
            for order in taken:
                sent = OrderState(order.order_qty).sent()
                order.closedness, order.ord_status = int(sent.closedness), sent.ord_status
                order.fencing_token, order.sent_at, order.body = token + 1, at.market, ""
            _take(store, gateway, calls, at, {})
        crash.point("route.before_claim_commit")
    return Claim(calls, deadline, begun + SIGNED_SECONDS)


def claim_again(desk: Desk, gateway: Gateway, order: Order, at: Moment) -> list[Order]:
    """Claim an order that was claimed before, and with it those of its call, with the request that
    was kept then; none if the venue was heard about any of them meanwhile."""
    store = order_rows.of(desk)
    with store.atomic():
        token = store.lock() + 1
        orders = store.claimed_with(order) if takes_groups(gateway) else [order]
        now = [store.locked(each.pk) for each in orders]
        waits = (OrdStatus.PENDING_NEW, order.fencing_token)
        if not now or any((each.ord_status, each.fencing_token) != waits for each in now):
            return []
        for each in orders:
            each.fencing_token, each.evidence = token, None
        _take(store, gateway, [orders], at, {"again": True})
        for each in orders:
            store.save(each, "evidence")
        crash.point("repeat.before_commit")
    return orders


def _look(store: OrderStore, gateway: Gateway) -> None:
    """No venue is asked while the account is locked: what a request follows from is read before."""
    if isinstance(gateway, QuotedGateway):
        with store.atomic():
            waiting, _ = store.waiting()
        gateway.look([as_new_order(order) for order in waiting])


def _whole_groups(store: OrderStore, taken: Sequence[Order]) -> list[Order]:
    """Without the groups of which an order is held elsewhere: they are sent whole or not now."""
    mine = Counter(order.oco_group for order in taken)
    return [
        order
        for order in taken
        if not order.oco_group or mine[order.oco_group] == store.waiting_in_group(order)
    ]


def _calls(orders: Sequence[Order], gateway: Gateway) -> list[list[Order]]:
    """The orders as they go out: each by itself, or a group in one call."""
    if not takes_groups(gateway):
        return [[order] for order in orders]
    calls: dict[str, list[Order]] = {}
    for order in orders:
        calls.setdefault(order.oco_group or order.cl_ord_id, []).append(order)
    return [*calls.values()]


def _take(
    store: OrderStore,
    gateway: Gateway,
    calls: Sequence[Sequence[Order]],
    at: Moment,
    more: dict[str, object],
) -> None:
    events = []
    for orders in calls:
        body = _request(gateway, orders)
        for order in orders:
            order.body, order.body_sha256 = body, request.sha256(body)
            data = {"fencing_token": order.fencing_token, "sha256": order.body_sha256, **more}
            events.append(event(EventName.ORDER_SENT, order, at, data))
    able = gateway.capabilities
    terms = Terms(LEASE, able.recv_window, able.enters_within)
    store.take([order for orders in calls for order in orders], terms, events, now=at.wall)


#: What making a request of an order that its venue does not know may end with.
_UNSAYABLE = (GatewayError, BadInput, LookupError, TypeError, ValueError, ArithmeticError)


def _request(gateway: Gateway, orders: Sequence[Order]) -> str:
    try:
        return request.kept([as_new_order(order) for order in orders], gateway.request)
    except _UNSAYABLE:
        # The call says it again, and holds nobody else up.
        return ""


def unclaim_all(store: OrderStore, orders: Sequence[Order], at: Moment) -> None:
    """Proven not sent: the orders wait again. The only step back, and they never left the desk."""
    for order in orders:
        with store.atomic():
            if store.unclaim(order):
                data: dict[str, object] = {"fencing_token": order.fencing_token}
                store.record([event(EventName.ORDER_NOT_SENT, order, at, data)], now=at.wall)
                crash.point("unclaim.before_commit")
        crash.point("unclaim.committed")


@cache
def _groups(kind: type[Gateway]) -> bool:
    # To look through a protocol takes longer than a statement to the database.
    return issubclass(kind, GroupGateway)


def takes_groups(gateway: Gateway) -> bool:
    """Whether the orders of an OCO group go out in one call."""
    return _groups(type(gateway))


def may_send(desk: Desk, order: Order, restricting: Iterable[ScopedState]) -> bool:
    """Whether the trading states that restrict anything let this order go."""
    loaded = desk.strategies.get(order.version_id) if order.version_id else None
    code = loaded.code if loaded else ""
    scopes = {*scopes_of(desk.account, order.instrument, code)}
    mine = [each for each in restricting if (each.scope, each.code) in scopes]
    return trading_state.permits(trading_state.effective(mine).state, reduces=order.reduce_only)


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
        body=order.body,
    )


def event(name: EventName, order: Order, at: Moment, data: dict[str, object]) -> Event:
    """What is written of an order on its way."""
    return Event(
        name=name,
        actor="desk",
        object_type="order",
        object_id=order.public_id,
        trace_id=order.trace_id,
        market_at=at.market,
        data={"cl_ord_id": order.cl_ord_id, **data},
    )
