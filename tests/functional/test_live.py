"""The live screen without a browser: who may watch, and what a watcher is told."""

import asyncio
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection, connections, transaction
from django.test import Client

from aitrader.kernel.clock import WALL
from aitrader.kernel.events import Event, EventName
from compliance.models import Operator
from compliance.selectors import leaves
from compliance.services import alerts, journal, sequencer
from dashboard import hub as hubs
from dashboard import sessions, tidings
from dashboard.outbox import Outbox
from tests.factories import desk as factory


def test_only_both_factors_may_watch(everyone: Operator) -> None:
    half, whole = factory.password_only(everyone), factory.verified(everyone)
    assert not sessions.verified(None)
    assert not sessions.verified("no-such-session")
    assert not sessions.verified(half.session.session_key)
    assert sessions.verified(whole.session.session_key)


def test_watching_ends_with_the_right_to_it(everyone: Operator, browser: Client) -> None:
    key = browser.session.session_key
    assert sessions.verified(key)
    everyone.is_active = False
    everyone.save()
    assert not sessions.verified(key)
    everyone.is_active = True
    everyone.set_password("another long password")
    everyone.save()
    assert not sessions.verified(key)


def test_a_removed_device_ends_it_too(everyone: Operator, browser: Client) -> None:
    everyone.totpdevice_set.all().delete()  # type: ignore[attr-defined]  # django-otp's own relation
    assert not sessions.verified(browser.session.session_key)


def test_logging_out_ends_it(browser: Client) -> None:
    key = browser.session.session_key
    browser.post("/logout")
    assert not sessions.verified(key)


@pytest.mark.parametrize("name", list(EventName))
def test_every_event_concerns_a_part_or_nobody(name: EventName) -> None:
    known = {*tidings.CONCERNS, "operator"}
    assert name.value.partition(".")[0] in known, f"{name}: say in dashboard/tidings.py whom it is"


def _write(name: EventName, number: int) -> None:
    now = WALL.now()
    event = Event(
        name=name, actor="test", object_type="trading_state", object_id=f"GLOBAL-{number}",
        market_at=now, data={"reason": "test", "scope": "GLOBAL", "state": "HALTED"},
    )  # fmt: skip
    with transaction.atomic():
        journal.record([event], now=now)
    # A transaction in a database beside ours may hold the numbers back for a while.
    while leaves.unsequenced():
        sequencer.advance()
    alerts.advance(now=now)
    connections.close_all()


async def _until(outbox: Outbox, **wanted: Any) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            message = await outbox.get()
            if all(message.get(key) == value for key, value in wanted.items()):
                return message


async def _watch(since: int) -> tuple[Any, Outbox]:
    hub, outbox = hubs.hub(), Outbox()
    await hub.join(outbox, since=since)
    return hub, outbox


def test_what_is_journalled_is_told_and_a_late_comer_catches_up(fresh_database: str) -> None:
    factory.install()

    async def scenario() -> None:
        hub, outbox = await _watch(-1)
        write = sync_to_async(_write, thread_sensitive=False)
        await write(EventName.TRADING_HALTED, 1)
        start = asyncio.get_running_loop().time()
        told = await _until(outbox, type="topic", topic="state")
        assert asyncio.get_running_loop().time() - start < 2
        alert = await _until(outbox, type="alert")
        assert alert["count"] == 1

        await hub.leave(outbox)
        await write(EventName.TRADING_RELEASED, 1)
        hub, again = await _watch(told["seq"])
        missed = set()
        while (message := await again.get())["type"] != "hb":
            missed.add(message.get("topic"))
        assert {"state", "orders", "cards", "alerts", "chart"} <= missed
        await hub.leave(again)
        assert not hub._tasks
        await sync_to_async(connections.close_all, thread_sensitive=True)()

    asyncio.run(scenario())
    assert connection.settings_dict["NAME"] == fresh_database


def test_a_hub_outlives_its_connection(fresh_database: str) -> None:
    factory.install()

    async def scenario() -> None:
        hub, outbox = await _watch(-1)
        await asyncio.sleep(0.3)
        await sync_to_async(_cut, thread_sensitive=False)()
        await sync_to_async(_write, thread_sensitive=False)(EventName.TRADING_HALTED, 2)
        await _until(outbox, type="topic", topic="state")
        await hub.leave(outbox)
        await sync_to_async(connections.close_all, thread_sensitive=True)()

    asyncio.run(scenario())


def _cut() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'aitrader live screen' AND datname = current_database()"
        )
    connections.close_all()
