"""Statements of the hot path, run as they are written: the ORM's compiler costs more than the
database does."""

from collections.abc import Sequence
from typing import Any

from django.db import connection


def fetch_all(statement: str, parameters: Sequence[object] | dict[str, object]) -> list[Any]:
    """All rows, as tuples."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def fetch_one(statement: str, parameters: Sequence[object] | dict[str, object]) -> Any:
    """The first row, or None."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchone()


def execute(statement: str, parameters: Sequence[object] | dict[str, object]) -> int:
    """How many rows were touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.rowcount
