"""The hot path's way to rows: statements run as they are written.

The ORM compiles a query anew each time it is run, which costs more than the database does; here
the columns of a model are listed once. Everything off the hot path uses the ORM.

1. `load` gives real model instances, of all columns; `insert` and `update` write them.
2. `atomic` opens a transaction or joins the one that is open, without a savepoint.
3. A way to the server and back costs more than what most statements do there: `Together` reads in
   one what several selects find, `at_once` writes in one what several statements change.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from itertools import count, islice
from operator import attrgetter
from threading import local
from typing import Any, NamedTuple, TypeVar

from django.db import connections, models, transaction
from psycopg import Cursor, RawCursor

Row = TypeVar("Row", bound=models.Model)
Parameters = Sequence[Any] | Mapping[str, Any]
#: A text with `%s` for each of its parameters.
Statement = tuple[str, Sequence[Any]]

#: The instant on the clock that all processes share, the database's. A simulation sets the
#: session's `aitrader.now` and lets time pass by itself; nothing else does.
NOW = "coalesce(nullif(current_setting('aitrader.now', true), '')::timestamptz, clock_timestamp())"

#: In a transaction: its commit need not be on the disk before anything follows from it. Whatever
#: commits later and waits takes it along, for the server's log is written in order; a server that
#: dies before that has lost it whole.
SOON = "set_config('synchronous_commit', 'off', true)"
#: Its commit waits, as the session's do.
AT_ONCE = "set_config('synchronous_commit', NULL, true)"

atomic = partial(transaction.atomic, savepoint=False)


def fetch_all(statement: str, parameters: Parameters, *, using: str = "default") -> list[Any]:
    """All rows, as tuples."""
    return _run(statement, parameters, using).fetchall()


def fetch_one(statement: str, parameters: Parameters, *, using: str = "default") -> Any:
    """The first row, or None."""
    return _run(statement, parameters, using).fetchone()


def execute(statement: str, parameters: Parameters, *, using: str = "default") -> None:
    """Run a statement whose result is not asked for."""
    _run(statement, parameters, using)


class Select(NamedTuple):
    """A select and how many columns it has; the first one is never NULL."""

    text: str
    width: int


class Together:
    """Selects that are sent as one statement and see one instant."""

    def __init__(self, *selects: Select) -> None:
        self._widths = [select.width for select in selects]
        parts = map(_gathered, selects)
        whole = ", ".join(f"({part}) AS part{number}" for number, part in enumerate(parts))
        self._statement = f"SELECT * FROM {whole}"

    def fetch(self, parameters: Parameters) -> list[list[Any]]:
        """The rows of each, as tuples."""
        values = iter(fetch_one(self._statement, parameters))
        columns = (list(islice(values, width)) for width in self._widths)
        return [[] if each[0] is None else [*zip(*each, strict=True)] for each in columns]


def _gathered(select: Select) -> str:
    names = [f"c{number}" for number in range(select.width)]
    arrays = ", ".join(f"array_agg({name})" for name in names)
    return f"SELECT {arrays} FROM ({select.text}) AS found ({', '.join(names)})"


def at_once(last: Statement, **others: Statement) -> Any:
    """Run statements that change different rows as one; the first row that the last one returns.

    What another one returns can be read there by the name it is given here.
    """
    statement = _as_one(last[0], tuple((name, text) for name, (text, _) in others.items()))
    parameters = [each for _, given in others.values() for each in given]
    # Its placeholders are the server's own: psycopg reads those of long statements anew each time.
    return _run(statement, [*parameters, *last[1]], "default", RawCursor).fetchone()


@cache
def _as_one(last: str, others: tuple[tuple[str, str], ...]) -> str:
    first = ", ".join(f"{name} AS ({text})" for name, text in others)
    numbers = count(1)
    return re.sub("%[sb]", lambda _: f"${next(numbers)}", f"WITH {first} {last}")


class _Kept(local):
    """The cursors of this thread, one for each alias and statement."""

    def __init__(self) -> None:
        self.cursors: dict[tuple[str, str], tuple[str, Cursor[Any]]] = {}


_kept = _Kept()


def _run(
    statement: str, parameters: Parameters, using: str, kind: type[Cursor[Any]] = Cursor
) -> Cursor[Any]:
    """Run a statement on psycopg's own cursor: what Django's puts around it costs as much again.

    A cursor that is given the same text object again still knows how its rows are read.
    """
    connection = connections[using]
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    text, cursor = _kept.cursors.get((using, statement), (statement, None))
    with connection.wrap_database_errors:
        if cursor is None or cursor.connection is not connection.connection:
            cursor = kind(connection.connection)
            _kept.cursors[(using, statement)] = (text, cursor)
        cursor.execute(text, parameters)
    return cursor


def load(
    model: type[Row], clause: str, parameters: Parameters, *, using: str = "default"
) -> list[Row]:
    """The rows that the clause (WHERE …, ORDER BY …, FOR UPDATE) selects from the model's table."""
    names, columns, table = _columns(model)
    rows = fetch_all(f"SELECT {columns} FROM {table} {clause}", parameters, using=using)
    return [model.from_db(using, names, row) for row in rows]


def load_beside(
    model: type[Row], value: str, clause: str, parameters: Parameters
) -> tuple[list[Row], Any]:
    """What `load` gives, and an expression that is the same for all rows; None without any."""
    names, columns, table = _columns(model)
    rows = fetch_all(f"SELECT {columns}, {value} FROM {table} {clause}", parameters)
    found = [model.from_db("default", names, row[:-1]) for row in rows]
    return found, rows[0][-1] if rows else None


def insert(row: Row, *, using: str = "default") -> Row:
    """Insert a new row; its key is set."""
    (key,) = fetch_one(*insertion(row, using=using), using=using)
    return inserted(row, key, using=using)


def insertion(row: models.Model, *, using: str = "default", **read: str) -> Statement:
    """The statement that inserts a row and returns its key, and the columns of `read`: they get
    what these expressions say."""
    statement, values = _insertion(type(row), using, tuple(read.items()))
    return statement, [value(row) for value in values]


def inserted(row: Row, key: int, *, using: str = "default") -> Row:
    """The row as one that was inserted under this key."""
    row.pk = key
    row._state.adding, row._state.db = False, using
    return row


def update(row: models.Model, *columns: str, using: str = "default") -> None:
    """Write these columns of an existing row."""
    values = [getattr(row, column) for column in columns]
    execute(_update(type(row), columns), [*values, row.pk], using=using)


@cache
def _columns(model: type[models.Model]) -> tuple[list[str], str, str]:
    """Names of the attributes, the columns as text, and the table."""
    fields = model._meta.concrete_fields
    columns = ", ".join(str(field.column) for field in fields)
    return [field.attname for field in fields], columns, model._meta.db_table


@cache
def _insertion(
    model: type[models.Model], using: str, read: tuple[tuple[str, str], ...]
) -> tuple[str, list[Callable[[models.Model], Any]]]:
    expressions = dict(read)
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    given = [field for field in fields if field.column not in expressions]
    columns = ", ".join([*(str(field.column) for field in given), *expressions])
    written = ", ".join([*(["%s"] * len(given)), *expressions.values()])
    told = ", ".join(["id", *expressions])
    table = model._meta.db_table
    statement = f"INSERT INTO {table} ({columns}) VALUES ({written}) RETURNING {told}"
    return statement, [_writer(field, using) for field in given]


def _writer(field: Any, using: str) -> Callable[[models.Model], Any]:
    """What of a row goes into a column."""
    if not isinstance(field, models.JSONField):
        # The driver knows all other types of ours itself.
        return attrgetter(field.attname)
    return lambda row: field.get_db_prep_save(getattr(row, field.attname), connections[using])


@cache
def _update(model: type[models.Model], columns: tuple[str, ...]) -> str:
    known = {field.attname: field.column for field in model._meta.concrete_fields}
    changes = ", ".join(f"{known[name]} = %s" for name in columns)
    return f"UPDATE {model._meta.db_table} SET {changes} WHERE id = %s"
