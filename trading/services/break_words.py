"""What a person states where the venue cannot prove it: how an order of ours ended, or that a
balance was moved from outside.

1. A word is taken only when the desk is through with looking: the evidence of a doubt is all there
   and was contradicted, or an order that should rest was missing in every comparison for a minute;
   and the venue was asked a moment ago.
2. It is not taken against what the venue has told. A quantity makes no fill: trades that are not
   booked yet are still to come from the venue's own list, by the venue's id of the order.
3. The order ends as by any conclusion, once, and its reservation with it. Whatever the venue tells
   of it later is a ZOMBIE: adopted, and alerted.
4. A balance is booked by a word as the desk books it by itself (differences.py), where it waits for
   what a person knows not to come: while no order is in doubt, by the amount compared last.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.db import transaction

from aitrader.kernel.clock import Moment
from aitrader.kernel.errors import Refused
from aitrader.kernel.fix import CLOSED
from aitrader.kernel.money import ZERO, plain
from compliance.domain.roles import Action
from compliance.services import access, installation
from trading.domain import evidence
from trading.domain.order_state import Closedness, OrderState
from trading.models import Account, Order, ReconBreak
from trading.selectors import desk as desks
from trading.selectors.desk import Desk
from trading.services import breaks, differences, executions, order_rows, orders

#: What the venue showed is the venue's word for so long.
FRESH = timedelta(seconds=90)
#: How long an order is missing before a person may say that it is closed: reads may lag.
MISSING_FOR = timedelta(seconds=60)
_LONGEST = 200


class Fate(StrEnum):
    """How the order ended."""

    NEVER_ACCEPTED = "NEVER_ACCEPTED"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True)
class Word:
    """A person's statement: `cum_qty` in the base asset and `order_id` as the venue's record of a
    closed order says them; `evidence` is where that record is to be seen."""

    fate: Fate
    reason: str
    evidence: str
    cum_qty: Decimal = ZERO
    order_id: str = ""


def state(*, break_id: int, by: Any, word: Word, now: datetime) -> None:
    """End the break and its order as the person says. `now` is wall time.

    Raises NotPermitted without the right, and Refused without a reason or evidence, for a break of
    another kind or one that is closed, while the desk may still find out by itself, and against
    what the venue has told.
    """
    access.require(by, Action.HANDLE_BREAK)
    why = orders.require_reason(word.reason)
    if not word.evidence.strip():
        raise Refused("say where the venue's record is to be seen")
    desk = _desk(break_id)
    with transaction.atomic():
        order_rows.of(desk).lock()
        found = breaks.locked(break_id)
        order = _order(found)
        _require_looked_for(desk.account, found, order, now)
        _require_no_contradiction(order, word)
        said: dict[str, object] = {
            "word": word.fate,
            "cum_qty": plain(word.cum_qty),
            "order_id": word.order_id,
            "seen": word.evidence.strip()[:_LONGEST],
            "reason": why,
        }
        at = Moment(breaks.market_at(found, now), now)
        answer = _answer(order, word, by, {**found.evidence, **said})
        executions.conclude(desk=desk, order_id=order.pk, answer=answer, at=at)
        breaks.close(found, by=by, resolution=why, said=said, now=now)


def moved(*, break_id: int, by: Any, reason: str, now: datetime) -> None:
    """Book what a balance differs by as moved from outside, and end the break. `now` is wall time.

    Raises NotPermitted without the right, and Refused without a reason, for a break of another kind
    or one that is closed, while the desk may still explain it, and without a price that it needs.
    """
    access.require(by, Action.HANDLE_BREAK)
    why = orders.require_reason(reason)
    desk = _desk(break_id)
    desk.refresh_bars()
    with transaction.atomic():
        store = order_rows.of(desk)
        store.lock()
        found = breaks.locked(break_id)
        if found.kind != "BALANCE":
            raise Refused("only a balance is moved from outside")
        _require_compared(desk.account, found, now)
        if doubtful := store.in_doubt():
            raise Refused(f"an order in doubt may explain it: {min(doubtful)}")
        if plain(store.balances(found.object_id).get(found.object_id, ZERO)) != found.ours:
            raise Refused("the balance has changed since it was compared")
        at, actor = Moment(breaks.market_at(found, now), now), f"operator:{by.username}"
        if not differences.book(desk=desk, found=found, at=at, actor=actor):
            raise Refused(f"there is no price of {found.object_id} to book it at")
        breaks.close(found, by=by, resolution=why, said={"word": "MOVED"}, now=now)


def _desk(break_id: int) -> Desk:
    account_id = ReconBreak.objects.values_list("account_id", flat=True).get(pk=break_id)
    # No order is made here: which fees the venue takes does not matter.
    return desks.load(account_id=account_id, namespace=installation.namespace(), fee_rate=ZERO)


def _order(found: ReconBreak) -> Order:
    """The order of ours that the break is about."""
    if found.kind not in ("DOUBT", "OPEN_ORDER"):
        raise Refused("only what became of an order is stated")
    orders_of_account = Order.objects.select_for_update(of=("self",), no_key=True).filter(
        account_id=found.account_id
    )
    order = orders_of_account.filter(cl_ord_id=found.object_id).first()
    if order is None:
        raise Refused("it is no order of this desk: it ends when the venue shows it no more")
    if order.ord_status in CLOSED:
        raise Refused("the order is closed: the break ends by itself with the next comparison")
    return order


def _require_looked_for(account: Account, found: ReconBreak, order: Order, now: datetime) -> None:
    if found.kind != "DOUBT":
        _require_compared(account, found, now)
        return
    reads = evidence.from_json(order.evidence or {}).reads
    noticed_at = found.noticed_at or found.opened_at
    through = order.claimed_at is not None and noticed_at >= order.claimed_at
    _require(reads[-1] if reads else None, now, through=through)


def _require_compared(account: Account, found: ReconBreak, now: datetime) -> None:
    asked_at, noticed_at = account.reconciled_at, found.noticed_at or found.opened_at
    through = asked_at is not None and asked_at - noticed_at >= MISSING_FOR
    _require(asked_at, now, through=through)


def _require(asked_at: datetime | None, now: datetime, *, through: bool) -> None:
    if not through:
        raise Refused("the desk is still finding out by itself")
    if asked_at is None or now - asked_at > FRESH:
        raise Refused("the venue was not asked in the last minute: it may know better by now")


def _require_no_contradiction(order: Order, word: Word) -> None:
    if word.fate is Fate.NEVER_ACCEPTED:
        if order.closedness > Closedness.SENT or order.cum_qty or order.filled_qty:
            raise Refused("the venue has accepted it: it has told so")
        if word.cum_qty or word.order_id:
            raise Refused("an order that was never accepted has no quantity and no id there")
        return
    told = max(order.cum_qty, order.filled_qty)
    if not told <= word.cum_qty <= order.order_qty:
        raise Refused(
            f"the venue has told {plain(told)} of {plain(order.order_qty)}:"
            f" {plain(word.cum_qty)} cannot be"
        )
    known = order.order_id or word.order_id
    if order.order_id and word.order_id not in ("", order.order_id):
        raise Refused(f"the venue has called it {order.order_id}")
    if word.cum_qty > order.filled_qty and not known:
        raise Refused("its trades are found by the venue's id of the order: say that too")
    if (
        known
        and Order.objects.filter(
            account_id=order.account_id, instrument_id=order.instrument_id, order_id=known
        )
        .exclude(pk=order.pk)
        .exists()
    ):
        raise Refused(f"{known} is another order of these books")


def _answer(order: Order, word: Word, by: Any, seen: dict[str, object]) -> executions.Answer:
    never = word.fate is Fate.NEVER_ACCEPTED
    closedness = Closedness.REJECTED if never else Closedness.CANCELED
    ended = OrderState(order.order_qty, word.cum_qty, closedness)
    return executions.Answer(
        ended.ord_status,
        closedness,
        executions.NEVER_ACCEPTED if never else executions.CLOSED_BY_WORD,
        evidence={**(order.evidence or {}), **seen},
        cum_qty=word.cum_qty,
        order_id=word.order_id,
        actor=f"operator:{by.username}",
        expected=True,
    )
