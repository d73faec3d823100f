"""What each task must hold by itself, whoever calls it and how often."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connections

from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import BadInput, Refused
from aitrader.kernel.topics import Task
from risk.domain.trading_state import Scope
from risk.services import kill_switch
from tests.integration.trading_tasks import market
from tests.integration.trading_tasks.conftest import Calls
from trading.gateways import registry
from trading.models import (
    Account,
    Feed,
    Fill,
    InstrumentRow,
    Order,
    ReconBreak,
    SimOrder,
)
from trading.services import feeds, turns
from trading.tasks import monitor, workbench
from trading.tasks.decide import decide
from trading.tasks.route import route
from trading.tasks.settle import settle
from trading.tasks.sweep import reconcile, sweep


def _thread(work: Callable[[], None]) -> threading.Thread:
    """A thread that leaves no connection behind."""

    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    return threading.Thread(target=run)


def test_tasks_that_come_twice_or_before_anything_change_nothing(
    fresh_database: str, calls: Calls
) -> None:
    made, _ = market.opened(100)
    account_id = made.desk.account.pk
    for task in (decide, settle, route):
        task(account_id=account_id)
        task(account_id=account_id + 1)
    sweep()
    assert not Order.objects.exists()
    market.by_tasks(100)
    before = list(Order.objects.order_by("pk").values())
    fills = Fill.objects.count()
    for task in (decide, settle, route, decide):
        task(account_id=account_id, a_word_of_a_newer_sender=1)
    sweep()
    reconcile()
    assert list(Order.objects.order_by("pk").values()) == before
    assert Fill.objects.count() == fills
    assert not ReconBreak.objects.exists()
    assert Account.objects.get().reconciled_at is not None


def test_after_a_halt_nothing_is_sent(fresh_database: str, calls: Calls) -> None:
    made, steps = market.opened(100)
    driver = market.driver_of(made)
    sent_before = -1
    for step in steps:
        if sent_before < 0 and Order.objects.filter(sent_at__isnull=False).exists():
            sent_before = SimOrder.objects.count()
            kill_switch.engage(
                scope=Scope.GLOBAL,
                scope_code="",
                reason="test",
                actor="operator:test",
                now=WALL.now(),
                market_at=step.open_time,
            )
        driver.run([step])
    assert sent_before > 0
    assert SimOrder.objects.count() == sent_before


def test_calls_that_say_the_same_are_joined(fresh_database: str, calls: Calls) -> None:
    made, _ = market.opened(70)
    market.by_tasks(70)
    account_id = made.desk.account.pk
    inside, let_go = threading.Event(), threading.Event()
    through: list[bool] = []

    def first() -> None:
        with workbench.joined(Task.SETTLE, account_id):
            inside.set()
            let_go.wait(10)

    def another() -> None:
        with workbench.joined(Task.SETTLE, account_id) as bench:
            through.append(bench is not None)

    holder = _thread(first)
    holder.start()
    inside.wait(10)
    waiting = _thread(another)
    waiting.start()
    gate = workbench._gates[(Task.SETTLE.value, account_id)]
    while not gate.place_to_wait.locked():
        threading.Event().wait(0.01)
    another()
    assert through == [False]
    let_go.set()
    for thread in (holder, waiting):
        thread.join(10)
    assert through == [False, True]


def test_quiet_is_not_said_while_a_turn_is_taken(fresh_database: str, calls: Calls) -> None:
    market.by_tasks(70)
    made, _ = market.opened(70)
    made.desk.refresh_bars()
    assert turns.is_quiet(desk=made.desk, gateway=made.gateway)
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with turns.alone(made.desk.account.pk):
            held.set()
            let_go.wait(10)

    holder = _thread(hold)
    holder.start()
    held.wait(10)
    assert not turns.is_quiet(desk=made.desk, gateway=made.gateway)
    let_go.set()
    holder.join(10)


def test_stale_and_recovered_are_journalled_once_each(fresh_database: str, calls: Calls) -> None:
    market.by_tasks(70)
    long_ago = WALL.now() - timedelta(hours=3)
    Feed.objects.update(received_at=long_ago)
    # Neither of two processes waits until the other's words are numbered.
    for _ in range(3):
        monitor.monitor()
    assert _feed_events() == ["feed.stale"]
    Feed.objects.update(received_at=WALL.now())
    for seconds in (1, 15):
        feeds.note_freshness(feed=Feed.objects.get(), now=WALL.now() + timedelta(seconds=seconds))
    # What comes in fits is said once.
    assert _feed_events() == ["feed.stale"]
    for _ in range(2):
        feeds.note_freshness(feed=Feed.objects.get(), now=WALL.now() + timedelta(seconds=31))
    assert _feed_events() == ["feed.stale", "feed.recovered"]


def _feed_events() -> list[str]:
    from compliance.selectors import journal

    market.number_everything()
    return [each.event for each in journal.for_object("feed", Feed.objects.get().code)]


def test_one_driver_a_feed_and_generations(fresh_database: str, calls: Calls) -> None:
    assert feeds.code_of("abc") == "abc-1"
    made, _ = market.opened(70)
    feed = made.desk.feed
    Feed.objects.filter(pk=feed.pk).update(code="abc-1")
    assert feeds.code_of("abc") == "abc-1"
    refused: list[str] = []

    def drive_too() -> None:
        try:
            feeds.claim(feed)
        except Refused as error:
            refused.append(str(error))

    feeds.claim(feed)
    other = _thread(drive_too)
    other.start()
    other.join(10)
    assert "another process" in refused[0]
    feeds.release(feed)
    assert feeds.end_abandoned(keep=feed.pk, now=WALL.now()) == []
    assert feeds.end_abandoned(keep=0, now=WALL.now()) == [feed.title]
    assert feeds.code_of("abc") == "abc-2"


@pytest.mark.parametrize("task", [sweep, reconcile])
def test_an_account_that_fails_keeps_no_other_one_waiting(
    fresh_database: str,
    calls: Calls,
    task: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    made, _ = market.opened(70)
    market.by_tasks(70)
    Account.objects.update(reconciled_at=None)
    Feed.objects.update(status="RUNNING")
    account_id, turned = made.desk.account.pk, []
    accounts = [account_id + 1, account_id]
    monkeypatch.setattr("trading.tasks.sweep._accounts", lambda: accounts)
    real = workbench.bench_of

    def bench_of(number: int) -> workbench.Bench | None:
        if number != account_id:
            raise BadInput("no keys for this venue")
        turned.append(number)
        return real(number)

    monkeypatch.setattr(workbench, "bench_of", bench_of)
    task()
    assert turned
    assert (Account.objects.get().reconciled_at is not None) == (task is reconcile)
    [line] = [each for each in caplog.records if "account.passed_over" in str(each.msg)]
    assert "no keys for this venue" in str(line.msg)


def test_the_rules_of_an_instrument_are_those_of_now(fresh_database: str, calls: Calls) -> None:
    made, _ = market.opened(70)
    market.by_tasks(70)
    account_id = made.desk.account.pk
    bench = workbench.bench_of(account_id)
    assert bench is not None
    [pk] = bench.desk.instruments
    rules = {"tick": 3, "lot": 4, "min_qty": 5, "min_notional": 6, "max_bar_range": 7}
    InstrumentRow.objects.update(**rules)
    again = workbench.bench_of(account_id)
    assert again is bench
    assert {name: getattr(again.desk.instruments[pk], name) for name in rules} == rules


def test_an_unknown_venue_has_no_gateway() -> None:
    with pytest.raises(BadInput, match="no gateway for venue MARS"):
        registry.connect("MARS", namespace="n")


def test_books_that_are_no_longer_compared_are_said_once_and_so_is_their_end(
    fresh_database: str, calls: Calls
) -> None:
    market.by_tasks(70)
    venue = Feed.objects.get().account.venue
    now = WALL.now()
    monitor.monitor()
    # The simulated venue tells everything by itself.
    Feed.objects.update(started_at=now - timedelta(hours=1))
    monitor.monitor()
    assert _account_events() == []
    type(venue).objects.filter(pk=venue.pk).update(code="BINANCE")
    for _ in range(2):
        monitor.monitor()
    assert _account_events() == ["reconciliation.overdue"]
    Account.objects.update(reconciled_at=now)
    for _ in range(2):
        monitor.monitor()
    assert _account_events() == ["reconciliation.overdue", "reconciliation.resumed"]


def _account_events() -> list[str]:
    from compliance.selectors import journal

    market.number_everything()
    found = journal.for_object("account", Account.objects.get().code)
    return [each.event for each in found if each.event.startswith("reconciliation.")]
