"""One cancels the other: placing, cancelling and reading order lists.

Source: binance-spot-api-docs, rest-api.md "Order lists".
"""

from typing import Any

from aitrader.kernel.fix import OrdType, Side, TimeInForce
from trading.sandbox.binance_api import errors, orders, reports
from trading.sandbox.binance_api.calls import Call
from trading.sandbox.binance_api.errors import ApiError
from trading.sandbox.orders import TARGETS, ListKind, NewList, NewOrder, Order, OrderList
from trading.sandbox.rules import Refused

Json = dict[str, Any]


def place_oco(call: Call) -> Json:
    """Two orders, above and below the market; the first that works cancels the other."""
    symbol, side = call.symbol(), orders.read_side(call.params)
    above = orders.read_leg(call, orders.ABOVE, symbol=symbol, side=side)
    below = orders.read_leg(call, orders.BELOW, symbol=symbol, side=side)
    _check_legs(above, below, side)
    return _place(call, above, below, shown=(0, 1))


def place_old_oco(call: Call) -> Json:
    """The same with one limit and one stop, as /api/v3/order/oco has it."""
    params, symbol, side = call.params, call.symbol(), orders.read_side(call.params)
    for name in ("quantity", "price", "stopPrice"):
        params.required(name)
    limited = params.decimal("stopLimitPrice")
    times = {"GTC", "IOC", "FOK"}
    time = params.choice("stopLimitTimeInForce", times, errors.bad_tif())
    if limited is not None and time is None:
        raise errors.mandatory("stopLimitTimeInForce")
    limit = NewOrder(
        call.account,
        symbol,
        side,
        OrdType.LIMIT,
        params.decimal("quantity"),
        price=params.decimal("price"),
        post_only=True,
        cl_ord_id=params.client_id("limitClientOrderId") or call.venue.new_id(),
    )
    stop = NewOrder(
        call.account,
        symbol,
        side,
        OrdType.STOP if limited is None else OrdType.STOP_LIMIT,
        params.decimal("quantity"),
        price=limited,
        stop_px=params.decimal("stopPrice"),
        time_in_force=TimeInForce(time or "GTC"),
        cl_ord_id=params.client_id("stopClientOrderId") or call.venue.new_id(),
    )
    if side is Side.SELL:
        return _place(call, limit, stop, shown=(1, 0))
    return _place(call, stop, limit, shown=(0, 1))


def cancel(call: Call) -> Json:
    symbol = call.symbol()
    list_id, name = _which(call, "listClientOrderId")
    call.params.client_id("newClientOrderId")
    call.finish()
    outcome = call.venue.stage.exchange.cancel_list(
        call.account, list_id=list_id, list_cl_ord_id=name, now=call.now
    )
    if isinstance(outcome, Refused) or outcome.order_list.instrument != symbol:
        raise errors.not_cancelled()
    told = reports.order_list(outcome.order_list, outcome.orders)
    return {**told, "orderReports": [reports.cancelled(each) for each in outcome.orders]}


def query(call: Call) -> Json:
    list_id, name = _which(call, "origClientOrderId")
    found = call.records.order_list(call.account, list_id=list_id, list_cl_ord_id=name)
    if found is None:
        raise errors.no_such_order()
    return _shown(call, found)


def query_open(call: Call) -> list[Json]:
    return [_shown(call, each) for each in call.records.order_lists(call.account, only_open=True)]


def query_all(call: Call) -> list[Json]:
    found = call.records.order_lists(
        call.account, from_id=call.params.integer("fromId"), limit=call.params.limit()
    )
    return [_shown(call, each) for each in found]


def _check_legs(above: NewOrder, below: NewOrder, side: Side) -> None:
    """Which type may stand on which side of the market."""
    if _is_target(above) and _is_target(below):
        raise ApiError(-1168, "At least one OCO order must be contingent.")
    target = above if side is Side.SELL else below
    if OrdType.MARKET in {above.ord_type, below.ord_type} or not _is_target(target):
        raise ApiError(-1158, "Order type not supported in OCO.")


def _is_target(order: NewOrder) -> bool:
    return order.post_only or order.ord_type in TARGETS


def _place(call: Call, above: NewOrder, below: NewOrder, *, shown: tuple[int, int]) -> Json:
    form = orders.read_answer_form(call.params, "RESULT")
    name = call.params.client_id("listClientOrderId") or call.venue.new_id()
    call.finish()
    limits = call.venue.limits
    limits.check_orders(call.account, 2, call.now)
    outcome = call.venue.stage.exchange.submit_list(
        NewList(ListKind.OCO, (above, below), name), now=call.now
    )
    if isinstance(outcome, Refused):
        raise orders.refused(outcome)
    limits.count_orders(call.account, 2, call.now)
    legs = [outcome.orders[each] for each in shown]
    told = reports.order_list(outcome.order_list, legs)
    return {**told, "orderReports": [reports.placed(form, each, ()) for each in legs]}


def _which(call: Call, name: str) -> tuple[int | None, str | None]:
    list_id, given = call.params.integer("orderListId"), call.params.client_id(name)
    if list_id is None and given is None:
        raise errors.either("orderListId", name)
    return list_id, given


def _shown(call: Call, listed: OrderList) -> Json:
    legs: list[Order] = []
    for order_id in listed.order_ids:
        found = call.records.order(call.account, listed.instrument, order_id=order_id)
        if found is not None:
            legs.append(found)
    return reports.order_list(listed, legs)
