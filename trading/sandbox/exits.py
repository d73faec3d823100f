"""Cancelling: one order, a list, all; cancel-replace; and what expires by time.

1. A cancel of a leg cancels its list.
2. A closed order is refused with ORDER_CLOSED, one that never was with UNKNOWN_ORDER: which of the
   two a venue tells apart is its protocol's matter.

Venue document: venues.md X15 (cancel against fill), X16 (cancel-replace), X20 (status).
"""

from trading.sandbox.events import Execution
from trading.sandbox.lifecycle import close
from trading.sandbox.orders import Ending, Order, OrderList
from trading.sandbox.rules import Refusal, Refused, Status
from trading.sandbox.state import Market, State

_CANCELABLE = frozenset({Status.TRADING, Status.CANCEL_ONLY})


def find(
    state: State,
    account: str,
    instrument: str | None,
    order_id: int | None,
    cl_ord_id: str | None,
) -> Order | Refused:
    """The open order meant by a cancel."""
    if account not in state.policies:
        return Refused(Refusal.UNKNOWN_ACCOUNT, account)
    order = state.records.order(account, instrument, order_id=order_id, cl_ord_id=cl_ord_id)
    if order is None or (cl_ord_id and order.cl_ord_id != cl_ord_id):
        return Refused(Refusal.UNKNOWN_ORDER, f"no order {order_id or cl_ord_id}")
    if not order.is_open:
        return Refused(Refusal.ORDER_CLOSED, f"order {order.order_id} is {order.ord_status}")
    if not _cancelable(state.markets[order.instrument]):
        return Refused(Refusal.MARKET_CLOSED, f"{order.instrument} cancels nothing now")
    return order


def cancel(
    state: State, order: Order, cancel_cl_ord_id: str, execution: Execution = Execution.CANCELED
) -> Order:
    """Cancel an open order, and with it its list."""
    ending = Ending.REPLACED if execution is Execution.REPLACED else Ending.REQUESTED
    closed = close(state, order, execution, ending, cancel_cl_ord_id=cancel_cl_ord_id)
    if order.list_id is not None:
        for each in state.records.list_by_id(order.list_id).order_ids:
            _end(state, state.records.by_id(each), Execution.CANCELED, Ending.LIST)
    return closed


def cancel_list(state: State, order_list: OrderList | None) -> OrderList | Refused:
    """Cancel every open leg."""
    if order_list is None:
        return Refused(Refusal.UNKNOWN_ORDER, "no such list")
    if not order_list.open:
        return Refused(Refusal.ORDER_CLOSED, f"list {order_list.list_id} is done")
    if not _cancelable(state.markets[order_list.instrument]):
        return Refused(Refusal.MARKET_CLOSED, f"{order_list.instrument} cancels nothing now")
    for order_id in order_list.order_ids:
        order = state.records.by_id(order_id)
        if order.is_open:
            cancel(state, order, "")
    return state.records.list_by_id(order_list.list_id)


def cancel_all(state: State, account: str, instrument: str | None) -> tuple[Order, ...] | Refused:
    """Cancel the account's open orders where the instrument allows it."""
    if account not in state.policies:
        return Refused(Refusal.UNKNOWN_ACCOUNT, account)
    if instrument is not None and instrument not in state.markets:
        return Refused(Refusal.UNKNOWN_INSTRUMENT, instrument)
    orders = state.records.open_orders(account, instrument)
    allowed = [each for each in orders if _cancelable(state.markets[each.instrument])]
    if orders and not allowed:
        return Refused(Refusal.MARKET_CLOSED, "nothing is cancelled now")
    if not orders:
        return Refused(Refusal.UNKNOWN_ORDER, f"{account} has no open order")
    return tuple(_end(state, order, Execution.CANCELED, Ending.REQUESTED) for order in allowed)


def expel(state: State, market: Market) -> tuple[Order, ...]:
    """End every open order of the instrument for the exchange's own reasons."""
    instrument = market.listing.instrument
    orders = [
        order
        for account in state.policies
        for order in state.records.open_orders(account, instrument)
    ]
    return tuple(_end(state, order, Execution.CANCELED, Ending.EXCHANGE) for order in orders)


def expire(state: State) -> None:
    """End the orders whose time has come, earliest first."""
    for market in state.markets.values():
        over = sorted((at, each) for each, at in market.timed.items() if at <= state.now)
        for _, order_id in over:
            _end(state, state.records.by_id(order_id), Execution.EXPIRED, Ending.EXPIRE_AT)


def _end(state: State, order: Order, execution: Execution, ending: Ending) -> Order:
    """End an order unless its list ended it a moment ago."""
    order = state.records.by_id(order.order_id)
    return close(state, order, execution, ending) if order.is_open else order


def _cancelable(market: Market) -> bool:
    return market.status in _CANCELABLE
