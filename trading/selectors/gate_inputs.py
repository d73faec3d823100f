"""What the gate reads of an account, in one statement.

1. All of it is of one instant; under the account's lock nothing in it changes before the order is
   written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from aitrader.kernel.clock import Moment, day_start
from risk.domain.limits import LimitKey
from risk.domain.trading_state import ScopedState
from risk.selectors import limits, states
from trading.domain.position import PositionState
from trading.models import Account, Feed
from trading.selectors import account_state, orders, second_prices, sql
from trading.selectors.orders import WorkingOrder
from trading.selectors.second_prices import Second

_ENABLED = """
SELECT version.id, strategy.enabled FROM trading_strategyversion version
  JOIN trading_strategy strategy ON strategy.id = version.strategy_id
 WHERE strategy.account_id = %(account)s
"""
_DAY_START = """
SELECT start_equity FROM trading_accountday WHERE account_id = %(account)s AND day = %(day)s
"""
_INTENT = "SELECT intent_id FROM trading_order WHERE intent_id = %(intent)s"
_ALL = sql.Together(
    account_state.BALANCES,
    account_state.POSITIONS,
    orders.OF_ACCOUNT,
    sql.Select(limits.IN_FORCE, 2),
    sql.Select(states.CURRENT, 4),
    sql.Select(_ENABLED, 2),
    sql.Select(_DAY_START, 1),
    second_prices.OF_FEED,
    sql.Select(_INTENT, 1),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateInputs:
    """Balances by asset, positions by instrument id, orders that may still fill, those in doubt
    among them; limits, every state that restricts anything, which strategy versions are switched
    on; what the account was worth when the day was first valued; whether the intent asked about
    has become an order."""

    balances: Mapping[str, Decimal]
    positions: Mapping[int, PositionState]
    working: list[WorkingOrder]
    limits: Mapping[LimitKey, Decimal]
    restricting: tuple[ScopedState, ...]
    enabled: Mapping[int, bool] = field(default_factory=dict)
    day_start_equity: Decimal | None
    seconds: Mapping[int, Second] = field(default_factory=dict)
    is_known: bool


def read(account: Account, feed: Feed, intent_id: str, at: Moment) -> GateInputs:
    """Everything, as it is now; the day is that of `at`."""
    balances, positions, working, bounds, restricting, enabled, day, seconds, known = _ALL.fetch(
        {
            "account": account.pk,
            "code": account.code,
            "day": day_start(at.market).date(),
            "second_source": second_prices.of(feed),
            "intent": intent_id,
        }
    )
    return GateInputs(
        balances=dict(balances),
        positions=account_state.read_positions(account, positions),
        working=orders.read_working(working),
        limits=limits.read(bounds),
        restricting=states.read(restricting),
        enabled=dict(enabled),
        day_start_equity=day[0][0] if day else None,
        seconds=second_prices.read(seconds, at.wall),
        is_known=bool(known),
    )
