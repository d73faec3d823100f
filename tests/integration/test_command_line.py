"""What the surroundings get wrong is one clear line and exit code 1."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from aitrader.env import REPOSITORY

OLD_PYTHON = """#!{python}
import sys
sys.version_info = (3, 9, 2)
sys.version = "3.9.2 (main)"
exec(sys.argv[2])
"""


def _manage(home: Path, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=REPOSITORY,
        env={"PATH": os.defpath, "AITRADER_HOME": str(home), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"DATABASE_URL": "postgresql://a:hush@127.0.0.1:1/desk"}, "the database does not answer"),
        ({"DATABASE_URL": "postgresql://a:hush@127.0.0.1"}, "names no database"),
        ({"DATABASE_URL": "sqlite:///file"}, "PostgreSQL is the only database"),
        ({"DJANGO_SETTINGS_MODULE": "aitrader.settings.prod"}, "REDIS_URL, AITRADER_SECRET_KEY"),
        ({"AITRADER_PORT": "http"}, "AITRADER_PORT"),
    ],
)
def test_one_clear_line(tmp_path: Path, variables: dict[str, str], reason: str) -> None:
    done = _manage(tmp_path, "migrate", **variables)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("aitrader: ")
    assert reason in done.stderr
    assert "hush" not in done.stderr


def test_a_server_that_is_not_there_is_one_line_for_every_command(tmp_path: Path) -> None:
    nobody = "postgresql://a:hush@127.0.0.1:1/desk"
    for command in ("paper", "run", "feed", "verify_journal"):
        more = ("--port", "0") if command == "run" else ()
        done = _manage(tmp_path, command, *more, DATABASE_URL=nobody)
        assert done.returncode == 1
        assert done.stderr.startswith("aitrader: the database does not answer: "), done.stderr
        assert done.stderr.count("\n") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root opens folders to another user")
def test_a_closed_folder_that_is_opened_for_the_server_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    done = _manage(closed / "home", "migrate")
    assert done.returncode == 0, done.stderr
    assert f"aitrader: {closed} has mode 701 now: PostgreSQL does not run as root" in done.stderr
    assert closed.stat().st_mode & 0o777 == 0o701
    again = _manage(closed / "home", "migrate")
    assert (again.returncode, again.stderr) == (0, "")


def test_an_old_python_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text(OLD_PYTHON.format(python=sys.executable))
    old.chmod(0o755)
    for name in ("Makefile", "requirements"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    done = subprocess.run(
        ["make", "--silent", "install", f"PYTHON={old}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode
    assert done.stderr.startswith("aitrader needs Python 3.11 or newer")
    assert not (tmp_path / ".venv").exists()


def test_a_path_with_a_space_and_a_quote_stays_one_word() -> None:
    done = subprocess.run(
        [
            "make",
            "--no-print-directory",
            "--dry-run",
            "run",
            "REPLAY=a folder/it's here.csv",
            "SPEED=60",
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    words = shlex.split(done.stdout.splitlines()[-1])
    assert words[-4:] == ["--replay", "a folder/it's here.csv", "--speed", "60"]
