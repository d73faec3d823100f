"""Settings by subject: two roles on one database, a strict policy, logs without secrets."""

import json
import logging
from typing import Any

import pytest
from csp.constants import UNSAFE_EVAL, UNSAFE_INLINE
from django.conf import settings
from django.http import HttpResponse
from django.test import RequestFactory

from aitrader.checks import admin_asks_second_factor, app_floors, no_eager_tasks
from aitrader.env import Env
from aitrader.settings.parts.csp import PolicyMiddleware
from aitrader.settings.parts.database import databases


def _databases(**urls: str) -> dict[str, dict[str, Any]]:
    return databases(Env.model_validate(urls))


def test_two_urls_are_two_roles() -> None:
    found = _databases(
        DATABASE_URL="postgresql://app:p%40ss@db.example:6432/desk?sslmode=require",
        DATABASE_OWNER_URL="postgresql://owner:secret@db.example/desk",
    )
    app, owner = found["default"], found["owner"]
    assert (app["USER"], app["PASSWORD"], app["HOST"], app["PORT"], app["NAME"]) == (
        *("app", "p@ss", "db.example", "6432"),
        "desk",
    )
    assert app["OPTIONS"]["sslmode"] == "require"
    assert "statement_timeout=30s" in app["OPTIONS"]["options"]
    assert owner["USER"] == "owner"
    assert "statement_timeout" not in owner["OPTIONS"]["options"]


def test_one_url_serves_both() -> None:
    found = _databases(DATABASE_URL="postgresql://one@/desk?host=/run/postgresql")
    assert found["owner"]["USER"] == found["default"]["USER"] == "one"
    assert found["default"]["HOST"] == "/run/postgresql"


def test_an_address_without_a_database_is_one_line() -> None:
    with pytest.raises(SystemExit, match="names no database"):
        _databases(DATABASE_URL="postgresql://app@db.example")


@pytest.mark.parametrize(
    ("path", "relaxed"), [("/", False), ("/admin/", True), ("/administration", False)]
)
def test_only_the_admin_may_evaluate(path: str, relaxed: bool) -> None:
    middleware = PolicyMiddleware(lambda request: HttpResponse())
    response = middleware.process_response(RequestFactory().get(path), HttpResponse())
    policy = response.headers["Content-Security-Policy"]
    assert (UNSAFE_EVAL in policy) is relaxed
    assert (UNSAFE_INLINE in policy) is relaxed
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy


def test_a_log_line_is_json_without_local_variables() -> None:
    def fail() -> None:
        seed = "hush-" + "otp"
        raise ValueError(len(seed))

    formatter = _formatter()
    try:
        fail()
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
        record = logging.LogRecord("desk", logging.ERROR, "f", 1, "failed %s", ("x",), info)
    line = formatter.format(record)
    parsed = json.loads(line)
    assert parsed["event"] == "failed x"
    assert parsed["level"] == "error"
    assert parsed["exception"][0]["exc_type"] == "ValueError"
    assert "hush-otp" not in line


@pytest.mark.parametrize(
    ("logger", "status", "traced"),
    [
        ("django.request", 403, False),
        ("django.request", 400, False),
        ("django.security.DisallowedHost", 400, False),
        ("django.request", 500, True),
        # Another part's own failure, whatever it calls its figures.
        ("desk", 403, True),
    ],
)
def test_only_a_fault_of_the_desk_is_logged_with_its_traceback(
    logger: str, status: int, traced: bool
) -> None:
    try:
        raise PermissionError("/admin/")
    except PermissionError as error:
        info = (type(error), error, error.__traceback__)
        record = logging.LogRecord(logger, logging.WARNING, "f", 1, "said %s", ("x",), info)
    record.status_code = status
    line = _formatter().format(record)
    assert "\n" not in line
    assert json.loads(line)["event"] == "said x"
    assert ("exception" in json.loads(line)) is traced


def _formatter() -> logging.Formatter:
    description = dict(settings.LOGGING["formatters"]["json"])
    made: logging.Formatter = description.pop("()")(**description)
    return made


def test_tasks_are_never_eager(settings: Any) -> None:
    assert no_eager_tasks(None) == []
    settings.CELERY_TASK_ALWAYS_EAGER = True
    assert [error.id for error in no_eager_tasks(None)] == ["aitrader.E001"]


def test_the_admin_site_is_ours_and_keys_point_down() -> None:
    assert admin_asks_second_factor(None) == []
    assert app_floors(None) == []


def test_what_the_cards_promise() -> None:
    assert settings.PASSWORD_HASHERS
    assert settings.CELERY_ACCEPT_CONTENT == ["json"]
    assert settings.CELERY_TASK_ACKS_LATE
    assert settings.SESSION_COOKIE_HTTPONLY
    assert settings.AUTHENTICATION_BACKENDS[0] == "axes.backends.AxesStandaloneBackend"
    assert "unfold" not in settings.INSTALLED_APPS
