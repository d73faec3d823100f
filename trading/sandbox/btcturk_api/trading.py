"""Placing and cancelling.

1. A market order to buy is in the quote asset, the fee and its tax within; one to sell is in base.
   Its price is not looked at. It trades with what stands within 5 % of the best price, no further.
2. A cancelled order may be cancelled again; one that traded to its end may not.
3. Client ids are not unique: the same one twice makes two orders.

Source: docs.btcturk.com "Submit an Order", "Cancel an Order"; broker-api-docs issues 429, 595.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from aitrader.kernel.fix import OrdStatus, OrdType, Side
from aitrader.kernel.money import ONE, ZERO
from trading.sandbox.accounts import cut
from trading.sandbox.btcturk_api import errors, rows
from trading.sandbox.btcturk_api.calls import Call
from trading.sandbox.btcturk_api.errors import ApiError
from trading.sandbox.btcturk_api.venue import sayable
from trading.sandbox.orders import NewOrder
from trading.sandbox.rules import Refusal, Refused

Json = dict[str, Any]
SLIDE = Decimal("0.05")
_WHOLE_BOOK = 10_000


def place(call: Call) -> Json:
    request, quantity = _read(call)
    exchange, sent = call.venue.stage.exchange, request
    refusal = exchange.examine(request, now=call.now)
    if refusal is not None:
        raise _refused(call, refusal, request)
    if request.ord_type is OrdType.MARKET:
        sent = _within_slide(call, request)
    outcome = exchange.submit(sent, now=call.now)
    if isinstance(outcome, Refused):
        raise _refused(call, outcome, sent)
    if sent.order_qty is not None and sent.order_qty != request.order_qty:
        call.venue.asked[outcome.order.order_id] = quantity
    return rows.of_placed(call.venue, outcome.order, quantity, request.price)


def cancel(call: Call) -> None:
    wire_id = call.params.integer("id")
    if wire_id is None:
        raise ApiError("INVALID_REQUEST")
    stage, venue = call.venue.stage, call.venue
    order_id = venue.engine_id(wire_id)
    found = stage.exchange.records.order(call.account, None, order_id=order_id)
    if found is None or found.instrument not in venue.symbols:
        raise ApiError("NO_ORDER_MATCHES_YOUR_REQUEST")
    if call.fate.fill_first:
        stage.meet(found)
    if rows.triggered(found) and wire_id == venue.stop_id(found):
        # The stop itself was cancelled when it was triggered.
        return
    outcome = stage.exchange.cancel(call.account, None, order_id=order_id, now=call.now)
    if not isinstance(outcome, Refused):
        return
    ended = stage.exchange.records.by_id(order_id)
    if outcome.reason is Refusal.ORDER_CLOSED and ended.ord_status is not OrdStatus.FILLED:
        return
    raise ApiError("ORDER_COULD_NOT_BE_CANCELED")


def _read(call: Call) -> tuple[NewOrder, Decimal]:
    """The order, and the quantity as it was given."""
    params, listing = call.params, call.listing()
    kind = rows.METHODS.get(params.text("orderMethod").lower())
    side = {"buy": Side.BUY, "sell": Side.SELL}.get(params.text("orderType").lower())
    name, quantity = params.text("newOrderClientId"), params.decimal("quantity")
    price, stop_px = params.decimal("price"), params.decimal("stopPrice")
    if kind is None:
        raise ApiError("ORDER_METHOD_NOT_SUPPORTED")
    if side is None or quantity is None or not sayable(name):
        raise ApiError("FAILED_ORDER_PARAMETER")
    priced, waits = kind in {OrdType.LIMIT, OrdType.STOP_LIMIT}, "stop" in rows.method_name(kind)
    if (priced and price is None) or (waits and stop_px is None):
        raise ApiError("FAILED_ORDER_PARAMETER")
    in_quote = kind is OrdType.MARKET and side is Side.BUY
    notional = cut(quantity / call.venue.fees[call.account].markup(side))
    request = NewOrder(
        call.account,
        listing.instrument,
        side,
        kind,
        order_qty=None if in_quote else quantity,
        quote_qty=notional if in_quote else None,
        price=price if priced else None,
        stop_px=stop_px if waits else None,
        cl_ord_id=call.venue.client_id(call.account, name),
    )
    return request, quantity


def _within_slide(call: Call, request: NewOrder) -> NewOrder:
    """As much of a market order as the book holds within the slide. Raises ApiError for none."""
    book = call.venue.stage.exchange.depth(request.instrument, _WHOLE_BOOK)
    buys = request.side is Side.BUY
    levels = book.asks if buys else book.bids
    if not levels:
        raise ApiError("FAILED_MARKET_ORDER")
    worst = levels[0][0] * (ONE + SLIDE * request.side.sign)
    near = [(px, qty) for px, qty in levels if (px <= worst if buys else px >= worst)]
    if request.quote_qty is not None:
        spent = sum((px * qty for px, qty in near), ZERO)
        return replace(request, quote_qty=min(request.quote_qty, spent))
    assert request.order_qty is not None
    there = sum((qty for _, qty in near), ZERO)
    return replace(request, order_qty=min(request.order_qty, there))


def _refused(call: Call, refusal: Refused, request: NewOrder) -> ApiError:
    venue = call.venue
    listing = rows.listed(venue, request.instrument)
    asset = listing.quote if request.side is Side.BUY else listing.base
    held = venue.stage.exchange.records.balances(call.account)
    in_orders = any(each.locked for each in held if each.asset == asset)
    last_px = venue.stage.exchange.last_px(listing.instrument) or ZERO
    price = request.price or request.stop_px or ZERO
    return errors.refused(
        refusal, request, in_orders=in_orders, low=price < min(last_px, listing.max_price)
    )
