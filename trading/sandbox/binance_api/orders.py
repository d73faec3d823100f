"""Reading orders out of parameters, and the engine's refusals as the exchange words them.

1. What a type needs and what it may not have is checked here, by name; what the numbers must obey
   is the engine's to judge.
2. Nothing that was sent is left out in silence: what this exchange cannot do refuses the request.

Source: binance-spot-api-docs, rest-api.md "New order", errors.md, filters.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from aitrader.kernel.fix import OrdType, Side, TimeInForce
from trading.sandbox.binance_api import errors
from trading.sandbox.binance_api.calls import Call
from trading.sandbox.binance_api.errors import ApiError
from trading.sandbox.binance_api.parameters import Parameters
from trading.sandbox.binance_api.vocabulary import TYPES
from trading.sandbox.orders import CONTINGENT, PRICED, NewOrder, SelfTrade
from trading.sandbox.rules import Refusal, Refused

_TIMES = {"GTC", "IOC", "FOK"}
_ANSWERS = {"ACK", "RESULT", "FULL"}
_FILTERS = {
    Refusal.PRICE_TICK: "PRICE_FILTER",
    Refusal.PRICE_RANGE: "PRICE_FILTER",
    Refusal.PERCENT_PRICE: "PERCENT_PRICE_BY_SIDE",
    Refusal.QTY_LOT: "LOT_SIZE",
    Refusal.QTY_RANGE: "LOT_SIZE",
    Refusal.MARKET_QTY_RANGE: "MARKET_LOT_SIZE",
    Refusal.MIN_NOTIONAL: "NOTIONAL",
    Refusal.MAX_NOTIONAL: "NOTIONAL",
    Refusal.TRAILING_RANGE: "TRAILING_DELTA",
    Refusal.MAX_ORDERS: "MAX_NUM_ORDERS",
    Refusal.MAX_STOP_ORDERS: "MAX_NUM_ALGO_ORDERS",
    Refusal.MAX_POSITION: "MAX_POSITION",
}
_REJECTIONS = {
    Refusal.DUPLICATE_CL_ORD_ID: "Duplicate order sent.",
    Refusal.INSUFFICIENT_BALANCE: "Account has insufficient balance for requested action.",
    Refusal.WOULD_TAKE: "Order would immediately match and take.",
    Refusal.WOULD_TRIGGER: "Order would trigger immediately.",
    Refusal.LIST_PRICES: "The relationship of the prices for the orders is not correct.",
    Refusal.UNKNOWN_ACCOUNT: "This account may not place or cancel orders.",
}


@dataclass(frozen=True, slots=True)
class Names:
    """What the fields of one leg are called: `price`, `abovePrice`, `stopLimitPrice`."""

    ord_type: str = "type"
    cl_ord_id: str = "newClientOrderId"
    price: str = "price"
    stop_px: str = "stopPrice"
    trailing: str = "trailingDelta"
    time_in_force: str = "timeInForce"
    iceberg: str = "icebergQty"


ABOVE = Names(
    "aboveType",
    "aboveClientOrderId",
    "abovePrice",
    "aboveStopPrice",
    "aboveTrailingDelta",
    "aboveTimeInForce",
    "aboveIcebergQty",
)
BELOW = Names(
    "belowType",
    "belowClientOrderId",
    "belowPrice",
    "belowStopPrice",
    "belowTrailingDelta",
    "belowTimeInForce",
    "belowIcebergQty",
)


def read_side(params: Parameters) -> Side:
    params.required("side")
    return Side(params.choice("side", Side, errors.bad_side()) or "")


def read_leg(call: Call, names: Names, *, symbol: str, side: Side) -> NewOrder:
    """One order of the request. Raises ApiError for what is missing, wrong or not needed."""
    params = call.params
    params.required(names.ord_type)
    type_name = params.choice(names.ord_type, TYPES, errors.bad_type()) or ""
    ord_type, post_only = TYPES[type_name]
    _refuse_what_is_not_here(params, names)
    quantity = params.decimal("quantity")
    quote = params.decimal("quoteOrderQty")
    _check_quantities(params, ord_type, quantity, quote)
    trailing = params.integer(names.trailing)
    return NewOrder(
        account=call.account,
        instrument=symbol,
        side=side,
        ord_type=ord_type,
        order_qty=quantity,
        quote_qty=quote,
        price=_read_price(params, names, ord_type),
        stop_px=_read_stop(params, names, ord_type),
        trailing_bps=None if trailing is None else Decimal(trailing),
        time_in_force=_read_time(params, names, ord_type, post_only=post_only),
        post_only=post_only,
        self_trade=_read_self_trade(params),
        cl_ord_id=params.client_id(names.cl_ord_id) or call.venue.new_id(),
    )


def read_answer_form(params: Parameters, default: str) -> str:
    """ACK, RESULT or FULL."""
    asked = params.choice("newOrderRespType", _ANSWERS, errors.invalid("newOrderRespType"))
    return asked or default


def usual_answer_form(order: NewOrder) -> str:
    plain = order.ord_type in {OrdType.MARKET, OrdType.LIMIT} and not order.post_only
    return "FULL" if plain else "ACK"


def refused(refusal: Refused) -> ApiError:
    """The engine's refusal of an order as a client of this exchange gets it."""
    reason = refusal.reason
    if reason in _FILTERS:
        return errors.filtered(_FILTERS[reason])
    if reason in _REJECTIONS:
        return errors.rejected(_REJECTIONS[reason])
    simple: Mapping[Refusal, ApiError] = {
        Refusal.UNKNOWN_INSTRUMENT: errors.bad_symbol(),
        Refusal.MARKET_CLOSED: ApiError(-1013, "Market is closed."),
        Refusal.CANCEL_ONLY: ApiError(-1013, "Market is closed."),
        Refusal.EXPIRE_AT: errors.bad_tif(),
    }
    return simple.get(reason, errors.unsupported())


def refused_cancel(refusal: Refused) -> ApiError:
    """A cancel that did nothing: an order that is closed is as unknown as one that never was."""
    if refusal.reason in {Refusal.MARKET_CLOSED, Refusal.CANCEL_ONLY}:
        return errors.not_cancelled("Market is closed.")
    return errors.not_cancelled()


def _refuse_what_is_not_here(params: Parameters, names: Names) -> None:
    if params.decimal(names.iceberg):
        raise errors.rejected("Iceberg orders are not supported for this symbol.")
    if "pegPriceType" in params.given:
        raise errors.rejected("Pegged orders are not supported for this symbol.")


def _check_quantities(
    params: Parameters, ord_type: OrdType, quantity: Decimal | None, quote: Decimal | None
) -> None:
    if ord_type is OrdType.MARKET:
        if quantity is None and quote is None:
            raise errors.either("quantity", "quoteOrderQty")
        if quantity is not None:
            params.refuse("quoteOrderQty")
        return
    params.refuse("quoteOrderQty")
    if quantity is None:
        raise errors.mandatory("quantity")


def _read_price(params: Parameters, names: Names, ord_type: OrdType) -> Decimal | None:
    if ord_type not in PRICED:
        params.refuse(names.price)
        return None
    params.required(names.price)
    return params.decimal(names.price)


def _read_stop(params: Parameters, names: Names, ord_type: OrdType) -> Decimal | None:
    if ord_type not in CONTINGENT:
        params.refuse(names.stop_px, names.trailing)
        return None
    stop = params.decimal(names.stop_px)
    if stop is None and names.trailing not in params.given:
        raise errors.either(names.stop_px, names.trailing)
    return stop


def _read_time(
    params: Parameters, names: Names, ord_type: OrdType, *, post_only: bool
) -> TimeInForce:
    if ord_type not in PRICED or post_only:
        params.refuse(names.time_in_force)
        return TimeInForce.GTC
    params.required(names.time_in_force)
    return TimeInForce(params.choice(names.time_in_force, _TIMES, errors.bad_tif()) or "")


def _read_self_trade(params: Parameters) -> SelfTrade:
    asked = params.choice(
        "selfTradePreventionMode", SelfTrade, errors.invalid("selfTradePreventionMode")
    )
    return SelfTrade(asked or "NONE")
