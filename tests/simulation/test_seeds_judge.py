"""What a seed is judged by: what is done to books and limits is found."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from aitrader.kernel import ids
from aitrader.kernel.clock import WALL
from aitrader.management.commands import simulate
from compliance.services import installation
from risk.domain.checks import CHECKS
from risk.domain.limits import LimitKey
from risk.domain.reason import Finding, Passed
from risk.domain.snapshot import GateIntent, RiskSnapshot
from trading.domain.ledger import LedgerAccount, Posting
from trading.domain.position import PositionState
from trading.sandbox.audit import Found
from trading.sandbox.memory_store import MemoryStore
from trading.sandbox.opening import LIMITS
from trading.sandbox.simulated_desk import InMemory, InRows
from trading.sandbox.simulation import Simulation
from trading.services import booking
from trading.services.order_rows import OrderRows

NAMESPACE = ids.namespace_of_seed(1)
#: In which fills are booked, of all kinds.
SEED = 32
#: As many seeds as a limit gets to be reached.
MOST = 120
#: Reached in few seeds as it is.
_CLOSER = {
    "open_orders": (LimitKey.MAX_OPEN_ORDERS, 3),
    "day_notional": (LimitKey.MAX_DAY_NOTIONAL, 4_000),
}

Patch = pytest.MonkeyPatch
Postings = Sequence[Posting]


def _emptied(postings: Postings) -> Postings:
    return ()


def _doubled(postings: Postings) -> Postings:
    return [replace(each, amount=each.amount * 2) for each in postings]


def _unexplained(postings: Postings) -> Postings:
    other = LedgerAccount.SUSPENSE
    return [
        replace(each, account=other) if each.account is LedgerAccount.TRADE else each
        for each in postings
    ]


def _fees_as_trades(postings: Postings) -> Postings:
    return [
        replace(each, account=LedgerAccount.TRADE) if each.account is LedgerAccount.FEES else each
        for each in postings
    ]


def _unlimited(monkeypatch: Patch, name: str) -> None:
    def passed(intent: GateIntent, snapshot: RiskSnapshot) -> Finding:
        return Passed()

    checks = tuple(replace(each, run=passed) if each.name == name else each for each in CHECKS)
    assert checks != CHECKS
    monkeypatch.setattr("risk.domain.gate.CHECKS", checks)


def _in_memory() -> Found:
    return Simulation(SEED, namespace=NAMESPACE, books=InMemory).run()


def _in_rows() -> Found:
    installation.install(namespace=NAMESPACE, now=WALL.now())
    return Simulation(SEED, namespace=NAMESPACE, books=InRows).run()


@pytest.mark.parametrize(
    "name",
    [
        "order_notional", "day_notional", "position_share", "gross_exposure", "open_orders",
        "orders_per_day", "price_collar",
    ],
)  # fmt: skip
def test_a_limit_that_the_gate_does_not_look_at_is_found_beyond_it(
    name: str, monkeypatch: Patch
) -> None:
    if name in _CLOSER:
        key, limit = _CLOSER[name]
        monkeypatch.setitem(LIMITS, key, Decimal(limit))
    _unlimited(monkeypatch, name)
    assert any(simulate.run(seed, "binance").over_limit > 0 for seed in range(1, MOST))


@pytest.mark.usefixtures("fresh_database")
@pytest.mark.parametrize("run", [_in_memory, _in_rows])
@pytest.mark.parametrize("wrong", [_emptied, _doubled, _unexplained, _fees_as_trades])
def test_postings_that_are_not_those_of_the_fills_are_found(
    run: Callable[[], Found], wrong: Callable[[Postings], Postings], monkeypatch: Patch
) -> None:
    for store in (MemoryStore, OrderRows):
        _post_wrongly(monkeypatch, store, wrong)
    found = run()
    assert found.ledger_wrong > 0
    # Balances are kept apart from the postings, and are right.
    assert found.books_equal


def _post_wrongly(
    monkeypatch: Patch, store: type[Any], wrong: Callable[[Postings], Postings]
) -> None:
    post = store.post

    def posted(self: Any, *, kind: str, postings: Postings, **given: Any) -> None:
        told = wrong(postings) if kind == "FILL" else postings
        post(self, kind=kind, postings=told, **given)

    monkeypatch.setattr(store, "post", posted)


def test_a_transaction_that_does_not_sum_to_zero_is_found(monkeypatch: Patch) -> None:
    monkeypatch.setattr("trading.domain.ledger.check_zero_sum", lambda postings: None)
    _post_wrongly(monkeypatch, MemoryStore, lambda postings: postings[:1])
    assert _in_memory().ledger_wrong > 0


@pytest.mark.parametrize("column", ["cost", "realised_pnl"])
@pytest.mark.usefixtures("fresh_database")
@pytest.mark.parametrize("run", [_in_memory, _in_rows])
def test_a_position_that_cost_something_else_is_found(
    run: Callable[[], Found], column: str, monkeypatch: Patch
) -> None:
    apply = PositionState.apply

    def dearer(self: PositionState, fill: Any) -> Any:
        after, effect = apply(self, fill)
        return replace(after, **{column: getattr(after, column) + Decimal("0.01")}), effect

    monkeypatch.setattr(PositionState, "apply", dearer)
    assert run().ledger_wrong > 0


@pytest.mark.usefixtures("fresh_database")
@pytest.mark.parametrize("run", [_in_memory, _in_rows])
def test_an_order_that_filled_for_something_else_is_found(
    run: Callable[[], Found], monkeypatch: Patch
) -> None:
    book = booking.book

    def for_nothing(desk: Any, order: Any, *given: Any) -> Any:
        effect = book(desk, order, *given)
        order.filled_notional = Decimal(0)
        return effect

    monkeypatch.setattr(booking, "book", for_nothing)
    assert run().ledger_wrong > 0
