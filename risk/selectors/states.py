"""Reading the trading states. Their rows are few, so every reader takes all that restrict."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from risk.domain import trading_state
from risk.domain.trading_state import Scope, ScopedState, TradingState
from risk.models import TradingStateRow

#: Every scope that is not ACTIVE: state, scope, code, reason.
CURRENT = """
SELECT state, scope, scope_code, reason FROM risk_tradingstaterow WHERE state <> 'ACTIVE'
"""


@dataclass(frozen=True, slots=True)
class Restriction:
    """A state that is not ACTIVE, with the actor and the wall time that put it in force."""

    scoped: ScopedState
    changed_by: str
    changed_at: datetime


def restrictions() -> tuple[Restriction, ...]:
    """Every scope that is not ACTIVE with who and when, in the order of `current`."""
    rows = TradingStateRow.objects.exclude(state=TradingState.ACTIVE)
    found = [
        Restriction(
            ScopedState(TradingState(row.state), Scope(row.scope), row.scope_code, row.reason),
            row.changed_by,
            row.changed_at,
        )
        for row in rows
    ]
    return tuple(sorted(found, key=lambda each: _weight(each.scoped)))


def current() -> tuple[ScopedState, ...]:
    """Every scope that is not ACTIVE, the severest first, then the widest."""
    with connection.cursor() as cursor:
        cursor.execute(CURRENT)
        return read(cursor.fetchall())


def read(rows: Iterable[tuple[str, str, str, str]]) -> tuple[ScopedState, ...]:
    """Rows of `CURRENT`, in its order."""
    states = [
        ScopedState(TradingState(state), Scope(scope), code, reason)
        for state, scope, code, reason in rows
    ]
    return tuple(sorted(states, key=_weight))


def _weight(state: ScopedState) -> tuple[int, int, str]:
    return (-state.state.severity, list(Scope).index(state.scope), state.code)


def applying(scopes: Iterable[tuple[Scope, str]]) -> tuple[ScopedState, ...]:
    """The states that restrict any of these (scope, code) pairs; the global scope always counts."""
    return among(current(), scopes)


def among(
    restricting: Iterable[ScopedState], scopes: Iterable[tuple[Scope, str]]
) -> tuple[ScopedState, ...]:
    """Those of these states that restrict any of the scopes; the global scope always counts."""
    asked = {(Scope.GLOBAL, ""), *scopes}
    return tuple(each for each in restricting if (each.scope, each.code) in asked)


def effective(scopes: Iterable[tuple[Scope, str]]) -> ScopedState:
    """The state that governs an order with these scopes, with the scope and reason behind it."""
    return trading_state.effective(applying(scopes))
