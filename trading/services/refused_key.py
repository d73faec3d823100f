"""A venue that refuses our key: nothing more can be sent, asked or cancelled there.

1. The account halts at the first refusal, whichever call met it; the halt's alert says what still
   rests at the venue and cannot be cancelled from here.
2. A person releases the halt once there is a key again; nothing is concluded about any order.

venues.md X27.
"""

from aitrader.kernel.clock import Moment
from aitrader.kernel.errors import GatewayError, RejectedByVenue
from risk.domain.trading_state import Scope, ScopedState, TradingState
from trading.selectors.desk import Desk
from trading.services import order_rows

#: Orders that the reason of a halt names.
_MOST_NAMED = 5


def see(*, desk: Desk, error: GatewayError, at: Moment) -> None:
    """Halt the account if this error says that the venue refuses its key; again is harmless."""
    if not isinstance(error, RejectedByVenue) or not error.of_key:
        return
    store = order_rows.of(desk)
    with store.atomic():
        reason = _reason(desk, error, sorted(store.resting_ids()))
        account = desk.account.code
        store.restrict(ScopedState(TradingState.HALTED, Scope.ACCOUNT, account, reason), at)


def _reason(desk: Desk, error: RejectedByVenue, resting: list[str]) -> str:
    said = f"{desk.account.venue.code} refuses our key ({error.code})"
    if not resting:
        return f"{said}: nothing of ours rests there"
    named = ", ".join(resting[:_MOST_NAMED])
    more = f" and {len(resting) - _MOST_NAMED} more" if len(resting) > _MOST_NAMED else ""
    return f"{said}: cannot cancel {named}{more}"
