"""The gate's word is kept; orders reserve against a locked counter."""

import threading
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from risk.domain import gate
from risk.models import Decision, LimitCounter
from risk.services import decisions
from risk.services.decisions import Counter, Verdict
from tests.factories.risk import intent, snapshot

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = date(2026, 11, 20)


def store(decision: gate.Decision, name: str) -> int:
    counter = decisions.counters_for_update("paper", DAY)
    verdict = Verdict(decision, gate.to_json(decision), counter, Decimal(0))
    statement = decisions.insertion(verdict, public_id=name, account_code="paper", now=NOW)
    with connection.cursor() as cursor:
        cursor.execute(*statement)
        (key,) = cursor.fetchone()
    return int(key)


def reserve(counter: Counter, notional: str) -> None:
    approved = gate.decide(intent(), snapshot())
    verdict = Verdict(approved, gate.to_json(approved), counter, Decimal(notional))
    with connection.cursor() as cursor:
        cursor.execute(*decisions.reservation(verdict))
    counter.count(verdict.notional)


@pytest.mark.django_db
def test_both_answers_are_kept_with_all_verdicts() -> None:
    approved = gate.decide(intent(intent_id="A"), snapshot())
    denied = gate.decide(intent(intent_id="B"), snapshot(trading_states=None))
    assert isinstance(approved, gate.Approved)
    assert isinstance(denied, gate.Denied)
    for name, decision in (("1", approved), ("2", denied)):
        row = Decision.objects.get(pk=store(decision, name))
        told = gate.to_json(decision)
        assert row.approved is isinstance(decision, gate.Approved)
        assert row.verdicts == told["verdicts"]
        assert row.reasons == told["reasons"]
        assert row.decided_at == NOW


@pytest.mark.django_db
def test_an_intent_is_decided_once() -> None:
    decision = gate.decide(intent(intent_id="A"), snapshot())
    store(decision, "1")
    with pytest.raises(IntegrityError), transaction.atomic():
        store(decision, "2")


@pytest.mark.django_db
def test_a_counter_starts_at_zero_and_adds_up_by_account_and_day() -> None:
    for notional in ("100.5", "0", "0.000000000000000001"):
        counter = decisions.counters_for_update("paper", DAY)
        reserve(counter, notional)
    again = decisions.counters_for_update("paper", DAY)
    assert (again.orders, again.notional) == (3, Decimal("100.500000000000000001"))
    assert (counter.orders, counter.notional) == (again.orders, again.notional)
    assert decisions.counters_for_update("paper", date(2026, 11, 21)).orders == 0
    assert decisions.counters_for_update("another", DAY).orders == 0


@pytest.mark.django_db
def test_an_existing_counter_costs_one_question() -> None:
    decisions.counters_for_update("paper", DAY)
    with CaptureQueriesContext(connection) as queries:
        decisions.counters_for_update("paper", DAY)
    assert len(queries.captured_queries) == 1


def test_reservations_at_once_are_all_counted(fresh_database: str) -> None:
    """Each reads, decides and reserves under the lock: a limit cannot be passed by a race."""
    room = Decimal(10)
    start = threading.Barrier(4)

    def trade() -> None:
        start.wait(10)
        try:
            for _ in range(10):
                with transaction.atomic():
                    counter = decisions.counters_for_update("paper", DAY)
                    if counter.notional + 1 <= room:
                        reserve(counter, "1")
        finally:
            connection.close()

    threads = [threading.Thread(target=trade) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    counter = LimitCounter.objects.get()
    assert (counter.orders, counter.notional) == (10, room)
