"""What a venue allows of an instrument beyond its steps and least amounts.

1. None means that the venue has no such limit, or does not tell it.
2. Prices are in quote per base, quantities in base, notionals in quote, bands are multiples of the
   venue's reference price, trailing distances are in basis points.
3. What is larger than the venue takes in one order goes in even parts (`parts`).

Source of the words: Binance's filters.md, which has most of them; other venues tell some.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from decimal import ROUND_CEILING, Decimal
from typing import Any

from aitrader.kernel.fix import OrdType, Side
from aitrader.kernel.money import CONTEXT, amount, plain, qty_to_lot

#: Types of order with a limit price.
PRICED = frozenset({OrdType.LIMIT, OrdType.STOP_LIMIT, OrdType.LIMIT_IF_TOUCHED})
#: The share of the greatest notional that a part without a limit price is made for: the price that
#: the venue judges it by is not ours, and moves meanwhile.
_ROOM = Decimal("0.95")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`market_*` hold for orders without a limit price, beside those of every order.

    `bid_*` bound the limit price of a buyer, `ask_*` of a seller, as multiples of the price
    averaged over `band_minutes` (0: the last price); `notional_minutes` likewise for the notional
    of a MARKET order, for which its bounds hold where `*_of_market` says so. `max_stops` counts
    orders that wait for a price, `max_lists` groups of which one order ends the others,
    `account_*` those of all instruments. `trailing_above_*` bound a stop that buys,
    `trailing_below_*` one that sells. Icebergs and amendments are counted for whoever makes them:
    the desk does not.
    """

    min_px: Decimal | None = None
    max_px: Decimal | None = None
    max_qty: Decimal | None = None
    market_lot: Decimal | None = None
    market_min_qty: Decimal | None = None
    market_max_qty: Decimal | None = None
    max_notional: Decimal | None = None
    min_notional_of_market: bool = True
    max_notional_of_market: bool = True
    notional_minutes: int | None = None
    bid_down: Decimal | None = None
    bid_up: Decimal | None = None
    ask_down: Decimal | None = None
    ask_up: Decimal | None = None
    band_minutes: int | None = None
    max_orders: int | None = None
    max_stops: int | None = None
    max_lists: int | None = None
    account_max_orders: int | None = None
    account_max_stops: int | None = None
    account_max_lists: int | None = None
    max_position: Decimal | None = None
    trailing_above_min: Decimal | None = None
    trailing_above_max: Decimal | None = None
    trailing_below_min: Decimal | None = None
    trailing_below_max: Decimal | None = None
    iceberg_parts: int | None = None
    max_icebergs: int | None = None
    account_max_icebergs: int | None = None
    max_amendments: int | None = None

    def trailing(self, side: Side) -> tuple[Decimal | None, Decimal | None]:
        """The least and the greatest distance of a trailing stop on this side."""
        if side is Side.BUY:
            return self.trailing_above_min, self.trailing_above_max
        return self.trailing_below_min, self.trailing_below_max

    @property
    def counts_orders(self) -> bool:
        """Whether it matters how many orders rest for the instrument."""
        return (self.max_orders, self.max_stops, self.max_lists) != (None, None, None)

    @property
    def counts_of_account(self) -> bool:
        """Whether it matters how many orders rest for the account."""
        given = (self.account_max_orders, self.account_max_stops, self.account_max_lists)
        return given != (None, None, None)

    def told(self) -> dict[str, str | int]:
        """Those there are, for a row or a page: amounts as plain text."""
        given = {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if getattr(self, each.name) != each.default
        }
        return {
            name: plain(value) if isinstance(value, Decimal) else value
            for name, value in given.items()
        }


NONE = Limits()


def read(kept: Mapping[str, Any]) -> Limits:
    """What `told` gave. Raises InvalidAmount or TypeError for anything else."""
    given: dict[str, Any] = {
        name: amount(value) if isinstance(value, str) else value for name, value in kept.items()
    }
    return Limits(**given)


def step_of(lot: Decimal, limits: Limits, ord_type: OrdType) -> Decimal:
    """What the quantity of such an order is a multiple of."""
    if ord_type in PRICED or limits.market_lot is None:
        return lot
    return max(lot, limits.market_lot)


def most(lot: Decimal, limits: Limits, ord_type: OrdType, px: Decimal) -> Decimal | None:
    """The greatest quantity of one such order at about this price; None without a bound."""
    at_market = ord_type not in PRICED
    bounds = [limits.max_qty, limits.market_max_qty if at_market else None]
    if limits.max_notional is not None and (
        limits.max_notional_of_market or ord_type is not OrdType.MARKET
    ):
        worth = CONTEXT.multiply(limits.max_notional, _ROOM) if at_market else limits.max_notional
        bounds.append(CONTEXT.divide(worth, px))
    given = [each for each in bounds if each is not None]
    return qty_to_lot(min(given), step_of(lot, limits, ord_type)) if given else None


def taken(
    qty: Decimal, lot: Decimal, limits: Limits, kinds: Iterable[tuple[OrdType, Decimal]]
) -> tuple[Decimal, ...]:
    """A quantity in even parts of which each may be an order of any of these types, at about the
    price beside it; none where the venue takes nothing."""
    asked = [*kinds]
    bounds = [most(lot, limits, ord_type, px) for ord_type, px in asked]
    greatest = min((each for each in bounds if each is not None), default=None)
    return parts(qty, max(step_of(lot, limits, ord_type) for ord_type, _ in asked), greatest)


def parts(qty: Decimal, lot: Decimal, greatest: Decimal | None) -> tuple[Decimal, ...]:
    """A quantity as as few quantities as are not above the greatest, multiples of the lot and no
    two of them more than a lot apart; none where the venue takes nothing."""
    if greatest is None or qty <= greatest:
        return (qty,) if qty > 0 else ()
    if greatest < lot:
        return ()
    lots = int(CONTEXT.divide(qty, lot))
    count = int(CONTEXT.divide(qty, greatest).to_integral_value(rounding=ROUND_CEILING))
    each, more = divmod(lots, count)
    return tuple(CONTEXT.multiply(Decimal(each + (number < more)), lot) for number in range(count))
