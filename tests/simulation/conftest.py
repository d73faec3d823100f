"""Runs that are never killed, once per market, and databases for those that are."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from django.db import connections
from psycopg.rows import dict_row

from aitrader import databases
from tests.conftest import _name
from tests.simulation import auditor, paper_process
from tests.simulation.auditor import Audit
from tests.simulation.markets import Market

#: What a run that was killed and started again need not have in common with one that was not:
#: it says once more that it started, and writes down some facts at another instant.
OF_THE_RUN_ITSELF = {"journal_rows", "journal_digest"}


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """A run of a market from its start to its end."""

    arguments: list[str]
    told: dict[str, Any]
    audit: Audit


class Databases:
    """Names of databases that processes make, dropped when told."""

    def __init__(self) -> None:
        self._names: list[str] = []

    def __call__(self) -> str:
        self._names.append(_name("killed"))
        return self._names[-1]

    def drop(self) -> None:
        for name in self._names:
            _drop(name)


@pytest.fixture
def database(django_db_setup: None) -> Iterator[Databases]:
    made = Databases()
    yield made
    made.drop()


@pytest.fixture(scope="session")
def undisturbed(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Market], Undisturbed]]:
    """The undisturbed run of a market."""
    known: dict[str, Undisturbed] = {}
    made = Databases()

    def of(market: Market) -> Undisturbed:
        if market.name not in known:
            folder = tmp_path_factory.mktemp(market.kind)
            arguments, name = market.arguments(folder), made()
            ended = paper_process.fork(*arguments, "--database", name, out=folder / "told.json")
            assert ended.returncode == 0, ended.stderr
            known[market.name] = Undisturbed(arguments, ended.told, audited(name))
        return known[market.name]

    yield of
    made.drop()


def audited(name: str) -> Audit:
    """What the auditor finds in the database of that name."""
    return auditor.audit(_conninfo(name))


def rows_of(name: str, query: str) -> list[dict[str, Any]]:
    """What a query finds there."""
    with psycopg.connect(**_conninfo(name), row_factory=dict_row) as connection:
        return connection.execute(query).fetchall()


def _conninfo(name: str) -> dict[str, Any]:
    given = dict(connections["owner"].get_connection_params()) | {"dbname": name}
    kept = ("host", "port", "user", "password", "dbname")
    return {key: given[key] for key in kept if given.get(key)}


def same_as(run: Undisturbed, name: str, told: Mapping[str, Any]) -> list[str]:
    """What is wrong with the books in the database of that name, or other than in `run`."""
    found = audited(name)
    wrong = [f"found {finding}" for finding in found.findings]
    wrong += [f"differs {difference}" for difference in run.audit.differences(found)]
    return wrong + [
        f"told {key}: {run.told[key]} and {value}"
        for key, value in told.items()
        if key not in OF_THE_RUN_ITSELF and value != run.told[key]
    ]


def _drop(name: str) -> None:
    """The sessions of a process that was killed end a moment after it."""
    for _ in range(50):
        try:
            databases.drop(name)
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectInUse):
            time.sleep(0.2)
        else:
            return
