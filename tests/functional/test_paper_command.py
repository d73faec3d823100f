"""The headless command from outside: the same input gives the same answer, bad input one line."""

import io
import json
import os
import pwd
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

import manage
from aitrader import databases
from aitrader.env import REPOSITORY
from tests.factories import candles
from tests.simulation import markets, paper_process
from tests.simulation.markets import PERP, SPOT, Market

Refusal = Callable[..., str]
Told = Callable[..., dict[str, Any]]

BARS = candles.simulated(80)
ROWS = [candles.row(bar) for bar in BARS]
# The interpreter may be closed to others: become the user once everything is imported.
CLOSED = """
import os
import django
django.setup()
from aitrader.kernel.errors import BadInput
from aitrader.management.commands import paper
from trading.services import candle_files
{become}
try:
    {given}
except BadInput as error:
    print(error)
"""


@pytest.fixture
def refusal(shared_database: str, monkeypatch: pytest.MonkeyPatch) -> Refusal:
    """The one line with which the command ends; its exit code is 1 then."""

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["manage.py", "paper", *arguments])
        with pytest.raises(SystemExit) as ended:
            manage.main()
        line = ended.value.code
        assert isinstance(line, str)
        assert "\n" not in line
        assert line.startswith("aitrader: ")
        return line.removeprefix("aitrader: ")

    return run


@pytest.fixture
def told(shared_database: str, tmp_path: Path) -> Told:
    """What the command writes with --json."""

    def run(*arguments: str) -> dict[str, Any]:
        out = tmp_path / "told.json"
        call_command("paper", *arguments, "--json", str(out), stdout=io.StringIO())
        found: dict[str, Any] = json.loads(out.read_text())
        return found

    return run


def _file(folder: Path, rows: Sequence[str] = ROWS, name: str = "btcusdt_1m.csv") -> Path:
    return candles.write(folder / name, rows)


def _with(rows: Sequence[str], line: int, column: int, text: str) -> list[str]:
    """The rows with one field of a line (as an editor counts, the header being 1) replaced."""
    changed = list(rows)
    fields = changed[line - 2].split(",")
    fields[column] = text
    changed[line - 2] = ",".join(fields)
    return changed


def _ran(
    market: Market, folder: Path, *further: str, variables: Mapping[str, str] | None = None
) -> dict[str, Any]:
    out = folder / "told.json"
    ended = paper_process.run(*market.arguments(folder), *further, out=out, variables=variables)
    assert ended.returncode == 0, ended.stderr
    return ended.told


@pytest.mark.parametrize("market", [SPOT, PERP], ids=lambda market: market.name)
def test_the_same_input_gives_the_same_answer_wherever_it_runs(
    market: Market, django_db_setup: None, tmp_path: Path
) -> None:
    first = _ran(market, tmp_path, variables={"PYTHONHASHSEED": "1"})
    elsewhere = {"PYTHONHASHSEED": "2", "TZ": "Asia/Kolkata", "LANG": "tr_TR.UTF-8", "LC_ALL": "C"}
    assert _ran(market, tmp_path, variables=elsewhere) == first
    assert first["fills"] > 10
    assert len(first["journal_digest"]) == 64


def test_another_seed_trades_the_same_bars_the_same_under_other_names(
    django_db_setup: None, tmp_path: Path
) -> None:
    first = _ran(SPOT, tmp_path)
    other = _ran(SPOT, tmp_path, "--seed", "8", "--unanswered-rate", "0")
    # Which orders stay unanswered hangs on the seed, and changes no number.
    assert other.pop("journal_digest") != first.pop("journal_digest")
    assert other.pop("journal_rows") < first.pop("journal_rows")
    assert other == first


def test_a_process_says_it_in_one_line_and_exits_with_one(
    django_db_setup: None, tmp_path: Path
) -> None:
    ended = paper_process.run("--replay", str(_file(tmp_path, _with(ROWS, 12, 4, "-5"))))
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr == f"aitrader: {tmp_path}/btcusdt_1m.csv:12: close -5 is negative\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--strategy", "sma_cross", "--strategy", "sma_cross"], "sma_cross is given twice"),
        (["--database", ""], "a name has 1 to 63 bytes"),
        (["--database", "aitrader_paper_mine"], "names that begin so are for databases that pass"),
        (["--database", "postgres"], "that database holds something else than a run"),
        (["--strategy", "nope"], "unknown strategy 'nope'; known are donchian, sma_cross"),
        (["--set", "sma_cross.fast=0"], "fast=0 is outside 1 to 500"),
        (["--set", "sma_cross.fast=1.5"], "fast=1.5 is not a whole number"),
        (["--set", "sma_cross.fast=ten"], "fast='ten' is not a number"),
        (["--set", "sma_cross.speed=1"], "unknown parameter 'speed'"),
        (["--set", "sma_cross.fast=20"], "fast=20 must be less than slow=20"),
        (["--set", "sma_cross.fast"], "is not STRATEGY.PARAMETER=VALUE"),
        (["--strategy", "donchian", "--set", "sma_cross.fast=3"], "of a chosen strategy"),
        (["--profile", "yolo"], "limit profile 'yolo' is not one of cautious, demo"),
        (["--cash", "much"], "--cash: 'much' is not a decimal number"),
        (["--cash", "-5"], "must be positive"),
        (["--cash", "nan"], "--cash: 'nan' is not finite"),
        (["--reject-rate", "2"], "--reject-rate 2.0 is not between 0 and 1"),
        (["--bars", "0"], "--bars 0 must be positive"),
        (["--symbol", "?"], "symbol '?' is not of the form BTCUSDT"),
        (["--interval", "7x"], "interval '7x' is not of the form 1m"),
        pytest.param(
            ["--cash", "1e30", "--bars", "1"],
            "--cash",
        ),
        pytest.param(
            ["--fee-asset", "BNB", "--bars", "1"],
            "--fee-asset BNB",
        ),
    ],
    ids=lambda given: given if isinstance(given, str) else " ".join(given),
)
def test_a_wrong_option_is_named(arguments: list[str], words: str, refusal: Refusal) -> None:
    assert words in refusal(*arguments)


@pytest.mark.parametrize(
    ("line", "column", "text", "words"),
    [
        (12, 0, "x", "open_time 'x' is not a plain decimal number"),
        (12, 0, "1767567600000.5", "is not a whole number"),
        (12, 1, "NaN", "open NaN is not finite"),
        (12, 2, "abc", "high 'abc' is not a plain decimal number"),
        (12, 2, "1e9", "high '1e9' is not a plain decimal number"),
        (12, 2, "1", "are not within"),
        (12, 3, "0", "low 0 is not positive"),
        (12, 4, "-5", "close -5 is negative"),
        (12, 4, "", "close is missing"),
        (12, 5, "-1", "volume -1 is negative"),
        (2, 4, "inf", "close inf is not finite"),
        (81, 4, "0x10", "close '0x10' is not a plain decimal number"),
    ],
)
def test_a_bad_bar_is_refused_with_file_and_line(
    line: int, column: int, text: str, words: str, refusal: Refusal, tmp_path: Path
) -> None:
    file = _file(tmp_path, _with(ROWS, line, column, text))
    said = refusal("--replay", str(file))
    assert said.startswith(f"{file}:{line}: ")
    assert words in said


def test_a_bad_bar_far_into_the_file_is_refused_too(refusal: Refusal, tmp_path: Path) -> None:
    rows = [candles.row(bar) for bar in candles.simulated(560)]
    file = _file(tmp_path, _with(rows, 550, 1, "nan"))
    assert refusal("--replay", str(file)) == f"{file}:550: open nan is not finite"


def test_bars_out_of_order_are_refused(refusal: Refusal, tmp_path: Path) -> None:
    rows = [*ROWS[:40], ROWS[41], ROWS[40], *ROWS[42:]]
    file = _file(tmp_path, rows)
    said = refusal("--replay", str(file))
    assert said.startswith(f"{file}:43: open_time ")
    assert "is out of order" in said


def test_a_file_that_is_no_sound_candle_file_is_refused(refusal: Refusal, tmp_path: Path) -> None:
    packed = _file(tmp_path, name="btcusdt_1m.csv.gz")
    whole = packed.read_bytes()
    packed.write_bytes(whole[: len(whole) // 2])
    assert "the gzip file is cut short" in refusal("--replay", str(packed))
    packed.write_bytes(b"open_time")
    assert f"{packed}:1: not a sound gzip file" in refusal("--replay", str(packed))
    plain = tmp_path / "btcusdt_1m.csv"
    plain.write_bytes(b"\xff\xfe\x00")
    assert refusal("--replay", str(plain)) == f"{plain}:1: not UTF-8 text"
    plain.write_text("")
    assert f"{plain}:1: the file is empty" in refusal("--replay", str(plain))
    candles.write(plain, [])
    assert refusal("--replay", str(plain)) == f"{plain}:2: there is no bar after the header"
    candles.write(plain, ROWS, header="time,open")
    assert "found 'time,open'" in refusal("--replay", str(plain))
    _file(tmp_path, [ROWS[0] + ",1"])
    assert f"{plain}:2: 7 columns where 6 are expected" in refusal("--replay", str(plain))


def test_what_a_file_is_called_must_say_enough(refusal: Refusal, tmp_path: Path) -> None:
    assert refusal("--replay", f"{tmp_path}/none_btcusdt_1m.csv").endswith(": no such file")
    folder = tmp_path / "empty"
    folder.mkdir()
    assert refusal("--replay", str(folder)).endswith("no .csv.gz or .csv file in this folder")
    assert "give --symbol" in refusal("--replay", str(_file(tmp_path, name="candles_1m.csv")))
    assert "give --interval" in refusal("--replay", str(_file(tmp_path, name="btcusdt.csv")))
    other = _file(tmp_path, name="btcusdt_1m.txt")
    assert refusal("--replay", str(other)).endswith("a candle file ends with .csv.gz or .csv")


def test_files_of_one_replay_must_fit_together(refusal: Refusal, tmp_path: Path) -> None:
    first = str(_file(tmp_path))
    for name, words in (
        ("ethusdt_5m.csv", "must share one interval"),
        ("ethusdt_perp_1m.csv", "one kind of account"),
        ("etheur_1m.csv", "one currency a desk"),
        ("x_btcusdt_1m.csv", "both hold BTCUSDT of 2026-01-04 21:15 UTC"),
    ):
        other = str(_file(tmp_path, name=name))
        assert words in refusal("--replay", first, "--replay", other)


def test_files_of_one_market_are_traded_as_one_in_the_order_of_time(
    told: Told, tmp_path: Path
) -> None:
    def numbers(*arguments: str) -> dict[str, Any]:
        given = told(*arguments, "--set", "sma_cross.fast=2", "--set", "sma_cross.slow=5")
        return {key: given[key] for key in ("bars", "gaps", "bars_missing", "fills", "equity")}

    folder = tmp_path / "in three parts"
    folder.mkdir()
    rows = [*ROWS[:70], *ROWS[73:]]
    whole = numbers("--replay", str(_file(tmp_path, rows)))
    assert (whole["gaps"], whole["bars_missing"]) == (1, 3)
    for name, part in (("c", rows[:40]), ("a", rows[40:70]), ("b", rows[70:])):
        _file(folder, part, f"{name}_btcusdt_1m.csv.gz")
    assert numbers("--replay", str(folder)) == whole
    assert whole["fills"] > 0


def test_the_answer_must_have_a_place(refusal: Refusal, tmp_path: Path) -> None:
    said = refusal("--bars", "70", "--json", f"{tmp_path}/none/told.json")
    assert said == f"--json {tmp_path}/none/told.json: the folder is not writable"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a normal user")
def test_a_place_that_is_closed_to_the_user_is_one_line(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for ancestor in (tmp_path, *tmp_path.parents[:2]):
        ancestor.chmod(0o755)
    nobody = pwd.getpwnam("nobody")
    become = f"os.setgroups([]); os.setgid({nobody.pw_gid}); os.setuid({nobody.pw_uid})"
    for name, given in (
        ("--json", f"paper._writable('{closed}/told.json')"),
        ("--replay", f"candle_files.read_all('{closed}/btcusdt_1m.csv')"),
        ("--replay", f"candle_files.read_all('{closed}')"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", CLOSED.format(become=become, given=given)],
            cwd=REPOSITORY,
            env=paper_process.environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.stderr == "", name
        assert "permission denied" in done.stdout.lower(), name
        assert done.stdout.count("\n") == 1


def test_the_answer_is_a_file(refusal: Refusal, tmp_path: Path) -> None:
    assert "--json" in refusal("--bars", "70", "--json", str(tmp_path))


def test_repeated_bars_are_quarantined_and_counted(told: Told, tmp_path: Path) -> None:
    plain = told("--replay", str(_file(tmp_path)))
    changed = _with(ROWS, 50, 4, ROWS[48].split(",")[3])[48]
    repeated = [*ROWS[:50], ROWS[49], changed, *ROWS[50:]]
    found = told("--replay", str(_file(tmp_path, repeated)))
    assert (found["bars"], found["quarantined"]) == (80, 2)
    assert found["equity"] == plain["equity"]
    assert all(found["integrity"].values())


def test_a_bar_repeated_at_the_end_is_counted_too(told: Told, tmp_path: Path) -> None:
    found = told("--replay", str(_file(tmp_path, [*ROWS, ROWS[-1]])))
    assert (found["bars"], found["quarantined"]) == (80, 1)


def test_gaps_are_counted_as_runs(told: Told, tmp_path: Path) -> None:
    found = told("--replay", str(_file(tmp_path, [*ROWS[:30], *ROWS[33:66], *ROWS[67:]])))
    assert (found["bars"], found["gaps"], found["bars_missing"]) == (76, 2, 4)
    assert all(found["integrity"].values())


def test_an_extreme_bar_opens_nothing(told: Told, tmp_path: Path) -> None:
    options = ("--strategy", "sma_cross", "--set", "sma_cross.fast=1", "--set", "sma_cross.slow=2")
    # Flat, then one bar that leaps up and stays there.
    *flat, leap, after = (
        f"{1767567600000 + 60_000 * n},{numbers},1000000"
        for n, numbers in enumerate(
            [
                *["100,100,100,100"] * markets.WARMUP,
                "100,151,100,101.01",
                "101.01,101.01,101.01,101.01",
            ]
        )
    )
    found = told("--replay", str(_file(tmp_path, [*flat, leap, after])), *options)
    assert found["denied"]["BAR_OUT_OF_BOUNDS"] == 1
    assert (found["signals"], found["fills"]) == (1, 0)
    calm = leap.replace("151", "149")
    found = told("--replay", str(_file(tmp_path, [*flat, calm, after])), *options)
    assert (found["signals"], found["fills"], found["denied"]) == (1, 1, {})


def test_the_cautious_profile_denies_the_default_sizes(told: Told, tmp_path: Path) -> None:
    given = SPOT.arguments(tmp_path)
    found = told(*given, "--profile", "cautious")
    assert found["fills"] == 0
    assert found["orders"].keys() == {"DENIED"}
    assert found["denied"]["ORDER_NOTIONAL"] == found["orders"]["DENIED"] > 3
    assert found["equity"] == "100000"


def test_fees_in_what_a_fill_brings_leave_true_books(told: Told, tmp_path: Path) -> None:
    found = told(*SPOT.arguments(tmp_path), "--fee-asset", "RECEIVED")
    assert found["fees_by_asset"].keys() == {"BTC", "USDT"}
    assert Decimal(found["ledger_sums"]["BTC"]) == 0
    assert all(found["integrity"].values())


def test_dust_of_fees_keeps_no_strategy_from_trading_on(told: Told, tmp_path: Path) -> None:
    given = SPOT.arguments(tmp_path)
    in_quote = told(*given)["trades"]
    found = told(*given, "--fee-asset", "RECEIVED")["trades"]
    assert found == in_quote
    assert found["opened"] > 5
    # Each strategy may still hold its last one.
    assert found["opened"] - found["closed"] <= 2


def _is_nobodys(name: str) -> bool:
    """Whether no living process holds the lock of the database's name."""
    query = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
    with databases._maintenance() as connection:
        return connection.execute(query, [name]).fetchone() == (True,)


def test_a_killed_run_leaves_no_database_for_ever(django_db_setup: None, tmp_path: Path) -> None:
    armed = {"AITRADER_CRASHPOINT": "decide.committed:1"}
    given = SPOT.arguments(tmp_path)
    before = set(databases.names("aitrader_paper_"))
    assert paper_process.run(*given, variables=armed).killed
    left = {name for name in set(databases.names("aitrader_paper_")) - before if _is_nobodys(name)}
    assert len(left) == 1
    try:
        assert paper_process.run("--bars", "1").returncode == 0
        assert not left & set(databases.names("aitrader_paper_"))
    finally:
        for name in left:
            databases.drop(name)
