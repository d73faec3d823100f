"""A worker's thread keeps its session with the database from task to task, and gets another when
that one is lost."""

import psycopg
from celery.fixups.django import DjangoWorkerFixup
from celery.signals import task_prerun
from django.db import connection

from aitrader.celery import app


def _pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def test_a_task_ends_no_session(fresh_database: str) -> None:
    before = _pid()
    # What Celery does before and after each task.
    DjangoWorkerFixup(app).close_database()
    task_prerun.send(sender=None)
    assert _pid() == before


def test_a_session_that_was_lost_is_replaced_before_the_next_task(fresh_database: str) -> None:
    before = _pid()
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("SELECT pg_terminate_backend(%s, 2000)", [before])
    task_prerun.send(sender=None)
    assert _pid() != before
