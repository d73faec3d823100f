"""Orders that depend on each other: OCO, OTO and OTOCO lists, placed all or none.

1. Every leg exists from the start; a leg in waiting is PENDING_NEW, holds nothing and cannot trade.
2. The legs of an OCO share one hold, the greater of what they need.
3. A leg in waiting that is not allowed when its turn comes is REJECTED, its pair expires.

Venue document: venues.md 2.1 (order lists).
"""

from decimal import Decimal
from itertools import pairwise

from aitrader.kernel.fix import OrdStatus, OrdType
from trading.sandbox import checks, entry
from trading.sandbox.events import Execution, ListEvent
from trading.sandbox.lifecycle import close, end_list
from trading.sandbox.orders import CONTINGENT, Ending, ListKind, NewList, NewOrder, OrderList
from trading.sandbox.rules import Refusal, Refused
from trading.sandbox.state import State

_LEGS = {ListKind.OCO: 2, ListKind.OTO: 2, ListKind.OTOCO: 3}


def submit(state: State, request: NewList) -> OrderList | Refused:
    """Place the list and match what works at once."""
    refused = examine(state, request)
    if refused:
        return refused
    market = state.markets[request.legs[0].instrument]
    list_id = state.new_list_id()
    active = len(request.legs) if request.kind is ListKind.OCO else 1
    legs = [
        entry.make(state, leg, list_id=list_id, waiting=number >= active)
        for number, leg in enumerate(request.legs)
    ]
    order_list = OrderList(
        list_id=list_id,
        list_cl_ord_id=request.list_cl_ord_id or f"list-{list_id}",
        kind=request.kind,
        account=request.legs[0].account,
        instrument=request.legs[0].instrument,
        order_ids=tuple(leg.order_id for leg in legs),
        transact_time=state.now,
    )
    state.records.put_list(order_list)
    for leg in legs:
        state.records.put_order(leg)
    state.tell(ListEvent(state.next_seq(), state.now, order_list))
    for leg in legs:
        state.bring_hold_in_line(leg)
        state.tell_order(Execution.NEW, leg)
    for leg in legs[:active]:
        entry.start(state, market, leg.order_id)
    return order_list


def examine(state: State, request: NewList) -> Refused | None:
    """What `submit` would refuse."""
    refused = _check_shape(request)
    if refused:
        return refused
    active = len(request.legs) if request.kind is ListKind.OCO else 1
    for number, leg in enumerate(request.legs):
        refused = entry.examine(state, leg, at_once=number < active)
        if refused:
            return refused
    last_px = state.markets[request.legs[0].instrument].last_px
    if request.kind is ListKind.OTO:
        return None
    above, below = request.legs[-2:]
    return _check_prices(above, below, last_px if request.kind is ListKind.OCO else None)


def place_waiting(state: State, list_id: int) -> None:
    """The working order is filled: place the legs that waited for it."""
    order_list = state.records.list_by_id(list_id)
    market = state.markets[order_list.instrument]
    legs = [state.records.by_id(each) for each in order_list.order_ids[1:]]
    legs = [leg for leg in legs if leg.is_open]
    for leg in legs:
        if checks.check_now(state, market, leg.request):
            close(state, leg, Execution.REJECTED, Ending.REFUSED)
            end_list(state, list_id)
            return
    for leg in legs:
        works = leg.ord_type not in CONTINGENT
        state.change(
            leg,
            Execution.NEW,
            ord_status=OrdStatus.NEW,
            hold_px=checks.hold_px(market, leg.request),
            working=works,
            working_at=state.now if works else None,
        )
    for leg in legs:
        entry.start(state, market, leg.order_id)
    end_list(state, list_id)


def _check_shape(request: NewList) -> Refused | None:
    """Legs that fit each other; the legs themselves are checked one by one."""
    legs = request.legs
    if len(legs) != _LEGS[request.kind]:
        return Refused(Refusal.BAD_COMBINATION, f"{request.kind} has {_LEGS[request.kind]} legs")
    if len({(leg.account, leg.instrument) for leg in legs}) != 1:
        return Refused(Refusal.BAD_COMBINATION, "legs of different accounts or instruments")
    if any(leg.order_qty is None for leg in legs):
        return Refused(Refusal.BAD_COMBINATION, "legs are in base quantity")
    names = [leg.cl_ord_id for leg in legs if leg.cl_ord_id]
    if len(set(names)) != len(names):
        return Refused(Refusal.DUPLICATE_CL_ORD_ID, "two legs of one client id")
    if request.kind is not ListKind.OCO and legs[0].ord_type is not OrdType.LIMIT:
        return Refused(Refusal.BAD_COMBINATION, "the working leg is a limit order")
    if request.kind is ListKind.OTO:
        return None
    above, below = legs[-2:]
    if above.side is not below.side or above.order_qty != below.order_qty:
        return Refused(Refusal.BAD_COMBINATION, "legs differ in side or quantity")
    kinds = {above.ord_type, below.ord_type}
    if not kinds & CONTINGENT or OrdType.MARKET in kinds:
        return Refused(Refusal.BAD_COMBINATION, "one leg waits for a price, none is MARKET")
    return None


def _check_prices(above: NewOrder, below: NewOrder, last_px: Decimal | None) -> Refused | None:
    """One leg above the market and one below."""
    high, low = (leg.stop_px or leg.price for leg in (above, below))
    ordered = [px for px in (high, last_px, low) if px is not None]
    if any(upper <= lower for upper, lower in pairwise(ordered)):
        return Refused(Refusal.LIST_PRICES, f"{high} above {last_px} above {low} does not hold")
    return None
