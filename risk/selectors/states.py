"""Reading the trading states. Their rows are few, so every reader takes all that restrict."""

from collections.abc import Iterable

from risk.domain import trading_state
from risk.domain.trading_state import Scope, ScopedState, TradingState
from risk.models import TradingStateRow


def current() -> tuple[ScopedState, ...]:
    """Every scope that is not ACTIVE, the severest first, then the widest."""
    rows = TradingStateRow.objects.exclude(state=TradingState.ACTIVE).values_list(
        "state", "scope", "scope_code", "reason"
    )
    states = [
        ScopedState(TradingState(state), Scope(scope), code, reason)
        for state, scope, code, reason in rows
    ]
    width = list(Scope).index
    return tuple(sorted(states, key=lambda s: (-s.state.severity, width(s.scope), s.code)))


def applying(scopes: Iterable[tuple[Scope, str]]) -> tuple[ScopedState, ...]:
    """The states that restrict any of these (scope, code) pairs; the global scope always counts."""
    asked = {(Scope.GLOBAL, ""), *scopes}
    return tuple(each for each in current() if (each.scope, each.code) in asked)


def effective(scopes: Iterable[tuple[Scope, str]]) -> ScopedState:
    """The state that governs an order with these scopes, with the scope and reason behind it."""
    return trading_state.effective(applying(scopes))
