"""A stop and a target of ours as one bracket of Coinbase, and the bracket as two orders again.

1. The venue's order bears both client ids, the stop's first: whoever reads it knows both. A bracket
   with any other client id is of other hands, and one order to us (orders.py).
2. What sold at the limit or better is the target's, the rest is the stop's; so a trade is always of
   the same one of the two.
3. When the bracket is over, the one that has not sold all of it was cancelled by the venue. While
   fills are missing from the venue's list, neither is over.
4. The venue itself sets the limit of what the stop makes: 5 % below it. We only sell.

API reference: Create Order (trigger_bracket_gtc), Get Order (trigger_status).
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from aitrader.kernel.errors import RejectedByVenue
from aitrader.kernel.fix import OrdType, Side, TimeInForce
from aitrader.kernel.money import CONTEXT, ZERO, amount, plain
from trading.domain.ports import NewOrder
from trading.gateways.coinbase import orders

Answer = Mapping[str, Any]

_NAME = "trigger_bracket_gtc"
_BETWEEN = "_"
#: Two of trading/domain/order.py `client_order_id`.
_OURS = re.compile(rf"[A-Z2-7]{{32}}{_BETWEEN}[A-Z2-7]{{32}}")
_TRIGGERED = "STOP_TRIGGERED"
_FILLED, _CANCELLED, _OPEN = "FILLED", "CANCELLED", "OPEN"
PAIR = frozenset({OrdType.STOP, OrdType.LIMIT_IF_TOUCHED})


def body(pair: Sequence[NewOrder]) -> orders.Body:
    """What is sent for the two. Raises RejectedByVenue for any that are no bracket."""
    found = {order.ord_type: order for order in pair}
    if len(pair) != len(found) or found.keys() != PAIR:
        raise _no_bracket("a bracket is a stop and a target")
    stop, target = found[OrdType.STOP], found[OrdType.LIMIT_IF_TOUCHED]
    alike = ("instrument", "side", "order_qty", "time_in_force")
    if any(getattr(stop, name) != getattr(target, name) for name in alike):
        raise _no_bracket("the two differ")
    touched = target.stop_px in (None, target.price)
    if stop.side is not Side.SELL or stop.time_in_force is not TimeInForce.GTC or not touched:
        raise _no_bracket("a bracket sells, at its limit, until it is cancelled")
    return {
        "client_order_id": f"{stop.cl_ord_id}{_BETWEEN}{target.cl_ord_id}",
        "product_id": orders.product_of(stop.instrument),
        "side": stop.side.value,
        "order_configuration": {
            _NAME: {
                "base_size": plain(stop.order_qty),
                "limit_price": plain(target.price or ZERO),
                "stop_trigger_price": plain(stop.stop_px or ZERO),
            }
        },
    }


def names(order: Answer) -> list[str]:
    """Our client ids of an order of the venue: two of a bracket of ours, the stop's first; none
    where somebody ordered without one."""
    told = str(order["client_order_id"] or "")
    if _settings(order) is not None and _OURS.fullmatch(told):
        return told.split(_BETWEEN)
    return [told] if told else []


def apart(
    order: Answer, fills: Sequence[Answer] | None = None
) -> list[tuple[Answer, list[Answer]]]:
    """The venue's order as orders of ours, each with its fills. Without fills, as from a list, what
    was sold is taken for that of the side that works."""
    ours, settings = names(order), _settings(order)
    if settings is None or len(ours) != 2:
        return [(order, list(fills or ()))]
    limit, filled = amount(settings["limit_price"]), amount(order["filled_size"] or "0")
    if fills is None:
        stopped = order.get("trigger_status") == _TRIGGERED
        sold = [filled, ZERO] if stopped else [ZERO, filled]
        return [(_one(order, name, qty, filled), []) for name, qty in zip(ours, sold, strict=True)]
    # A correction is no fill.
    told = [each for each in fills if str(each.get("trade_type") or "FILL") == "FILL"]
    of_target = [each for each in told if amount(each["price"]) >= limit]
    of_stop = [each for each in told if amount(each["price"]) < limit]
    parts = [*zip(ours, (of_stop, of_target), strict=True)]
    known = _total(told)
    return [(_one(order, name, _total(mine), known), mine) for name, mine in parts]


def likely(order: Answer) -> str:
    """The client id of ours whose side works; the only one of any other order."""
    ours = names(order)
    return ours[0 if order.get("trigger_status") == _TRIGGERED else -1] if ours else ""


def _one(order: Answer, name: str, sold: Decimal, known: Decimal) -> Answer:
    """One of the two as the venue would tell of it by itself."""
    settings = _settings(order) or {}
    status = str(order["status"])
    if known < amount(order["filled_size"] or "0"):
        status = _OPEN
    elif status == _FILLED and sold < amount(settings["base_size"]):
        status = _CANCELLED
    return {
        **order,
        "client_order_id": name,
        "filled_size": plain(sold),
        "status": status,
        "order_configuration": {"": {"base_size": settings["base_size"]}},
    }


def _settings(order: Answer) -> Mapping[str, Any] | None:
    found = (order.get("order_configuration") or {}).get(_NAME)
    return found if isinstance(found, Mapping) else None


def _total(fills: Sequence[Answer]) -> Decimal:
    total = ZERO
    for each in fills:
        total = CONTEXT.add(total, amount(each["size"]))
    return total


def _no_bracket(text: str) -> RejectedByVenue:
    return RejectedByVenue("UNSUPPORTED_ORDER_CONFIGURATION", text)
