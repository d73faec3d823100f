"""What is wrong with an order by the rules of its instrument, before it is sent.

1. Every rule is judged; each that is broken is one line.
2. A rule that needs a price of now is broken where there is none.
3. A venue may judge by another price than ours (an average of minutes): it has the last word.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from aitrader.kernel.fix import OrdType, Side
from aitrader.kernel.money import CONTEXT, ZERO, plain
from trading.domain.instrument import Instrument
from trading.domain.instrument_limits import PRICED, Limits
from trading.domain.order import OrderIntent

#: Types of order that wait for a price.
WAITING = frozenset(set(OrdType) - {OrdType.MARKET, OrdType.LIMIT})
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


@dataclass(frozen=True, slots=True)
class Counts:
    """How many orders would rest with the new one, itself among them: all, those that wait for a
    price, and lists of which one order ends the others."""

    orders: int
    stops: int
    lists: int


ALONE = Counts(1, 1, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What an order meets at its venue: the price of now, None if there is none; the counts of its
    instrument and of the account; and what the account may come to hold of the base asset without
    it. Counts and position are asked for only where the instrument's limits bound them."""

    px: Decimal | None
    here: Counts = ALONE
    account: Counts = ALONE
    position: Decimal = ZERO


def validate(intent: OrderIntent, instrument: Instrument, around: Around) -> tuple[str, ...]:
    """What the venue would refuse the order for, one line each; empty if nothing is known."""
    return (
        *_missing(intent),
        *_price_problems(intent, instrument),
        *_band_problems(intent, instrument.limits, around.px),
        *_trailing_problems(intent, instrument.limits),
        *_quantity_problems(intent, instrument),
        *_count_problems(intent, instrument.limits, around),
    )


def _missing(intent: OrderIntent) -> Iterator[str]:
    for name in _REQUIRED[intent.ord_type]:
        if getattr(intent, name) is None:
            yield f"{name} is missing: {intent.ord_type} needs it"


def _price_problems(intent: OrderIntent, instrument: Instrument) -> Iterator[str]:
    limits = instrument.limits
    for name, value in (("price", intent.price), ("stop_px", intent.stop_px)):
        if value is None:
            continue
        if value <= 0:
            yield f"{name} {plain(value)} is not positive"
            continue
        if not _is_multiple(value, instrument.tick):
            yield f"{name} {plain(value)} is off the tick {plain(instrument.tick)}"
        yield from _outside(name, value, "px", limits.min_px, limits.max_px)


def _band_problems(intent: OrderIntent, limits: Limits, px: Decimal | None) -> Iterator[str]:
    buys = intent.side is Side.BUY
    down, up = (limits.bid_down, limits.bid_up) if buys else (limits.ask_down, limits.ask_up)
    if intent.price is None or (down is None and up is None):
        return
    if px is None:
        yield "price has no reference: there is no price of now"
        return
    of = "the price of now"
    if down is not None and intent.price < CONTEXT.multiply(px, down):
        yield f"price {plain(intent.price)} is below {plain(down)} times {of} {plain(px)}"
    if up is not None and intent.price > CONTEXT.multiply(px, up):
        yield f"price {plain(intent.price)} is above {plain(up)} times {of} {plain(px)}"


def _trailing_problems(intent: OrderIntent, limits: Limits) -> Iterator[str]:
    bps = intent.trailing_bps
    if bps is None:
        return
    if bps <= 0:
        yield f"trailing_bps {plain(bps)} is not positive"
    yield from _outside("trailing_bps", bps, "trailing_bps", *limits.trailing(intent.side))


def _quantity_problems(intent: OrderIntent, instrument: Instrument) -> Iterator[str]:
    qty, limits = intent.order_qty, instrument.limits
    if qty <= 0:
        yield f"order_qty {plain(qty)} is not positive"
        return
    if not _is_multiple(qty, instrument.lot):
        yield f"order_qty {plain(qty)} is off the lot {plain(instrument.lot)}"
    yield from _outside("order_qty", qty, "qty", instrument.min_qty, limits.max_qty)
    if intent.ord_type not in PRICED:
        if limits.market_lot is not None and not _is_multiple(qty, limits.market_lot):
            yield f"order_qty {plain(qty)} is off the market's lot {plain(limits.market_lot)}"
        yield from _outside(
            "order_qty", qty, "market_qty", limits.market_min_qty, limits.market_max_qty
        )
    own_prices = [px for px in (intent.price, intent.stop_px) if px is not None and px > 0]
    notional = CONTEXT.multiply(qty, own_prices[0] if own_prices else intent.reference_px)
    at_market = intent.ord_type is OrdType.MARKET
    yield from _outside(
        "notional",
        notional,
        "notional",
        None if at_market and not limits.min_notional_of_market else instrument.min_notional,
        None if at_market and not limits.max_notional_of_market else limits.max_notional,
    )


def _count_problems(intent: OrderIntent, limits: Limits, around: Around) -> Iterator[str]:
    rests, waits = intent.ord_type is not OrdType.MARKET, intent.ord_type in WAITING
    here, account = around.here, around.account
    counted = (
        (rests, "orders", here.orders, limits.max_orders),
        (rests, "orders of the account", account.orders, limits.account_max_orders),
        (waits, "stops", here.stops, limits.max_stops),
        (waits, "stops of the account", account.stops, limits.account_max_stops),
        (waits, "lists", here.lists, limits.max_lists),
        (waits, "lists of the account", account.lists, limits.account_max_lists),
    )
    for is_meant, what, count, most in counted:
        if is_meant and most is not None and count > most:
            yield f"{what} at the venue would be {count}, of {most}"
    if limits.max_position is not None and intent.side is Side.BUY:
        held = CONTEXT.add(around.position, intent.order_qty)
        if held > limits.max_position:
            yield f"position {plain(held)} is above max_position {plain(limits.max_position)}"


def _outside(
    name: str, value: Decimal, rule: str, least: Decimal | None, most: Decimal | None
) -> Iterator[str]:
    if least is not None and value < least:
        yield f"{name} {plain(value)} is below min_{rule} {plain(least)}"
    if most is not None and value > most:
        yield f"{name} {plain(value)} is above max_{rule} {plain(most)}"


def _is_multiple(value: Decimal, step: Decimal) -> bool:
    return CONTEXT.remainder(value, step) == 0
