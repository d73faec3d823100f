"""The embedded cluster: starts, is shared, survives kill -9, stops with its last user."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from aitrader.embedded import postgres
from aitrader.env import REPOSITORY

# A process that uses the cluster of a folder until it is told to end.
USER = """
import pathlib, sys, time
from aitrader.embedded import postgres
cluster = postgres.start(pathlib.Path(sys.argv[1]))
print(cluster.pid, flush=True)
time.sleep(60)
"""
ONCE = USER.replace("time.sleep(60)", "")


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder of its own, with a path short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    folder.chmod(0o755)
    yield folder
    postgres.stop(folder)
    pid = _postmaster(folder)
    if pid is not None:
        os.kill(pid, signal.SIGQUIT)
    shutil.rmtree(folder)


def _postmaster(home: Path) -> int | None:
    try:
        pid = int((home / "pg" / "postmaster.pid").read_text().splitlines()[0])
    except FileNotFoundError:
        return None
    return pid if psutil.pid_exists(pid) else None


def _run(home: Path, code: str = ONCE) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code, str(home)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _spawn(home: Path) -> "tuple[subprocess.Popen[str], int]":
    process = subprocess.Popen(
        [sys.executable, "-c", USER, str(home)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def _end(process: "subprocess.Popen[str]", number: int) -> None:
    process.send_signal(number)
    process.wait(30)
    if process.stdout is not None:
        process.stdout.close()


def _gone(pid: int, seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while psutil.pid_exists(pid) and time.monotonic() < deadline:
        if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return not psutil.pid_exists(pid)


def test_start_twice_gives_the_same_cluster_with_safe_settings(home: Path) -> None:
    first = postgres.start(home)
    assert first.own
    assert postgres.start(home) is first
    with first.parameters("aitrader_app").connect() as connection:
        for name, value in (
            ("fsync", "on"),
            ("full_page_writes", "on"),
            ("synchronous_commit", "on"),
            ("data_checksums", "on"),
            ("listen_addresses", ""),
            ("password_encryption", "scram-sha-256"),
        ):
            row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
            assert row == (value,), name


def test_every_role_needs_its_password_and_files_are_private(home: Path) -> None:
    cluster = postgres.start(home)
    parameters = cluster.parameters("aitrader_app")
    for role in ("aitrader_app", "aitrader_owner", "postgres"):
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(
                host=parameters.host, port=parameters.port, user=role, password="x", dbname=role
            )
        secret = home / "secrets" / f"{role}.password"
        assert secret.stat().st_mode & 0o777 == 0o600
    assert "password" not in repr(parameters)
    assert (home / "pg").stat().st_mode & 0o777 == 0o700


def test_roles_may_do_what_they_need_and_no_more(home: Path) -> None:
    cluster = postgres.start(home)
    with cluster.parameters("postgres", "postgres").connect() as connection:
        rows = connection.execute(
            "SELECT rolname, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls "
            "FROM pg_roles WHERE rolname LIKE 'aitrader%' ORDER BY 1"
        ).fetchall()
        owner = connection.execute(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'aitrader'"
        ).fetchone()
    assert rows == [
        ("aitrader_app", False, False, False, False, False),
        ("aitrader_owner", False, True, False, False, False),
    ]
    assert owner == ("aitrader_owner",)


def test_the_database_stops_with_its_only_user(home: Path) -> None:
    done = _run(home)
    assert done.returncode == 0, done.stderr
    assert _gone(int(done.stdout))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_database_too(home: Path, number: int) -> None:
    process, pid = _spawn(home)
    _end(process, number)
    assert _gone(pid)


def test_the_last_of_two_users_stops_it(home: Path) -> None:
    first, pid = _spawn(home)
    second, same = _spawn(home)
    assert pid == same
    _end(first, signal.SIGTERM)
    assert psutil.pid_exists(pid)
    _end(second, signal.SIGTERM)
    assert _gone(pid)


def test_after_kill_of_the_user_the_next_one_takes_over(home: Path) -> None:
    process, pid = _spawn(home)
    _end(process, signal.SIGKILL)
    cluster = postgres.start(home)
    with cluster.parameters("aitrader_app").connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    postgres.stop(home)
    assert _gone(pid)


def test_what_was_committed_survives_kill_of_everything(home: Path) -> None:
    process, pid = _spawn(home)
    parameters = postgres.parameters("aitrader_owner", home=home)
    with parameters.connect() as connection:
        connection.execute("CREATE TABLE kept (id int)")
        connection.execute("INSERT INTO kept VALUES (7)")
        os.kill(pid, signal.SIGKILL)
        _end(process, signal.SIGKILL)
    cluster = postgres.start(home)
    assert cluster.pid != pid
    with cluster.parameters("aitrader_owner").connect() as connection:
        assert connection.execute("SELECT id FROM kept").fetchone() == (7,)


def test_a_pid_file_whose_number_went_to_another_process_is_stale(home: Path) -> None:
    postgres.start(home)
    lines = (home / "pg" / "postmaster.pid").read_text().splitlines()
    postgres.stop(home)
    stale = "\n".join([str(os.getpid()), *lines[1:]]) + "\n"
    (home / "pg" / "postmaster.pid").write_text(stale)
    (home / "run" / "pg" / ".s.PGSQL.5432.lock").write_text(stale)
    assert postgres.start(home).pid != os.getpid()


def test_a_half_made_cluster_is_made_again(home: Path) -> None:
    (home / "pg.new").mkdir()
    (home / "pg.new" / "PG_VERSION").write_text("18\n")
    assert postgres.start(home).own


def test_a_long_path_moves_the_socket_only(home: Path) -> None:
    deep = home / ("deep" * 12) / ("deeper" * 8)
    cluster = postgres.start(deep)
    try:
        socket = Path(cluster.parameters("aitrader_app").host)
        assert socket.parent == Path(tempfile.gettempdir())
        assert socket.stat().st_mode & 0o777 == 0o700
        with cluster.parameters("aitrader_app").connect() as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        postgres.stop(deep)
    shutil.rmtree(socket)


def test_lost_passwords_are_one_clear_line(home: Path) -> None:
    assert _run(home).returncode == 0
    (home / "secrets" / "postgres.password").unlink()
    done = _run(home)
    assert done.returncode
    assert "does not hold the passwords" in done.stderr.splitlines()[-1]


def test_an_unwritable_folder_is_one_clear_line(home: Path) -> None:
    (home / "file").write_text("")
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate"],
        cwd=REPOSITORY,
        env={"PATH": os.defpath, "AITRADER_HOME": str(home / "file" / "var")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert "AITRADER_HOME" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a normal user")
def test_works_as_a_normal_user(home: Path) -> None:
    entry = pwd.getpwnam("nobody")
    os.chown(home, entry.pw_uid, entry.pw_gid)
    # The interpreter may be closed to others: become the user once everything is imported.
    become = f"import os; os.setgroups([]); os.setgid({entry.pw_gid}); os.setuid({entry.pw_uid})"
    done = _run(home, f"from aitrader.embedded import postgres\n{become}\n{ONCE}")
    assert done.returncode == 0, done.stderr
    assert (home / "pg").stat().st_uid == entry.pw_uid
    assert _gone(int(done.stdout))
