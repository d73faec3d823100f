"""Edits of resting orders, and previews of orders and edits.

1. Only limit orders that are good until cancelled are edited, and always with price and size.
2. An edit that is refused changes nothing: whether the new order would be taken is known before the
   old one leaves the book. Half an edit does not happen, whatever a plan says.
3. The edited order keeps its id, its client id and its fills; its place in the queue is lost.

Source: docs.cdp.coinbase.com, Advanced Trade API, "Edit Order", "Preview Order"; venues.md
"Client-id classes" (amend).
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from aitrader.kernel.fix import OrdType, Side, TimeInForce
from aitrader.kernel.money import ZERO
from trading.sandbox.coinbase_api import errors, trading
from trading.sandbox.coinbase_api.amounts import named_uuid, text
from trading.sandbox.coinbase_api.calls import Call
from trading.sandbox.coinbase_api.configurations import Declined, Fields
from trading.sandbox.coinbase_api.parameters import required
from trading.sandbox.coinbase_api.views import View
from trading.sandbox.orders import NewOrder
from trading.sandbox.rules import Refusal, Refused

Json = dict[str, Any]
_UNKNOWN_PREVIEW = "UNKNOWN_PREVIEW_FAILURE_REASON"
_REJECTED = "COMMANDER_REJECTED_EDIT_ORDER"
_PRICE, _SIZE = "INVALID_EDITED_PRICE", "INVALID_EDITED_SIZE"
_WORDS = {
    Refusal.PRICE_TICK: _PRICE,
    Refusal.PRICE_RANGE: _PRICE,
    Refusal.PERCENT_PRICE: _PRICE,
    Refusal.QTY_LOT: _SIZE,
    Refusal.QTY_RANGE: _SIZE,
    Refusal.MIN_NOTIONAL: _SIZE,
    Refusal.MAX_NOTIONAL: _SIZE,
}
#: Judged here, because the old order's hold and place count for the new one.
_APART = {Refusal.INSUFFICIENT_BALANCE, Refusal.MAX_ORDERS}


class NotEdited(Exception):
    """Why not: the edit's word and the preview's."""

    def __init__(self, reason: str, preview: str = _UNKNOWN_PREVIEW) -> None:
        super().__init__(reason, preview)
        self.reason = reason
        self.preview = preview


@dataclass(frozen=True, slots=True)
class Edit:
    """What is left to be done: `request` takes the place of the newest part of `view`."""

    view: View
    request: NewOrder


def edit(call: Call) -> Json:
    try:
        wanted = _judge(call, act=True)
        latest = wanted.view.latest
        outcome = call.venue.stage.exchange.cancel_replace(
            call.account,
            replace(wanted.request, cl_ord_id=latest.cl_ord_id),
            order_id=latest.order_id,
            now=call.now,
        )
        for half in (outcome.canceled, outcome.placed):
            if isinstance(half, Refused):
                raise NotEdited(_REJECTED, errors.REASONS[half.reason][1])
    except NotEdited as no:
        return {
            "success": False,
            "error_response": {"error_details": "", "edit_order_failure_reason": no.reason},
            "errors": [_told(no)],
        }
    return {
        "success": True,
        "success_response": {"order_id": wanted.view.order_id},
        "errors": [],
    }


def preview_edit(call: Call) -> Json:
    """Everything but the editing."""
    try:
        wanted = _judge(call, act=False)
    except NotEdited as no:
        return {"errors": [_told(no)]}
    return {"errors": [], **_costs(call, wanted.request)}


def preview(call: Call) -> Json:
    """Everything but the placing."""
    exchange = call.venue.stage.exchange
    try:
        request = trading.read(call, "")
        refusal = exchange.examine(request, now=call.now)
        if refusal is not None:
            raise trading.declined(refusal, request)
    except Declined as no:
        costs = {"order_total": "0", "commission_total": "0", "quote_size": "0", "base_size": "0"}
        return {**costs, "errs": [no.preview], "warning": [], "is_max": False, "preview_id": ""}
    return {
        **_costs(call, request),
        "errs": [],
        "warning": [],
        "is_max": False,
        "preview_id": named_uuid("preview", call.venue.seed, repr(request)),
    }


def _judge(call: Call, *, act: bool) -> Edit:
    """The edit that was asked for. Raises NotEdited."""
    order = trading.find(call, required(call.body, "order_id"))
    if order is None:
        raise NotEdited("ORDER_NOT_FOUND")
    exchange = call.venue.stage.exchange
    if act and call.fate.fill_first:
        call.venue.stage.meet(order)
    view = call.venue.views.of(exchange.records, order)
    latest = view.latest
    if not latest.is_open:
        raise NotEdited("ONLY_OPEN_ORDERS_CAN_BE_EDITED")
    gtc = latest.request.time_in_force is TimeInForce.GTC
    bracket = latest.request.bracket_px is not None
    if latest.ord_type is not OrdType.LIMIT or not gtc or bracket:
        raise NotEdited("ONLY_LIMIT_ORDER_EDITS_SUPPORTED")
    size, price = _read(call.body)
    if (size, price) == (view.order_qty, latest.price):
        raise NotEdited("EDIT_REQUEST_EQUAL_TO_ORIGINAL_REQUEST")
    if size <= view.cum_qty:
        raise NotEdited("CANNOT_EDIT_TO_BELOW_FILLED_SIZE")
    request = replace(latest.request, order_qty=size - view.cum_qty, price=price, cl_ord_id="")
    _check(call, view, request)
    return Edit(view, request)


def _read(body: Json) -> tuple[Decimal, Decimal]:
    fields = Fields(body)
    size, price = fields.amount("size"), fields.amount("price")
    if size is None:
        raise NotEdited(_SIZE)
    if price is None:
        raise NotEdited(_PRICE)
    return size, price


def _check(call: Call, view: View, request: NewOrder) -> None:
    """Whether the new order would be taken in the place of the old one. Raises NotEdited."""
    try:
        trading.refuse_by_plan(call)
    except Declined as no:
        raise NotEdited(_REJECTED, no.preview) from None
    refusal = call.venue.stage.exchange.examine(request, now=call.now)
    if refusal is not None and refusal.reason not in _APART:
        preview_word = errors.words(refusal)[1]
        raise NotEdited(_WORDS.get(refusal.reason, _REJECTED), preview_word)
    held = _need(call, view.latest.request, view.latest.leaves_qty)
    if _need(call, request) - held > _free(call, request):
        raise NotEdited(_REJECTED, errors.REASONS[Refusal.INSUFFICIENT_BALANCE][1])


def _need(call: Call, request: NewOrder, qty: Decimal | None = None) -> Decimal:
    """What a limit order holds."""
    size = request.order_qty if qty is None else qty
    if request.side is Side.SELL:
        return size or ZERO
    markup = call.venue.fees[call.account].markup(request.side)
    return (size or ZERO) * (request.price or ZERO) * markup


def _free(call: Call, request: NewOrder) -> Decimal:
    listing = call.listing(request.instrument)
    asset = listing.quote if request.side is Side.BUY else listing.base
    held = call.venue.stage.exchange.records.balances(call.account)
    return next((each.free for each in held if each.asset == asset), ZERO)


def _costs(call: Call, request: NewOrder) -> Json:
    """What the order would come to if it filled at its price, or at the best one."""
    book = call.venue.stage.exchange.depth(request.instrument, 1)
    bid, ask = (side[0][0] if side else None for side in (book.bids, book.asks))
    px = request.price or (ask if request.side is Side.BUY else bid) or ZERO
    quote = request.quote_qty or (request.order_qty or ZERO) * px
    base = request.order_qty or (quote / px if px else ZERO)
    fees = call.venue.fees[call.account]
    fee = quote * (fees.maker if request.post_only else fees.taker)
    return {
        "order_total": text(quote + fee if request.side is Side.BUY else quote - fee),
        "commission_total": text(fee),
        "quote_size": text(quote),
        "base_size": text(base),
        "best_bid": text(bid),
        "best_ask": text(ask),
        "slippage": "0",
        "average_filled_price": "0",
    }


def _told(no: NotEdited) -> Json:
    return {"edit_failure_reason": no.reason, "preview_failure_reason": no.preview}
