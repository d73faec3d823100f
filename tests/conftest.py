"""How the tests get a database, and what each folder may touch.

1. `tests/unit` opens no socket and no database.
2. Everything else works on a clone of a migrated template, as the application's role, which can
   neither truncate nor disable a trigger: nothing is ever flushed.
3. `db` (or `@pytest.mark.django_db`) rolls back; `fresh_database` gives a test that needs real
   commits a clone of its own, `shared_database` one for its whole module.
4. The tests' own cluster never waits for the disk, so a loss of power may spoil it: then remove
   var/test. What holds of the desk's cluster is proved in homes of their own.
"""

import gc
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pytest_socket import disable_socket, enable_socket

from aitrader import databases, env
from aitrader.embedded import layout, postgres, roles
from tests.tiers import chromium

TESTS = Path(__file__).parent
UNIT, SERVICES = TESTS / "unit", TESTS / "services"
_DATABASE_FIXTURES = {
    "db",
    "transactional_db",
    "django_db_setup",
    "fresh_database",
    "shared_database",
}
_counter = itertools.count(1)
_UNSAFE = """\
# Written by the tests: here nothing is kept, and every clone that is dropped is a checkpoint.
fsync = off
full_page_writes = off
synchronous_commit = off
max_wal_size = 256MB
# A database lives for seconds, and cannot be dropped while it is vacuumed.
autovacuum = off
"""

hypothesis_settings.register_profile(
    "default", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.register_profile("prove", deadline=None, max_examples=2_000)


def pytest_configure(config: pytest.Config) -> None:
    gc.disable()
    proving = config.getoption("markexpr").startswith("prove")
    hypothesis_settings.load_profile("prove" if proving else "default")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the long proofs and what has no servers out of a plain run; refuse what flushes."""
    expression = config.getoption("markexpr")
    without_servers = env.load().database_url is None or env.load().redis_url is None
    kept, left = [], []
    for item in items:
        _refuse_wrong_place(item)
        if item.get_closest_marker("prove") and "prove" not in expression:
            left.append(item)
            continue
        if item.get_closest_marker("services") and without_servers:
            item.add_marker(pytest.mark.skip(reason="DATABASE_URL and REDIS_URL are not set"))
        if item.get_closest_marker("browser") and chromium() is None:
            item.add_marker(pytest.mark.skip(reason="no Chromium found"))
        kept.append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left)


def pytest_collection_finish() -> None:
    """Modules and tests live as long as the run: looking through them again and again for garbage
    took a seventh of the processor. There is memory enough to look for it seldom."""
    gc.freeze()
    gc.set_threshold(20_000)
    gc.enable()


def _refuse_wrong_place(item: pytest.Item) -> None:
    if bool(item.get_closest_marker("services")) != (SERVICES in item.path.parents):
        raise pytest.UsageError(f"{item.nodeid}: tests/services is for what is marked so, and only")
    fixtures = set(getattr(item, "fixturenames", ()))
    mark = item.get_closest_marker("django_db")
    if UNIT in item.path.parents and (mark or fixtures & _DATABASE_FIXTURES):
        raise pytest.UsageError(f"{item.nodeid}: a unit test uses no database")
    if "transactional_db" in fixtures or (mark and mark.kwargs.get("transaction")):
        raise pytest.UsageError(f"{item.nodeid}: use fresh_database, nothing may be flushed")


@pytest.fixture(autouse=True)
def _no_sockets_in_unit_tests(request: pytest.FixtureRequest) -> Iterator[None]:
    if UNIT not in request.path.parents:
        yield
        return
    # An event loop wakes itself through a Unix socket pair.
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()


@pytest.fixture(scope="session")
def template_database(django_db_blocker: "pytest.FixtureRequest") -> str:
    """The name of a migrated database to clone."""
    if env.load().database_url is None:
        _wait_for_no_disk(postgres.start())
    with django_db_blocker.unblock():  # type: ignore[attr-defined]  # pytest-django's blocker is untyped
        if env.load().database_url is None:
            _drop_leftovers()
        return databases.template()


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest, django_db_blocker: "pytest.FixtureRequest"
) -> Iterator[None]:
    """Give this worker its own clone; overrides the fixture of pytest-django."""
    blocker = django_db_blocker
    with blocker.unblock():  # type: ignore[attr-defined]  # pytest-django's blocker is untyped
        template: str = request.getfixturevalue("template_database")
        before = databases.current()
        name = _name("worker")
        databases.create(name, template=template)
        databases.use(name)
    yield
    with blocker.unblock():  # type: ignore[attr-defined]  # as above
        databases.use(before)
        databases.drop(name)


@contextmanager
def _clone(template: str, blocker: "pytest.FixtureRequest", kind: str) -> Iterator[str]:
    with blocker.unblock():  # type: ignore[attr-defined]  # as above
        before = databases.current()
        name = _name(kind)
        databases.create(name, template=template)
        databases.use(name)
        try:
            yield name
        finally:
            databases.use(before)
            databases.drop(name)


@pytest.fixture
def fresh_database(
    django_db_setup: None, template_database: str, django_db_blocker: "pytest.FixtureRequest"
) -> Iterator[str]:
    """A migrated database for one test: commits are real, threads may connect."""
    with _clone(template_database, django_db_blocker, "fresh") as name:
        yield name


@pytest.fixture(scope="module")
def shared_database(
    django_db_setup: None, template_database: str, django_db_blocker: "pytest.FixtureRequest"
) -> Iterator[str]:
    """One for all tests of a module: they leave nothing behind that another would stumble over."""
    with _clone(template_database, django_db_blocker, "shared") as name:
        yield name


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The system's Chromium, for `playwright` to launch with `--no-sandbox`."""
    found = chromium()
    if found is None:
        pytest.skip("no Chromium found")
    return found


def _wait_for_no_disk(cluster: postgres.Cluster) -> None:
    """In the home of the tests only: a file beside the configuration counts for more than it."""
    home, file = cluster.layout.home, cluster.layout.data / "local.conf"
    assert home.name == "test", home
    if file.exists() and file.read_text(encoding="utf-8") == _UNSAFE:
        return
    file.write_text(_UNSAFE, encoding="utf-8")
    layout.give(cluster.layout, file)
    with cluster.parameters(roles.SUPERUSER, "postgres").connect() as connection:
        connection.execute("SELECT pg_reload_conf()")


def _drop_leftovers() -> None:
    """Drop the clones of runs that were killed; on a shared server ids of processes say nothing."""
    for name in databases.names("aitrader_test_"):
        if not psutil.pid_exists(int(name.split("_")[2])):
            databases.drop(name)


def _name(kind: str) -> str:
    # The process id keeps runs apart that share a server.
    return f"aitrader_test_{os.getpid()}_{kind}_{next(_counter)}"
