"""Opening recorded candle files and learning from their names what they hold.

1. A file says nothing that its name, or the caller, did not: symbol and interval are never
   guessed from the numbers. PERP only when the name says `perp`.
2. Whatever is wrong with the bytes (cut gzip, wrong text) is an InvalidBar with file and line.
3. Several files of one market are one stream in the order of time; no two may hold the same time.
"""

import gzip
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain, pairwise
from pathlib import Path
from typing import Protocol, TypeVar

from aitrader.kernel.clock import from_millis
from aitrader.kernel.errors import BadInput, InvalidBar
from aitrader.kernel.fix import AccountKind
from trading.domain.bar import Bar
from trading.domain.candle_file import CandleReader, GapCount, Quarantined

SUFFIXES = (".csv.gz", ".csv")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_Found = TypeVar("_Found")
_OPEN_TIME = re.compile(r"([0-9]{12,13}),")
_INTERVAL = re.compile(r"([1-9][0-9]{0,3})([smhd])")
# Longer codes first: FDUSD ends with USD.
_QUOTES = ("FDUSD", "USDT", "USDC", "TUSD", "BUSD", "USD", "EUR", "GBP", "TRY", "BTC", "ETH", "BNB")
_SYMBOL = re.compile(rf"([A-Z0-9]{{2,12}}?)[-/]?({'|'.join(_QUOTES)})")


class Recording(Protocol):
    """Recorded bars of one market, wherever they lie; every iteration reads them anew."""

    @property
    def source(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def base(self) -> str: ...
    @property
    def quote(self) -> str: ...
    @property
    def kind(self) -> AccountKind: ...
    @property
    def interval(self) -> timedelta: ...
    @property
    def symbol(self) -> str: ...

    def span(self) -> tuple[int, int]:
        """The first and the last open_time, in milliseconds."""
        ...

    def content(self) -> bytes:
        """What tells these bars from any others."""
        ...

    def __iter__(self) -> Iterator[Bar | Quarantined]: ...


@dataclass(slots=True)
class CandleFile:
    """One file of bars; every iteration reads it again, from the start, one row at a time.

    `gaps`, `accepted` and `quarantined` count for the latest iteration. Iterating raises
    InvalidBar.
    """

    path: Path
    source: str
    base: str
    quote: str
    kind: AccountKind
    interval: timedelta
    quarantined: int = 0
    _reader: CandleReader | None = field(default=None, repr=False)

    @property
    def symbol(self) -> str:
        return f"{self.base}{self.quote}"

    @property
    def name(self) -> str:
        return self.path.name

    def span(self) -> tuple[int, int]:
        """What is wrong with a row is found when it is read."""
        first, last = 0, 0
        for line in lines(self.path, self.source):
            if found := _OPEN_TIME.match(line):
                time = int(found[1])
                first, last = min(first or time, time), max(last, time)
        return first, last

    def content(self) -> bytes:
        return self.path.read_bytes()

    @property
    def gaps(self) -> GapCount:
        return self._reader.gaps if self._reader else GapCount()

    @property
    def accepted(self) -> int:
        """Bars accepted so far."""
        return self._reader.accepted if self._reader else 0

    def __iter__(self) -> Iterator[Bar | Quarantined]:
        reader = CandleReader(
            lines(self.path, self.source), source=self.source, interval=self.interval
        )
        self._reader, self.quarantined = reader, 0
        for item in reader:
            if isinstance(item, Quarantined):
                self.quarantined += 1
            yield item


@dataclass(frozen=True, slots=True)
class CandleSeries:
    """The files of one market, in the order of time; every iteration reads them all again."""

    files: Sequence[Recording]

    @property
    def title(self) -> str:
        name, more = self.files[0].name, len(self.files) - 1
        return f"{name} and {more} more" if more else name

    def __iter__(self) -> Iterator[Bar | Quarantined]:
        return chain.from_iterable(self.files)


def in_order(files: Sequence[Recording]) -> CandleSeries:
    """The files of one market as one series. Raises BadInput when two hold the same time."""
    if len(files) == 1:
        return CandleSeries(files)
    spans = sorted(((*file.span(), file) for file in files), key=lambda span: span[:2])
    for (_, last, before), (first, _, after) in pairwise(spans):
        if first <= last:
            raise BadInput(
                f"{before.source} and {after.source} both hold {after.symbol} of "
                f"{from_millis(first):%Y-%m-%d %H:%M} UTC: leave one of them out, or name the "
                "files to trade with --replay"
            )
    return CandleSeries([file for _, _, file in spans])


def read(
    path: str | Path,
    *,
    symbol: str | None = None,
    interval: str | None = None,
    kind: AccountKind | None = None,
) -> CandleFile:
    """The candle file at `path`; what is not given is read from its name.

    `symbol` such as BTCUSDT or BTC-USDT, `interval` such as 1m, 4h, 1d. Raises BadInput when the
    file is not there or its name does not say enough.
    """
    source, file = str(path), Path(path)
    if not _look(file, Path.is_file):
        raise BadInput(f"{source}: no such file")
    if not file.name.lower().endswith(SUFFIXES):
        raise BadInput(f"{source}: a candle file ends with .csv.gz or .csv")
    base, quote, told, length = said_by(source, _tokens(file.name), symbol, interval)
    return CandleFile(
        path=file, source=source, base=base, quote=quote, kind=kind or told, interval=length
    )


def said_by(
    source: str, tokens: Sequence[str], symbol: str | None, interval: str | None
) -> tuple[str, str, AccountKind, timedelta]:
    """Base, quote, kind and interval, given or from the words of a file's name. Raises BadInput."""
    base, quote = _symbol(source, tokens, symbol)
    kind = AccountKind.PERP if "perp" in tokens else AccountKind.SPOT
    return base, quote, kind, _interval(source, tokens, interval)


def read_all(
    path: str | Path,
    *,
    symbol: str | None = None,
    interval: str | None = None,
    kind: AccountKind | None = None,
) -> list[CandleFile]:
    """The file at `path`, or every candle file directly inside the folder, by name.

    Raises BadInput like `read`, and for a folder without candle files or a `symbol` for several.
    """
    folder = Path(path)
    if not _look(folder, Path.is_dir):
        return [read(path, symbol=symbol, interval=interval, kind=kind)]
    files = sorted(each for each in _look(folder, _inside) if each.name.lower().endswith(SUFFIXES))
    if not files:
        raise BadInput(f"{path}: no .csv.gz or .csv file in this folder")
    if symbol is not None and len(files) > 1:
        raise BadInput(f"{path}: one symbol cannot name the {len(files)} files of a folder")
    return [read(file, symbol=symbol, interval=interval, kind=kind) for file in files]


def parse_interval(text: str) -> timedelta:
    """`1s`, `1m`, `15m`, `4h`, `1d`. Raises BadInput for anything else, or longer than a day."""
    found = _INTERVAL.fullmatch(text)
    if found:
        interval = timedelta(**{_UNITS[found[2]]: int(found[1])})
        if interval <= timedelta(days=1):
            return interval
    raise BadInput(f"interval {text!r} is not of the form 1m, 15m, 4h or 1d")


def parse_symbol(text: str) -> tuple[str, str]:
    """Base and quote of `BTCUSDT`, `BTC-USDT` or `btc/usdt`. Raises BadInput."""
    found = _SYMBOL.fullmatch(text.upper())
    if not found:
        raise BadInput(f"symbol {text!r} is not of the form BTCUSDT or BTC-USDT")
    return found[1], found[2]


def _tokens(name: str) -> list[str]:
    stem = next(name[: -len(end)] for end in SUFFIXES if name.lower().endswith(end))
    return stem.lower().split("_")


def _symbol(source: str, tokens: Sequence[str], given: str | None) -> tuple[str, str]:
    if given is not None:
        return parse_symbol(given)
    found = next((token for token in tokens if _SYMBOL.fullmatch(token.upper())), None)
    if found is None:
        raise BadInput(f"{source}: no symbol such as btcusdt in the file name; give --symbol")
    return parse_symbol(found)


def _interval(source: str, tokens: Sequence[str], given: str | None) -> timedelta:
    if given is not None:
        return parse_interval(given)
    found = next((token for token in tokens if _INTERVAL.fullmatch(token)), None)
    if found is None:
        raise BadInput(f"{source}: no interval such as 1m in the file name; give --interval")
    return parse_interval(found)


def _inside(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def _look(path: Path, at: Callable[[Path], _Found]) -> _Found:
    """What looking at a path finds. Raises BadInput where looking is not allowed."""
    try:
        return at(path)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror})") from None


def lines(path: Path, source: str) -> Iterator[str]:
    """The lines of a text file, packed or not. Raises InvalidBar with file and line, BadInput."""
    done = 0
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with opener(path, "rt", encoding="utf-8", newline="\n") as opened:
            for text in opened:
                yield text
                done += 1
    except EOFError:
        raise InvalidBar(f"{source}:{done + 1}: the gzip file is cut short") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InvalidBar(f"{source}:{done + 1}: not a sound gzip file ({error})") from None
    except UnicodeDecodeError:
        raise InvalidBar(f"{source}:{done + 1}: not UTF-8 text") from None
    except OSError as error:
        raise BadInput(f"{source}: cannot be read ({error.strerror})") from None
