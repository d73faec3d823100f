"""The journal refuses UPDATE, DELETE and TRUNCATE, whoever asks."""

import time
from collections.abc import Iterator

import psycopg
import pytest
from django.db import ProgrammingError, connection, connections, transaction

from aitrader import env
from aitrader.embedded import postgres
from compliance.services import sequencer
from tests.integration.compliance.writing import event, write

TABLES = ("compliance_journalentry", "compliance_journalleaf")
CHANGES = {
    "compliance_journalentry": "UPDATE compliance_journalentry SET actor = 'another'",
    "compliance_journalleaf": "UPDATE compliance_journalleaf SET leaf_index = leaf_index + 1",
}


def statements(table: str) -> list[str]:
    return [CHANGES[table], f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"]


@pytest.fixture
def filled(installed_fresh: str) -> str:
    write(event())
    assert sequencer.catch_up() == 1
    return installed_fresh


def count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize("table", TABLES)
def test_the_application_may_not_even_ask(filled: str, table: str) -> None:
    for statement in statements(table):
        with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    assert count(table) == 1


def test_the_application_cannot_switch_triggers_off(filled: str) -> None:
    for statement in (
        "SET session_replication_role = replica",
        "ALTER TABLE compliance_journalentry DISABLE TRIGGER ALL",
    ):
        with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


@pytest.mark.parametrize("table", TABLES)
def test_the_owner_is_refused_by_the_trigger(filled: str, table: str) -> None:
    owner = connections["owner"]
    for statement in statements(table):
        with (
            pytest.raises(ProgrammingError, match="only ever inserted"),
            transaction.atomic(using="owner"),
            owner.cursor() as cursor,
        ):
            cursor.execute(statement)
    assert count(table) == 1


@pytest.fixture
def superuser(filled: str, fresh_database: str) -> Iterator["psycopg.Connection[tuple[object]]"]:
    if env.load().database_url is not None:
        pytest.skip("the superuser's password is known on the embedded server only")
    parameters = postgres.parameters("postgres", home=env.load().home)
    with psycopg.connect(
        host=parameters.host,
        port=parameters.port,
        user=parameters.user,
        password=parameters.password,
        dbname=fresh_database,
        autocommit=True,
    ) as made:
        pid = made.info.backend_pid
        yield made
    wait_until_gone(pid)


def wait_until_gone(pid: int) -> None:
    """A superuser's session that is still ending cannot be ended by the database's owner."""
    for _ in range(500):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", [pid])
            if cursor.fetchone()[0] == 0:
                return
        time.sleep(0.01)


@pytest.mark.parametrize("table", TABLES)
def test_a_superuser_in_replica_mode_is_refused_too(
    superuser: "psycopg.Connection[tuple[object]]", table: str
) -> None:
    superuser.execute("SET session_replication_role = replica")
    for statement in statements(table):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="only ever inserted"):
            superuser.execute(statement)
    assert count(table) == 1
