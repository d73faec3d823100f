"""Databases: cloned from a migrated template, used by a role that may not do everything."""

import os
import threading

import pytest
from django.contrib.auth.models import Group
from django.db import ProgrammingError, connection, connections, transaction

from aitrader import databases
from aitrader.kernel.clock import WALL
from compliance.domain.roles import Role
from compliance.services import access, installation

APPEND_ONLY = (
    "compliance_journalentry",
    "compliance_journalleaf",
    "risk_decision",
    "trading_fill",
    "trading_ledger_posting",
    "trading_ledger_transaction",
    "trading_signal",
)


def _value(query: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(query)
        row = cursor.fetchone()
    return row[0] if row else None


def _rights(table: str) -> set[str]:
    rights = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "TRIGGER")
    return {
        right
        for right in rights
        if _value(f"SELECT has_table_privilege(current_user, '{table}', '{right}')")
    }


@pytest.mark.django_db
def test_the_application_is_no_superuser_and_creates_nothing() -> None:
    assert _value("SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles "
                  "WHERE rolname = current_user") is False  # fmt: skip
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        _value("CREATE TABLE intruder (id int)")


@pytest.mark.django_db
@pytest.mark.parametrize("table", APPEND_ONLY)
def test_append_only_tables_take_rows_and_keep_them(table: str) -> None:
    assert _rights(table) == {"SELECT", "INSERT"}


@pytest.mark.django_db
def test_other_tables_may_be_written_and_none_truncated() -> None:
    assert _rights("trading_order") == {"SELECT", "INSERT", "UPDATE", "DELETE"}
    assert _rights("django_migrations") == {"SELECT"}


@pytest.mark.django_db
def test_text_is_ordered_bytewise_and_sessions_are_utc_with_time_limits() -> None:
    name = databases.current()
    assert _value(f"SELECT datcollate FROM pg_database WHERE datname = '{name}'") == "C"
    assert _value("SELECT 'Z' < 'a' AND 'a' < 'é'") is True
    assert _value("SHOW timezone") == "UTC"
    assert _value("SHOW statement_timeout") == "30s"
    assert _value("SHOW lock_timeout") == "5s"
    assert _value("SHOW idle_in_transaction_session_timeout") == "30s"


def test_a_fresh_database_is_migrated_commits_and_is_seen_by_threads(fresh_database: str) -> None:
    assert databases.current() == fresh_database
    with transaction.atomic():
        _value("INSERT INTO django_session VALUES ('k', 'v', now()) RETURNING session_key")
    seen: list[object] = []

    def look() -> None:
        seen.append(_value("SELECT current_database()"))
        seen.append(_value("SELECT count(*) FROM django_session"))
        connections.close_all()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [fresh_database, 1]


def test_a_clone_starts_from_the_template_again(fresh_database: str) -> None:
    assert _value("SELECT count(*) FROM django_session") == 0


def test_granting_takes_away_what_is_not_due(fresh_database: str) -> None:
    user = connections["default"].settings_dict["USER"]
    with connections["owner"].cursor() as cursor:
        cursor.execute(f'GRANT ALL ON trading_fill TO "{user}"')
    assert "TRUNCATE" in _rights("trading_fill")
    databases.grant()
    databases.grant()
    assert _rights("trading_fill") == {"SELECT", "INSERT"}


def test_create_exists_drop(fresh_database: str) -> None:
    name = f"{fresh_database}_again"
    assert not databases.exists(name)
    databases.create(name, template=databases.template())
    assert databases.exists(name)
    databases.drop(name)
    databases.drop(name)
    assert not databases.exists(name)


def test_a_migration_gives_the_roles_the_rights_of_this_release(fresh_database: str) -> None:
    installation.install(namespace="seed-1", now=WALL.now())
    access.sync_roles()
    trader = Group.objects.get(name=Role.TRADER)
    granted = set(trader.permissions.values_list("codename", flat=True))
    trader.permissions.clear()
    databases.migrate()
    assert set(trader.permissions.values_list("codename", flat=True)) == granted


def test_only_passing_databases_of_dead_processes_are_dropped(django_db_setup: None) -> None:
    # A prefix of this test's own: others may be running beside it.
    prefix = f"aitrader_test_{os.getpid()}_passing_"
    kept = [f"{prefix}mine", f"{prefix}0123456", f"{prefix}01234567_2", f"{prefix}0123456x"]
    left = f"{prefix}01234567"
    try:
        for name in (*kept, left):
            databases.create(name)
        with databases.passing(prefix) as name, databases.passing(prefix) as other:
            # The first one's process lives.
            assert set(databases.names(prefix)) == {*kept, name, other}
        assert databases.names(prefix) == sorted(kept)
    finally:
        for name in databases.names(prefix):
            databases.drop(name)
