"""Which orders protect a trade: stop, target and trailing stop as the venue can hold them.

1. Prices come from the trade's average entry.
2. As many rest as the venue can hold together, a stop among them; the desk watches the rest
   (exit_watch.py). A venue without stop orders holds a stop-limit with room below (above) it.
   Where the venue has refused them together, the stop rests alone.
3. A trailing stop whose distance the venue does not take is watched too; a stop at that distance
   from the entry rests meanwhile, if there is no other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations

from aitrader.kernel.fix import OrdType, Side
from aitrader.kernel.money import CONTEXT, ONE, price_nearest, ratio
from trading.domain.ports import Capabilities
from trading.models import InstrumentRow, Trade
from trading.selectors.desk import Desk, LoadedStrategy

_PERCENT = Decimal("0.01")
_BPS_OF_PERCENT = Decimal(100)
#: How far a stop-limit's limit is beyond its stop, in percent of the entry.
_ROOM_PERCENT = Decimal(2)
_STOPS = frozenset({OrdType.STOP, OrdType.TRAILING_STOP})


@dataclass(frozen=True, slots=True)
class Leg:
    """One exit of a trade; prices in quote per base."""

    name: str
    ord_type: OrdType
    price: Decimal | None = None
    stop_px: Decimal | None = None
    trailing_bps: Decimal | None = None


def wanted(
    desk: Desk,
    instrument: InstrumentRow,
    loaded: LoadedStrategy,
    trade: Trade,
    *,
    together: bool = True,
) -> tuple[Leg, ...]:
    """The exits that are to rest at the venue for an open trade; none if nothing can stop it."""
    params = loaded.params
    entry_px = ratio(trade.entry_notional, trade.entry_qty)
    long = trade.side == Side.BUY
    tick = instrument.tick

    def moved(percent: Decimal, favourable: bool) -> Decimal:
        share = CONTEXT.multiply(percent, _PERCENT)
        factor = ONE + share if favourable is long else ONE - share
        return max(tick, price_nearest(CONTEXT.multiply(entry_px, factor), tick))

    legs = []
    if stop := params["stop_loss_pct"]:
        legs.append(Leg("stop_loss", OrdType.STOP, stop_px=moved(stop, favourable=False)))
    if target := params["take_profit_pct"]:
        price = moved(target, favourable=True)
        legs.append(Leg("take_profit", OrdType.LIMIT_IF_TOUCHED, price=price))
    trailing = params["trailing_pct"]
    if trailing and trails_at_venue(instrument, loaded):
        legs.append(Leg("trailing_stop", OrdType.TRAILING_STOP, trailing_bps=_bps(trailing)))
    elif trailing and not stop:
        legs.append(Leg("trailing_stop", OrdType.STOP, stop_px=moved(trailing, favourable=False)))
    able = desk.capabilities
    if together and (most := _most_together(legs, able)):
        return most
    if not (floor := stop or trailing):
        return ()
    name, stop_px = "stop_loss" if stop else "trailing_stop", moved(floor, favourable=False)
    if OrdType.STOP in able.ord_types:
        return (Leg(name, OrdType.STOP, stop_px=stop_px),)
    price = moved(CONTEXT.add(floor, _ROOM_PERCENT), favourable=False)
    return (Leg(name, OrdType.STOP_LIMIT, price=price, stop_px=stop_px),)


def trails_at_venue(instrument: InstrumentRow, loaded: LoadedStrategy) -> bool:
    """Whether the venue takes the distance at which the strategy's stop trails, if it does."""
    trailing = loaded.params["trailing_pct"]
    bounds = [instrument.venue_limits.trailing(side) for side in Side]
    return not trailing or all(
        (least is None or _bps(trailing) >= least) and (most is None or _bps(trailing) <= most)
        for least, most in bounds
    )


def _bps(percent: Decimal) -> Decimal:
    return CONTEXT.multiply(percent, _BPS_OF_PERCENT)


def _most_together(legs: Sequence[Leg], able: Capabilities) -> tuple[Leg, ...]:
    """The most exits that can rest at the venue as they are; none if that leaves out every stop."""
    for count in range(len(legs), 0, -1):
        for some in combinations(legs, count):
            types = [leg.ord_type for leg in some]
            held = able.holds_together(types) if count > 1 else types[0] in able.ord_types
            stopped = any(leg.ord_type in _STOPS for leg in some)
            if held and (stopped or len(some) == len(legs)):
                return some
    return ()
