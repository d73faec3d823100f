"""Placing and cancelling.

1. A client id that was used before makes no order: the one it made is returned, closed or not, and
   nothing of the new request is looked at. No fault of a plan comes before that.
2. A cancel is answered for each order by itself.

Source: docs.cdp.coinbase.com, Advanced Trade API, "Create Order", "Cancel Orders"; venues.md 2.1.
"""

from typing import Any

from aitrader.kernel.fix import OrdStatus, Side
from trading.sandbox.coinbase_api import configurations, errors, reports
from trading.sandbox.coinbase_api.amounts import number_of
from trading.sandbox.coinbase_api.calls import Call
from trading.sandbox.coinbase_api.configurations import Declined
from trading.sandbox.coinbase_api.parameters import required
from trading.sandbox.faults import Outcome
from trading.sandbox.orders import STOPS, NewOrder, Order
from trading.sandbox.rules import Refusal, Refused

Json = dict[str, Any]
_MOST_CANCELS = 100
_DONE = "UNKNOWN_CANCEL_FAILURE_REASON"
_UNKNOWN_ORDER = "UNKNOWN_CANCEL_ORDER"


def place(call: Call) -> Json:
    venue, exchange = call.venue, call.venue.stage.exchange
    cl_ord_id = required(call.body, "client_order_id")
    older = exchange.records.order(call.account, None, cl_ord_id=cl_ord_id)
    if older is not None:
        return reports.placed(venue.views.of(exchange.records, older))
    configuration = call.body.get("order_configuration")
    try:
        request = read(call, cl_ord_id)
        refuse_by_plan(call)
        outcome = exchange.submit(request, now=call.now)
        if isinstance(outcome, Refused):
            raise declined(outcome, request)
    except Declined as no:
        return errors.refused(no.error, no.preview, no.message, configuration)
    venue.views.remember(call.account, cl_ord_id, call.body["order_configuration"])
    return reports.placed(venue.views.of(exchange.records, outcome.order))


def cancel(call: Call) -> Json:
    asked = call.body.get("order_ids")
    if not isinstance(asked, list) or not 1 <= len(asked) <= _MOST_CANCELS:
        raise errors.invalid(f"order_ids has 1 to {_MOST_CANCELS} ids")
    results: list[Json] = []
    for given in asked:
        reason = _cancel(call, str(given))
        results.append(
            {"success": reason == _DONE, "failure_reason": reason, "order_id": str(given)}
        )
    return {"results": results}


def read(call: Call, cl_ord_id: str) -> NewOrder:
    """The order that was asked for. Raises Declined, or ApiError 400."""
    symbol = required(call.body, "product_id")
    side = call.body.get("side")
    if side not in tuple(Side):
        raise Declined("INVALID_SIDE", "PREVIEW_INVALID_SIDE", "side is BUY or SELL")
    listing = call.venue.listing(symbol)
    if listing is None:
        words = errors.REASONS[Refusal.UNKNOWN_INSTRUMENT]
        raise Declined(*words, f"product {symbol} not found")
    return configurations.read(
        call.body.get("order_configuration"),
        account=call.account,
        listing=listing,
        side=Side(side),
        cl_ord_id=cl_ord_id,
        fees=call.venue.fees[call.account],
    )


def declined(refusal: Refused, request: NewOrder) -> Declined:
    """The engine's refusal as a client of this exchange gets it."""
    size, stop = request.order_qty, request.stop_px
    return Declined(
        *errors.words(
            refusal,
            large=size is not None and size >= 1,
            upwards=stop is not None and _waits_for_a_rise(request),
        ),
        _MESSAGES.get(refusal.reason, refusal.text),
    )


def refuse_by_plan(call: Call) -> None:
    """Raises the refusal that the plan has for this order, if it has one."""
    if call.fate.outcome is Outcome.REFUSE_FILTER:
        raise Declined(*errors.REASONS[Refusal.QTY_LOT], "")
    if call.fate.outcome is Outcome.REFUSE_BALANCE:
        reason = Refusal.INSUFFICIENT_BALANCE
        raise Declined(*errors.REASONS[reason], _MESSAGES[reason])


def find(call: Call, given: str) -> Order | None:
    """The newest order of the engine that this id means, if it is the account's."""
    number = number_of("order", given, call.venue.seed)
    records = call.venue.stage.exchange.records
    first = records.order(call.account, None, order_id=number) if number else None
    return call.venue.views.of(records, first).latest if first else None


def _cancel(call: Call, given: str) -> str:
    """The venue's word for what became of it."""
    order = find(call, given)
    if order is None:
        return _UNKNOWN_ORDER
    if call.fate.fill_first:
        call.venue.stage.meet(order)
    outcome = call.venue.stage.exchange.cancel(
        call.account, order.instrument, order_id=order.order_id, now=call.now
    )
    if isinstance(outcome, Order):
        return _DONE
    if outcome.reason is Refusal.MARKET_CLOSED:
        return "COMMANDER_REJECTED_CANCEL_ORDER"
    latest = find(call, given) or order
    ended = {
        OrdStatus.FILLED: "ORDER_IS_FULLY_FILLED",
        OrdStatus.CANCELED: "DUPLICATE_CANCEL_REQUEST",
    }
    return ended.get(latest.ord_status, _UNKNOWN_ORDER)


def _waits_for_a_rise(request: NewOrder) -> bool:
    return (request.side is Side.BUY) is (request.ord_type in STOPS)


_MESSAGES = {
    Refusal.INSUFFICIENT_BALANCE: "Insufficient balance in source account",
    Refusal.PRICE_TICK: "Too many decimals in order price",
    Refusal.QTY_LOT: "Too many decimals in order amount",
    Refusal.WOULD_TAKE: "Post only limit price would match at once",
}
