"""From intent to order: the gate, the reservation, the row, the journal; one transaction.

1. Locks are taken in the order limit counter → account → order (held.py).
2. An intent that already has an order returns it: ids are derived, so a second try is the first.
3. A denied intent is stored as an order with status DENIED and its decision. What the account's
   venue has no words for is denied before the gate is asked: there is no decision.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from aitrader.kernel import crash, ids
from aitrader.kernel.clock import Moment
from aitrader.kernel.errors import Refused
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.fix import OrdStatus, Origin
from aitrader.kernel.money import ZERO, product
from compliance.services import journal
from risk.domain import gate
from risk.domain.gate import Denied
from risk.domain.snapshot import GateIntent
from risk.services.decisions import Verdict
from trading.domain.order import MEANINGS, OrderIntent, client_order_id, unsupported
from trading.models import CancelRequest, InstrumentRow, Order, ParentOrder, Signal, Trade
from trading.models.order import TEXT_LENGTH
from trading.selectors import snapshot, sql
from trading.selectors.desk import Desk, LoadedStrategy, as_instrument
from trading.selectors.order_store import OrderStore
from trading.selectors.orders import WORKING_STATUSES
from trading.services import order_rows
from trading.services.book_rows import is_known as is_known
from trading.services.held import HeldAccount


@dataclass(frozen=True, slots=True)
class Draft:
    """An intent with the rows it belongs to. `shared_qty`: see risk's GateIntent.

    `expires_at` is the market instant after which the order is no longer sent. `actor` is who wants
    it, if no strategy does.
    """

    intent: OrderIntent
    instrument: InstrumentRow
    trace_id: str
    loaded: LoadedStrategy | None = None
    signal: Signal | None = None
    trade: Trade | None = None
    closing: bool = False
    shared_qty: Decimal = ZERO
    bar_extreme: bool = False
    expires_at: datetime | None = None
    actor: str = "desk"
    parent: ParentOrder | None = None


# A cancel leaves without a claim of its own: whoever wants it, its commit waits for the disk.
_ASKED = f"""
SELECT EXISTS (SELECT FROM trading_cancelrequest WHERE order_id = %s AND answered_at IS NULL),
       (SELECT market_at FROM trading_feed WHERE account_id = %s), {sql.AT_ONCE}
"""


def submit(*, desk: Desk, draft: Draft, at: Moment, held: HeldAccount | None = None) -> Order:
    """Judge the intent and write the order it becomes, CREATED or DENIED.

    `held`: the account, if the caller's transaction holds it already.
    """
    intent = draft.intent
    store = order_rows.of(desk)
    with store.atomic():
        # What a person was told is kept; a strategy decides again.
        derived = intent.origin is not Origin.OPERATOR
        held = held or HeldAccount(desk, at, intent.intent_id, derived=derived)
        if held.knows(intent.intent_id):
            return store.of_intent(intent.intent_id)
        if unsupported(intent, desk.capabilities):
            return _deny(store, desk, draft, at)
        seen = snapshot.build(
            desk,
            held.view,
            held.rules(draft.instrument, intent.strategy),
            intent,
            as_instrument(draft.instrument),
            instrument_id=draft.instrument.pk,
            strategy_enabled=_is_enabled(draft, held),
            bar_extreme=draft.bar_extreme,
            now=at.market,
        )
        decision = gate.decide(_gate_intent(draft), seen)
        reasons = decision.reasons if isinstance(decision, Denied) else ()
        codes = [*dict.fromkeys(reason.code for reason in reasons)]
        order = _order(desk, draft, at, denied=isinstance(decision, Denied), codes=codes)
        opening = ZERO if decision.reduces else order.reserved_notional
        verdict = Verdict(decision, gate.to_json(decision), held.counter, opening)
        order.approved = verdict.approved
        event = _event(desk, draft, order, verdict.told)
        order = store.open(order, event, now=at.wall, verdict=verdict)
        if verdict.approved:
            held.add(order, intent.strategy)
        crash.point("order.before_commit")
    crash.point("order.written")
    return order


def _deny(store: OrderStore, desk: Desk, draft: Draft, at: Moment) -> Order:
    """Keep an order that the account's venue has no words for."""
    problems = unsupported(draft.intent, desk.capabilities)
    order = _order(desk, draft, at, denied=True, codes=[*problems])
    reasons = [{"code": code, "text": MEANINGS[code]} for code in problems]
    told = {"decision": "DENIED", "intent_id": order.intent_id, "reasons": reasons, "verdicts": []}
    return store.open(order, _event(desk, draft, order, told), now=at.wall)


def _is_enabled(draft: Draft, held: HeldAccount) -> bool | None:
    return None if draft.loaded is None else held.is_enabled(draft.loaded.version_id)


def _gate_intent(draft: Draft) -> GateIntent:
    intent = draft.intent
    return GateIntent(
        intent_id=intent.intent_id,
        instrument=intent.instrument,
        side=intent.side,
        order_qty=intent.order_qty,
        origin=intent.origin,
        price=intent.price,
        reduce_only=intent.reduce_only,
        strategy=intent.strategy,
        reference_px=intent.reference_px,
        shared_qty=draft.shared_qty,
    )


def _order(desk: Desk, draft: Draft, at: Moment, *, denied: bool, codes: Sequence[str]) -> Order:
    intent = draft.intent
    return Order(
        public_id=ids.derive(desk.namespace, "order", intent.intent_id),
        intent_id=intent.intent_id,
        cl_ord_id=client_order_id(desk.namespace, intent.intent_id, 1),
        account=desk.account,
        instrument=draft.instrument,
        version_id=None if draft.loaded is None else draft.loaded.version_id,
        signal=draft.signal,
        trade=draft.trade,
        parent=draft.parent,
        origin=intent.origin,
        side=intent.side,
        ord_type=intent.ord_type,
        time_in_force=intent.time_in_force,
        order_qty=intent.order_qty,
        price=intent.price,
        stop_px=intent.stop_px,
        trailing_bps=intent.trailing_bps,
        post_only=intent.post_only,
        expire_time=intent.expire_time,
        oco_group=intent.oco_group,
        closing=draft.closing,
        reduce_only=intent.reduce_only,
        reason=intent.reason,
        reference_px=intent.reference_px,
        reserved_notional=product(intent.order_qty, intent.price or intent.reference_px),
        sizing=dict(intent.sizing),
        trace_id=draft.trace_id,
        ord_status=OrdStatus.DENIED if denied else OrdStatus.CREATED,
        text=", ".join(codes)[:TEXT_LENGTH],
        created_at=at.market,
        expires_at=draft.expires_at,
        closed_at=at.market if denied else None,
    )


def _event(desk: Desk, draft: Draft, order: Order, told: Mapping[str, object]) -> Event:
    strategy = draft.intent.strategy
    denied = order.ord_status == OrdStatus.DENIED
    return Event(
        name=EventName.ORDER_DENIED if denied else EventName.ORDER_CREATED,
        actor=f"strategy:{strategy}" if strategy else draft.actor,
        object_type="order",
        object_id=order.public_id,
        trace_id=order.trace_id,
        market_at=order.created_at,
        data={
            "account": desk.account.code,
            "instrument": draft.intent.instrument,
            "strategy": strategy,
            "cl_ord_id": order.cl_ord_id,
            "side": order.side,
            "ord_type": order.ord_type,
            "order_qty": order.order_qty,
            "price": order.price,
            "stop_px": order.stop_px,
            "trailing_bps": order.trailing_bps,
            "time_in_force": order.time_in_force,
            "post_only": order.post_only,
            "expire_time": order.expire_time,
            "parent": "" if draft.parent is None else draft.parent.public_id,
            "oco_group": order.oco_group,
            "reduce_only": order.reduce_only,
            "origin": order.origin,
            "reason": order.reason,
            "reference_px": order.reference_px,
            "sizing": order.sizing,
            "gate": told,
        },
    )


def request_cancel(
    *,
    order_id: int,
    requested_by: str,
    reason: str,
    now: datetime,
    market_at: datetime | None = None,
) -> bool:
    """Ask that an order be cancelled; False when it is closed or already asked for.

    `now` is wall time; `market_at` is read from the account's feed unless given.
    """
    with sql.atomic():
        found = sql.load(Order, "WHERE id = %s FOR NO KEY UPDATE", [order_id])
        if not found or found[0].ord_status not in WORKING_STATUSES:
            return False
        (order,) = found
        is_asked, reached, _ = sql.fetch_one(_ASKED, [order_id, order.account_id])
        if is_asked:
            return False
        market_at = market_at or reached or now
        wish = CancelRequest(
            order=order, requested_at=market_at, requested_by=requested_by, reason=reason
        )
        event = Event(
            name=EventName.ORDER_CANCEL_REQUESTED,
            actor=requested_by,
            object_type="order",
            object_id=order.public_id,
            trace_id=order.trace_id,
            market_at=market_at,
            data={"reason": reason},
        )
        sql.at_once(sql.insertion(wish), told=journal.insertion([event], now=now))
        crash.point("wish.before_commit")
    crash.point("wish.committed")
    return True


def require_reason(reason: str) -> str:
    """A person's action needs a reason. Raises Refused when it is blank."""
    cleaned = reason.strip()
    if not cleaned:
        raise Refused("a reason is needed")
    return cleaned[:200]
