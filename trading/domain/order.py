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
from aitrader.kernel.clock import iso
from aitrader.kernel.fix import OrdType, Origin, Side, TimeInForce
from aitrader.kernel.money import CONTEXT, plain
from trading.domain.instrument import Instrument
from trading.domain.ports import Capabilities


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """`account` and `instrument` by code; `order_qty` in base; prices in quote per base.

    `reference_px` is the price the sizing used; `sizing` its inputs by name; `strategy` the code
    of the strategy or empty; `reason` such as `sma_cross LONG`; `decided_at` market time. A
    `post_only` order is refused rather than take; a GTD order ends by itself at `expire_time`.
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
    strategy: str = ""
    sizing: Mapping[str, object] = field(default_factory=dict)


# A LIMIT_IF_TOUCHED without a stop_px is touched at its price.
_REQUIRED: Mapping[OrdType, tuple[str, ...]] = {
    OrdType.MARKET: (),
    OrdType.LIMIT: ("price",),
    OrdType.STOP: ("stop_px",),
    OrdType.STOP_LIMIT: ("price", "stop_px"),
    OrdType.MARKET_IF_TOUCHED: ("stop_px",),
    OrdType.LIMIT_IF_TOUCHED: ("price",),
    OrdType.TRAILING_STOP: ("trailing_bps",),
}


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


def unsupported(intent: OrderIntent, venue: Capabilities) -> dict[Unsupported, str]:
    """What the order asks for that the venue has not, or that is no order anywhere: codes with one
    line each."""
    found = {}
    ord_type, lasts, until = intent.ord_type, intent.time_in_force, intent.expire_time
    if ord_type not in venue.ord_types:
        found[Unsupported.ORD_TYPE] = f"the venue has no {ord_type} orders"
    if lasts is not TimeInForce.GTC and ord_type is not OrdType.LIMIT:
        found[Unsupported.TIME_IN_FORCE_OF_LIMIT] = f"no {ord_type} order is {lasts}"
    elif lasts not in venue.times_in_force:
        found[Unsupported.TIME_IN_FORCE] = f"the venue has no {lasts} orders"
    if intent.post_only and not venue.post_only:
        found[Unsupported.POST_ONLY] = "the venue has no post-only orders"
    resting = ord_type is OrdType.LIMIT and lasts in (TimeInForce.GTC, TimeInForce.GTD)
    if intent.post_only and not resting:
        found[Unsupported.POST_ONLY_OF_LIMIT] = f"a {ord_type} {lasts} order does not rest"
    if lasts is TimeInForce.GTD and until is None:
        found[Unsupported.EXPIRE_TIME_MISSING] = "a GTD order needs the instant at which it ends"
    if until is not None and lasts is not TimeInForce.GTD:
        found[Unsupported.EXPIRE_TIME_OF_GTD] = f"a {lasts} order has no end of its own"
    if until is not None and until <= intent.decided_at:
        found[Unsupported.EXPIRE_TIME_PAST] = f"{iso(until)} is past"
    return found


def client_order_id(namespace: str, intent_id: str, attempt: int) -> str:
    """32 characters of `[A-Z2-7]`."""
    return ids.derive(namespace, "cl_ord_id", intent_id, attempt)


def validate(intent: OrderIntent, instrument: Instrument) -> tuple[str, ...]:
    """Everything that keeps the venue from taking the order, one line each; empty if nothing."""
    return (*_price_problems(intent, instrument), *_quantity_problems(intent, instrument))


def _price_problems(intent: OrderIntent, instrument: Instrument) -> list[str]:
    prices = {"price": intent.price, "stop_px": intent.stop_px}
    given = prices | {"trailing_bps": intent.trailing_bps}
    problems = [
        f"{name} is missing: {intent.ord_type} needs it"
        for name in _REQUIRED[intent.ord_type]
        if given[name] is None
    ]
    for name, value in given.items():
        if value is None:
            continue
        if value <= 0:
            problems.append(f"{name} {plain(value)} is not positive")
        elif name in prices and not _is_multiple(value, instrument.tick):
            problems.append(f"{name} {plain(value)} is off the tick {plain(instrument.tick)}")
    return problems


def _quantity_problems(intent: OrderIntent, instrument: Instrument) -> list[str]:
    qty = intent.order_qty
    if qty <= 0:
        return [f"order_qty {plain(qty)} is not positive"]
    problems = []
    if not _is_multiple(qty, instrument.lot):
        problems.append(f"order_qty {plain(qty)} is off the lot {plain(instrument.lot)}")
    if qty < instrument.min_qty:
        problems.append(f"order_qty {plain(qty)} is below min_qty {plain(instrument.min_qty)}")
    own_prices = [px for px in (intent.price, intent.stop_px) if px is not None and px > 0]
    notional = CONTEXT.multiply(qty, own_prices[0] if own_prices else intent.reference_px)
    if notional < instrument.min_notional:
        least = plain(instrument.min_notional)
        problems.append(f"notional {plain(notional)} is below min_notional {least}")
    return problems


def _is_multiple(value: Decimal, step: Decimal) -> bool:
    return CONTEXT.remainder(value, step) == 0
