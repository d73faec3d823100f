"""Placing and cancelling, one order at a time.

Source: binance-spot-api-docs, rest-api.md "Trading endpoints".
"""

from typing import Any

from trading.sandbox.binance_api import errors, orders, reports
from trading.sandbox.binance_api.amounts import text
from trading.sandbox.binance_api.calls import Call
from trading.sandbox.binance_api.errors import ApiError
from trading.sandbox.engine import Placed, ReplaceMode
from trading.sandbox.orders import NewOrder, Order
from trading.sandbox.rules import Refusal, Refused

Json = dict[str, Any]
_RESTRICTIONS = {"ONLY_NEW": "NEW", "ONLY_PARTIALLY_FILLED": "PARTIALLY_FILLED"}


def place(call: Call) -> Json:
    request = _read(call)
    form = orders.read_answer_form(call.params, orders.usual_answer_form(request))
    call.finish()
    call.venue.limits.check_orders(call.account, 1, call.now)
    call.venue.limits.count_orders(call.account, 1, call.now)
    outcome = call.venue.stage.exchange.submit(request, now=call.now)
    if isinstance(outcome, Refused):
        call.venue.limits.count_orders(call.account, -1, call.now)
        raise orders.refused(outcome)
    return reports.placed(form, outcome.order, outcome.fills)


def test_place(call: Call) -> Json:
    """Everything but the placing."""
    request = _read(call)
    orders.read_answer_form(call.params, "ACK")
    with_rates = call.params.boolean("computeCommissionRates")
    call.finish()
    refusal = call.venue.stage.exchange.examine(request, now=call.now)
    if refusal is not None:
        raise orders.refused(refusal)
    if not with_rates:
        return {}
    fees = call.venue.fees[call.account]
    none = {"maker": text(None), "taker": text(None)}
    return {
        "standardCommissionForOrder": {"maker": text(fees.maker), "taker": text(fees.taker)},
        "specialCommissionForOrder": none,
        "taxCommissionForOrder": none,
        "discount": {
            "enabledForAccount": bool(fees.third_asset),
            "enabledForSymbol": bool(fees.third_asset),
            "discountAsset": fees.third_asset or "BNB",
            "discount": text(None),
        },
    }


def cancel(call: Call) -> Json:
    params, symbol = call.params, call.symbol()
    order_id, cl_ord_id = which_order(call, "orderId", "origClientOrderId")
    own_id = params.client_id("newClientOrderId") or call.venue.new_id()
    restriction = _read_restriction(call)
    call.finish()
    found = _find(call, symbol, order_id, cl_ord_id)
    _check_restriction(found, restriction)
    if found is not None and call.fate.fill_first:
        call.venue.stage.meet(found)
    outcome = call.venue.stage.exchange.cancel(
        call.account,
        symbol,
        order_id=order_id,
        cl_ord_id=cl_ord_id,
        cancel_cl_ord_id=own_id,
        now=call.now,
    )
    if isinstance(outcome, Refused):
        raise orders.refused_cancel(outcome)
    return reports.cancelled(outcome)


def cancel_all(call: Call) -> list[Json]:
    symbol = call.symbol()
    call.finish()
    outcome = call.venue.stage.exchange.cancel_all(call.account, symbol, now=call.now)
    if isinstance(outcome, Refused):
        raise orders.refused_cancel(outcome)
    return [reports.cancelled(each) for each in outcome]


def replace(call: Call) -> Json:
    """Cancel one and place another: two outcomes, told apart by status and code."""
    params, symbol = call.params, call.symbol()
    params.required("cancelReplaceMode")
    mode = params.choice("cancelReplaceMode", ReplaceMode, errors.invalid("cancelReplaceMode"))
    order_id, cl_ord_id = which_order(call, "cancelOrderId", "cancelOrigClientOrderId")
    own_id = params.client_id("cancelNewClientOrderId") or call.venue.new_id()
    restriction = _read_restriction(call)
    request = _read(call)
    form = orders.read_answer_form(params, orders.usual_answer_form(request))
    call.finish()
    call.venue.limits.check_orders(call.account, 1, call.now)
    call.venue.limits.count_orders(call.account, 1, call.now)
    _check_restriction(_find(call, symbol, order_id, cl_ord_id), restriction)
    exchange = call.venue.stage.exchange
    if call.fate.half_replace:
        canceled = exchange.cancel(
            call.account,
            symbol,
            order_id=order_id,
            cl_ord_id=cl_ord_id,
            cancel_cl_ord_id=own_id,
            now=call.now,
        )
        tried = isinstance(canceled, Order) or mode == ReplaceMode.ALLOW_FAILURE
        second = Refused(Refusal.INSUFFICIENT_BALANCE) if tried else None
        return _replaced(form, canceled, second)
    outcome = exchange.cancel_replace(
        call.account,
        request,
        order_id=order_id,
        cl_ord_id=cl_ord_id,
        cancel_cl_ord_id=own_id,
        mode=ReplaceMode(mode or ""),
        now=call.now,
    )
    return _replaced(form, outcome.canceled, outcome.placed)


def _replaced(form: str, canceled: Order | Refused, placed: Placed | Refused | None) -> Json:
    told: Json = {
        "cancelResult": "SUCCESS" if isinstance(canceled, Order) else "FAILURE",
        "newOrderResult": "NOT_ATTEMPTED",
        "cancelResponse": (
            reports.cancelled(canceled)
            if isinstance(canceled, Order)
            else orders.refused_cancel(canceled).body()
        ),
        "newOrderResponse": None,
    }
    if isinstance(placed, Placed):
        told["newOrderResult"] = "SUCCESS"
        told["newOrderResponse"] = reports.placed(form, placed.order, placed.fills)
    elif placed is not None:
        told["newOrderResult"] = "FAILURE"
        told["newOrderResponse"] = orders.refused(placed).body()
    if isinstance(canceled, Order) and isinstance(placed, Placed):
        return told
    if isinstance(canceled, Order) or isinstance(placed, Placed):
        raise ApiError(-2021, "Order cancel-replace partially failed.", 409, told)
    raise ApiError(-2022, "Order cancel-replace failed.", 400, told)


def which_order(call: Call, number: str, name: str) -> tuple[int | None, str | None]:
    """The order that is meant, by id, by client id or by both."""
    order_id, cl_ord_id = call.params.integer(number), call.params.client_id(name)
    if order_id is None and cl_ord_id is None:
        raise errors.either(name, number)
    return order_id, cl_ord_id


def _read(call: Call) -> NewOrder:
    symbol = call.symbol()
    return orders.read_leg(call, orders.Names(), symbol=symbol, side=orders.read_side(call.params))


def _read_restriction(call: Call) -> str | None:
    wrong = ApiError(-1145, "Invalid cancelRestrictions")
    return call.params.choice("cancelRestrictions", _RESTRICTIONS, wrong)


def _find(call: Call, symbol: str, order_id: int | None, cl_ord_id: str | None) -> Order | None:
    return call.venue.stage.exchange.records.order(
        call.account, symbol, order_id=order_id, cl_ord_id=cl_ord_id
    )


def _check_restriction(found: Order | None, restriction: str | None) -> None:
    if restriction is None or found is None or not found.is_open:
        return
    if found.ord_status != _RESTRICTIONS[restriction]:
        raise errors.not_cancelled("Order was not canceled due to cancel restrictions.")
