"""Candle files by name and by content, made up and real."""

import gzip
from datetime import timedelta
from pathlib import Path

import pytest

from aitrader.kernel.errors import BadInput, InvalidBar
from aitrader.kernel.fix import AccountKind
from trading.domain.bar import Bar
from trading.domain.candle_file import HEADER
from trading.services import candle_files

SPOT, PERP = AccountKind.SPOT, AccountKind.PERP
MINUTE = timedelta(minutes=1)
DATA = Path(__file__).parents[5] / "shared/data"
ROWS = "".join(
    f"{1_767_225_600_000 + minute * 60_000},10,12,9,11,{minute}\n" for minute in range(3_000)
)


def made(folder: Path, name: str, text: str = f"{HEADER}\n{ROWS}") -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


@pytest.mark.parametrize(
    ("name", "symbol", "kind", "interval"),
    [
        ("btcusdt_spot_1m_2025-10-29_3d.csv.gz", "BTCUSDT", SPOT, MINUTE),
        ("btcusdt_1m_2025-05-05_25d.csv.gz", "BTCUSDT", SPOT, MINUTE),
        ("binance_perp_ethusdt_1m_2025-05-04.csv", "ETHUSDT", PERP, MINUTE),
        ("binance_spot_btcusdt_1h_2017-08_2024-04.csv.gz", "BTCUSDT", SPOT, 60 * MINUTE),
        ("BTC-EUR_15m.csv", "BTCEUR", SPOT, 15 * MINUTE),
        ("ethbtc_1d.csv", "ETHBTC", SPOT, timedelta(days=1)),
        ("btcfdusd_4h.csv", "BTCFDUSD", SPOT, timedelta(hours=4)),
    ],
)
def test_the_name_says_symbol_kind_and_interval(
    tmp_path: Path, name: str, symbol: str, kind: AccountKind, interval: timedelta
) -> None:
    file = candle_files.read(made(tmp_path, name))
    assert (file.symbol, file.kind, file.interval) == (symbol, kind, interval)


def test_what_the_caller_says_wins_over_the_name(tmp_path: Path) -> None:
    path = made(tmp_path, "btcusdt_1h.csv")
    file = candle_files.read(path, symbol="eth/usd", interval="1m", kind=PERP)
    assert (file.base, file.quote, file.kind, file.interval) == ("ETH", "USD", PERP, MINUTE)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("prices_1m.csv", "no symbol such as btcusdt in the file name; give --symbol"),
        ("btcusdt.csv", "no interval such as 1m in the file name; give --interval"),
        ("btcusdt_1m.json", "a candle file ends with .csv.gz or .csv"),
    ],
)
def test_a_name_that_says_too_little_is_refused(tmp_path: Path, name: str, message: str) -> None:
    path = made(tmp_path, name)
    with pytest.raises(BadInput) as refused:
        candle_files.read(path)
    assert str(refused.value) == f"{path}: {message}"


@pytest.mark.parametrize("interval", ["1", "0m", "m", "25h", "1w", "1.5h", "-1m", ""])
def test_a_wrong_interval_is_refused(interval: str) -> None:
    with pytest.raises(BadInput, match="is not of the form 1m, 15m, 4h or 1d"):
        candle_files.parse_interval(interval)


def test_a_missing_file_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        candle_files.read_all(tmp_path / "btcusdt_1m.csv")
    with pytest.raises(BadInput, match=r"no \.csv\.gz or \.csv file in this folder"):
        candle_files.read_all(tmp_path)


def test_a_folder_gives_its_files_by_name(tmp_path: Path) -> None:
    for name in ("ethusdt_1m.csv", "btcusdt_1m.csv.gz", "LICENSES.md"):
        made(tmp_path, name)
    files = candle_files.read_all(tmp_path)
    assert [file.symbol for file in files] == ["BTCUSDT", "ETHUSDT"]
    with pytest.raises(BadInput, match="one symbol cannot name the 2 files"):
        candle_files.read_all(tmp_path, symbol="BTCUSDT")


def test_reading_twice_gives_the_same_bars_and_counts(tmp_path: Path) -> None:
    repeated = f"{HEADER}\n{ROWS}{ROWS[:30]}"[: -len(ROWS[:30])] + ROWS.splitlines()[-1] + "\n"
    file = candle_files.read(made(tmp_path, "btcusdt_1m.csv.gz", repeated))
    first, second = list(file), list(file)
    assert first == second
    assert (file.accepted, file.quarantined, file.gaps.runs) == (3_000, 1, 0)


def refusal(path: Path) -> tuple[str, int]:
    """The message of the refusal, and how many bars came before it."""
    file = candle_files.read(path)
    with pytest.raises(InvalidBar) as refused:
        list(file)
    return str(refused.value), file.accepted


def test_a_gzip_file_cut_short_is_refused_at_the_line_it_ends(tmp_path: Path) -> None:
    path = made(tmp_path, "btcusdt_1m.csv.gz")
    path.write_bytes(path.read_bytes()[:-2_000])
    message, bars = refusal(path)
    assert message == f"{path}:{bars + 2}: the gzip file is cut short"
    assert 0 < bars < 3_000


def test_a_gzip_file_without_its_last_bytes_is_refused(tmp_path: Path) -> None:
    path = made(tmp_path, "btcusdt_1m.csv.gz")
    path.write_bytes(path.read_bytes()[:-4])
    assert refusal(path)[0].endswith("the gzip file is cut short")


def test_a_damaged_gzip_file_is_refused(tmp_path: Path) -> None:
    path = made(tmp_path, "btcusdt_1m.csv.gz")
    content = bytearray(path.read_bytes())
    content[-8] ^= 0xFF
    path.write_bytes(content)
    assert "not a sound gzip file" in refusal(path)[0]
    path.write_text(HEADER)
    assert refusal(path)[0].startswith(f"{path}:1: not a sound gzip file")


def test_an_empty_file_and_foreign_bytes_are_refused(tmp_path: Path) -> None:
    empty = made(tmp_path, "btcusdt_1m.csv", "")
    assert refusal(empty)[0] == f"{empty}:1: the file is empty; expected the header {HEADER}"
    empty.write_bytes(b"\xff\xfe\x00")
    assert refusal(empty)[0] == f"{empty}:1: not UTF-8 text"
    assert "the file is empty" in refusal(made(tmp_path, "btcusdt_1m.csv.gz", ""))[0]


def test_a_cut_row_is_refused_with_the_name_as_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path, "btcusdt_1m.csv", f"{HEADER}\n{ROWS}"[:-8])
    monkeypatch.chdir(tmp_path)
    message, bars = refusal(Path("btcusdt_1m.csv"))
    assert message.startswith("btcusdt_1m.csv:3001: 5 columns where 6 are expected")
    assert bars == 2_999


@pytest.mark.parametrize(
    ("name", "bars", "quarantined", "runs", "missing"),
    [
        ("bundle/btcusdt_1m_2025-05-05_25d.csv.gz", 36_000, 0, 0, 0),
        ("bundle/btcusdt_spot_1m_2024-12-05_flash_crash.csv.gz", 2_160, 0, 0, 0),
        ("candles/binance_spot_btcusdt_1m_2021-04-20_2021-05-20.csv.gz", 42_915, 0, 1, 284),
        ("candles/binance_spot_btcusdt_1h_2017-08_2024-04.csv.gz", 58_419, 0, 28, 128),
        # 43 hours off the grid after the outage of February 2018
        ("candles/binance_spot_ethusdt_1h_2017-08_2020-02.csv.gz", 21_495, 43, 13, 139),
    ],
)
def test_real_files_have_the_bars_and_gaps_they_are_known_for(
    name: str, bars: int, quarantined: int, runs: int, missing: int
) -> None:
    if not (DATA / name).exists():
        pytest.skip(f"../shared/data/{name} is not here")
    file = candle_files.read(DATA / name)
    assert sum(isinstance(item, Bar) for item in file) == bars
    counted = (file.accepted, file.quarantined, file.gaps.runs, file.gaps.bars)
    assert counted == (bars, quarantined, runs, missing)
