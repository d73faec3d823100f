"""Faults that cost other systems money, put into our desk one by one: a seed notices each.

Every test breaks one thing in the way the incident that it names did, and asks for a seed whose
audit fails. What only shows over the wire is in test_known_incidents_at_venue.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from aitrader.kernel import ids
from aitrader.kernel.errors import GatewayError, OutcomeUnknown, RejectedByVenue
from aitrader.kernel.fix import Certainty, ExecType, OrdStatus
from trading.domain import evidence
from trading.domain.evidence import Evidence, Step
from trading.domain.execution_report import ExecutionReport
from trading.domain.order_state import Closedness
from trading.domain.ports import NewOrder
from trading.domain.position import FillFacts
from trading.models import Order
from trading.sandbox import simulated_desk
from trading.sandbox.audit import Found
from trading.sandbox.inside import InsideGateway
from trading.sandbox.memory_store import MemoryStore
from trading.sandbox.simulation import Simulation
from trading.selectors.order_store import FillKey
from trading.services import booking, doubt, executions, reconciliation, routing

NAMESPACE = ids.namespace_of_seed(1)
#: As many seeds as an error gets to show itself.
MOST = 120

Patch = pytest.MonkeyPatch
Wrong = Callable[[Found], object]


def _run(seed: int, venue: str) -> Found:
    return Simulation(seed, namespace=NAMESPACE, venue=venue).run()


def _caught(wrong: Wrong, venue: str = "binance") -> bool:
    """Whether the audit of some seed says so."""
    return any(wrong(_run(seed, venue)) for seed in range(1, MOST))


def _conclude(desk: Any, order: Order, status: OrdStatus, text: str, at: Any) -> None:
    answer = executions.Answer(status, Closedness[status.name], text)
    executions.conclude(desk=desk, order_id=order.pk, answer=answer, at=at)


# What a timeout means


@pytest.mark.parametrize("venue", ["binance", "btcturk"])
def test_a_timeout_is_answered_by_sending_again(monkeypatch: Patch, venue: str) -> None:
    """nautilus #4215: a submission whose answer was lost was submitted once more."""
    once = InsideGateway.submit

    def twice(self: InsideGateway, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        try:
            return once(self, account=account, order=order)
        except OutcomeUnknown:
            return once(self, account=account, order=order)

    monkeypatch.setattr(InsideGateway, "submit", twice)
    assert _caught(lambda found: found.duplicates, venue)


@pytest.mark.parametrize("venue", ["binance", "coinbase", "btcturk"])
def test_a_timeout_is_taken_for_a_refusal(monkeypatch: Patch, venue: str) -> None:
    """hummingbot #493."""

    def refuse(*, desk: Any, order: Order, reason: str, at: Any) -> None:
        _conclude(desk, order, OrdStatus.REJECTED, reason, at)

    monkeypatch.setattr(routing, "mark_unknown", refuse)
    assert _caught(lambda found: found.breach > 0, venue)


# What "no such order" means


def test_an_order_that_is_not_found_was_never_accepted(monkeypatch: Patch) -> None:
    """hummingbot #601, freqtrade #4403: the reads of the venue lagged behind its engine."""

    def at_once(found: Evidence, **_: object) -> Step:
        return Step.COMPARE if found.reads else Step.READ

    monkeypatch.setattr(evidence, "next_step", at_once)
    assert _caught(lambda found: found.breach > 0)


def test_an_order_that_is_not_found_is_sent_again(monkeypatch: Patch) -> None:
    """freqtrade #4403: where client ids are no key, that was a second order."""
    monkeypatch.setattr(doubt, "clear", _send_again)
    assert _caught(lambda found: found.duplicates, "btcturk")


def test_a_question_that_cannot_be_put_counts_as_not_found(monkeypatch: Patch) -> None:
    """hummingbot #8457: names could not be looked up for a while. Orders that the venue had taken
    were given up because of questions that failed, and what they traded was nobody's."""

    def given_up(ask: Callable[..., bool]) -> Callable[..., bool]:
        def asked(desk: Any, gateway: Any, order: Order, *given: Any) -> bool:
            try:
                return ask(desk, gateway, order, *given)
            except GatewayError:
                _conclude(desk, order, OrdStatus.REJECTED, "not found", given[-1])
                raise

        return asked

    monkeypatch.setattr(reconciliation, "_ask", given_up(reconciliation._ask))
    monkeypatch.setattr(doubt, "_read", given_up(doubt._read))
    assert _caught(lambda found: found.breach > 0)


def _send_again(*, desk: Any, gateway: Any, order: Order, at: Any, **_: object) -> bool:
    return routing.repeat(desk=desk, gateway=gateway, order=order, at=at)


@pytest.mark.parametrize("venue", ["binance", "btcturk"])
def test_a_cancel_that_fails_says_the_order_never_existed(monkeypatch: Patch, venue: str) -> None:
    """passivbot #514: it had filled, and was bought again."""
    cancel = routing._cancel

    def give_up(desk: Any, gateway: Any, order: Order, at: Any) -> bool:
        done = cancel(desk, _Failing(gateway), order, at)
        if _Failing.failed:
            _Failing.failed = False
            _conclude(desk, order, OrdStatus.CANCELED, "never existed", at)
        return done

    monkeypatch.setattr(routing, "_cancel", give_up)
    assert _caught(lambda found: found.breach > 0, venue)


class _Failing:
    """A gateway that remembers whether a cancel failed."""

    failed = False

    def __init__(self, gateway: Any) -> None:
        self._gateway = gateway

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    def cancel(self, **given: Any) -> ExecutionReport:
        try:
            report: ExecutionReport = self._gateway.cancel(**given)
        except RejectedByVenue as error:
            _Failing.failed = error.gone
            raise
        return report


# What a report means


def test_a_fill_is_inferred_before_it_is_told(monkeypatch: Patch) -> None:
    """nautilus #3493: the venue's own report of the fill was then booked as well."""
    query = InsideGateway.query

    def inferred(self: InsideGateway, **given: Any) -> Sequence[ExecutionReport] | None:
        reports = query(self, **given)
        return reports and [
            replace(each, exec_id=f"inferred-{each.order_id}-{each.cum_qty}")
            if each.exec_type is ExecType.TRADE
            else each
            for each in reports
        ]

    monkeypatch.setattr(InsideGateway, "query", inferred)
    assert _caught(lambda found: found.phantom_fills and not found.books_equal)


def test_a_report_that_comes_twice_is_booked_twice(monkeypatch: Patch) -> None:
    """nautilus #3770, ccxt #18078: replayed and doubled events."""
    numbers = count(1)
    add_fill = MemoryStore.add_fill

    def forget(self: MemoryStore, exec_ids: Sequence[str]) -> set[FillKey]:
        return set()

    def add(self: MemoryStore, order: Order, report: ExecutionReport, *others: Any) -> int:
        once_more = replace(report, exec_id=f"{report.exec_id}-{next(numbers)}")
        return add_fill(self, order, once_more, *others)

    monkeypatch.setattr(MemoryStore, "booked", forget)
    monkeypatch.setattr(MemoryStore, "add_fill", add)
    assert _caught(lambda found: found.phantom_fills and not found.books_equal)


def test_a_fill_is_only_known_from_the_stream(monkeypatch: Patch) -> None:
    """nautilus #3869: what a dead stream did not tell was never asked for."""
    monkeypatch.setattr(reconciliation, "follow", lambda **_: 0)
    assert _caught(lambda found: found.breaks_left)


def test_a_fill_that_comes_before_the_answer_is_lost(monkeypatch: Patch) -> None:
    """hummingbot #905: the order was not in the table yet, and what was told of it was gone."""
    apply = executions.apply
    gone: set[str] = set()

    def strict(*, desk: Any, reports: Sequence[ExecutionReport], **given: Any) -> None:
        with desk.store.atomic():
            desk.store.lock()
            orders = desk.store.of_reports(reports)
        for name, order in orders.items():
            told = [each for each in reports if each.cl_ord_id == name]
            if order.closedness <= int(Closedness.SENT) and told[0].exec_type is ExecType.TRADE:
                gone.update(each.exec_id for each in told if each.exec_type is ExecType.TRADE)
        apply(desk=desk, reports=[each for each in reports if each.exec_id not in gone], **given)

    monkeypatch.setattr(executions, "apply", strict)
    assert _caught(lambda found: found.lost_fills)


def test_a_trade_is_dropped(monkeypatch: Patch) -> None:
    """A parser that skips what it does not like."""
    apply = executions.apply

    def drop(*, reports: Sequence[ExecutionReport], **given: Any) -> None:
        apply(reports=[each for each in reports if not each.exec_id.endswith("7")], **given)

    monkeypatch.setattr(executions, "apply", drop)
    assert _caught(lambda found: found.lost_fills)


def test_a_fee_that_is_taken_from_what_was_bought_is_forgotten(monkeypatch: Patch) -> None:
    """freqtrade #1084: it sold what it had paid as a fee."""
    facts = booking._facts

    def without(*given: Any) -> FillFacts:
        return replace(facts(*given), fee=Decimal(0))

    monkeypatch.setattr(booking, "_facts", without)
    assert _caught(lambda found: not found.books_equal)


# Who sends, and when


def test_what_was_claimed_is_sent_however_late(monkeypatch: Patch) -> None:
    """nautilus #917: requests waited in a queue after they had been made up."""
    seconds = simulated_desk._MortalMemory.seconds

    def stands(self: Any) -> float:
        seconds(self)
        return 0.0

    monkeypatch.setattr(simulated_desk._MortalMemory, "seconds", stands)
    assert _caught(lambda found: found.breaks_left)


def test_a_sender_that_was_stopped_gives_back_what_another_has_settled(monkeypatch: Patch) -> None:
    """Two workers of one account and no fencing: the stale one makes the order wait again."""

    def unfenced(self: MemoryStore, order: Order) -> bool:
        with self._memory.atomic():
            self._memory.change(
                order.pk,
                ord_status=OrdStatus.CREATED,
                closedness=int(Closedness.UNSENT),
                certainty=Certainty.CERTAIN,
            )
        return True

    monkeypatch.setattr(MemoryStore, "unclaim", unfenced)
    assert _caught(lambda found: found.breaks_left)


def test_a_late_refusal_is_believed_of_an_order_that_another_has_sent_again(
    monkeypatch: Patch,
) -> None:
    """Two workers of one account and no fencing: a stopped one's copy is refused, the other's
    rests."""
    monkeypatch.setattr(executions, "_still_stands", lambda answer, order: True)
    assert _caught(lambda found: found.breach, "coinbase")


@pytest.mark.parametrize("venue", ["binance", "coinbase", "btcturk"])
def test_a_venue_that_asked_for_silence_is_asked_on(monkeypatch: Patch, venue: str) -> None:
    """Binance: whoever goes on after a 429 is banned, for longer each time."""
    monkeypatch.setattr(InsideGateway, "_keep_silence", lambda self: None)
    assert _caught(lambda found: found.calls_in_silence, venue)
