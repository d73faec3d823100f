"""The hot path's way to rows: statements run as they are written.

The ORM compiles a query anew each time it is run, which costs more than the database does; here
the columns of a model are listed once. Everything off the hot path uses the ORM.

1. `load` gives real model instances, of all columns; `insert` and `update` write them.
2. `atomic` opens a transaction or joins the one that is open, without a savepoint.
"""

from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any, TypeVar

from django.db import connections, models, transaction

Row = TypeVar("Row", bound=models.Model)
Parameters = Sequence[Any] | Mapping[str, Any]

#: The instant on the clock that all processes share, the database's. A simulation sets the
#: session's `aitrader.now` and lets time pass by itself; nothing else does.
NOW = "coalesce(nullif(current_setting('aitrader.now', true), '')::timestamptz, clock_timestamp())"

atomic = partial(transaction.atomic, savepoint=False)


def fetch_all(statement: str, parameters: Parameters, *, using: str = "default") -> list[Any]:
    """All rows, as tuples."""
    with connections[using].cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def fetch_one(statement: str, parameters: Parameters, *, using: str = "default") -> Any:
    """The first row, or None."""
    with connections[using].cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchone()


def execute(statement: str, parameters: Parameters, *, using: str = "default") -> None:
    """Run a statement whose result is not asked for."""
    with connections[using].cursor() as cursor:
        cursor.execute(statement, parameters)


def load(
    model: type[Row], clause: str, parameters: Parameters, *, using: str = "default"
) -> list[Row]:
    """The rows that the clause (WHERE …, ORDER BY …, FOR UPDATE) selects from the model's table."""
    names, select, _ = _statements(model)
    rows = fetch_all(f"{select} {clause}", parameters, using=using)
    return [model.from_db(using, names, row) for row in rows]


def insert(row: Row, *, using: str = "default") -> Row:
    """Insert a new row; its key is set."""
    fields = [field for field in row._meta.concrete_fields if not field.primary_key]
    _, _, statement = _statements(type(row))
    connection = connections[using]
    values = [field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields]
    (row.pk,) = fetch_one(statement, values, using=using)
    row._state.adding, row._state.db = False, using
    return row


def update(row: models.Model, *columns: str, using: str = "default") -> None:
    """Write these columns of an existing row."""
    values = [getattr(row, column) for column in columns]
    execute(_update(type(row), columns), [*values, row.pk], using=using)


@cache
def _statements(model: type[models.Model]) -> tuple[list[str], str, str]:
    table = model._meta.db_table
    fields = model._meta.concrete_fields
    columns = ", ".join(str(field.column) for field in fields)
    written = [str(field.column) for field in fields if not field.primary_key]
    marks = ", ".join(["%s"] * len(written))
    return (
        [field.attname for field in fields],
        f"SELECT {columns} FROM {table}",
        f"INSERT INTO {table} ({', '.join(written)}) VALUES ({marks}) RETURNING id",
    )


@cache
def _update(model: type[models.Model], columns: tuple[str, ...]) -> str:
    known = {field.attname: field.column for field in model._meta.concrete_fields}
    changes = ", ".join(f"{known[name]} = %s" for name in columns)
    return f"UPDATE {model._meta.db_table} SET {changes} WHERE id = %s"
