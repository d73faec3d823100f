"""Orders and fills as REST answers with them.

1. Everything is read from the values of the engine: nothing is remembered here.
2. A fill's id is its own: the two sides of one trade have two.

Source: docs.cdp.coinbase.com, Advanced Trade API, "Get Order", "List Fills".
"""

from decimal import Decimal
from typing import Any

from aitrader.kernel.clock import iso
from aitrader.kernel.fix import Side
from aitrader.kernel.money import ZERO
from trading.sandbox.coinbase_api import vocabulary
from trading.sandbox.coinbase_api.amounts import named_uuid, text, uuid
from trading.sandbox.coinbase_api.venue import Venue
from trading.sandbox.coinbase_api.views import View
from trading.sandbox.orders import Fill, Order

Json = dict[str, Any]
_PERCENT = Decimal("0.01")


def status(venue: Venue, view: View) -> str:
    latest = view.latest
    return vocabulary.status_name(latest, venue.stage.exchange.status(latest.instrument))


def completion(view: View) -> str:
    """How much of the order is filled, in per cent."""
    if view.order_qty and view.order_qty == view.cum_qty:
        return "100.00"
    share = view.cum_qty / view.order_qty if view.order_qty else ZERO
    return text((100 * share).quantize(_PERCENT))


def hold(venue: Venue, view: View) -> Decimal:
    """What is held for the rest of the order: quote for a buy, base for a sale."""
    latest = view.latest
    if not latest.is_open:
        return ZERO
    if latest.side is Side.SELL:
        return latest.leaves_qty
    markup = venue.fees[latest.account].markup(latest.side)
    return latest.leaves_qty * (latest.hold_px or ZERO) * markup


def after_fees(view: View) -> Decimal:
    fees = view.fees
    return view.cum_quote + (fees if view.latest.side is Side.BUY else -fees)


def order(venue: Venue, view: View) -> Json:
    latest = view.latest
    by_quote = latest.request.quote_qty is not None
    told = status(venue, view)
    return {
        "order_id": view.order_id,
        "product_id": latest.instrument,
        "user_id": venue.user(latest.account),
        "order_configuration": view.configuration,
        "side": latest.side.value,
        "client_order_id": latest.cl_ord_id,
        "status": told,
        "time_in_force": vocabulary.time_in_force(latest),
        "created_time": iso(view.created_at),
        "completion_percentage": completion(view),
        "filled_size": text(view.cum_qty),
        "average_filled_price": text(view.avg_px),
        "fee": "",
        "number_of_fills": str(len(view.fills)),
        "filled_value": text(view.cum_quote),
        "pending_cancel": False,
        "size_in_quote": by_quote,
        "total_fees": text(view.fees),
        "size_inclusive_of_fees": by_quote and latest.side is Side.BUY,
        "total_value_after_fees": text(after_fees(view)),
        "trigger_status": vocabulary.trigger_status(latest),
        "order_type": vocabulary.order_type(latest),
        "reject_reason": "REJECT_REASON_UNSPECIFIED",
        "settled": told == vocabulary.FILLED,
        "product_type": "SPOT",
        "reject_message": "",
        "cancel_message": vocabulary.cancel_message(latest),
        "order_placement_source": "RETAIL_ADVANCED",
        "outstanding_hold_amount": text(hold(venue, view)),
        "is_liquidation": False,
        "last_fill_time": iso(view.fills[-1].transact_time) if view.fills else None,
        "edit_history": _edits(view),
        "leverage": "",
        "margin_type": "UNKNOWN_MARGIN_TYPE",
        "retail_portfolio_id": venue.portfolio(latest.account),
        "originating_order_id": "",
        "attached_order_id": "",
        "attached_order_configuration": None,
    }


def trade_id(venue: Venue, each: Fill) -> str:
    number = str(each.trade_id), str(each.order_id)
    return named_uuid("fill", venue.seed, each.instrument, *number)


def order_id(venue: Venue, each: Order | Fill) -> str:
    """Of the order, or of the order that traded."""
    return uuid("order", venue.views.number(each), venue.seed)


def fill(venue: Venue, each: Fill) -> Json:
    """One row of the fills."""
    number = str(each.trade_id), str(each.order_id)
    at = iso(each.transact_time)
    return {
        "entry_id": named_uuid("entry", venue.seed, each.instrument, *number),
        "trade_id": trade_id(venue, each),
        "order_id": order_id(venue, each),
        "trade_time": at,
        "trade_type": "FILL",
        "price": text(each.last_px),
        "size": text(each.last_qty),
        "commission": text(each.fee),
        "product_id": each.instrument,
        "sequence_timestamp": at,
        "liquidity_indicator": each.liquidity.value,
        "size_in_quote": False,
        "user_id": venue.user(each.account),
        "side": each.side.value,
        "retail_portfolio_id": venue.portfolio(each.account),
        "fillSource": "FILL_SOURCE_CLOB",
        "commission_detail_total": {"total_commission": text(each.fee)},
    }


def placed(view: View) -> Json:
    """The answer to an order that was taken, now or with the same client id before."""
    latest = view.latest
    return {
        "success": True,
        "failure_reason": "UNKNOWN_FAILURE_REASON",
        "order_id": view.order_id,
        "success_response": {
            "order_id": view.order_id,
            "product_id": latest.instrument,
            "side": latest.side.value,
            "client_order_id": latest.cl_ord_id,
        },
        "order_configuration": view.configuration,
    }


def _edits(view: View) -> list[Json]:
    """Every price and size that the order was changed to."""
    told: list[Json] = []
    before = ZERO
    for part in view.parts:
        told.append(
            {
                "price": text(part.price),
                "size": text(before + part.order_qty),
                "replace_accept_timestamp": iso(part.created_at),
            }
        )
        before += part.cum_qty
    return told[1:]
