"""Orders that a person wants: the same gate, the same rows, the same senders as a strategy's.

1. The person needs the right to trade, and gives a reason.
2. Nothing is sent from here: the row waits for the desk that runs. One that no desk takes within
   `GOOD_FOR_BARS` is not sent any more.
3. A wish is a wish: said twice, it is two orders.
4. A stop and a target of which the first to fill ends the other: pairs.py.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from aitrader.kernel import ids
from aitrader.kernel.clock import Moment, iso
from aitrader.kernel.errors import BadInput
from aitrader.kernel.fix import OrdType, Origin, Side, TimeInForce
from aitrader.kernel.money import ZERO, plain
from compliance.domain.roles import Action
from compliance.services import access
from trading.domain.order import OrderIntent
from trading.models import InstrumentRow, Order, TargetWatch
from trading.selectors.desk import Desk
from trading.selectors.orders import WORKING_STATUSES
from trading.services import orders
from trading.services.orders import Draft, require_reason

GOOD_FOR_BARS = 10


@dataclass(frozen=True, slots=True)
class Wish:
    """An order in a person's words; `instrument` by code."""

    instrument: str
    side: Side
    ord_type: OrdType
    order_qty: Decimal
    price: Decimal | None = None
    stop_px: Decimal | None = None
    trailing_bps: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    expire_time: datetime | None = None
    post_only: bool = False
    reduce_only: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """Whether a cancel is on its way that was not before, and what ends with the order: the watch
    of a target, the `successors` by id that were to take its place, the other order of its pair."""

    done: bool
    target_px: Decimal | None = None
    successors: tuple[str, ...] = ()
    ends_pair: bool = False

    @property
    def besides(self) -> list[str]:
        """What ends with the order, a sentence each, for whoever asked."""
        found = []
        if self.target_px is not None:
            px = plain(self.target_px)
            found.append(_("Its target %(px)s is not watched any more then.") % {"px": px})
        found += [
            _("Order %(successor)s, which was to take its place, is cancelled too.")
            % {"successor": each[:12]}
            for each in self.successors
        ]
        if self.ends_pair:
            found.append(_("The venue holds it with another order as a pair, and ends both."))
        return found


def submit(*, desk: Desk, wish: Wish, by: Any, reason: str, at: Moment) -> Order:
    """Write the order that an operator wants, CREATED or DENIED.

    Raises NotPermitted without the right to trade, Refused without a reason, BadInput for an
    instrument that the account does not trade or that has no price yet.
    """
    access.require(by, Action.SUBMIT_ORDER)
    return orders.submit(desk=desk, draft=draft_of(desk, wish, by, reason, at), at=at)


def draft_of(
    desk: Desk,
    wish: Wish,
    by: Any,
    reason: str,
    at: Moment,
    *,
    group: str = "",
    shared: bool = False,
) -> Draft:
    """What is put before the gate. The orders of a `group` end each other; one that has `shared`
    needs nothing that the others do not hold already. Raises what `submit` raises."""
    row = instrument_of(desk, wish.instrument)
    which = (group, wish.ord_type) if group else ()
    intent = OrderIntent(
        intent_id=ids.derive(desk.namespace, "person", by.public_id, iso(at.wall), *which),
        account=desk.account.code,
        instrument=row.code,
        side=wish.side,
        ord_type=wish.ord_type,
        order_qty=wish.order_qty,
        origin=Origin.OPERATOR,
        reference_px=reference_px(desk, row),
        reason=require_reason(reason)[:100],
        decided_at=at.market,
        price=wish.price,
        stop_px=wish.stop_px,
        trailing_bps=wish.trailing_bps,
        time_in_force=wish.time_in_force,
        post_only=wish.post_only,
        expire_time=wish.expire_time,
        oco_group=group,
        reduce_only=wish.reduce_only,
        sizing={"method": "PERSON", "by": by.username},
    )
    return Draft(
        intent=intent,
        instrument=row,
        trace_id=group or intent.intent_id,
        shared_qty=wish.order_qty if shared else ZERO,
        bar_extreme=is_extreme(desk, row),
        expires_at=good_until(desk, at),
        actor=actor_of(by),
    )


def cancel(*, order: Order, by: Any, reason: str, now: datetime) -> Asked:
    """Ask that an order be cancelled. With a stop goes the watch of its target, and the sale that
    the desk has put in its place; of a pair that the venue holds as one goes the other order.

    Raises NotPermitted without the right to, Refused without a reason.
    """
    access.require(by, Action.CANCEL_ORDER)
    why = require_reason(reason)
    # What a person wants in the place of an order is a wish of its own.
    taking = Order.objects.filter(
        account_id=order.account_id,
        replaces__requested_by="desk",
        sizing__order=order.public_id,
        ord_status__in=WORKING_STATUSES,
    )
    successors = [*taking.order_by("pk")]
    asked = [
        orders.request_cancel(order_id=each.pk, requested_by=actor_of(by), reason=why, now=now)
        for each in (order, *successors)
    ]
    watch = TargetWatch.objects.filter(order=order, ended_at__isnull=True).first()
    pair = bool(order.oco_group) and (
        Order.objects.filter(account_id=order.account_id, oco_group=order.oco_group)
        .exclude(pk=order.pk)
        .filter(ord_status__in=WORKING_STATUSES)
        .exists()
    )
    return Asked(
        any(asked),
        target_px=None if watch is None else watch.target_px,
        successors=tuple(each.public_id for each in successors),
        ends_pair=pair,
    )


def actor_of(by: Any) -> str:
    """The name under which the journal knows an operator."""
    return f"operator:{by.username}"


def instrument_of(desk: Desk, code: str) -> InstrumentRow:
    """Raises BadInput for an instrument that the account does not trade."""
    for row in desk.instruments.values():
        if row.code == code:
            return row
    traded = ", ".join(sorted(row.code for row in desk.instruments.values()))
    raise BadInput(f"account {desk.account.code} does not trade {code}; it trades {traded}")


def reference_px(desk: Desk, row: InstrumentRow) -> Decimal:
    """The price that an order of now is judged on. Raises BadInput while there is none."""
    mark = desk.marks().get(row.pk)
    if mark is None:
        raise BadInput(f"there is no price of {row.code} yet")
    return mark.px


def is_extreme(desk: Desk, row: InstrumentRow) -> bool:
    """Whether the last bar is out of bounds, or there is none."""
    bar = desk.bars.last(desk.feed.pk, row.pk)
    return bar is None or bar.exceeds(row.max_bar_range)


def good_until(desk: Desk, at: Moment) -> datetime:
    """Until when an order of now may be sent."""
    return at.market + GOOD_FOR_BARS * desk.interval
