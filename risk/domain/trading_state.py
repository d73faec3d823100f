"""What may be sent now, by scope: the words, their order and how scopes combine.

1. The most severe state of all scopes wins; among equals the widest scope is named as the cause.
2. No recorded state is ACTIVE; a state that could not be read is not a state, and the gate denies.
3. Cancels are never held back by a trading state: only orders are asked about here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class TradingState(StrEnum):
    """In order of severity, mildest first."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    CANCEL_ONLY = "CANCEL_ONLY"
    HALTED = "HALTED"

    @property
    def severity(self) -> int:
        """0 for ACTIVE, rising."""
        return _SEVERITY[self]


_SEVERITY = {state: rank for rank, state in enumerate(TradingState)}


class Scope(StrEnum):
    """Widest first."""

    GLOBAL = "GLOBAL"
    VENUE = "VENUE"
    ACCOUNT = "ACCOUNT"
    STRATEGY = "STRATEGY"
    INSTRUMENT = "INSTRUMENT"


_WIDTH = {scope: rank for rank, scope in enumerate(Scope)}


@dataclass(frozen=True, slots=True)
class ScopedState:
    """The state of one scope; `code` names the venue, account, strategy or instrument."""

    state: TradingState
    scope: Scope = Scope.GLOBAL
    code: str = ""
    reason: str = ""


UNRESTRICTED = ScopedState(TradingState.ACTIVE)


def effective(states: Iterable[ScopedState]) -> ScopedState:
    """The state that governs, with the scope and reason that cause it."""
    by_weight = sorted(
        states, key=lambda each: (-each.state.severity, _WIDTH[each.scope], each.code)
    )
    return by_weight[0] if by_weight else UNRESTRICTED


def permits(state: TradingState, *, reduces: bool) -> bool:
    """Whether an order may be sent; `reduces` means exactly, in quantity (exposure.py)."""
    if state is TradingState.ACTIVE:
        return True
    return state is TradingState.REDUCING and reduces
