"""Recorded rows: what is a bar, what is set aside and counted, what is refused and where."""

from datetime import UTC, datetime, timedelta

import pytest

from aitrader.kernel.errors import InvalidBar
from tests.factories import candles
from trading.domain.bar import Bar
from trading.domain.candle_file import HEADER, CandleReader, Quarantined

MINUTE = timedelta(minutes=1)
START = candles.millis(datetime(2026, 1, 1, tzinfo=UTC))


def row(minute: float, numbers: str = "10,12,9,11,5") -> str:
    return f"{START + int(minute * 60_000)},{numbers}\n"


def reader(*rows: str, header: str = f"{HEADER}\n") -> CandleReader:
    return CandleReader([header, *rows], source="candles.csv", interval=MINUTE)


def refusal(made: CandleReader) -> str:
    with pytest.raises(InvalidBar) as refused:
        list(made)
    return str(refused.value)


def test_rows_become_bars_with_exact_decimals() -> None:
    (bar,) = reader(row(0, "0.10,0.12,0.090,0.11,12345678901234567890.123456789012345678"))
    assert isinstance(bar, Bar)
    assert bar.open_time == datetime(2026, 1, 1, tzinfo=UTC)
    assert bar.close_time == datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
    assert str(bar.volume) == "12345678901234567890.123456789012345678"
    assert str(bar.low) == "0.090"


def test_windows_line_ends_a_byte_order_mark_and_a_missing_last_line_end_are_no_fault() -> None:
    made = reader(row(0).replace("\n", "\r\n"), row(1).rstrip(), header=f"\ufeff{HEADER}\r\n")
    assert len(list(made)) == made.accepted == 2


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (f"{START + 60_000},10,12,9\n",
         f"4 columns where 6 are expected: '{START + 60_000},10,12,9'"),
        ("\n", "1 columns where 6 are expected: ''"),
        (row(1, "10,12,9,11,5,7"),
         f"7 columns where 6 are expected: '{START + 60_000},10,12,9,11,5,7'"),
        (row(1, "10,12,9,11,"), "volume is missing"),
        (row(1, "10,12,9,11,5."), "volume '5.' is not a plain decimal number"),
        (row(1, "10,12,-9,11,5"), "low -9 is negative"),
        (row(1, "10,12,9,11,-5"), "volume -5 is negative"),
        (row(1, "0,0,0,0,5"), "low 0 is not positive"),
        (row(1, "10,12,0.000,11,5"), "low 0.000 is not positive"),
        (row(1, "NaN,12,9,11,5"), "open NaN is not finite"),
        (row(1, "10,inf,9,11,5"), "high inf is not finite"),
        (row(1, "10,12,9,-Infinity,5"), "close -Infinity is not finite"),
        (row(1, "ten,12,9,11,5"), "open 'ten' is not a plain decimal number"),
        (row(1, "1e1,12,9,11,5"), "open '1e1' is not a plain decimal number"),
        (row(1, "1_0,12,9,11,5"), "open '1_0' is not a plain decimal number"),
        (row(1, " 10,12,9,11,5"), "open ' 10' is not a plain decimal number"),
        (row(1, "١٠,12,9,11,5"), "open '١٠' is not a plain decimal number"),
        (row(1, "10.0000000000000000001,12,9,11,5"),
         "open '10.0000000000000000001' has more than 20 digits before or 18 after the point"),
        (row(1, "10,9,12,11,5"), "open 10 and close 11 are not within 12 to 9"),
        (row(1, "13,12,9,11,5"), "open 13 and close 11 are not within 9 to 12"),
        (row(1, "10,12,9,8,5"), "open 10 and close 8 are not within 9 to 12"),
        (row(-1), f"open_time {START - 60_000} is out of order: it comes after {START}"),
        (row(0.5), f"open_time {START + 30_000} does not begin an interval of 0:01:00"),
        (row(1.5), f"open_time {START + 90_000} does not begin an interval of 0:01:00"),
        ("2026-01-01,10,12,9,11,5\n", "open_time '2026-01-01' is not a plain decimal number"),
        (f"{START}.5,10,12,9,11,5\n", f"open_time '{START}.5' is not a whole number"),
        (f"{START // 1000},10,12,9,11,5\n",
         f"open_time {START // 1000} is not in milliseconds since 1970"),
        (f"{START}000,10,12,9,11,5\n", f"open_time {START}000 is not in milliseconds since 1970"),
    ],
)  # fmt: skip
def test_a_bad_row_is_refused_with_file_and_line_before_anything_after_it(
    bad: str, why: str
) -> None:
    made = reader(row(0), bad, row(2))
    assert refusal(made) == f"candles.csv:3: {why}"
    assert made.accepted == 1


def test_an_empty_file_and_a_wrong_header_and_no_bars_are_refused_in_one_line() -> None:
    assert refusal(CandleReader([], source="c.csv", interval=MINUTE)) == (
        f"c.csv:1: the file is empty; expected the header {HEADER}"
    )
    assert refusal(reader(row(1), header=row(0))) == (
        f"candles.csv:1: expected the header {HEADER}, found '{row(0).rstrip()}'"
    )
    assert refusal(reader()) == "candles.csv:2: there is no bar after the header"


def test_repeated_bars_are_quarantined_whether_identical_or_not() -> None:
    made = reader(row(0), row(0), row(1), row(1, "10,12,9,11,6"), row(2))
    items = list(made)
    assert [(item.line, item.identical) for item in items if isinstance(item, Quarantined)] == [
        (3, True),
        (5, False),
    ]
    assert made.accepted == 3


def test_numbers_that_are_equal_are_identical_however_they_are_written() -> None:
    assert list(reader(row(0), row(0, "10.0,12.00,9,11,5")))[1] == Quarantined(
        3, datetime(2026, 1, 1, tzinfo=UTC), identical=True
    )


def test_a_block_that_comes_twice_is_quarantined_as_a_whole_across_gaps() -> None:
    minutes = (0, 1, 4, 5, 9)
    rows = [row(minute, f"10,12,9,11,{minute}") for minute in minutes]
    made = reader(*rows, *rows, row(10))
    items = list(made)
    assert made.accepted == 6
    assert [type(item) for item in items[5:10]] == [Quarantined] * 5
    assert all(item.identical for item in items[5:10] if isinstance(item, Quarantined))
    assert (made.gaps.runs, made.gaps.bars) == (2, 5)


@pytest.mark.parametrize("minute", [2, 3, 6, 8])
def test_a_late_row_that_belongs_into_a_gap_is_out_of_order_and_not_a_repetition(
    minute: int,
) -> None:
    rows = [row(each) for each in (0, 1, 4, 5, 9)]
    assert "is out of order" in refusal(reader(*rows, row(minute)))


def test_gaps_are_counted_as_runs_while_reading() -> None:
    made = reader(row(0), row(1), row(5), row(6), row(8))
    counted = [(made.gaps.runs, made.gaps.bars) for _ in made]
    assert counted == [(0, 0), (0, 0), (1, 3), (1, 3), (2, 4)]


def test_a_run_off_the_grid_after_an_outage_is_quarantined_until_the_grid_returns() -> None:
    made = reader(row(0), row(5.5), row(6.5), row(8), row(9))
    items = list(made)
    assert [getattr(item, "off_grid", False) for item in items] == [False, True, True, False, False]
    assert (made.accepted, made.gaps.runs, made.gaps.bars) == (3, 1, 7)


@pytest.mark.parametrize(
    "rows", [(row(0.5),), (row(0), row(5.5), row(6.25)), (row(0), row(5.5), row(4.5))]
)
def test_other_rows_off_the_grid_are_refused(rows: tuple[str, ...]) -> None:
    assert "does not begin an interval" in refusal(reader(*rows))


def test_a_row_on_the_grid_but_before_the_last_one_off_it_is_out_of_order() -> None:
    assert "is out of order" in refusal(reader(row(0), row(5.5), row(6.5), row(6)))


def test_a_long_foreign_line_is_shown_short() -> None:
    message = refusal(reader("x" * 10_000))
    assert len(message) < 200
    assert "\n" not in message
