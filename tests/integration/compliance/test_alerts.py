"""Alerts from the journal: once each, grouped, acknowledged by a person."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError

from aitrader.celery import app
from aitrader.kernel.errors import BadInput, NotPermitted
from aitrader.kernel.events import EventName
from compliance.domain.roles import Role
from compliance.models import Alert, AlertCursor, JournalEntry, Operator
from compliance.selectors.alerts import open_alerts, open_count
from compliance.services import access, alerts, sequencer
from tests.integration.compliance.writing import NOW, event, in_thread, settle, write

pytestmark = pytest.mark.usefixtures("installed_fresh")

HALT: dict[str, Any] = {
    "name": EventName.TRADING_HALTED,
    "data": {"scope": "GLOBAL", "scope_code": "", "state": "HALTED", "reason": "odd"},
}


def gap(number: int) -> dict[str, Any]:
    return {
        "name": EventName.FEED_GAP,
        "object_type": "instrument",
        "object_id": f"SIM:X{number}-USDT",
        "data": {"bars": number, "first_missing": NOW},
    }


def operator(*roles: Role, name: str = "ann") -> Operator:
    return access.create_operator(username=name, roles=roles, now=NOW, actor="test").operator


def read_all() -> int:
    sequencer.catch_up()
    total = 0
    while rows := alerts.advance(now=NOW):
        total += rows
    return total


def test_what_nobody_must_see_raises_nothing() -> None:
    write(event(0), event(1))
    assert read_all() == 2
    assert open_count() == 0


def test_repeats_are_one_alert_with_a_count() -> None:
    write(event(**HALT), event(**gap(1)), event(**gap(2)), event(**gap(1)))
    assert read_all() == 4
    write(event(**gap(1)))
    assert read_all() == 1
    found = {alert.key: alert for alert in open_alerts(10)}
    assert {key: alert.count for key, alert in found.items()} == {
        "trading.halted:GLOBAL": 1,
        "feed.gap_found:SIM:X1-USDT": 3,
        "feed.gap_found:SIM:X2-USDT": 1,
    }
    repeated = found["feed.gap_found:SIM:X1-USDT"]
    assert (repeated.leaf_index, repeated.last_leaf_index) == (1, 4)


def test_the_worst_come_first_then_the_newest() -> None:
    write(event(**gap(1)), event(**HALT), event(**gap(2)))
    read_all()
    assert [alert.leaf_index for alert in open_alerts(10)] == [1, 2, 0]
    assert [alert.leaf_index for alert in open_alerts(1)] == [1]


def test_entries_without_a_number_are_not_judged() -> None:
    write(event(**HALT))
    assert alerts.advance(now=NOW) == 0
    assert read_all() == 1


def test_a_crash_in_the_middle_neither_loses_nor_doubles(monkeypatch: pytest.MonkeyPatch) -> None:
    write(event(**gap(1)), event(**gap(2)))
    sequencer.catch_up()

    def die(*_: object, **__: object) -> None:
        raise DatabaseError("killed between the alerts and the cursor")

    with monkeypatch.context() as patched:
        patched.setattr(AlertCursor, "save", die)
        with pytest.raises(DatabaseError):
            alerts.advance(now=NOW)
    assert open_count() == 0
    assert read_all() == 2
    assert read_all() == 0
    assert sorted(Alert.objects.values_list("count", flat=True)) == [1, 1]


def test_two_readers_at_once_judge_each_entry_once() -> None:
    write(*[event(**gap(number % 3)) for number in range(3000)])
    sequencer.catch_up()
    threads = [in_thread(read_until_done) for _ in range(3)]
    for thread in threads:
        thread.join(30)
    assert sum(Alert.objects.values_list("count", flat=True)) == 3000
    assert AlertCursor.objects.get().leaf_index == 2999


def read_until_done() -> None:
    while alerts.advance(now=NOW):
        continue


def test_acknowledging_is_journalled_and_the_next_one_opens_anew() -> None:
    ann = operator(Role.TRADER)
    write(event(**HALT))
    read_all()
    [alert] = open_alerts(10)
    later = NOW + timedelta(minutes=1)
    for _ in range(2):
        seen = alerts.acknowledge(alert_id=alert.pk, operator=ann, now=later, market_at=NOW)
    assert (seen.acknowledged_by, seen.acknowledged_at) == (ann, later)
    assert open_count() == 0
    [entry] = JournalEntry.objects.filter(event=EventName.ALERT_ACKNOWLEDGED)
    assert (entry.actor, entry.object_id) == ("operator:ann", str(alert.pk))
    write(event(**HALT))
    read_all()
    [anew] = open_alerts(10)
    assert anew.pk != alert.pk
    assert anew.count == 1


def test_only_those_who_may_acknowledge() -> None:
    write(event(**HALT))
    read_all()
    [alert] = open_alerts(10)
    with pytest.raises(NotPermitted):
        alerts.acknowledge(
            alert_id=alert.pk, operator=operator(Role.COMPLIANCE), now=NOW, market_at=NOW
        )
    with pytest.raises(BadInput, match="no alert 0"):
        alerts.acknowledge(
            alert_id=0, operator=operator(Role.RISK, name="bob"), now=NOW, market_at=NOW
        )
    assert open_count() == 1


def test_the_task_numbers_and_judges() -> None:
    app.loader.import_default_modules()
    task = app.tasks["compliance.alerts"]
    write(event(**HALT))
    settle()
    task()
    task(anything="that a later caller sends")
    assert [alert.count for alert in open_alerts(10)] == [1]
