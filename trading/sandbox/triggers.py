"""Stops, targets and trailing stops: what a trade's price does to the orders that wait.

1. A stop or target is triggered by the first trade that meets its `stop_px`.
2. A trailing order tracks from its placement, or with a `stop_px` from the first trade that meets
   it: a sell the highest price since, a buy the lowest. A way back of `trailing_bps` triggers it.
3. A triggered order expires its siblings, then trades as the MARKET or LIMIT order it stands for.
4. A bracket whose stop is met leaves the book with what it has not sold, and sells that down to
   `ROOM` below the stop.

Venue document: venues.md 2.1; Binance's trailing stop FAQ, whose scenarios are tests.
"""

from dataclasses import replace
from decimal import Decimal

from aitrader.kernel.fix import OrdType, Side
from aitrader.kernel.money import ONE, price_down
from trading.sandbox import matching
from trading.sandbox.checks import BPS, reaches
from trading.sandbox.events import Execution
from trading.sandbox.lifecycle import before_act
from trading.sandbox.orders import NewOrder, Order
from trading.sandbox.rules import Listing
from trading.sandbox.state import Market, State

#: Coinbase: "a limit price 5% lower for SELLS".
ROOM = Decimal("0.05")


def begin(state: State, market: Market, order: Order) -> None:
    """A trailing order without `stop_px` tracks from the last price on."""
    trails = order.request.trailing_bps is not None and order.request.stop_px is None
    if trails and market.last_px is not None:
        state.put(order, best_px=market.last_px)


def test(state: State, market: Market, px: Decimal) -> None:
    """Let every waiting order see the price of a trade, then let the triggered ones trade."""
    triggered = [each for each in market.waiting if _sees(state, state.records.by_id(each), px)]
    for order_id in triggered:
        # Another one's trade may have ended its list meanwhile.
        if order_id not in market.waiting:
            continue
        del market.waiting[order_id]
        order = state.records.by_id(order_id)
        before_act(state, order)
        request = order.request
        if request.bracket_px is not None:
            market.book.remove(order_id)
            request = _given_up(request, request.bracket_px, market.listing)
        order = state.change(
            order, Execution.TRIGGERED, request=request, working=True, working_at=state.now
        )
        matching.work(state, market, order)


def _given_up(request: NewOrder, stop_px: Decimal, listing: Listing) -> NewOrder:
    """What a bracket asks for once its stop is met."""
    limit = max(listing.min_price, price_down(stop_px * (ONE - ROOM), listing.tick))
    return replace(request, ord_type=OrdType.STOP_LIMIT, stop_px=stop_px, price=limit)


def _sees(state: State, order: Order, px: Decimal) -> bool:
    """Whether the price triggers the order; moves a trailing order's best price."""
    request = order.request
    if request.bracket_px is not None:
        return px <= request.bracket_px
    if request.trailing_bps is None:
        return reaches(request, px)
    if order.best_px is None:
        if request.stop_px is None or reaches(request, px):
            state.put(order, best_px=px)
        return False
    sells = order.side is Side.SELL
    best = max(order.best_px, px) if sells else min(order.best_px, px)
    if best != order.best_px:
        state.put(order, best_px=best)
    share = request.trailing_bps * BPS
    return px <= best * (ONE - share) if sells else px >= best * (ONE + share)
