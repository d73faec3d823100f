"""Rules that the database keeps whatever the code does, asked of it in plain SQL."""

from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from risk.models import Limit
from tests.factories import road as roads
from tests.factories.road import Road

APPEND_ONLY = (
    "trading_fill",
    "trading_signal",
    "trading_ledger_transaction",
    "trading_ledger_posting",
    "risk_decision",
    "compliance_journalentry",
)


@pytest.fixture(scope="module")
def traded(shared_database: str) -> Road:
    """A desk that has bought and has a stop at the venue; whatever is tried on it is refused."""
    return _traded()


def _traded() -> Road:
    road = Road(exits={"stop_loss_pct": "1"})
    road.move(101)
    road.hold()
    return road


def _run(statement: str, *parameters: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.usefixtures("traded")
def test_what_is_written_once_is_neither_changed_nor_deleted(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        assert cursor.fetchone()[0] > 0
    for statement in (
        f"UPDATE {table} SET id = id",
        f"DELETE FROM {table}",
        f"TRUNCATE {table} CASCADE",
    ):
        with pytest.raises(DatabaseError, match=r"permission denied|append-only|refuse"):
            _run(statement)


_POSTING = """
WITH entry AS (
    INSERT INTO trading_ledger_transaction (public_id, account_id, kind, at)
    SELECT %s, id, 'TEST', now() FROM trading_account RETURNING id)
INSERT INTO trading_ledger_posting (transaction_id, ledger_account, asset, amount)
SELECT entry.id, line.* FROM entry, unnest(%s::text[], %s::text[], %s::numeric[]) AS line
"""


@pytest.mark.usefixtures("traded")
@pytest.mark.parametrize(
    ("assets", "amounts"),
    [
        (["USDT"], ["1"]),
        (["USDT", "USDT"], ["1", "-0.999999999999999999"]),
        # The sum over all assets is no sum.
        (["USDT", "BTC"], ["1", "-1"]),
    ],
)
def test_a_ledger_transaction_that_does_not_balance_is_refused_at_commit(
    assets: list[str], amounts: list[str]
) -> None:
    lines = [["VENUE", "EXTERNAL"][: len(assets)], assets, amounts]
    with pytest.raises(IntegrityError, match="does not balance"):
        _run(_POSTING, "UNBALANCED", *lines)
    _run(
        _POSTING,
        f"BALANCED {'/'.join(assets)}",
        ["VENUE", "EXTERNAL"],
        ["USDT", "USDT"],
        ["1", "-1"],
    )


def test_the_balance_is_looked_at_when_all_postings_are_there(traded: Road) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_POSTING, ["HALF", ["VENUE"], ["USDT"], ["1"]])
        cursor.execute(
            "INSERT INTO trading_ledger_posting (transaction_id, ledger_account, asset, amount) "
            "SELECT id, 'EXTERNAL', 'USDT', -1 FROM trading_ledger_transaction "
            "WHERE public_id = 'HALF'"
        )


@pytest.mark.parametrize(
    "change",
    [
        "decision_id = NULL",
        "approved = false",
        pytest.param(
            "approved = NULL",
        ),
    ],
)
def test_an_order_without_an_approving_decision_is_refused(traded: Road, change: str) -> None:
    order = roads.only_order(ord_type="STOP")
    with pytest.raises(IntegrityError):
        _run(f"UPDATE trading_order SET {change} WHERE id = %s", order.pk)


@pytest.mark.usefixtures("fresh_database")
def test_a_denied_order_cannot_become_one_that_is_sent() -> None:
    traded = _traded()
    Limit.objects.filter(key="MAX_ORDER_NOTIONAL").delete()
    traded.move("100.9", 101)
    denied = roads.only_order(ord_status="DENIED")
    with pytest.raises(IntegrityError, match="trading_order_decided"):
        _run("UPDATE trading_order SET ord_status = 'CREATED' WHERE id = %s", denied.pk)
    with pytest.raises(IntegrityError, match="trading_order_verdict"):
        _run("UPDATE trading_order SET approved = true WHERE id = %s", denied.pk)
    with pytest.raises(IntegrityError, match="trading_order_verdict"):
        _run(
            "UPDATE trading_order SET approved = true, ord_status = 'CREATED' WHERE id = %s",
            denied.pk,
        )


@pytest.mark.parametrize("column", ["cl_ord_id", "intent_id", "public_id"])
def test_an_id_names_one_order_for_ever(traded: Road, column: str) -> None:
    first, second = roads.orders()
    with pytest.raises(IntegrityError, match="duplicate key"):
        _run(
            f"UPDATE trading_order SET {column} = %s WHERE id = %s",
            getattr(first, column),
            second.pk,
        )


def test_a_trade_of_the_venue_is_one_fill(traded: Road) -> None:
    columns = (
        "venue_id, account_id, instrument_id, order_id, exec_id, side, last_qty, last_px, fee, "
        "fee_asset, missing_fee_conversion, realised_pnl, liquidity, transact_time"
    )
    with pytest.raises(IntegrityError, match="trading_fill_once"):
        _run(f"INSERT INTO trading_fill ({columns}) SELECT {columns} FROM trading_fill")
