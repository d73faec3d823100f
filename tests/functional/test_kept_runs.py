"""A paper run that is kept: it tells the same again, and goes on with its own options only."""

import io
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

import manage
from tests.factories import candles
from tests.simulation import paper_process
from tests.simulation.markets import SPOT


def _kept(folder: Path, database: str, *arguments: str) -> paper_process.Ended:
    return paper_process.fork(*arguments, "--database", database, out=folder / "told.json")


def _file(folder: Path, name: str = "btcusdt_1m.csv") -> str:
    rows = [candles.row(bar) for bar in candles.simulated(70)]
    return str(candles.write(folder / name, rows))


def _refusal(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    monkeypatch.setattr(sys, "argv", ["manage.py", "paper", *arguments])
    with pytest.raises(SystemExit) as ended:
        manage.main()
    line = str(ended.value.code)
    assert "\n" not in line
    return line.removeprefix("aitrader: ")


def test_a_run_that_has_ended_tells_the_same_again(fresh_database: str, tmp_path: Path) -> None:
    given = SPOT.arguments(tmp_path)
    first = _kept(tmp_path, fresh_database, *given).told
    again = _kept(tmp_path, fresh_database, *given).told
    assert again["equity"] == first["equity"]
    assert again["max_drawdown"] == first["max_drawdown"]


def test_a_database_kept_of_another_file_or_seed_is_refused(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = ("--database", fresh_database, "--replay")
    file, other = _file(tmp_path), _file(tmp_path, "ethusdt_1m.csv")
    call_command("paper", *given, file, stdout=io.StringIO())
    assert _refusal(monkeypatch, *given, other).startswith("--replay differs: ")
    said = _refusal(monkeypatch, *given, file, "--seed", "2")
    assert said == "this database was installed as seed-1, not as seed-2"


def test_a_kept_run_names_the_first_option_that_differs(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = ("--bars", "1", "--symbol", "BTCUSDT", "--database", fresh_database)
    call_command("paper", *given, stdout=io.StringIO())
    call_command("paper", *given, "--set", "sma_cross.fast=5.0", stdout=io.StringIO())
    for more, words in (
        (["--replay", _file(tmp_path)], "--replay differs: "),
        (["--interval", "5m"], "--interval differs: the run kept there began with 0:01:00"),
        (["--kind", "PERP"], "--kind differs: the run kept there began with SPOT, not PERP"),
        (["--symbol", "ETHUSDT"], "--symbol differs: "),
        (["--profile", "cautious", "--cash", "5"], "--profile differs: "),
        (["--cash", "5"], "--cash differs: the run kept there began with 100000, not 5"),
        (["--bars", "2"], "--bars differs: the run kept there began with 1, not 2"),
        (["--history", "70"], "--history differs: "),
        (["--reject-rate", "0.5"], "--reject-rate differs: "),
        (["--unanswered-rate", "0.5"], "--unanswered-rate differs: "),
        (["--fee-asset", "RECEIVED"], "--fee-asset differs: "),
        (["--strategy", "donchian"], "--strategy differs: "),
        (["--set", "sma_cross.fast=9"], "--set sma_cross.fast differs: "),
    ):
        assert _refusal(monkeypatch, *given, *more).startswith(words)
