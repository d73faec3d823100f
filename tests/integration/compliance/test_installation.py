"""The row that names a database."""

import pytest

from aitrader.kernel.errors import BadInput
from compliance.models import AlertCursor, Installation, JournalHead
from compliance.services import installation
from tests.integration.compliance.writing import NOW


def test_a_name_is_kept(installed: str) -> None:
    assert installed == "seed-1"
    assert installation.install(namespace=None, now=NOW) == "seed-1"
    assert installation.namespace() == "seed-1"
    assert [m.objects.count() for m in (Installation, JournalHead, AlertCursor)] == [1, 1, 1]


def test_another_name_is_refused(installed: str) -> None:
    with pytest.raises(BadInput, match="installed as seed-1, not as seed-2"):
        installation.install(namespace="seed-2", now=NOW)


@pytest.mark.django_db
def test_without_a_name_one_is_drawn() -> None:
    assert len(installation.install(namespace=None, now=NOW)) == 32


def test_before_installation_there_is_one_clear_line(fresh_database: str) -> None:
    with pytest.raises(BadInput, match="not installed yet"):
        installation.namespace()
