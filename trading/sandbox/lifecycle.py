"""How orders end, and what that means for the other orders of their list.

1. `close` is the only way out of the book, of the waiting stops and of the timed orders.
2. Of the legs of an OCO at most one trades: the others expire before its first fill.
3. Waiting legs are placed when the working order is filled completely, and end with it otherwise.

Venue document: venues.md 2.1 (order lists), X15.
"""

from dataclasses import replace

from aitrader.kernel.fix import OrdStatus
from aitrader.kernel.money import ZERO
from trading.sandbox.events import Execution, ListEvent
from trading.sandbox.orders import Ending, ListKind, Order, OrderList
from trading.sandbox.state import State

_STATUS = {
    Execution.CANCELED: OrdStatus.CANCELED,
    Execution.REPLACED: OrdStatus.CANCELED,
    Execution.EXPIRED: OrdStatus.EXPIRED,
    Execution.TRADE_PREVENTION: OrdStatus.EXPIRED,
    Execution.REJECTED: OrdStatus.REJECTED,
}


def close(
    state: State, order: Order, execution: Execution, ending: Ending, *, cancel_cl_ord_id: str = ""
) -> Order:
    """End an open order as `execution` says; the rest of its list follows."""
    closed = _close_alone(state, order, execution, ending, cancel_cl_ord_id)
    after_close(state, closed)
    return closed


def _close_alone(
    state: State, order: Order, execution: Execution, ending: Ending, cancel_cl_ord_id: str = ""
) -> Order:
    leave(state, order)
    return state.change(
        order,
        execution,
        ord_status=_STATUS[execution],
        leaves_qty=ZERO,
        ending=ending,
        cancel_cl_ord_id=cancel_cl_ord_id,
    )


def leave(state: State, order: Order) -> None:
    """Take the order out of everything that could make it trade."""
    market = state.markets[order.instrument]
    market.book.remove(order.order_id)
    market.waiting.pop(order.order_id, None)
    market.timed.pop(order.order_id, None)


def siblings(state: State, order: Order) -> list[Order]:
    """The open orders of the same list that may not trade besides this one."""
    if order.list_id is None:
        return []
    order_list = state.records.list_by_id(order.list_id)
    if order.order_id not in _exclusive(order_list):
        return []
    others = (state.records.by_id(each) for each in _exclusive(order_list))
    return [each for each in others if each.is_open and each.order_id != order.order_id]


def before_act(state: State, order: Order) -> None:
    """The order is about to trade or was triggered: its siblings expire."""
    for sibling in siblings(state, order):
        _close_alone(state, sibling, Execution.EXPIRED, Ending.LIST)


def after_close(state: State, order: Order) -> None:
    """The order is closed: its siblings end as it did, waiting legs fall due or end with it."""
    if order.list_id is None:
        return
    order_list = state.records.list_by_id(order.list_id)
    canceled = order.ord_status is OrdStatus.CANCELED
    execution = Execution.CANCELED if canceled else Execution.EXPIRED
    _close_each(state, siblings(state, order), execution)
    if order.order_id not in _exclusive(order_list) and order.order_id == order_list.order_ids[0]:
        if order.ord_status is OrdStatus.FILLED:
            state.due.append(order_list.list_id)
            return
        _close_each(state, _open_legs(state, order_list), execution)
    end_list(state, order_list.list_id)


def _close_each(state: State, orders: list[Order], execution: Execution) -> None:
    for each in orders:
        # The end of one may have been the end of the next.
        order = state.records.by_id(each.order_id)
        if order.is_open:
            close(state, order, execution, Ending.LIST)


def end_list(state: State, list_id: int) -> None:
    """Mark the list done when every leg is closed; once."""
    order_list = state.records.list_by_id(list_id)
    if order_list.open and not _open_legs(state, order_list):
        done = replace(order_list, open=False, transact_time=state.now)
        state.records.put_list(done)
        state.tell(ListEvent(state.next_seq(), state.now, done))


def _open_legs(state: State, order_list: OrderList) -> list[Order]:
    legs = (state.records.by_id(each) for each in order_list.order_ids)
    return [leg for leg in legs if leg.is_open]


def _exclusive(order_list: OrderList) -> tuple[int, ...]:
    """The legs of which at most one may trade."""
    if order_list.kind is ListKind.OCO:
        return order_list.order_ids
    return order_list.order_ids[1:]
