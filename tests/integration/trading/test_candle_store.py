"""The library of candles: whatever the form of a file, the same candles, once."""

import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars
import pytest
from django.db import connection
from django.db.utils import IntegrityError

from aitrader import databases
from aitrader.env import REPOSITORY
from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import BadInput, InvalidBar
from aitrader.kernel.events import EventName
from aitrader.kernel.fix import AccountKind
from aitrader.kernel.money import plain
from tests.factories import candles as factory
from tests.simulation import paper_process
from trading.domain.bar import Bar
from trading.models import QuarantinedCandle, StoredCandle, StoredSeries
from trading.selectors import candles
from trading.selectors.candles import Shelf, Span
from trading.services import candle_files, candle_forms, candle_store, recordings
from trading.services.candle_store import Counts, Written

pytestmark = pytest.mark.usefixtures("fresh_database")

SHARED = Path(__file__).parents[4] / "shared/data"
MINUTE = factory.MINUTE
BARS = factory.simulated(60)
NAME = "binance_btcusdt_1m"
KLINE_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore"
)
NUMBERS = ("open", "high", "low", "close", "volume")
IN_PROCESS = """
import sys
import django
django.setup()
from aitrader import databases
from django.core.management import call_command
from trading.services import candle_store
candle_store.PORTION = 20
databases.use(sys.argv[1])
call_command("import_candles", sys.argv[2])
"""


def bring(path: Path, *, replace: bool = False, **given: Any) -> Written:
    file = candle_forms.read(path, **given)
    return candle_store.import_file(file, replace=replace, wall=WALL, told=lambda *_: None)


def counts(path: Path, **given: Any) -> Counts:
    return bring(path, **given).counts


def shelf(code: str = "BINANCE:BTC-USDT", interval: timedelta = MINUTE) -> Shelf:
    series = candles.find(code, interval)
    assert series is not None
    return Shelf(series, Span(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)))


def held(code: str = "BINANCE:BTC-USDT", interval: timedelta = MINUTE) -> list[Bar]:
    return list(shelf(code, interval).bars())


def told() -> list[dict[str, Any]]:
    """What the journal says was written, in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT convert_from(payload, 'UTF8') FROM compliance_journalentry "
            "WHERE event = %s ORDER BY id",
            [EventName.CANDLES_WRITTEN],
        )
        return [row[0] for row in cursor.fetchall()]


def klines(bars: Iterable[Bar], *, micros: bool = False) -> list[str]:
    tail = "000" if micros else ""
    return [
        f"{factory.row(bar).replace(',', tail + ',', 1)},"
        f"{factory.millis(bar.close_time) - 1}{tail},1.0,7,0.5,0.5,0"
        for bar in bars
    ]


def zipped(folder: Path, rows: Sequence[str]) -> Path:
    path = folder / "BTCUSDT-1m-2026-01.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("BTCUSDT-1m-2026-01.csv", "\n".join(rows) + "\n")
    return path


def parquet(path: Path, bars: Sequence[Bar], **changed: Any) -> Path:
    columns: dict[str, Any] = {"open_time": [bar.open_time for bar in bars]}
    columns |= {name: [float(getattr(bar, name)) for bar in bars] for name in NUMBERS}
    polars.DataFrame(columns | changed).write_parquet(path)
    return path


def _forms(folder: Path) -> dict[str, Path]:
    rows, kline_rows = [factory.row(bar) for bar in BARS], klines(BARS)
    naive = [bar.open_time.replace(tzinfo=None) for bar in BARS]
    seconds = [factory.millis(bar.open_time) // 1000 for bar in BARS]
    texts = {name: [plain(getattr(bar, name)) for bar in BARS] for name in NUMBERS}
    exact = {name: [Decimal(text) for text in column] for name, column in texts.items()}
    with_header, *without = [
        factory.write(folder / f"{NAME}_{number}.csv", part, header=header)
        for number, (header, part) in enumerate(
            [(KLINE_HEADER, kline_rows), (kline_rows[0], kline_rows[1:])]
        )
    ]
    first, *others = klines(BARS, micros=True)
    return {
        "layout of replays": factory.write(folder / f"{NAME}.csv", rows),
        "packed": factory.write(folder / f"{NAME}_p.csv.gz", rows),
        "klines with a header": with_header,
        "klines without one": without[0],
        "klines in microseconds": factory.write(folder / f"{NAME}_u.csv", others, header=first),
        "archive": zipped(folder, klines(BARS, micros=True)),
        "parquet of floats": parquet(folder / f"{NAME}_f.parquet", BARS),
        "parquet of decimals": parquet(folder / f"{NAME}_d.parquet", BARS, **exact),
        "parquet of text": parquet(folder / f"{NAME}_t.parquet", BARS, **texts),
        "parquet, naive times": parquet(folder / f"{NAME}_n.parquet", BARS, open_time=naive),
        "parquet, seconds": parquet(folder / f"{NAME}_s.parquet", BARS, open_time=seconds),
    }


def test_every_form_gives_the_same_candles(tmp_path: Path) -> None:
    for form, path in _forms(tmp_path).items():
        code = f"FORM{len(form)}:BTC-USDT"
        assert counts(path, venue=code.partition(":")[0]).rows == len(BARS), form
        assert held(code) == BARS, form


def test_the_name_of_an_archived_file_says_what_it_is(tmp_path: Path) -> None:
    counts(zipped(tmp_path, klines(BARS)))
    assert held("BINANCE:BTC-USDT") == BARS


def test_an_archive_with_a_header_may_be_of_a_perpetual_and_is_asked_about(tmp_path: Path) -> None:
    path = zipped(tmp_path, [KLINE_HEADER, *klines(BARS)])
    with pytest.raises(BadInput, match="spot or perpetual\\? give --kind"):
        bring(path)
    bring(path, kind=AccountKind.PERP)
    assert held("BINANCE:BTC-USDT-PERP") == BARS


def test_a_small_float_keeps_its_shortest_digits(tmp_path: Path) -> None:
    prices = {name: [2.3e-7] for name in NUMBERS}
    path = parquet(tmp_path / f"{NAME}.parquet", BARS[:1], **prices)
    bring(path)
    [bar] = held()
    assert (bar.open, bar.volume) == (Decimal("0.00000023"), Decimal("0.00000023"))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([*klines(BARS[:3]), "1,2"], ":4: 2 columns where 12 are expected"),
        ([klines(BARS)[0], klines(BARS)[1].replace("000,", "000001,", 1)], ":2: open_time"),
        ([*klines(BARS[:2]), klines(BARS)[0]], "quarantined"),
    ],
)
def test_lines_count_as_in_the_file(tmp_path: Path, rows: list[str], words: str) -> None:
    path = factory.write(tmp_path / f"{NAME}.csv", rows[1:], header=rows[0])
    if words == "quarantined":
        assert counts(path) == Counts(inserted=2, quarantined=1)
        assert QuarantinedCandle.objects.get().line == 3
        return
    with pytest.raises(InvalidBar, match=words):
        bring(path)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("btcusdt_1m.csv", b"", "no venue such as binance in the file name"),
        ("binance_btcusdt_1m.txt", b"", "a candle file ends with"),
        ("binance_btcusdt_1m.csv", b"", "the file is empty"),
        ("BTCUSDT-1m-2025-01.zip", b"PK no", "not a sound zip file"),
        ("binance_btcusdt_1m.parquet", b"PAR1", "not a sound Parquet file"),
        ("binance_1m.csv", b"", "no symbol such as btcusdt"),
    ],
)
def test_what_cannot_be_read_is_one_line(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadInput, match=words) as raised:
        bring(path)
    assert "\n" not in str(raised.value)


def test_importing_twice_changes_nothing(tmp_path: Path) -> None:
    path = _forms(tmp_path)["packed"]
    assert counts(path) == Counts(inserted=60)
    before, digest = _versions(), shelf().digest()
    assert counts(path) == Counts(identical=60)
    assert (_versions(), shelf().digest()) == (before, digest)


def test_each_import_is_in_the_journal_with_hash_and_counts(tmp_path: Path) -> None:
    path = _forms(tmp_path)["packed"]
    bring(path)
    bring(path)
    first, second = told()
    digest = candle_forms.read(path).sha256()
    for entry in (first, second):
        assert f'"sha256":"{digest}"' in entry
        assert '"complete":true' in entry
        assert '"object_id":"BINANCE:BTC-USDT@1m"' in entry
    assert '"inserted":60' in first
    assert '"identical":60' in second


def _versions() -> list[Any]:
    """Which transaction wrote each row: an UPDATE to the same numbers would show."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT open_time, xmin::text FROM trading_candle ORDER BY open_time")
        return cursor.fetchall()


def _corrected(folder: Path) -> Path:
    bar = BARS[7]
    other = Bar(bar.open_time, MINUTE, bar.open, bar.high + 1, bar.low, bar.close, bar.volume)
    rows = [factory.row(each) for each in (*BARS[:7], other, *BARS[8:])]
    return factory.write(folder / f"{NAME}_again.csv", rows)


def test_a_candle_that_differs_is_told_and_the_old_one_kept(tmp_path: Path) -> None:
    bring(_forms(tmp_path)["packed"])
    written = bring(_corrected(tmp_path))
    assert written.counts == Counts(identical=59, revised=1)
    [revision] = written.revisions
    assert revision.open_time == BARS[7].open_time
    assert (revision.was[1], revision.now[1]) == (BARS[7].high, BARS[7].high + 1)
    assert held() == BARS
    assert '"replaced":0' in told()[-1]


def test_a_candle_that_differs_is_replaced_when_asked(tmp_path: Path) -> None:
    bring(_forms(tmp_path)["packed"])
    before = _versions()
    assert counts(_corrected(tmp_path), replace=True) == Counts(identical=59, revised=1)
    assert held()[7].high == BARS[7].high + 1
    assert [row for row in _versions() if row not in before] == [_versions()[7]]
    assert '"replaced":1' in told()[-1]
    assert counts(_corrected(tmp_path), replace=True) == Counts(identical=60)


def test_a_row_that_repeats_is_set_aside_once_however_often_it_is_imported(tmp_path: Path) -> None:
    rows = [factory.row(bar) for bar in BARS]
    path = factory.write(tmp_path / f"{NAME}.csv", [*rows, rows[3]])
    assert counts(path) == Counts(inserted=60, quarantined=1)
    assert counts(path) == Counts(identical=60, quarantined=1)
    kept = QuarantinedCandle.objects.get()
    assert (kept.line, kept.open_time, kept.identical) == (62, BARS[3].open_time, True)


def test_what_came_before_a_bad_row_is_kept_and_journaled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candle_store, "PORTION", 20)
    rows = [factory.row(bar) for bar in BARS]
    rows[50] = rows[50].replace(",", ",-", 1)
    with pytest.raises(InvalidBar, match=":52: open -"):
        bring(factory.write(tmp_path / f"{NAME}.csv", rows))
    assert held() == BARS[:50]
    assert ['"complete":false' in entry for entry in told()] == [True, True, True]


def test_gaps_are_what_is_not_there(tmp_path: Path) -> None:
    bring(_with_gaps(tmp_path))
    [holding] = candles.holdings()
    assert (holding.name, holding.bars) == ("BINANCE:BTC-USDT@1m", 49)
    assert (holding.first, holding.last) == (BARS[5].open_time, BARS[-1].open_time)
    assert (holding.gaps, holding.missing) == (2, 6)
    every = Span(BARS[0].open_time, BARS[-1].close_time + 2 * MINUTE)
    assert [
        ((span.first - BARS[0].open_time) // MINUTE, span.bars(MINUTE))
        for span in candles.missing(holding.series, MINUTE, every)
    ] == [(0, 5), (10, 1), (30, 5), (60, 2)]


def _with_gaps(folder: Path) -> Path:
    kept = [*BARS[5:10], *BARS[11:30], *BARS[35:]]
    return factory.write(folder / f"{NAME}.csv", [factory.row(bar) for bar in kept])


def test_the_database_refuses_a_candle_that_cannot_be(tmp_path: Path) -> None:
    bring(_forms(tmp_path)["packed"])
    row = StoredCandle.objects.first()
    assert row is not None
    row.high, row.open_time = row.low - 1, row.open_time - MINUTE
    with pytest.raises(IntegrityError, match="trading_candle_sound"):
        row.save(force_insert=True)


def test_killed_in_the_middle_and_resumed_it_is_as_if_it_had_run_whole(
    tmp_path: Path, fresh_database: str
) -> None:
    bars = factory.simulated(20_000)
    path = factory.write(tmp_path / f"{NAME}.csv.gz", [factory.row(bar) for bar in bars])
    command = [sys.executable, "-c", IN_PROCESS, fresh_database, str(path)]
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=paper_process.environment(), stdout=subprocess.DEVNULL
    ) as process:
        deadline = time.monotonic() + 60
        while StoredCandle.objects.count() < 100:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    _wait_until_nobody_writes()
    part = held()
    assert 100 <= len(part) < len(bars)
    assert part == bars[: len(part)]
    assert all('"complete":false' in entry for entry in told())
    assert counts(path) == Counts(inserted=len(bars) - len(part), identical=len(part))
    resumed = shelf().digest()
    counts(path, venue="WHOLE")
    assert shelf("WHOLE:BTC-USDT").digest() == resumed
    assert held() == bars


def _wait_until_nobody_writes() -> None:
    """What the killed process had sent last may still be at work in the server."""
    deadline = time.monotonic() + 10
    others = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(others)
            if cursor.fetchone()[0] == 0:
                return
        time.sleep(0.02)


@pytest.mark.skipif(not SHARED.is_dir(), reason="no shared/data beside the project")
@pytest.mark.parametrize(
    "name",
    [
        "candles/binance_spot_btcusdt_1m_2021-04-20_2021-05-20.csv.gz",
        "candles/binance_spot_btcusdt_1h_2017-08_2024-04.csv.gz",
        "candles/binance_perp_btcusdt_1m_2025-05-04_2025-06-03.csv.gz",
    ],
)
def test_recorded_candles_come_back_row_by_row(name: str) -> None:
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"no {name}")
    written = bring(path)
    direct = [item for item in candle_files.read(path) if isinstance(item, Bar)]
    series = StoredSeries.objects.get()
    assert held(series.code, timedelta(seconds=series.interval_seconds)) == direct
    assert written.counts.inserted == len(direct)


def test_a_reading_keeps_to_its_database(tmp_path: Path) -> None:
    bring(_forms(tmp_path)["packed"])
    opened = recordings.stored("store:BINANCE:BTC-USDT@1m")
    with databases.passing("aitrader_paper_"):
        assert list(opened) == BARS
        with pytest.raises(BadInput, match="the library has no BINANCE:BTC-USDT@1m"):
            recordings.stored("store:BINANCE:BTC-USDT@1m")


def test_a_span_names_its_candles_and_half_open(tmp_path: Path) -> None:
    bring(_forms(tmp_path)["packed"])
    span = "2026-01-04T21:20..2026-01-04T21:25"
    found = recordings.stored(f"store:BINANCE:BTC-USDT@1m:{span}")
    assert list(found) == BARS[5:10]
    assert found.span() == tuple(factory.millis(BARS[at].open_time) for at in (5, 9))
    open_end = recordings.stored("store:BINANCE:BTC-USDT@1m:2026-01-04T22:10..")
    assert list(open_end) == BARS[55:]


def test_a_library_that_changes_under_a_replay_ends_it(tmp_path: Path) -> None:
    bring(_forms(tmp_path)["packed"])
    reading = iter(recordings.stored("store:BINANCE:BTC-USDT@1m"))
    next(reading)
    bring(_corrected(tmp_path), replace=True)
    with pytest.raises(BadInput, match="the library has changed while this was replayed"):
        list(reading)
