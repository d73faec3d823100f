"""Halts: immediate, idempotent, never over a sender's head; releases: only with a fresh OTP."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from django.db import connection

from aitrader.kernel.errors import BadInput, StepUpRequired
from aitrader.kernel.events import EventName
from aitrader.kernel.topics import SENDERS_LOCK
from compliance.models import JournalEntry
from risk.domain.trading_state import Scope, TradingState
from risk.models import TradingStateRow
from risk.selectors import states
from risk.services import kill_switch
from risk.services.kill_switch import Switched

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PAPER = {"scope": Scope.ACCOUNT, "scope_code": "paper"}
EVERYTHING = {"scope": Scope.GLOBAL}


def engage(**given: Any) -> Switched:
    return kill_switch.engage(
        **{"reason": "odd", "actor": "operator:ann", "now": NOW, "market_at": NOW, **given}
    )


def release(**given: Any) -> Switched:
    arguments = {"reason": "understood", "actor": "operator:bob", "verified_at": NOW}
    return kill_switch.release(**{**arguments, "now": NOW, "market_at": NOW, **given})


def journalled() -> list[tuple[str, dict[str, Any]]]:
    rows = JournalEntry.objects.order_by("id")
    return [(row.event, orjson.loads(bytes(row.payload))["body"]["data"]) for row in rows]


@pytest.mark.django_db
def test_a_halt_governs_its_scope_and_is_journalled() -> None:
    done = engage(**PAPER)
    assert (done.changed, done.drained, done.state.state) == (True, True, TradingState.HALTED)
    governs = states.effective([(Scope.VENUE, "sim"), (Scope.ACCOUNT, "paper")])
    assert governs == done.state
    assert states.effective([(Scope.ACCOUNT, "another")]).state is TradingState.ACTIVE
    assert journalled() == [
        (
            EventName.TRADING_HALTED,
            {
                "scope": "ACCOUNT",
                "scope_code": "paper",
                "reason": "odd",
                "state": "HALTED",
                "before": "ACTIVE",
                "drained": True,
            },
        )
    ]


@pytest.mark.django_db
def test_a_global_halt_governs_everything() -> None:
    engage(**EVERYTHING)
    for scopes in ([], [(Scope.INSTRUMENT, "SIM:BTC-USDT")]):
        assert states.effective(scopes).state is TradingState.HALTED


@pytest.mark.django_db
def test_a_second_halt_changes_nothing() -> None:
    first = engage(**EVERYTHING)
    second = engage(**EVERYTHING, reason="again", actor="operator:bob")
    assert (second.changed, second.drained, second.state) == (False, True, first.state)
    assert len(journalled()) == 1
    assert TradingStateRow.objects.get().changed_by == "operator:ann"


@pytest.mark.django_db
def test_engaging_only_ever_tightens() -> None:
    for state, changed in (
        (TradingState.REDUCING, True),
        (TradingState.CANCEL_ONLY, True),
        (TradingState.REDUCING, False),
        (TradingState.HALTED, True),
        (TradingState.CANCEL_ONLY, False),
    ):
        assert engage(**PAPER, state=state).changed is changed
    assert states.effective([(Scope.ACCOUNT, "paper")]).state is TradingState.HALTED
    with pytest.raises(BadInput, match="release"):
        engage(**PAPER, state=TradingState.ACTIVE)


@pytest.mark.django_db
@pytest.mark.parametrize("age", [None, timedelta(minutes=5, seconds=1), timedelta(days=-1)])
def test_a_release_without_a_fresh_password_is_refused(age: timedelta | None) -> None:
    engage(**EVERYTHING)
    with pytest.raises(StepUpRequired, match="fresh one-time password"):
        release(**EVERYTHING, verified_at=None if age is None else NOW - age)
    assert states.effective([]).state is TradingState.HALTED
    assert len(journalled()) == 1


@pytest.mark.django_db
def test_a_release_makes_the_scope_active_and_only_that() -> None:
    engage(**EVERYTHING)
    engage(**PAPER)
    assert release(**EVERYTHING, verified_at=NOW - timedelta(minutes=4)).changed
    assert not release(**EVERYTHING).changed
    assert [(s.scope, s.code) for s in states.current()] == [(Scope.ACCOUNT, "paper")]
    event, data = journalled()[-1]
    assert event == EventName.TRADING_RELEASED
    assert (data["scope"], data["before"], data["reason"]) == ("GLOBAL", "HALTED", "understood")
    assert engage(**EVERYTHING).changed


@pytest.mark.django_db
def test_releasing_what_was_never_halted_does_nothing() -> None:
    assert not release(**PAPER).changed
    assert journalled() == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    "wrong",
    [
        {"scope": Scope.GLOBAL, "scope_code": "paper"},
        {"scope": Scope.ACCOUNT},
        {"scope": Scope.GLOBAL, "reason": "  "},
    ],
)
def test_a_wrong_scope_or_no_reason_is_refused(wrong: dict[str, Any]) -> None:
    for command in (engage, release):
        with pytest.raises(BadInput):
            command(**wrong)


@pytest.mark.django_db
def test_the_severest_state_is_told_first_then_the_widest() -> None:
    engage(scope=Scope.STRATEGY, scope_code="a", state=TradingState.HALTED)
    engage(scope=Scope.GLOBAL, state=TradingState.REDUCING)
    engage(scope=Scope.VENUE, scope_code="sim", state=TradingState.HALTED)
    assert [s.scope for s in states.current()] == [Scope.VENUE, Scope.STRATEGY, Scope.GLOBAL]


@contextmanager
def sender(seconds: float, on: list[str]) -> Iterator[None]:
    """Someone between recheck and socket write, on a connection of their own."""
    holding = threading.Event()

    def send() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_lock_shared(%s)", [SENDERS_LOCK])
                holding.set()
                time.sleep(seconds)
                on.append("sent")
                cursor.execute("SELECT pg_advisory_unlock_shared(%s)", [SENDERS_LOCK])
        finally:
            connection.close()

    thread = threading.Thread(target=send)
    thread.start()
    try:
        assert holding.wait(10)
        yield
    finally:
        thread.join(30)


def test_a_halt_waits_for_a_sender_at_work(fresh_database: str) -> None:
    order: list[str] = []
    with sender(0.5, order):
        done = engage(**EVERYTHING)
        order.append("halted")
    assert order == ["sent", "halted"]
    assert done.drained


def test_after_the_halt_no_sender_passes_the_recheck(fresh_database: str) -> None:
    """Senders that recheck under the shared lock: none writes to its socket after the halt."""
    writes: list[float] = []
    started = threading.Barrier(4)

    def send() -> None:
        try:
            started.wait(10)
            while True:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_lock_shared(%s)", [SENDERS_LOCK])
                    try:
                        if states.effective([]).state is TradingState.HALTED:
                            return
                        time.sleep(0.002)
                        writes.append(time.monotonic())
                    finally:
                        cursor.execute("SELECT pg_advisory_unlock_shared(%s)", [SENDERS_LOCK])
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    started.wait(10)
    time.sleep(0.3)
    assert engage(**EVERYTHING).drained
    halted_at = time.monotonic()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert writes
    assert max(writes) < halted_at


def test_a_sender_that_hangs_does_not_hold_the_halt_up(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kill_switch, "PATIENCE_SECONDS", 1)
    with sender(3, []):
        done = engage(**EVERYTHING)
        assert (done.changed, done.drained) == (True, False)
        assert states.effective([]).state is TradingState.HALTED
    assert journalled()[0][1]["drained"] is False


def test_who_holds_locks_a_sender_needs_does_not_wait(fresh_database: str) -> None:
    with sender(2, []):
        before = time.monotonic()
        assert not engage(**PAPER, wait_for_senders=False).drained
        assert time.monotonic() - before < 1.5


def test_halts_at_once_make_one_row_and_one_entry(fresh_database: str) -> None:
    changed: list[bool] = []

    def halt() -> None:
        try:
            changed.append(engage(**EVERYTHING).changed)
        finally:
            connection.close()

    threads = [threading.Thread(target=halt) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(changed) == [False, False, False, False, True]
    assert TradingStateRow.objects.count() == len(journalled()) == 1
