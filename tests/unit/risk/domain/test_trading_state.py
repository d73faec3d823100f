import itertools

import pytest

from risk.domain.trading_state import Scope, ScopedState, TradingState, effective, permits


def test_nothing_recorded_is_active() -> None:
    assert effective([]).state is TradingState.ACTIVE


def test_the_most_severe_state_wins_and_names_its_cause() -> None:
    states = [
        ScopedState(TradingState.REDUCING, Scope.GLOBAL, "", "drawdown"),
        ScopedState(TradingState.HALTED, Scope.INSTRUMENT, "SIM:BTC-USDT", "break"),
        ScopedState(TradingState.CANCEL_ONLY, Scope.ACCOUNT, "main", "heartbeat"),
    ]
    for order in itertools.permutations(states):
        assert effective(order) == states[1]


def test_among_equals_the_widest_scope_is_named() -> None:
    states = [ScopedState(TradingState.HALTED, scope, "x") for scope in reversed(Scope)]
    assert effective(states).scope is Scope.GLOBAL


def test_severity_rises_in_the_order_of_the_words() -> None:
    assert [state.severity for state in TradingState] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("state", "opening", "reducing"),
    [
        (TradingState.ACTIVE, True, True),
        (TradingState.REDUCING, False, True),
        (TradingState.CANCEL_ONLY, False, False),
        (TradingState.HALTED, False, False),
    ],
)
def test_what_each_state_permits(state: TradingState, opening: bool, reducing: bool) -> None:
    assert permits(state, reduces=False) is opening
    assert permits(state, reduces=True) is reducing
