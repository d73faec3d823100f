"""The library of candles from outside: filled, listed, replayed, and one line for what is wrong."""

import io
import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import OutputWrapper

import manage
from aitrader.kernel.clock import WALL
from tests.factories import candles as factory
from trading.management.commands import fetch_candles
from trading.management.progress import Progress
from trading.models import StoredCandle
from trading.sandbox import server
from trading.sandbox.stand import serving
from trading.services.candle_history import Page
from trading.services.candle_store import Counts

pytestmark = pytest.mark.usefixtures("fresh_database")

BARS = factory.simulated(120)
SERIES = "BINANCE:BTC-USDT@1m"


def said(*arguments: str) -> list[str]:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue().splitlines()


@pytest.fixture
def refusal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """The one line with which a command ends; its exit code is 1 then."""

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["manage.py", *arguments])
        with pytest.raises(SystemExit) as ended:
            manage.main()
        line = ended.value.code
        assert isinstance(line, str)
        assert "\n" not in line
        return line.removeprefix("aitrader: ")

    return run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = [factory.row(bar) for bar in (*BARS[:50], *BARS[53:])]
    return factory.write(tmp_path / "binance_btcusdt_1m.csv.gz", rows)


def test_a_file_is_imported_and_listed_with_its_gap(file: Path, tmp_path: Path) -> None:
    assert said("candles") == ["the library is empty: import_candles or fetch_candles fill it"]
    [line] = said("import_candles", str(file))
    assert line.startswith(f"{file.name}  {SERIES}  117 new, 0 there already, 0 revised, 0 set")
    out = tmp_path / "held.json"
    header, row, gap = said("candles", "--gaps", "--json", str(out))
    assert header.split() == ["series", "first", "last", "bars", "gaps", "missing"]
    assert row.split() == [SERIES, *["2026-01-04", "21:15", "2026-01-04", "23:14", "117", "1", "3"]]
    assert gap.split() == ["gap", "2026-01-04", "22:05", "to", "2026-01-04", "22:07", "3"]
    [told] = json.loads(out.read_text())
    assert (told["series"], told["bars"], told["missing"]) == (SERIES, 117, 3)
    assert told["spans"][0]["bars"] == 3


def test_a_folder_is_imported_whole_and_a_revision_is_shown(file: Path, tmp_path: Path) -> None:
    first, *others = [factory.row(bar) for bar in BARS]
    fields = first.split(",")
    fields[5] = "7"
    factory.write(tmp_path / "binance_btcusdt_1m_b.csv", [",".join(fields), *others])
    first_line, second_line, revision = said("import_candles", str(tmp_path))
    assert "117 new" in first_line
    assert "3 new, 116 there already, 1 revised (kept as they were; --replace" in second_line
    assert revision.strip().startswith("revised: 2026-01-04 21:15:00  volume ")
    assert revision.endswith("→ 7")
    [_, replaced, _] = said("import_candles", str(tmp_path), "--replace")
    assert "1 revised (replaced)" in replaced


def test_a_replay_of_the_library_trades_as_one_of_the_file(file: Path, tmp_path: Path) -> None:
    said("import_candles", str(file))
    of_file, of_store = tmp_path / "file.json", tmp_path / "store.json"
    said("paper", "--replay", str(file), "--json", str(of_file))
    said("paper", "--replay", f"store:{SERIES}", "--json", str(of_store))
    found = [json.loads(path.read_text()) for path in (of_file, of_store)]
    digests = {each.pop("journal_digest") for each in found}
    assert found[0] == found[1]
    assert found[0]["gaps"] == 1
    # The journal names what was replayed.
    assert len(digests) == 2


def test_the_same_span_gives_the_same_digest(file: Path, tmp_path: Path) -> None:
    said("import_candles", str(file))
    span = f"store:{SERIES}:2026-01-04..2026-01-04T22:00"
    digests = set()
    for out in (tmp_path / "a.json", tmp_path / "b.json"):
        said("paper", "--replay", span, "--json", str(out))
        told = json.loads(out.read_text())
        assert told["bars"] == 45
        digests.add(told["journal_digest"])
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["paper", "--replay", "store:BINANCE:BTC-USDT"], "expected store:BINANCE:BTC-USDT@1m"),
        (["paper", "--replay", f"store:{SERIES}:a..b"], "'a' is not of the form 2025-01-01"),
        (["paper", "--replay", "store:SIM:ETH-USDT@1m"], "the library has no SIM:ETH-USDT@1m"),
        (
            ["paper", "--replay", f"store:{SERIES}:2020-01-01..2021-01-01"],
            "the library has no candles of that time",
        ),
        (
            ["paper", "--replay", f"store:{SERIES}", "--symbol", "BTCUSDT"],
            "no option may say them again",
        ),
        (["import_candles", "nowhere.csv"], "nowhere.csv: no such file"),
        (
            ["fetch_candles", "--venue", "binance", "--symbol", "ETHUSDT"],
            "nothing of this series yet; give --from",
        ),
        (
            ["fetch_candles", "--venue", "binance", "--symbol", "ETHUSDT", "--from", "yesterday"],
            "'yesterday' is not of the form",
        ),
    ],
)
def test_what_is_wrong_is_one_line(
    file: Path, refusal: Callable[..., str], arguments: list[str], words: str
) -> None:
    said("import_candles", str(file))
    assert words in refusal(*arguments)


def test_files_and_the_library_are_not_joined_over_the_same_time(
    file: Path, refusal: Callable[..., str]
) -> None:
    said("import_candles", str(file))
    line = refusal("paper", "--replay", str(file), "--replay", f"store:{SERIES}")
    assert "both hold BTCUSDT" in line


@pytest.fixture
def binance(settings: Any) -> Iterator[None]:
    """An exchange that the settings name."""
    with serving(server.Options(venues=("binance",), seed=3)) as told:
        venues = {**settings.AITRADER_VENUES}
        venues["BINANCE"] = {**venues["BINANCE"], "rest_url": f"{told['binance']['rest']}/api"}
        settings.AITRADER_VENUES = venues
        yield


@pytest.mark.usefixtures("binance")
def test_candles_are_fetched_and_the_same_command_goes_on(tmp_path: Path) -> None:
    first = WALL.now()
    given = ["fetch_candles", "--venue", "binance", "--symbol", "BTCUSDT", "--interval", "1s"]
    given += ["--from", first.strftime("%Y-%m-%dT%H:%M:%S")]
    deadline = monotonic() + 60
    # A candle is fetched when it has been over for a while.
    while not (count := _fetched(given)):
        assert monotonic() < deadline
        sleep(0.5)
    assert StoredCandle.objects.count() == count
    while not _fetched(given):
        assert monotonic() < deadline
        sleep(0.5)
    assert StoredCandle.objects.count() > count
    [_, row] = said("candles")
    assert row.startswith("BINANCE:BTC-USDT@1s")


def _fetched(given: list[str]) -> int:
    before = StoredCandle.objects.count()
    # What was not over when it began is not missing when it ends.
    assert not any("the venue does not have" in line for line in said(*given))
    return StoredCandle.objects.count() - before


def test_nothing_missing_is_said_and_nobody_asked(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said("import_candles", str(file))
    monkeypatch.setattr(fetch_candles, "HISTORIES", {"binance": lambda *_: Unasked()})
    given = ("fetch_candles", "--venue", "binance", "--symbol", "BTC-USDT")
    [line] = said(*given, "--from", "2026-01-04T21:15", "--to", "2026-01-04T22:05")
    assert line == f"{SERIES}  nothing is missing of that time"


class Unasked:
    most, pause_seconds = 1000, 0.0

    def page(self, first: datetime, until: datetime) -> Page:
        raise AssertionError("asked")


def test_what_the_venue_does_not_have_stays_a_gap_and_is_said(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said("import_candles", str(file))

    class Poor(Unasked):
        def page(self, first: datetime, until: datetime) -> Page:
            return Page([BARS[51]], until)

    monkeypatch.setattr(fetch_candles, "HISTORIES", {"binance": lambda *_: Poor()})
    given = ("fetch_candles", "--venue", "binance", "--symbol", "BTCUSDT")
    *_, line = said(*given, "--to", "2026-01-04T23:15")
    assert line == (
        f"{SERIES}  1 new, 0 there already, 0 revised, 0 set aside; 2 the venue does not have"
    )


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _moves(out: io.StringIO) -> str:
    progress = Progress(OutputWrapper(out), "NAME", 1000)
    at: Any = datetime(2026, 1, 1, tzinfo=UTC)
    for done in range(0, 1001, 50):
        progress.moved(Counts(inserted=done), at + done * timedelta(minutes=1), done)
    progress.says("a word")
    return out.getvalue()


def test_a_terminal_sees_one_bar_and_a_log_ten_lines() -> None:
    drawn = _moves(Terminal())
    assert drawn.count("\n") == 1
    assert "[############............] 50 %" in drawn
    lines = _moves(io.StringIO()).splitlines()
    assert len(lines) == 11
    assert lines[4] == "NAME  2026-01-01 08:20  500 rows  50 %"
