"""How an order comes in, starts, and what its trades set off.

1. Refused before anything is touched, or taken in completely.
2. `settle` goes on until no trade is left that a stop was not tested with, and no waiting leg is
   due: stops are tested with every trade's price, in the order of the trades.

Venue document: venues.md 2.1 (client ids, trailing stops), X6.
"""

from collections.abc import Callable

from aitrader.kernel.fix import OrdStatus, OrdType
from trading.sandbox import checks, matching, triggers
from trading.sandbox.answers import ClientIds
from trading.sandbox.events import Execution
from trading.sandbox.orders import CONTINGENT, NewOrder, Order
from trading.sandbox.rules import Refusal, Refused
from trading.sandbox.state import Market, State


def original(state: State, request: NewOrder) -> Order | None:
    """The older order of this client id, for an account whose client ids are unique for ever."""
    policy = state.policies.get(request.account)
    if policy is None or policy.client_ids is not ClientIds.FOREVER or not request.cl_ord_id:
        return None
    return state.records.order(request.account, None, cl_ord_id=request.cl_ord_id)


def examine(state: State, request: NewOrder, *, at_once: bool = True) -> Refused | None:
    """What would be refused; `at_once` is False for a leg in waiting."""
    if request.account not in state.policies:
        return Refused(Refusal.UNKNOWN_ACCOUNT, request.account)
    market = state.markets.get(request.instrument)
    if market is None:
        return Refused(Refusal.UNKNOWN_INSTRUMENT, request.instrument)
    refused = (
        checks.check_open(market)
        or checks.check_fields(market.listing, request, market.last_px, state.now)
        or _check_client_id(state, request)
        or _check_count(state, market, request)
    )
    if refused or not at_once:
        return refused
    return checks.check_now(state, market, request)


def submit(state: State, request: NewOrder) -> Order | Refused:
    """Take in one order and match it."""
    refused = examine(state, request)
    if refused:
        return refused
    order = make(state, request)
    state.records.put_order(order)
    state.bring_hold_in_line(order)
    state.tell_order(Execution.NEW, order)
    start(state, state.markets[request.instrument], order.order_id)
    return order


def make(
    state: State, request: NewOrder, *, list_id: int | None = None, waiting: bool = False
) -> Order:
    """A new order, not recorded yet."""
    market = state.markets[request.instrument]
    order_id = state.new_order_id()
    works = not waiting and request.ord_type not in CONTINGENT
    qty = request.order_qty
    if qty is None:
        qty = checks.market_qty(state, market, request)
    return Order(
        order_id=order_id,
        cl_ord_id=request.cl_ord_id or f"auto-{order_id}",
        request=request,
        order_qty=qty,
        leaves_qty=qty,
        created_at=state.now,
        transact_time=state.now,
        ord_status=OrdStatus.PENDING_NEW if waiting else OrdStatus.NEW,
        working=works,
        working_at=state.now if works else None,
        hold_px=checks.hold_px(market, request),
        list_id=list_id,
    )


def start(state: State, market: Market, order_id: int) -> None:
    """Match the order, or let it wait for its price. One that its list ended before is left."""
    order = state.records.by_id(order_id)
    if not order.is_open:
        return
    if order.request.expire_at is not None:
        market.timed[order_id] = order.request.expire_at
    if order.request.bracket_px is not None:
        # It waits for its stop while it rests.
        market.waiting[order_id] = None
    if order.ord_type in CONTINGENT:
        market.waiting[order_id] = None
        triggers.begin(state, market, order)
    else:
        matching.work(state, market, order)


def settle(state: State, place_waiting: Callable[[State, int], None]) -> None:
    """Test the stops with what was traded and place the legs that fell due, to the end."""
    busy = True
    while busy:
        busy = False
        for market in state.markets.values():
            while market.printed:
                busy = True
                triggers.test(state, market, market.printed.popleft())
        while state.due:
            busy = True
            place_waiting(state, state.due.popleft())


def _check_client_id(state: State, request: NewOrder) -> Refused | None:
    rule = state.policies[request.account].client_ids
    if not request.cl_ord_id or rule is ClientIds.NONE:
        return None
    found = state.records.order(request.account, request.instrument, cl_ord_id=request.cl_ord_id)
    if found is None:
        return None
    # Only the newest of one client id can be open, since that is what the rule ensures.
    if found.is_open or rule is ClientIds.FOREVER:
        return Refused(
            Refusal.DUPLICATE_CL_ORD_ID, f"{request.cl_ord_id} is order {found.order_id}"
        )
    return None


def _check_count(state: State, market: Market, request: NewOrder) -> Refused | None:
    if request.ord_type is OrdType.MARKET:
        return None
    orders = state.records.open_orders(request.account, request.instrument)
    if len(orders) >= market.listing.max_orders:
        return Refused(Refusal.MAX_ORDERS, f"{len(orders)} orders are open")
    if request.ord_type in CONTINGENT:
        stops = sum(1 for order in orders if order.ord_type in CONTINGENT)
        if stops >= market.listing.max_stop_orders:
            return Refused(Refusal.MAX_STOP_ORDERS, f"{stops} stops are open")
    return None
