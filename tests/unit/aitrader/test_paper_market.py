"""A market made of a folder: what it is called, and which files it is made of."""

from pathlib import Path

import pytest

from aitrader import paper
from aitrader.kernel.errors import BadInput
from aitrader.paper import PaperOptions
from tests.factories import candles

ROWS = [candles.row(bar) for bar in candles.simulated(30)]


def test_a_folder_of_many_files_has_a_name_that_a_row_can_hold(tmp_path: Path) -> None:
    for number in range(20):
        candles.write(tmp_path / f"coin{number}usdt_1m.csv", ROWS)
    candles.write(tmp_path / f"{'x' * 220}_btcusdt_1m.csv", ROWS)
    found = paper.market(PaperOptions(replay=[str(tmp_path)]))
    assert len(found.streams) == 21
    assert len(found.title) == 200
    assert max(len(origin) for _, origin in found.instruments) == 200


def test_parts_are_put_in_the_order_of_time_and_named_by_the_first(tmp_path: Path) -> None:
    for name, part in (("a", ROWS[20:]), ("b", ROWS[:10]), ("c", ROWS[10:20])):
        candles.write(tmp_path / f"{name}_btcusdt_1m.csv", part)
    found = paper.market(PaperOptions(replay=[str(tmp_path)]))
    assert found.title == "b_btcusdt_1m.csv and 2 more"
    assert [*found.streams["SIM:BTC-USDT"]] == candles.simulated(30)


def test_files_that_hold_the_same_time_are_both_named(tmp_path: Path) -> None:
    candles.write(tmp_path / "a_btcusdt_1m.csv", ROWS[:20])
    candles.write(tmp_path / "b_btcusdt_1m.csv", ROWS[19:])
    with pytest.raises(BadInput) as refused:
        paper.market(PaperOptions(replay=[str(tmp_path)]))
    said = str(refused.value)
    assert said.startswith(f"{tmp_path}/a_btcusdt_1m.csv and {tmp_path}/b_btcusdt_1m.csv both hold")
    assert "--replay" in said


def test_files_of_two_kinds_are_both_named(tmp_path: Path) -> None:
    candles.write(tmp_path / "btcusdt_1m.csv", ROWS)
    candles.write(tmp_path / "btcusdt_perp_1m.csv", ROWS)
    with pytest.raises(
        BadInput, match=r"btcusdt_1m\.csv is 0:01:00 SPOT, .*perp_1m\.csv is .* PERP"
    ):
        paper.market(PaperOptions(replay=[str(tmp_path)]))
