"""An order is replaced by another: two orders, and a request that ties them. A person wants it, or
the target of a stop is reached (pairs.py), or a stop was passed and did not fill (stop_watch.py).

1. Written in one transaction: the successor, judged while the first order still counts at full size
   (both may fill, for a fill may come after a cancel), the request, and the wish to cancel. Only a
   sale from a SPOT holding needs it once: what the first has sold, the second is not sent for.
2. The successor is held back until the first order is closed and nothing about it is in doubt.
   Then it is sent for what is left: the wanted whole less what the first has filled. Of a pair that
   the venue holds as one both are meant: they have one quantity.
3. What is more than the venue takes in one order at the market has several successors, each with
   a request to follow the one before. All of them are written, or none; and all are let go at once.
4. Nothing left, or less than the venue takes, ends the successor unsent. So does a person's cancel.
5. All of it is rows: after a restart the next turn goes on.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from aitrader.kernel import crash, ids
from aitrader.kernel.clock import Moment, iso
from aitrader.kernel.errors import BadInput, Refused
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.fix import (
    CLOSED,
    AccountKind,
    Certainty,
    OrdStatus,
    OrdType,
    Origin,
    Side,
    TimeInForce,
)
from aitrader.kernel.money import CONTEXT, ZERO, plain, product, qty_to_lot
from compliance.domain.roles import Action
from compliance.services import access
from trading.domain.instrument_limits import step_of, taken
from trading.domain.order import OrderIntent
from trading.domain.order_state import Closedness
from trading.models import CancelRequest, InstrumentRow, Order, ReplaceRequest, TargetWatch
from trading.selectors import sql
from trading.selectors.desk import Desk
from trading.selectors.orders import WORKING_STATUSES
from trading.services import executions, order_rows, orders, person_orders
from trading.services.held import HeldAccount
from trading.services.orders import Draft

_READY = """
SELECT request.id FROM trading_replacerequest request
  JOIN trading_order o ON o.id = request.order_id
 WHERE o.account_id = %s AND request.answered_at IS NULL AND o.certainty = 'CERTAIN'
   AND o.ord_status IN ('FILLED', 'CANCELED', 'EXPIRED', 'REJECTED')
   AND NOT EXISTS (
        SELECT 1 FROM trading_order other
         WHERE other.account_id = o.account_id AND o.oco_group <> ''
           AND other.oco_group = o.oco_group AND (other.certainty <> 'CERTAIN'
               OR other.ord_status IN ('CREATED', 'PENDING_NEW', 'NEW', 'PARTIALLY_FILLED')))
   AND NOT EXISTS (
        SELECT 1 FROM trading_replacerequest before
         WHERE before.successor_id = o.id AND before.answered_at IS NULL)
 ORDER BY request.id
"""
_NEXT = "WHERE order_id = %s AND answered_at IS NULL FOR NO KEY UPDATE"
_RELEASED = "RELEASED"
_NOTHING_LEFT = executions.Answer(
    OrdStatus.CANCELED, Closedness.CANCELED, "NOTHING_LEFT", expected=True
)
_TOO_LITTLE = executions.Answer(OrdStatus.CANCELED, Closedness.CANCELED, "TOO_LITTLE_LEFT")
_NOT_ALL = executions.Answer(
    OrdStatus.CANCELED, Closedness.CANCELED, "A_PART_WAS_DENIED", expected=True
)
_TOO_LATE = executions.Answer(OrdStatus.EXPIRED, Closedness.EXPIRED, "EXPIRED_BEFORE_SEND")


def request(
    *,
    desk: Desk,
    order_id: int,
    order_qty: Decimal | None,
    price: Decimal | None,
    by: Any,
    reason: str,
    at: Moment,
) -> Order:
    """Write the successor of an order, CREATED and held back, or DENIED; then the first is left as
    it is. What is not given stays.

    Raises NotPermitted without the right to trade, Refused for an order that cannot be replaced,
    BadInput for a change that is none.
    """
    access.require(by, Action.SUBMIT_ORDER)
    why = orders.require_reason(reason)
    store = order_rows.of(desk)
    with store.atomic():
        held = HeldAccount(desk, at)
        old = store.locked(order_id)
        row = desk.instruments[old.instrument_id]
        _require_replaceable(desk, old)
        total = old.order_qty if order_qty is None else order_qty
        left = CONTEXT.subtract(total, old.cum_qty)
        _require_change(old, total, price, left)
        draft = Draft(
            intent=_intent(desk, old, row, left, price or old.price, by, why, at),
            instrument=row,
            trace_id=old.trace_id,
            shared_qty=_shared(desk, old),
            bar_extreme=person_orders.is_extreme(desk, row),
            actor=person_orders.actor_of(by),
        )
        new = put_in_place(
            desk=desk, old=old, drafts=[draft], order_qty=total, reason=why, held=held, at=at
        )
        crash.point("replace.before_commit")
    crash.point("replace.written")
    return new


def put_in_place(
    *,
    desk: Desk,
    old: Order,
    drafts: Sequence[Draft],
    order_qty: Decimal,
    reason: str,
    held: HeldAccount,
    at: Moment,
) -> Order:
    """Within the transaction that holds the account and the order: write the successors, CREATED
    and held back, with the requests and the wish to cancel; the first of them. Or the one that is
    DENIED, and nothing that is sent.

    `order_qty` is the whole of all, in base.
    """
    written: list[Order] = []
    for draft in drafts:
        new = orders.submit(desk=desk, draft=draft, at=at, held=held)
        if new.ord_status == OrdStatus.DENIED:
            for each in written:
                executions.conclude(desk=desk, order_id=each.pk, answer=_NOT_ALL, at=at)
            return new
        written.append(new)
    first, actor = written[0], drafts[0].actor
    for before, new in zip([old, *written], written, strict=False):
        wish = ReplaceRequest(
            order=before,
            successor=new,
            order_qty=order_qty,
            requested_at=at.market,
            requested_by=actor,
            reason=reason,
        )
        sql.insert(wish)
        name, data = EventName.ORDER_REPLACE_REQUESTED, {"order_qty": order_qty, "reason": reason}
        data |= {"successor": new.public_id, "price": new.price}
        order_rows.of(desk).record([_event(name, old, actor, at, data)], now=at.wall)
    for each in _together(old):
        orders.request_cancel(
            order_id=each.pk,
            requested_by=actor,
            reason=f"replaced by {first.public_id}",
            now=at.wall,
            market_at=at.market,
        )
    return first


def by_the_market(
    *,
    desk: Desk,
    stop: Order,
    px: Decimal,
    purpose: str,
    reason: str,
    sizing: Mapping[str, str],
    held: HeldAccount,
    at: Moment,
) -> Order | None:
    """Within the transaction that holds the account and a stop: put an order at the market in its
    place, by the desk, or as many as the venue takes it in, for all that is left in lots of the
    market; the first, or the one DENIED. None while that may not be, or if this instant had its
    attempt.

    `px` is the price of the moment; `purpose` tells intents of one stop apart.
    """
    row = desk.instruments[stop.instrument_id]
    key = (purpose, stop.intent_id, iso(at.market))
    left = CONTEXT.subtract(stop.order_qty, _filled(stop))
    if (
        left <= 0
        or stop.certainty != Certainty.CERTAIN
        or CancelRequest.objects.filter(order=stop).exists()
        or not held.may_reduce(row, "")
        or held.knows(ids.derive(desk.namespace, *key))
    ):
        return None
    drafts = _at_the_market(desk, stop, left, px, key, reason, sizing, at)
    return put_in_place(
        desk=desk,
        old=stop,
        drafts=drafts,
        order_qty=stop.order_qty,
        reason=reason,
        held=held,
        at=at,
    )


def advance(*, desk: Desk, at: Moment) -> int:
    """Let go of every successor whose first order is over; returns how many requests ended."""
    ready = sql.fetch_all(_READY, [desk.account.pk])
    return sum(_answer(desk, pk, at) for (pk,) in ready)


def _at_the_market(
    desk: Desk,
    stop: Order,
    left: Decimal,
    px: Decimal,
    key: tuple[str, ...],
    reason: str,
    sizing: Mapping[str, str],
    at: Moment,
) -> list[Draft]:
    """What is left of a stop, as the market takes it: the first is named by the key alone."""
    row = desk.instruments[stop.instrument_id]
    limits = row.venue_limits
    whole = qty_to_lot(left, step_of(row.lot, limits, OrdType.MARKET))
    # What the market takes nothing of is asked for as it is: the gate says what is wrong with it.
    sizes = taken(whole, row.lot, limits, [(OrdType.MARKET, px)]) or (left,)
    drafts: list[Draft] = []
    for number, qty in enumerate(sizes):
        before = [each.intent for each in drafts]
        intent = OrderIntent(
            intent_id=ids.derive(desk.namespace, *key, *([number] if number else [])),
            account=desk.account.code,
            instrument=row.code,
            side=Side(stop.side),
            ord_type=OrdType.MARKET,
            order_qty=qty,
            origin=Origin.OPERATOR,
            reference_px=px,
            reason=reason,
            decided_at=at.market,
            reduce_only=stop.reduce_only,
            replaces=stop.intent_id,
            beside=tuple(each.intent_id for each in before),
            sizing={**sizing, "order": stop.public_id},
        )
        draft = Draft(
            intent=intent,
            instrument=row,
            trace_id=stop.trace_id,
            # What the stop holds is enough for this one and those before it.
            shared_qty=sum((each.order_qty for each in before), qty),
            bar_extreme=person_orders.is_extreme(desk, row),
        )
        drafts.append(draft)
    return drafts


def _together(order: Order) -> list[Order]:
    """The order, with those that end when it ends."""
    if not order.oco_group:
        return [order]
    of_group = Order.objects.filter(account_id=order.account_id, oco_group=order.oco_group)
    return [*of_group.order_by("pk")]


def _filled(order: Order) -> Decimal:
    return sum((each.cum_qty for each in _together(order)), ZERO)


def _require_replaceable(desk: Desk, old: Order) -> None:
    if old.account_id != desk.account.pk:
        raise BadInput(f"the order is not of account {desk.account.code}")
    alone = old.parent_id is None and not old.oco_group
    if old.origin != Origin.OPERATOR or not alone or TargetWatch.objects.filter(order=old).exists():
        raise Refused("only a person's own single order can be replaced")
    if old.ord_status not in WORKING_STATUSES:
        raise Refused(f"the order is {old.ord_status}")
    if ReplaceRequest.objects.filter(successor=old, answered_at__isnull=True).exists():
        raise Refused("the order waits itself to replace another one")
    if old.cancel_requests.filter(answered_at__isnull=True).exists():
        raise Refused("a cancel of the order is on its way")


def _require_change(old: Order, total: Decimal, price: Decimal | None, left: Decimal) -> None:
    if price is not None and old.price is None:
        raise Refused(f"a {old.ord_type} order has no limit price")
    if total == old.order_qty and price in (None, old.price):
        raise BadInput("nothing would change")
    if left <= 0:
        raise Refused(f"{plain(old.cum_qty)} is filled already: nothing would be left")


def _shared(desk: Desk, old: Order) -> Decimal:
    """What the first holds of what the second needs: nothing but a holding can be given over."""
    sells = desk.account.kind == AccountKind.SPOT and old.side == Side.SELL
    return CONTEXT.subtract(old.order_qty, old.cum_qty) if sells else ZERO


def _intent(
    desk: Desk,
    old: Order,
    row: InstrumentRow,
    qty: Decimal,
    price: Decimal | None,
    by: Any,
    why: str,
    at: Moment,
) -> OrderIntent:
    return OrderIntent(
        intent_id=ids.derive(desk.namespace, "replace", old.intent_id, iso(at.wall)),
        account=desk.account.code,
        instrument=row.code,
        side=Side(old.side),
        ord_type=OrdType(old.ord_type),
        order_qty=qty,
        origin=Origin.OPERATOR,
        reference_px=person_orders.reference_px(desk, row),
        reason=why[:100],
        decided_at=at.market,
        price=price,
        stop_px=old.stop_px,
        trailing_bps=old.trailing_bps,
        time_in_force=TimeInForce(old.time_in_force),
        post_only=old.post_only,
        expire_time=old.expire_time,
        reduce_only=old.reduce_only,
        replaces=old.intent_id,
        sizing={"method": "REPLACE", "by": by.username, "order": old.public_id},
    )


def _answer(desk: Desk, request_id: int, at: Moment) -> bool:
    store = order_rows.of(desk)
    with store.atomic():
        store.lock()
        (wish,) = sql.load(ReplaceRequest, "WHERE id = %s FOR NO KEY UPDATE", [request_id])
        old = store.locked(wish.order_id)
        known = old.ord_status in CLOSED and old.certainty == Certainty.CERTAIN
        if wish.answered_at is not None or not known:
            return False
        left, following = CONTEXT.subtract(wish.order_qty, _filled(old)), [wish]
        while following:
            (wish,) = following
            new = store.locked(wish.successor_id)
            wish.answered_at = at.market
            wish.outcome = _let_go(desk, new, left, at)
            sql.update(wish, "answered_at", "outcome")
            data = {
                "successor": new.public_id, "outcome": wish.outcome, "order_qty": new.order_qty,
                "ended": old.ord_status, "cum_qty": old.cum_qty,
            }  # fmt: skip
            event = _event(EventName.ORDER_REPLACE_ANSWERED, old, "desk", at, data)
            store.record([event], now=at.wall)
            if wish.outcome == _RELEASED:
                left = CONTEXT.subtract(left, new.order_qty)
            following = sql.load(ReplaceRequest, _NEXT, [new.pk])
        crash.point("successor.before_commit")
    crash.point("successor.committed")
    return True


def _let_go(desk: Desk, new: Order, left: Decimal, at: Moment) -> str:
    """Send the successor on its way for what is left, or end it; how that went."""
    if new.ord_status != OrdStatus.CREATED:
        return "WITHDRAWN"
    row = desk.instruments[new.instrument_id]
    limits, ord_type = row.venue_limits, OrdType(new.ord_type)
    qty = min(new.order_qty, qty_to_lot(max(left, ZERO), step_of(row.lot, limits, ord_type)))
    px = new.price or new.stop_px or new.reference_px or ZERO
    ended = None
    if left <= 0:
        ended = _NOTHING_LEFT
    elif not row.takes(ord_type, qty, px):
        ended = _TOO_LITTLE
    elif new.expire_time is not None and new.expire_time <= at.market:
        ended = _TOO_LATE
    if ended is not None:
        executions.conclude(desk=desk, order_id=new.pk, answer=ended, at=at)
        return ended.text
    new.order_qty, new.reserved_notional = qty, product(qty, px)
    new.expires_at = person_orders.good_until(desk, at)
    order_rows.of(desk).save(new, "order_qty", "reserved_notional", "expires_at")
    return _RELEASED


def _event(name: EventName, order: Order, actor: str, at: Moment, data: dict[str, object]) -> Event:
    return Event(
        name=name,
        actor=actor,
        object_type="order",
        object_id=order.public_id,
        trace_id=order.trace_id,
        market_at=at.market,
        data={"cl_ord_id": order.cl_ord_id, **data},
    )
