"""Databases of the one server: made, cloned from a migrated template, dropped, and switched to.

1. Text is ordered bytewise (collation C) on every server, so that equal data sorts equally.
2. A template is migrated once per state of the migrations and cloned from then on.
3. The application's role owns nothing; on append-only tables it may insert and read, no more.
"""

import hashlib
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connections, transaction
from psycopg import sql

from aitrader.settings.parts.database import WAITS, WAITS_NOT

ALIASES = ("default", "venue", "owner")
# A table that refuses changes by trigger is one that the role may not change either.
_REFUSING = """
SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger
  JOIN pg_proc ON pg_proc.oid = tgfoid WHERE proname = 'aitrader_refuse_change'
"""
_FORGETFUL = """
SELECT name FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit') AND setting = 'off'
 ORDER BY name
"""
_TEMPLATE_PREFIX = "aitrader_template_"
_KEPT_TEMPLATES = 4
#: What passing databases are named: no other may begin so.
_PASSING_PREFIXES = ("aitrader_paper_", "aitrader_simulate_", "aitrader_bench_")
_SUFFIX_BYTES = 4
# Any constant will do: it names the lock under which one process builds or grants.
_BUILD_LOCK = 0x6169_7472
_GRANT_LOCK = 0x6169_7473


def exists(name: str) -> bool:
    """Tell whether the server has a database of this name."""
    with _maintenance() as connection:
        return _exists(connection, name)


def names(prefix: str) -> list[str]:
    """Return the server's databases whose name starts with `prefix`, in order."""
    query = "SELECT datname FROM pg_database WHERE starts_with(datname, %s) ORDER BY 1"
    with _maintenance() as connection:
        return [str(row[0]) for row in connection.execute(query, [prefix])]


def is_reserved(name: str) -> bool:
    """Tell whether a database of this name may be dropped without being asked for."""
    return name.startswith((*_PASSING_PREFIXES, _TEMPLATE_PREFIX))


def create(name: str, *, template: str | None = None) -> None:
    """Create a database: empty with bytewise collation, or a clone of `template`."""
    with _maintenance() as connection:
        _create(connection, name, template)


@contextmanager
def passing(prefix: str) -> Iterator[str]:
    """A clone of the migrated template, in use until it is dropped at the end.

    No commit in it waits for the disk. Those of this prefix whose process died are dropped first:
    a living process holds the lock of its database's name.
    """
    name, source = f"{prefix}{secrets.token_hex(_SUFFIX_BYTES)}", template()
    before = current()
    with _maintenance() as connection:
        connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [name])
        _forget_dead(connection, prefix)
        _create(connection, name, source)
        use(name, waits=False)
        try:
            yield name
        finally:
            use(before)
            _drop(connection, name)


def drop(name: str) -> None:
    """Drop a database if it exists, and end the sessions that use it."""
    if settings.DATABASES["default"]["NAME"] == name:
        _close()
    with _maintenance() as connection:
        _drop(connection, name)


def current() -> str:
    """Return the name of the database in use."""
    return str(connections["default"].settings_dict["NAME"])


def is_ours() -> bool:
    """Tell whether the database in use has the tables of a desk."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.compliance_installation') IS NOT NULL")
        return bool(cursor.fetchone()[0])


def use(name: str, *, waits: bool = True) -> None:
    """Point every alias at the database `name`, whose commits wait for the disk unless told not to.
    Other threads must reconnect by themselves."""
    _close()
    for alias in ALIASES:
        # The second is what connections made by any thread from now on are built from.
        known = (settings.DATABASES, connections.settings)
        for kept in (*(each[alias] for each in known), connections[alias].settings_dict):
            options = str(kept["OPTIONS"]["options"])
            former, wanted = (WAITS_NOT, WAITS) if waits else (WAITS, WAITS_NOT)
            kept["OPTIONS"] = {**kept["OPTIONS"], "options": options.replace(former, wanted)}
            kept["NAME"] = name


def forgetful(alias: str = "default") -> list[str]:
    """The settings by which the server may lose what it has told as committed."""
    with connections[alias].cursor() as cursor:
        cursor.execute(_FORGETFUL)
        return [str(name) for (name,) in cursor.fetchall()]


def require_durable() -> None:
    """Raises ImproperlyConfigured where a committed order could be lost with its server; nothing of
    the kind is asked of tests."""
    found = forgetful() if settings.AITRADER_DURABLE else []
    if found:
        raise ImproperlyConfigured(
            f"the database server may lose what is committed: {' and '.join(found)} must be on"
        )


def migrate() -> None:
    """Bring the database in use to the newest migration, as its owner; then grant."""
    call_command("migrate", database="owner", interactive=False, verbosity=0)


def template() -> str:
    """Return the name of a migrated database to clone; build it when the migrations changed."""
    name = f"{_TEMPLATE_PREFIX}{_fingerprint()}"
    with _maintenance() as connection:
        if _is_finished(connection, name):
            return name
        connection.execute("SELECT pg_advisory_lock(%s)", [_BUILD_LOCK])
        if not _is_finished(connection, name):
            _build(connection, name)
            _forget_old(connection)
    return name


def grant() -> None:
    """Give the application's role its rights on every table of the database in use.

    Converging: a right that is not listed here is taken away. Nothing to do where one role
    both owns and uses the tables.
    """
    app = connections["default"].settings_dict["USER"]
    if app == connections["owner"].settings_dict["USER"]:
        return
    role = sql.Identifier(app)
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_GRANT_LOCK])
        cursor.execute(_REFUSING)
        append_only = sorted(row[0] for row in cursor.fetchall())
        for statement in (
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
            "GRANT USAGE ON SCHEMA public TO {role}",
            "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
            "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
        ):
            cursor.execute(sql.SQL(statement).format(role=role))
        for table in append_only:
            statement = f"REVOKE UPDATE, DELETE ON {table} FROM {{role}}"
            cursor.execute(sql.SQL(statement).format(role=role))
        cursor.execute(
            sql.SQL("REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {}").format(role)
        )


@contextmanager
def _maintenance() -> "Iterator[psycopg.Connection[tuple[Any, ...]]]":
    """Connect as the owner to the server's own database: there databases are made."""
    parameters = dict(connections["owner"].get_connection_params())
    wanted = ("host", "port", "user", "password", "sslmode", "sslrootcert", "sslcert", "sslkey")
    kept = {key: parameters[key] for key in wanted if parameters.get(key)}
    with psycopg.connect(**kept, dbname="postgres", autocommit=True) as connection:
        yield connection


def _exists(connection: "psycopg.Connection[tuple[Any, ...]]", name: str) -> bool:
    row = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
    return row is not None


def _create(
    connection: "psycopg.Connection[tuple[Any, ...]]", name: str, source: str | None
) -> None:
    made = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
        sql.Identifier(name), sql.Identifier(source or "template0")
    )
    if source is None:
        made += sql.SQL(" ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'")
    connection.execute(made)


def _drop(connection: "psycopg.Connection[tuple[Any, ...]]", name: str) -> None:
    statement = sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name))
    try:
        connection.execute(statement + sql.SQL(" WITH (FORCE)"))
    except psycopg.errors.InsufficientPrivilege:
        # An autovacuum worker is not ours to end; without FORCE the server ends it by itself.
        connection.execute(statement)


def _is_finished(connection: "psycopg.Connection[tuple[Any, ...]]", name: str) -> bool:
    row = connection.execute(
        "SELECT 1 FROM pg_database WHERE datname = %s AND NOT datallowconn", [name]
    ).fetchone()
    return row is not None


def _build(connection: "psycopg.Connection[tuple[Any, ...]]", name: str) -> None:
    """Migrate a new database; that it refuses connections says that it is complete."""
    _drop(connection, name)
    _create(connection, name, None)
    before = current()
    try:
        use(name)
        migrate()
    finally:
        use(before)
    # A session in the template would make every clone fail.
    statement = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false")
    connection.execute(statement.format(sql.Identifier(name)))


def _forget_old(connection: "psycopg.Connection[tuple[Any, ...]]") -> None:
    rows = connection.execute(
        "SELECT datname FROM pg_database WHERE starts_with(datname, %s) "
        "ORDER BY oid DESC OFFSET %s",
        [_TEMPLATE_PREFIX, _KEPT_TEMPLATES],
    ).fetchall()
    for (name,) in rows:
        _drop(connection, name)


def _forget_dead(connection: "psycopg.Connection[tuple[Any, ...]]", prefix: str) -> None:
    query = "SELECT datname FROM pg_database WHERE datname ~ %s"
    ours = f"^{re.escape(prefix)}[0-9a-f]{{{2 * _SUFFIX_BYTES}}}$"
    for (name,) in connection.execute(query, [ours]).fetchall():
        lock = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
        row = connection.execute(lock, [name]).fetchone()
        if row is not None and row[0]:
            _drop(connection, name)


def _fingerprint() -> str:
    """Hash everything that decides what a migrated database looks like."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    digest.update(str(connections["default"].settings_dict["USER"]).encode())
    for config in sorted(apps.get_app_configs(), key=lambda each: each.label):
        for file in sorted(Path(config.path, "migrations").rglob("*")):
            if file.suffix in {".py", ".sql"}:
                digest.update(f"{config.label}/{file.name}\0".encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _close() -> None:
    for alias in ALIASES:
        connections[alias].close()
