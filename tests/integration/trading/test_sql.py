"""Statements as they are written: several in one, and what is held while an order is judged."""

import threading
from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from risk.models import LimitCounter
from tests.factories.road import Road
from trading.models import Account, Balance
from trading.selectors import sql
from trading.services import order_rows

pytestmark = pytest.mark.usefixtures("fresh_database")

_PAIR = sql.Select("SELECT n, 'x' || n FROM generate_series(1, %(last)s) AS n", 2)
_NONE = sql.Select("SELECT n, NULL::numeric FROM generate_series(1, 0) AS n", 2)
_HALF = sql.Select("SELECT n, NULL::numeric FROM generate_series(1, 1) AS n", 2)


def _put(asset: str, amount: str) -> sql.Statement:
    return (
        "INSERT INTO trading_balance (account_id, asset, amount) VALUES (%s, %s, %s) RETURNING id",
        [Account.objects.get().pk, asset, D(amount)],
    )


def test_selects_sent_together_give_each_its_own_rows() -> None:
    pairs, none, half = sql.Together(_PAIR, _NONE, _HALF).fetch({"last": 2})
    assert (pairs, none, half) == ([(1, "x1"), (2, "x2")], [], [(1, None)])


def test_what_one_statement_returns_is_read_by_the_last_of_them() -> None:
    Road()
    put = _put("ABC", "1.5")
    (read,) = sql.at_once(("SELECT %s || first.id FROM first", ["id "]), first=put)
    assert read == f"id {Balance.objects.get(asset='ABC').pk}"


def test_of_statements_sent_as_one_all_are_kept_or_none() -> None:
    Road()
    held = Balance.objects.first()
    assert held is not None
    with pytest.raises(IntegrityError):
        sql.at_once(_put(held.asset, "1"), first=_put("ABC", "1"))
    assert not Balance.objects.filter(asset="ABC").exists()


def test_a_statement_that_was_run_before_is_run_on_the_connection_of_now() -> None:
    for _ in range(2):
        assert sql.fetch_all("SELECT %s::int", [7]) == [(7,)]
        connection.close()


def test_after_an_error_nothing_more_is_run_in_the_transaction() -> None:
    with transaction.atomic():
        with pytest.raises(DatabaseError), transaction.atomic(savepoint=False):
            sql.execute("SELECT 1 / %s", [0])
        with pytest.raises(transaction.TransactionManagementError):
            sql.execute("SELECT %s::int", [1])


def test_who_waits_for_an_account_sees_what_the_one_before_left() -> None:
    """Counter and peak are those of the instant at which both are held."""
    road = Road()
    road.move(100)
    store, account = order_rows.of(road.desk), road.desk.account
    later = road.moment
    seen: list[tuple[int, D, D]] = []
    asking = threading.Event()

    def wait_for_it() -> None:
        try:
            with transaction.atomic():
                asking.set()
                counter, peak = store.hold(later)
                seen.append((counter.orders, counter.notional, peak))
        finally:
            connection.close()

    with transaction.atomic():
        before, peak = store.hold(later)
        waiting = threading.Thread(target=wait_for_it)
        waiting.start()
        assert asking.wait(10)
        _wait_until_somebody_waits()
        LimitCounter.objects.filter(pk=before.pk).update(orders=41, notional=D("4.5"))
        Account.objects.filter(pk=account.pk).update(peak_equity=peak + 1)
    waiting.join(10)
    assert seen == [(41, D("4.5"), peak + 1)]


def test_the_first_order_of_a_day_holds_a_counter_of_its_own() -> None:
    road = Road()
    road.move(100)
    at = road.moment
    tomorrow = type(at)(at.market + timedelta(days=1), at.wall)
    with transaction.atomic():
        counter, _ = order_rows.of(road.desk).hold(tomorrow)
    assert (counter.day, counter.orders) == (tomorrow.market.date(), 0)
    assert LimitCounter.objects.filter(day=counter.day).count() == 1


def _wait_until_somebody_waits() -> None:
    asked = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    for _ in range(200):
        if sql.fetch_one(asked, [])[0]:
            return
        threading.Event().wait(0.02)
    raise AssertionError("nobody waits for the lock")
