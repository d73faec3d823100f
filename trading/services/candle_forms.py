"""Opening candle files of every form that the library takes, as lines of the one layout.

1. Whatever the form, the rows are judged by the one reader (domain/candle_file.py).
2. The form is seen in the file: columns by the names of its header, or a venue's klines of twelve
   columns without one; plain, packed (.gz) or in a .zip of one file; .parquet by its name.
3. Times are whole milliseconds of UTC in the end: seconds, microseconds and nanoseconds are told
   by their digits, ISO 8601 is of UTC, and a part of a millisecond is refused.
4. Floats of a Parquet file are read by their shortest text, never by their binary value.
5. What neither the name nor the caller says is not guessed; a column `symbol` may only agree.
"""

import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING

from aitrader.kernel.clock import EPOCH
from aitrader.kernel.errors import BadInput, InvalidBar
from aitrader.kernel.fix import AccountKind
from aitrader.kernel.money import plain, stored
from trading.domain.bar import Bar
from trading.domain.candle_file import HEADER, CandleReader, Quarantined
from trading.services import candle_files

if TYPE_CHECKING:
    import polars

SUFFIXES = (".csv.gz", ".csv", ".zip", ".parquet")
_VENUES = ("binance", "coinbase", "btcturk")
_COLUMNS = HEADER.split(",")
_KLINE_COLUMNS = 12
_SYMBOL = "symbol"
#: As Binance's archive names its files: BTCUSDT-1m-2025-01.zip, or of a day.
_ARCHIVE = re.compile(r"([A-Za-z0-9]+)-([1-9][0-9]*[smhd])-\d{4}-\d{2}(?:-\d{2})?")
_TIMES = ("open_time", "timestamp", "date", "datetime", "time")
#: More digits than of microseconds would be dropped unseen, unless they are noughts.
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:]+(\.[0-9]{1,6}0*)?(Z|[+-][0-9:]+)?)?")
_MILLISECOND = timedelta(milliseconds=1)
_SLICE = 100_000
_HASHED_AT_ONCE = 1 << 20
#: Digits of an instant of this century, and what makes milliseconds of them.
_DIGITS: Mapping[int, int] = {10: 1000, 16: -1000, 19: -1_000_000}
#: A number that is longer may have more decimals than are kept.
_USUAL_LENGTH = 19


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of candles of one series; every iteration reads it again, from the start."""

    path: Path
    source: str
    venue: str
    base: str
    quote: str
    kind: AccountKind
    interval: timedelta
    #: The name says neither spot nor perpetual, and nobody else did.
    kind_is_open: bool = False

    def __iter__(self) -> Iterator[Bar | Quarantined]:
        """Raises InvalidBar with file and line, or BadInput."""
        if self.path.name.lower().endswith(".parquet"):
            text, first_line = _parquet(self.path, self.source, self.symbol), 0
        else:
            text, first_line = self._text()
        yield from CandleReader(
            text, source=self.source, interval=self.interval, first_line=first_line
        )

    @property
    def symbol(self) -> str:
        return f"{self.base}{self.quote}"

    def sha256(self) -> str:
        """Of the file's bytes."""
        digest = hashlib.sha256()
        with self.path.open("rb") as file:
            while portion := file.read(_HASHED_AT_ONCE):
                digest.update(portion)
        return digest.hexdigest()

    def _text(self) -> tuple[Iterator[str], int]:
        """The lines, and the number of the first."""
        packed = self.path.name.lower().endswith(".zip")
        read = _zipped if packed else candle_files.lines
        lines = read(self.path, self.source)
        first = next(lines, None)
        if first is None:
            return iter(()), 1
        names = [name.strip() for name in first.removeprefix("\ufeff").lower().split(",")]
        if names[0].isdigit() and len(names) == _KLINE_COLUMNS:
            unnamed = [*_COLUMNS, *[""] * (_KLINE_COLUMNS - len(_COLUMNS))]
            return chain([HEADER], self._rows(chain([first], lines), unnamed, 1)), 0
        if wrong := [name for name in _COLUMNS if names.count(name) != 1]:
            raise InvalidBar(
                f"{self.source}:1: expected a header such as {HEADER}, and this line does not name "
                f"{', '.join(wrong)} once"
            )
        if self.kind_is_open and len(names) >= _KLINE_COLUMNS:
            # In Binance's archive only the files of perpetuals have a header.
            raise BadInput(f"{self.source}: spot or perpetual? give --kind SPOT or --kind PERP")
        return chain([HEADER], self._rows(lines, names, 2)), 1

    def _rows(self, lines: Iterable[str], names: Sequence[str], line: int) -> Iterator[str]:
        """The six of the columns, the time in milliseconds."""
        time, *numbers = map(names.index, _COLUMNS)
        symbol = names.index(_SYMBOL) if _SYMBOL in names else None
        for number, text in enumerate(lines, start=line):
            fields = text.rstrip("\r\n").split(",")
            where = f"{self.source}:{number}"
            if len(fields) != len(names):
                raise InvalidBar(f"{where}: {len(fields)} columns where {len(names)} are expected")
            if symbol is not None:
                _agree(fields[symbol], self.symbol, where)
            yield ",".join([_millis(fields[time]), *(fields[each] for each in numbers)])


def read(
    path: str | Path,
    *,
    symbol: str | None = None,
    interval: str | None = None,
    kind: AccountKind | None = None,
    venue: str | None = None,
) -> SourceFile:
    """The file at `path`; what is not given is read from its name. Raises BadInput."""
    source, file = str(path), Path(path)
    if not file.is_file():
        raise BadInput(f"{source}: no such file")
    stem = _stem(source, file.name)
    archived = _ARCHIVE.fullmatch(stem)
    tokens = [archived[1], archived[2], "binance"] if archived else stem.split("_")
    tokens = [token.lower() for token in tokens]
    base, quote, told, length = candle_files.said_by(source, tokens, symbol, interval)
    return SourceFile(
        path=file,
        source=source,
        venue=_venue(source, tokens, venue),
        base=base,
        quote=quote,
        kind=kind or told,
        interval=length,
        kind_is_open=archived is not None and kind is None,
    )


def _stem(source: str, name: str) -> str:
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    raise BadInput(f"{source}: a candle file ends with {', '.join(SUFFIXES)}")


def _venue(source: str, tokens: Sequence[str], given: str | None) -> str:
    if given is not None:
        if not re.fullmatch(r"[A-Za-z0-9]{2,16}", given):
            raise BadInput(f"--venue {given} is not 2 to 16 letters and digits")
        return given.upper()
    found = next((token for token in tokens if token in _VENUES), None)
    if found is None:
        raise BadInput(f"{source}: no venue such as binance in the file name; give --venue")
    return found.upper()


def _agree(told: str | None, symbol: str, where: str) -> None:
    if told != symbol and re.sub("[-/]", "", told or "").upper() != symbol:
        raise InvalidBar(f"{where}: the symbol is {(told or '')[:60]!r} where {symbol} is expected")


def _millis(time: str) -> str:
    """An instant in milliseconds; as it is where it cannot be one, for the reader to refuse."""
    if _ISO.fullmatch(time):
        return _millis_of_iso(time)
    factor = _DIGITS.get(len(time))
    if factor is None or not time.isdigit():
        return time
    if factor > 0:
        return str(int(time) * factor)
    whole, rest = divmod(int(time), -factor)
    return time if rest else str(whole)


def _millis_of_iso(time: str) -> str:
    try:
        told = datetime.fromisoformat(time)
    except ValueError:
        return time
    if told.utcoffset():
        return time
    whole, rest = divmod(told.replace(tzinfo=EPOCH.tzinfo) - EPOCH, _MILLISECOND)
    return time if rest else str(whole)


def _zipped(path: Path, source: str) -> Iterator[str]:
    done = 0
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.lower().endswith(".csv")]
            if len(names) != 1:
                raise BadInput(f"{source}: {len(names)} .csv files inside where one is expected")
            with (
                archive.open(names[0]) as packed,
                io.TextIOWrapper(packed, encoding="utf-8", newline="\n") as text,
            ):
                for line in text:
                    yield line
                    done += 1
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise InvalidBar(f"{source}:{done + 1}: not a sound zip file ({error})") from None
    except UnicodeDecodeError:
        raise InvalidBar(f"{source}:{done + 1}: not UTF-8 text") from None
    except (RuntimeError, NotImplementedError) as error:
        # A password, or a way of packing that Python does not know.
        raise BadInput(f"{source}: cannot be unpacked ({error})") from None
    except OSError as error:
        raise BadInput(f"{source}: cannot be read ({error.strerror})") from None


def _parquet(path: Path, source: str, symbol: str) -> Iterator[str]:
    # A quarter of a second that only this form costs.
    import polars

    yield HEADER
    try:
        frame = polars.scan_parquet(path)
        schema = frame.collect_schema()
        columns, readers = _columns(schema, source)
        for name in (name for name in schema if name.lower() == _SYMBOL):
            every = polars.col(name).cast(polars.String).unique()
            for (told,) in frame.select(every).collect().iter_rows():
                _agree(told, symbol, source)
        for start in count(0, _SLICE):
            rows = frame.select(columns).slice(start, _SLICE).collect()
            for time, *numbers in rows.iter_rows():
                read = (reader(text) for reader, text in zip(readers, numbers, strict=True))
                yield ",".join([_millis(time or ""), *read])
            if rows.height < _SLICE:
                return
    except polars.exceptions.PolarsError as error:
        why = str(error).splitlines()[0]
        raise InvalidBar(f"{source}:1: not a sound Parquet file ({why})") from None
    except OSError as error:
        raise BadInput(f"{source}: cannot be read ({error.strerror or error})") from None


def _columns(
    schema: "polars.Schema", source: str
) -> "tuple[list[polars.Expr], list[Callable[[str | None], str]]]":
    """The six columns as text, the time in digits; and how the text of each number is read."""
    import polars

    named = {name.lower(): name for name in schema}
    time = next((named[name] for name in _TIMES if name in named), None)
    if time is None:
        raise BadInput(f"{source}: none of the columns is {', '.join(_TIMES)}")
    if missing := [name for name in _COLUMNS[1:] if name not in named]:
        raise BadInput(f"{source}: there is no column {', '.join(missing)}")
    kind, column = schema[time], polars.col(time)
    if kind == polars.Date:
        column = column.cast(polars.Datetime("us")).dt.epoch("us")
    elif kind == polars.Datetime:
        column = column.dt.epoch("ns")
    elif not kind.is_integer():
        raise BadInput(f"{source}: column {time} is {kind}, neither a time nor a whole number")
    numbers = [named[name] for name in _COLUMNS[1:]]
    return (
        [column.cast(polars.String), *(polars.col(name).cast(polars.String) for name in numbers)],
        [_of_float if schema[name].is_float() else _as_it_is for name in numbers],
    )


def _as_it_is(text: str | None) -> str:
    return text or ""


def _of_float(text: str | None) -> str:
    """A float's shortest text, without an exponent and with no more decimals than are kept."""
    if text is None:
        return ""
    if "e" in text or len(text) > _USUAL_LENGTH:
        try:
            return plain(stored(Decimal(text)))
        except InvalidOperation:
            # Too great for what is kept: the reader says so.
            return text
    return text
