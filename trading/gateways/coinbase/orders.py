"""Our orders in Coinbase's words, and whether an order of the venue's is the one that we meant.

1. The body of an order follows from the order alone: the same order, the same bytes.
2. An order that the venue has no words for is refused here, by the venue's own code.
3. A take-profit is a stop-limit whose stop is on the other side of the market.
4. A bracket of other hands is one order, which sells its size once: a limit order that has a stop.

API reference: Create Order (order_configuration).
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from aitrader.kernel.clock import iso
from aitrader.kernel.errors import RejectedByVenue
from aitrader.kernel.fix import OrdType, Side, TimeInForce
from aitrader.kernel.money import ZERO, amount, plain
from trading.domain.instrument import parse_code
from trading.domain.ports import NewOrder

Body = Mapping[str, Any]

_LIMITS = {
    TimeInForce.GTC: "limit_limit_gtc",
    TimeInForce.IOC: "sor_limit_ioc",
    TimeInForce.FOK: "limit_limit_fok",
    TimeInForce.GTD: "limit_limit_gtd",
}
_STOPS = {
    TimeInForce.GTC: "stop_limit_stop_limit_gtc",
    TimeInForce.GTD: "stop_limit_stop_limit_gtd",
}
_UP, _DOWN = "STOP_DIRECTION_STOP_UP", "STOP_DIRECTION_STOP_DOWN"
#: How the names of the venue's configurations begin.
_KINDS = {
    "market_market": OrdType.MARKET,
    "sor_limit": OrdType.LIMIT,
    "limit_limit": OrdType.LIMIT,
    "stop_limit": OrdType.STOP_LIMIT,
    "trigger_bracket": OrdType.LIMIT,
}
_NUMBERS = ("base_size", "quote_size", "limit_price", "stop_price", "stop_trigger_price")


def product_of(instrument: str) -> str:
    """The venue's name of an instrument, such as BTC-USD. Raises BadInput for a bad code."""
    parts = parse_code(instrument)
    return f"{parts.base}-{parts.quote}"


def quote_of(instrument: str) -> str:
    """The asset that fees are paid in."""
    return parse_code(instrument).quote


def body(order: NewOrder) -> Body:
    """What is sent; numbers as text. Raises RejectedByVenue for what cannot be said."""
    name, settings = _configuration(order)
    return {
        "client_order_id": order.cl_ord_id,
        "product_id": product_of(order.instrument),
        "side": order.side.value,
        "order_configuration": {name: settings},
    }


def differences(meant: Body, told: Mapping[str, Any]) -> list[str]:
    """What the venue's order is otherwise than the one that was meant, as far as it tells."""
    found = [
        f"{field} {told[field]}"
        for field in ("product_id", "side")
        if told.get(field) and told[field] != meant[field]
    ]
    theirs = told.get("order_configuration")
    if theirs:
        found += _configured_otherwise(meant["order_configuration"], theirs)
    return found


def read(
    configuration: Body, side: Side
) -> tuple[OrdType, Decimal, Decimal | None, Decimal | None] | None:
    """Type, size in base, price and stop of an order that may be anybody's; None for a type that we
    have no word for, and for a size in quote."""
    for name, settings in configuration.items():
        size = _number(settings.get("base_size"))
        kind = next((each for start, each in _KINDS.items() if name.startswith(start)), None)
        if kind is None or not size:
            return None
        if kind is OrdType.STOP_LIMIT and settings.get("stop_direction") != _loss(side):
            kind = OrdType.LIMIT_IF_TOUCHED
        stop_px = _number(settings.get("stop_price") or settings.get("stop_trigger_price"))
        return kind, size, _number(settings.get("limit_price")), stop_px
    return None


def _loss(side: Side) -> str:
    """Where a stop waits for the price: a target waits on the other side."""
    return _UP if side is Side.BUY else _DOWN


def _configuration(order: NewOrder) -> tuple[str, dict[str, Any]]:
    size: dict[str, Any] = {"base_size": plain(order.order_qty)}
    kind, lasts = order.ord_type, order.time_in_force
    if kind is OrdType.MARKET and lasts is not TimeInForce.FOK:
        return "market_market_ioc", size
    if order.price is None:
        raise _unsayable(order)
    size["limit_price"] = plain(order.price)
    if lasts is TimeInForce.GTD:
        if order.expire_time is None:
            raise _unsayable(order)
        size["end_time"] = iso(order.expire_time)
    if kind is OrdType.LIMIT and lasts in _LIMITS:
        if lasts in (TimeInForce.GTC, TimeInForce.GTD):
            size["post_only"] = order.post_only
        elif order.post_only:
            raise _unsayable(order)
        return _LIMITS[lasts], size
    stop_px = order.stop_px
    if kind is OrdType.LIMIT_IF_TOUCHED and stop_px is None:
        stop_px = order.price
    stops = (OrdType.STOP_LIMIT, OrdType.LIMIT_IF_TOUCHED)
    if kind not in stops or lasts not in _STOPS or stop_px is None or order.post_only:
        raise _unsayable(order)
    waits_for = order.side if kind is OrdType.STOP_LIMIT else order.side.opposite
    size |= {"stop_price": plain(stop_px), "stop_direction": _loss(waits_for)}
    return _STOPS[lasts], size


def _unsayable(order: NewOrder) -> RejectedByVenue:
    text = f"Coinbase has no {order.ord_type} order that is {order.time_in_force}"
    return RejectedByVenue("UNSUPPORTED_ORDER_CONFIGURATION", text)


def _configured_otherwise(meant: Body, theirs: Body) -> Iterator[str]:
    ((name, ours),) = meant.items()
    if name not in theirs:
        yield f"type {', '.join(theirs)}"
        return
    told = theirs[name]
    for field in _NUMBERS:
        given = _number(told.get(field))
        if given is not None and given != (_number(ours.get(field)) or ZERO):
            yield f"{field} {given}"
    if isinstance(told.get("post_only"), bool) and told["post_only"] != ours.get(
        "post_only", False
    ):
        yield f"post_only {told['post_only']}"
    direction = told.get("stop_direction")
    if direction and direction != ours.get("stop_direction"):
        yield f"stop_direction {direction}"


def _number(told: object) -> Decimal | None:
    return None if told is None or told == "" else amount(told)
