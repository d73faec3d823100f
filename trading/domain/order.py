"""The intent to trade: what the gate judges and, once approved, what an order is made of.

1. An intent holds everything that explains it: who, why, the price it was sized on, the inputs.
2. `client_order_id` depends on nothing but its arguments: a second try after a crash names the
   same order, a new attempt names a new one.
3. What the account's venue has no words for is never sent there to be refused (`unsupported`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from aitrader.kernel import ids
from aitrader.kernel.fix import OrdType, Origin, Side, TimeInForce
from trading.domain.ports import Capabilities


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """`account` and `instrument` by code; `order_qty` in base; prices in quote per base.

    `reference_px` is the price the sizing used; `sizing` its inputs by name; `strategy` the code
    of the strategy or empty; `reason` such as `sma_cross LONG`; `decided_at` market time. A
    `post_only` order is refused rather than take; a GTD order ends by itself at `expire_time`;
    `replaces` is the intent of the order in whose place it is to come, `beside` those that it makes
    up one quantity with: they are no copies of each other.
    """

    intent_id: str
    account: str
    instrument: str
    side: Side
    ord_type: OrdType
    order_qty: Decimal
    origin: Origin
    reference_px: Decimal
    reason: str
    decided_at: datetime
    price: Decimal | None = None
    stop_px: Decimal | None = None
    trailing_bps: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    oco_group: str = ""
    reduce_only: bool = False
    post_only: bool = False
    expire_time: datetime | None = None
    replaces: str = ""
    beside: tuple[str, ...] = ()
    strategy: str = ""
    sizing: Mapping[str, object] = field(default_factory=dict)


class Unsupported(StrEnum):
    """Why an order cannot be put to the account's venue. A code is never renamed or re-used."""

    ORD_TYPE = "ORD_TYPE_NOT_AT_VENUE"
    TIME_IN_FORCE = "TIME_IN_FORCE_NOT_AT_VENUE"
    POST_ONLY = "POST_ONLY_NOT_AT_VENUE"
    TIME_IN_FORCE_OF_LIMIT = "TIME_IN_FORCE_IS_OF_LIMIT_ORDERS"
    POST_ONLY_OF_LIMIT = "POST_ONLY_IS_OF_RESTING_LIMIT_ORDERS"
    EXPIRE_TIME_MISSING = "EXPIRE_TIME_MISSING"
    EXPIRE_TIME_PAST = "EXPIRE_TIME_PAST"
    EXPIRE_TIME_OF_GTD = "EXPIRE_TIME_IS_OF_GTD_ORDERS"
    PAIR = "ONE_CANCELS_OTHER_NOT_AT_VENUE"


MEANINGS: Mapping[Unsupported, str] = {
    Unsupported.ORD_TYPE: "the account's venue has no orders of this type",
    Unsupported.TIME_IN_FORCE: "the account's venue has no orders of this time in force",
    Unsupported.POST_ONLY: "the account's venue has no post-only orders",
    Unsupported.TIME_IN_FORCE_OF_LIMIT: "only orders with a limit last otherwise than GTC",
    Unsupported.POST_ONLY_OF_LIMIT: "only limit orders that rest can be post-only",
    Unsupported.EXPIRE_TIME_MISSING: "a GTD order needs the instant at which it ends",
    Unsupported.EXPIRE_TIME_PAST: "the instant at which it would end is past",
    Unsupported.EXPIRE_TIME_OF_GTD: "only GTD orders end at an instant",
    Unsupported.PAIR: "the account's venue does not hold two orders of which one cancels the other",
}


def unsupported(intent: OrderIntent, venue: Capabilities) -> tuple[Unsupported, ...]:
    """What the order asks for that the venue has not, or that is no order anywhere."""
    ord_type, lasts, until = intent.ord_type, intent.time_in_force, intent.expire_time
    lasting = _lasting(venue).get(ord_type)
    grouped = any(ord_type in group for group in venue.oco)
    # Exits of a strategy share a group also where they are alone in it.
    paired = bool(intent.oco_group) and intent.origin is Origin.OPERATOR
    rests = ord_type is OrdType.LIMIT and lasts in (TimeInForce.GTC, TimeInForce.GTD)
    gtd = lasts is TimeInForce.GTD
    holds = {
        Unsupported.ORD_TYPE: ord_type in venue.ord_types or bool(intent.oco_group and grouped),
        Unsupported.TIME_IN_FORCE_OF_LIMIT: lasting is not None or lasts is TimeInForce.GTC,
        Unsupported.TIME_IN_FORCE: lasting is None or lasts in lasting,
        Unsupported.POST_ONLY: venue.post_only or not intent.post_only,
        Unsupported.POST_ONLY_OF_LIMIT: rests or not intent.post_only,
        Unsupported.EXPIRE_TIME_MISSING: until is not None or not gtd,
        Unsupported.EXPIRE_TIME_OF_GTD: until is None or gtd,
        Unsupported.EXPIRE_TIME_PAST: until is None or until > intent.decided_at,
        Unsupported.PAIR: grouped or not paired,
    }
    return tuple(code for code, is_well in holds.items() if not is_well)


def _lasting(venue: Capabilities) -> Mapping[OrdType, frozenset[TimeInForce]]:
    """How long the types of order may last that have a limit."""
    return {
        OrdType.LIMIT: venue.times_in_force,
        OrdType.STOP_LIMIT: venue.stop_times_in_force,
        OrdType.LIMIT_IF_TOUCHED: venue.stop_times_in_force,
    }


def client_order_id(namespace: str, intent_id: str, attempt: int) -> str:
    """32 characters of `[A-Z2-7]`."""
    return ids.derive(namespace, "cl_ord_id", intent_id, attempt)
