"""A venue that says that the account does not hold what an order would take: nobody insists.

1. Our books are wrong about the balance then, and the next order would be refused as this one was:
   the strategy is paused at the first refusal. A refused entry leaves it to reduce what it holds;
   after a refused exit or stop it sends nothing at all, and what rests at the venue stays there.
2. An order over time cuts no further slice.
3. A person looks at the balances and releases; the alert of the pause says what was refused.

venues.md X10.
"""

from collections.abc import Sequence

from aitrader.kernel.clock import Moment
from aitrader.kernel.errors import RejectedByVenue
from aitrader.kernel.money import plain
from risk.domain.trading_state import Scope, TradingState
from risk.services import kill_switch
from trading.models import Order
from trading.selectors.desk import Desk
from trading.services import twap


def see(*, desk: Desk, error: RejectedByVenue, orders: Sequence[Order], at: Moment) -> None:
    """Pause whoever wanted these orders if the venue refused them for the balance; again is
    harmless."""
    if not error.of_balance:
        return
    for order in orders:
        said = f"{desk.account.venue.code} has too little for {order.side} {plain(order.order_qty)}"
        reason = f"{said} {order.instrument.code} ({error.code})"
        if order.parent_id is not None:
            twap.give_up(parent_id=order.parent_id, reason=reason, at=at)
        loaded = desk.strategies.get(order.version_id or 0)
        if loaded is None:
            continue
        kill_switch.engage(
            scope=Scope.STRATEGY,
            scope_code=loaded.code,
            state=TradingState.HALTED if order.closing else TradingState.REDUCING,
            reason=reason,
            actor="desk",
            now=at.wall,
            market_at=at.market,
            wait_for_senders=False,
        )
