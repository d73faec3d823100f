"""Candle files with a header: columns by their names, whatever stands beside them."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import polars
import pytest

from aitrader.kernel.clock import iso
from aitrader.kernel.errors import BadInput, InvalidBar
from aitrader.kernel.fix import AccountKind
from tests.factories import candles as factory
from trading.domain.bar import Bar
from trading.domain.candle_file import Quarantined
from trading.services import candle_forms

SHARED = Path(__file__).parents[4] / "shared/data/candles/klines_full"
NAME = "binance_spot_btcusdt_1m"
HEADER = (
    "open_time,open,high,low,close,volume,close_time,qav,num_trades,taker_base,taker_quote,"
    "ignore,symbol"
)
ROWS = """
2025-10-29 04:22:00+00:00,112731.29,112749.73,112730.4,112749.72,4.75297,\
2025-10-29 04:22:59.999000+00:00,535846.8,1459,1.90045,214244.39,0,BTCUSDT
2025-10-29 04:23:00+00:00,112749.72,112760,112740.1,112755.5,2.5,\
2025-10-29 04:23:59.999000+00:00,281888.1,700,1.1,124000.2,0,BTCUSDT
""".strip().splitlines()
TIME = "2025-10-29 04:23:00+00:00"
CLOSES = [Decimal("112749.72"), Decimal("112755.5")]


def bars(path: Path) -> list[Bar | Quarantined]:
    return list(candle_forms.read(path))


def written(folder: Path, *rows: str, header: str = HEADER) -> Path:
    return factory.write(folder / f"{NAME}.csv.gz", rows, header=header)


def test_columns_are_read_by_name_and_others_are_passed_over(tmp_path: Path) -> None:
    found = bars(written(tmp_path, *ROWS))
    assert [bar.close for bar in found if isinstance(bar, Bar)] == CLOSES
    assert [iso(bar.open_time)[:16] for bar in found] == ["2025-10-29T04:22", "2025-10-29T04:23"]


def test_columns_stand_in_any_order(tmp_path: Path) -> None:
    turned = [",".join(reversed(row.split(","))) for row in [HEADER.title(), *ROWS]]
    assert bars(written(tmp_path, *turned[1:], header=turned[0])) == bars(written(tmp_path, *ROWS))


@pytest.mark.parametrize(
    "time",
    [
        "1761711780000",
        "1761711780000000",
        "2025-10-29T04:23:00Z",
        "2025-10-29 04:23:00",
        "2025-10-29T04:23:00.000000000+00:00",
    ],
)
def test_a_time_is_milliseconds_microseconds_or_iso_of_utc(tmp_path: Path, time: str) -> None:
    known = bars(written(tmp_path, ROWS[1]))
    assert bars(written(tmp_path, ROWS[1].replace(TIME, time))) == known


@pytest.mark.parametrize(
    ("time", "words"),
    [
        ("2025-10-29T07:23:00+03:00", ":2: open_time '2025-10-29T07:23:00\\+03:00' is not a plain"),
        ("2025-10-29T04:23:00.000001Z", ":2: open_time .* is not a plain"),
        ("2025-10-29T04:23:00.0000001Z", ":2: open_time .* is not a plain"),
        ("2025-13-29", ":2: open_time '2025-13-29' is not a plain"),
        ("2025-10-29 04:23:30", ":2: open_time .* does not begin an interval"),
    ],
)
def test_any_other_time_is_refused(tmp_path: Path, time: str, words: str) -> None:
    with pytest.raises(InvalidBar, match=words):
        bars(written(tmp_path, ROWS[1].replace(TIME, time)))


@pytest.mark.parametrize("other", ["ETHUSDT", ""])
def test_a_column_of_symbols_names_the_one_of_the_file_throughout(
    tmp_path: Path, other: str
) -> None:
    with pytest.raises(InvalidBar, match=f":3: the symbol is '{other}' where BTCUSDT is expected"):
        bars(written(tmp_path, ROWS[0], ROWS[1].replace("BTCUSDT", other)))
    assert bars(written(tmp_path, ROWS[1].replace("BTCUSDT", "btc-usdt")))


@pytest.mark.parametrize("other", ["ETHUSDT", None])
def test_a_parquet_file_of_two_symbols_is_refused(tmp_path: Path, other: str | None) -> None:
    rows = [row.split(",") for row in ROWS]
    columns = dict(zip(HEADER.split(","), map(list, zip(*rows, strict=True)), strict=True))
    times = [1761711720000, 1761711780000]
    for symbols in (["BTCUSDT", other], ["BTCUSDT", "BTCUSDT"]):
        frame = polars.DataFrame({**columns, "open_time": times, "symbol": symbols})
        frame.write_parquet(tmp_path / f"{NAME}.parquet")
        if symbols[1] != "BTCUSDT":
            with pytest.raises(InvalidBar, match="where BTCUSDT is expected"):
                bars(tmp_path / f"{NAME}.parquet")
    assert bars(tmp_path / f"{NAME}.parquet") == bars(written(tmp_path, *ROWS))


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (HEADER.replace("high", "top"), ":1: expected a header .* does not name high once"),
        (HEADER.replace("ignore", "open"), ":1: expected a header .* does not name open once"),
    ],
)
def test_a_header_names_each_column_once(tmp_path: Path, header: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        bars(written(tmp_path, *ROWS, header=header))


def test_a_row_has_as_many_columns_as_the_header(tmp_path: Path) -> None:
    with pytest.raises(InvalidBar, match=":3: 12 columns where 13 are expected"):
        bars(written(tmp_path, ROWS[0], ROWS[1].removesuffix(",BTCUSDT")))


@pytest.mark.parametrize("symbol", ["btcusdt", "ethusdt"])
def test_recorded_klines_of_all_columns_are_read(symbol: str) -> None:
    path = SHARED / f"binance_spot_{symbol}_1m_2025-10-29_2025-11-01.csv.gz"
    if not path.is_file():
        pytest.skip(f"no {path.name}")
    file = candle_forms.read(path)
    assert (file.symbol, file.kind, file.interval) == (
        symbol.upper(),
        AccountKind.SPOT,
        timedelta(minutes=1),
    )
    found = list(file)
    assert len(found) > 1000
    assert all(isinstance(each, Bar) for each in found)
