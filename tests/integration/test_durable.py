"""What is committed stays: our sessions say so whatever the server's own settings are, and a server
that may forget is refused."""

from collections.abc import Sequence

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django.test import override_settings

from aitrader import checks, databases

pytestmark = pytest.mark.usefixtures("fresh_database")


def _shown(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        return str(cursor.fetchone()[0])


def test_commits_wait_for_the_disk_where_the_server_s_usual_ones_do_not() -> None:
    given = {**connection.get_connection_params(), "options": ""}
    given.pop("cursor_factory"), given.pop("context")
    with psycopg.connect(**given) as usual:
        assert usual.execute("SHOW synchronous_commit").fetchone() == ("off",)
    assert _shown("synchronous_commit") == "on"


def test_commits_of_a_database_that_passes_do_not_wait() -> None:
    before = databases.current()
    with databases.passing("aitrader_paper_"):
        assert _shown("synchronous_commit") == "off"
    assert (databases.current(), _shown("synchronous_commit")) == (before, "on")


def test_a_server_that_may_forget_is_refused_before_anything_is_sent() -> None:
    assert _shown("fsync") == "off"
    databases.require_durable()
    with (
        override_settings(AITRADER_DURABLE=True),
        pytest.raises(ImproperlyConfigured, match="fsync must be on"),
    ):
        databases.require_durable()


@pytest.mark.parametrize("setting", ["synchronous_commit", "fsync"])
def test_the_check_of_the_database_names_what_is_off(setting: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit TO off")
    told = _told(["default"])
    assert [each for each in told if setting in each] == [
        f"default: {setting} is off, a commit may be lost"
    ]
    assert _told(None) == []
    with override_settings(AITRADER_DURABLE=True), pytest.raises(SystemCheckError, match=setting):
        call_command("check", databases=["default"])


def _told(asked: Sequence[str] | None) -> list[str]:
    with override_settings(AITRADER_DURABLE=True):
        return [each.msg for each in checks.commits_last(asked)]
