"""The request for an order: kept before the first byte is sent, and sent as it was kept.

1. It is canonical JSON of what the venue is told, without what belongs to the moment of sending:
   time, number and signature. Its SHA-256 is in the journal.
2. A venue without a wire is told the order itself.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from aitrader.kernel.errors import NotSent
from compliance.domain.canonical import canonical
from trading.domain.ports import NewOrder

_TOLD = (
    "cl_ord_id", "instrument", "side", "ord_type", "order_qty", "time_in_force", "price", "stop_px",
    "trailing_bps", "oco_group", "reduce_only", "post_only", "expire_time",
)  # fmt: skip


def written(said: Mapping[str, Any]) -> str:
    """The request in which this is said. Raises what `canonical` raises."""
    return canonical(said).decode()


def said(body: str) -> dict[str, Any]:
    """What a request says."""
    found: dict[str, Any] = orjson.loads(body)
    return found


def sha256(body: str) -> str:
    """In hex; empty of no request."""
    return hashlib.sha256(body.encode()).hexdigest() if body else ""


def kept(orders: Sequence[NewOrder], made: Callable[[Sequence[NewOrder]], str]) -> str:
    """The request that was kept for the orders of one call; made now where none was kept, for a
    call that no desk has claimed. Raises NotSent where it is not one request."""
    bodies = {order.body for order in orders}
    if len(bodies) > 1:
        raise NotSent("for the orders of one call different requests were kept")
    return bodies.pop() or made(orders)


def of_orders(orders: Sequence[NewOrder]) -> str:
    """The orders themselves; `sent_at` is the moment's."""
    return canonical([{name: getattr(order, name) for name in _TOLD} for order in orders]).decode()


def require_kept(order: NewOrder) -> None:
    """Raises NotSent for an order that is not the one whose request was kept."""
    if order.body not in ("", of_orders([order])):
        raise NotSent("the request that was kept is another")
