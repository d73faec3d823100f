"""Fill rules of the simulated venue, shared with whatever replays history.

A bar reaches the venue in two phases: its open price at `open_time`, then its range at the close.

1. A market order fills at an open, half a spread and an impact worse.
2. A stop that is touched fills at its level, half a spread worse; one that the price jumped over
   fills at the open, half a spread worse. Never at a price the bar did not reach.
3. A limit or target that is touched fills at its price; one jumped over at the better open.
4. Where the order of events inside a bar is unknown, the one that is worse for us happened first:
   the stop before the target, and the stop before the trailing level moves.
5. What a taker pays is rounded up to the tick, what a taker gets is rounded down.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from aitrader.kernel.errors import BadInput
from aitrader.kernel.fix import Liquidity, OrdType, Side
from aitrader.kernel.money import CONTEXT, ONE, price_down, price_up, product, qty_to_lot

BPS = Decimal("0.0001")

_STOPS = frozenset({OrdType.STOP, OrdType.TRAILING_STOP})
_LIMITS = frozenset({OrdType.LIMIT, OrdType.LIMIT_IF_TOUCHED})
#: Types that have a fill rule here; STOP_LIMIT needs a memory of its trigger and has none.
MATCHED = _STOPS | _LIMITS | {OrdType.MARKET, OrdType.MARKET_IF_TOUCHED}


@dataclass(frozen=True, slots=True)
class Costs:
    """Basis points of the price; `participation` is the share (0 to 1] of the prior bar's volume
    that our orders may take in one bar."""

    half_spread_bps: Decimal
    impact_bps: Decimal
    maker_fee_bps: Decimal
    taker_fee_bps: Decimal
    participation: Decimal = ONE


@dataclass(frozen=True, slots=True)
class Resting:
    """An order at the venue. `best_px` is the best price a trailing stop has seen: the highest
    for a sell, the lowest for a buy; the venue sets it to the last price on acceptance."""

    side: Side
    ord_type: OrdType
    leaves_qty: Decimal
    accepted_at: datetime
    price: Decimal | None = None
    stop_px: Decimal | None = None
    trailing_bps: Decimal | None = None
    best_px: Decimal | None = None
    cl_ord_id: str = ""


@dataclass(frozen=True, slots=True)
class Execution:
    """`order` would fill at `px`; how much of it is `capped_qty`'s to say."""

    order: Resting
    px: Decimal
    liquidity: Liquidity


def at_open(
    order: Resting, open_px: Decimal, *, open_time: datetime, costs: Costs, tick: Decimal
) -> Execution | None:
    """What a bar's open price does to the order. Raises BadInput for a type without a rule."""
    _check_has_rule(order)
    if order.ord_type is OrdType.MARKET:
        cost = CONTEXT.add(costs.half_spread_bps, costs.impact_bps)
        return Execution(order, _worse(order.side, open_px, cost, tick), Liquidity.TAKER)
    taken = _worse(order.side, open_px, costs.half_spread_bps, tick)
    if order.ord_type in _LIMITS:
        return _limit_at_open(order, open_px, taken, rested=order.accepted_at < open_time)
    if _stop_reached(order, open_px, tick) or _target_reached(order, open_px):
        return Execution(order, taken, Liquidity.TAKER)
    return None


def in_range(
    order: Resting, high: Decimal, low: Decimal, *, costs: Costs, tick: Decimal
) -> Execution | None:
    """What a bar's range does to an order that its open left alone; a market order waits."""
    _check_has_rule(order)
    sells = order.side is Side.SELL
    favourable, adverse = (high, low) if sells else (low, high)
    level = _level(order, tick)
    if level is None:
        return None
    if order.ord_type in _STOPS:
        if not _stop_reached(order, adverse, tick):
            return None
        # An order that came after the open may have its level outside the range already.
        reached = min(level, high) if sells else max(level, low)
        taken = _worse(order.side, reached, costs.half_spread_bps, tick)
        return Execution(order, taken, Liquidity.TAKER)
    if not _target_reached(order, favourable):
        return None
    if order.ord_type in _LIMITS:
        return Execution(order, level, Liquidity.MAKER)
    taken = _worse(order.side, level, costs.half_spread_bps, tick)
    return Execution(order, taken, Liquidity.TAKER)


def trail(order: Resting, high: Decimal, low: Decimal) -> Resting:
    """Move a trailing stop's best price; call it after the range was tested with the old one."""
    if order.ord_type is not OrdType.TRAILING_STOP:
        return order
    if order.side is Side.SELL:
        best = high if order.best_px is None else max(order.best_px, high)
    else:
        best = low if order.best_px is None else min(order.best_px, low)
    return replace(order, best_px=best)


def stop_level(order: Resting, tick: Decimal) -> Decimal | None:
    """The price at which a stop or trailing stop triggers; None while it has none."""
    if order.ord_type is not OrdType.TRAILING_STOP:
        return order.stop_px
    if order.best_px is None or order.trailing_bps is None:
        return None
    return _worse(order.side, order.best_px, order.trailing_bps, tick)


def first_of_group(executions: Sequence[Execution]) -> Execution:
    """The one execution that happens among orders of one OCO group in one phase of a bar.

    The stop wins over the target. Of two stops the nearer wins: the price cannot reach the
    farther without passing it.
    """
    return min(executions, key=_precedence)


def capped_qty(
    leaves: Decimal, prior_volume: Decimal | None, participation: Decimal, lot: Decimal
) -> Decimal:
    """How much may fill in this bar; all of it when no prior volume is known."""
    if prior_volume is None:
        return leaves
    return min(leaves, qty_to_lot(CONTEXT.multiply(prior_volume, participation), lot))


def fee(qty: Decimal, px: Decimal, bps: Decimal, *, in_base: bool = False) -> Decimal:
    """The fee of a fill, in quote or in base, to 18 decimals half to even (`product`)."""
    charged_on = qty if in_base else CONTEXT.multiply(qty, px)
    return product(charged_on, CONTEXT.multiply(bps, BPS))


def _check_has_rule(order: Resting) -> None:
    if order.ord_type not in MATCHED:
        raise BadInput(f"no fill rule for an order of type {order.ord_type}")


def _limit_at_open(
    order: Resting, open_px: Decimal, taken: Decimal, *, rested: bool
) -> Execution | None:
    # One that rested is hit by those who come; one that has just come has to cross the spread.
    if rested and _target_reached(order, open_px):
        return Execution(order, open_px, Liquidity.MAKER)
    if not rested and _target_reached(order, taken):
        return Execution(order, taken, Liquidity.TAKER)
    return None


def _worse(side: Side, px: Decimal, bps: Decimal, tick: Decimal) -> Decimal:
    """`px` moved against the side by `bps` and rounded to the tick against it."""
    share = CONTEXT.multiply(bps, BPS)
    if side is Side.BUY:
        return price_up(CONTEXT.multiply(px, CONTEXT.add(ONE, share)), tick)
    return price_down(CONTEXT.multiply(px, CONTEXT.subtract(ONE, share)), tick)


def _level(order: Resting, tick: Decimal) -> Decimal | None:
    return order.price if order.ord_type in _LIMITS else stop_level(order, tick)


def _stop_reached(order: Resting, px: Decimal, tick: Decimal) -> bool:
    level = stop_level(order, tick)
    if level is None or order.ord_type not in _STOPS:
        return False
    return px <= level if order.side is Side.SELL else px >= level


def _target_reached(order: Resting, px: Decimal) -> bool:
    level = order.price if order.ord_type in _LIMITS else order.stop_px
    if level is None or order.ord_type in _STOPS:
        return False
    return px >= level if order.side is Side.SELL else px <= level


def _precedence(execution: Execution) -> tuple[bool, Decimal, str]:
    nearer = execution.px if execution.order.side is Side.BUY else execution.px.copy_negate()
    return (execution.order.ord_type not in _STOPS, nearer, execution.order.cl_ord_id)
