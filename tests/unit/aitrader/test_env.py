"""The environment: typed, secret where it must be, one clear line when wrong."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from aitrader import env


@pytest.fixture(autouse=True)
def _read_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "AITRADER_PORT"):
        monkeypatch.delenv(name, raising=False)
    env.load.cache_clear()
    yield
    env.load.cache_clear()


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("AITRADER_PORT", "eighty", "valid integer"),
        ("AITRADER_PORT", "0", "greater than or equal to 1"),
        ("DATABASE_URL", "mysql://user:hush@host/db", "must start with postgresql://"),
        ("REDIS_URL", "amqp://user:hush@host", "must start with redis://"),
        ("AITRADER_DEBUG", "perhaps", "valid boolean"),
        ("AITRADER_CRASHPOINT", "send:0", "match pattern"),
        ("DATABASE_OWNER_URL", "postgresql://owner:hush@host/db", "without DATABASE_URL"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as stopped:
        env.load()
    line = str(stopped.value)
    assert line.startswith(f"aitrader: {name}")
    assert reason in line
    assert "\n" not in line
    assert "hush" not in line


def test_empty_means_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("AITRADER_PORT", "")
    assert env.load().database_url is None
    assert env.load().port == 8000


def test_hosts_are_a_list_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AITRADER_ALLOWED_HOSTS", "desk.example, [::1]")
    assert env.load().allowed_hosts == ("desk.example", "[::1]")


def test_secrets_stay_out_of_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://app:hush@host/db")
    assert "hush" not in repr(env.load())


def test_a_secret_is_made_once_and_private(tmp_path: Path) -> None:
    first = env.secret_file(tmp_path, "key")
    assert len(first) >= 43
    assert env.secret_file(tmp_path, "key") == first
    assert stat.S_IMODE((tmp_path / "secrets" / "key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert [path.name for path in (tmp_path / "secrets").iterdir()] == ["key"]


def test_a_home_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit, match="AITRADER_HOME"):
        env.secret_file(tmp_path / "file", "key")


def test_nesting_the_home_twice_is_nesting_it_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AITRADER_HOME", str(tmp_path))
    env.nest_home("test")
    env.nest_home("test")
    assert env.load().home == tmp_path / "test"
