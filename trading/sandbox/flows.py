"""The markets of one run: recorded candles or order-book frames where there are some, a seeded walk
elsewhere.

1. Recorded time is moved so that the first candle opens, or the first recorded book is known, when
   the run begins.
2. A row that its file quarantines is no candle of the market.
3. A file whose name does not end as a candle file's holds frames. A market has one kind of record.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from aitrader.kernel.errors import BadInput
from aitrader.kernel.money import ONE
from trading.domain.bar import Bar
from trading.domain.depth import DepthSnapshot
from trading.sandbox import frames
from trading.sandbox.book_flow import BookFlow
from trading.sandbox.flow import CandleFlow, Flow, SeededFlow
from trading.sandbox.stage import Stage
from trading.services import candle_files

_IN_DOLLARS = {"BTC": Decimal(60_000), "ETH": Decimal(3_000), "BNB": Decimal(600)}
_PER_DOLLAR = {"TRY": Decimal(40)}
_USUAL_START = Decimal(100)


def make(stage: Stage, replay: Sequence[str], *, start: datetime) -> list[Flow]:
    """One flow for each listing. Raises BadInput for a file whose market is not listed here."""
    listed = {symbol.replace("-", ""): symbol for symbol in stage.crowds}
    candles: dict[str, list[candle_files.CandleFile]] = {}
    books: dict[str, list[frames.FrameFile]] = {}
    for path in replay:
        if path.lower().endswith(candle_files.SUFFIXES):
            file = candle_files.read(path)
            candles.setdefault(_listed(listed, file.symbol), []).append(file)
            continue
        recording = frames.opened(path)
        for symbol in recording.symbols():
            books.setdefault(_listed(listed, symbol), []).append(recording)
    if strange := {*candles, *books} - set(stage.crowds):
        raise BadInput(f"not listed here: {', '.join(sorted(strange))}")
    if both := set(candles) & set(books):
        raise BadInput(f"both candles and frames of {', '.join(sorted(both))}")
    return [
        _played(stage, symbol, books[symbol], start)
        if symbol in books
        else _recorded(stage, symbol, candles[symbol], start)
        if symbol in candles
        else _walk(stage, symbol, start)
        for symbol in stage.crowds
    ]


def said(flows: Iterable[Flow]) -> list[str]:
    """What is to be told of the recordings when the run is over."""
    return [each.said() for each in flows if isinstance(each, BookFlow)]


def _listed(listed: Mapping[str, str], symbol: str) -> str:
    name = symbol.replace("-", "")
    return listed.get(name, name)


def _played(
    stage: Stage, symbol: str, files: Sequence[frames.FrameFile], start: datetime
) -> BookFlow:
    # Read anew for this market alone, which counts what it could not read.
    own = [frames.FrameFile(file.path) for file in files]
    spelt = [_spelt(file, symbol) for file in files]

    def ours() -> Iterator[frames.Frame]:
        found = (
            (each for each in file if each.symbol in names)
            for file, names in zip(own, spelt, strict=True)
        )
        return heapq.merge(*found, key=lambda each: each.at)

    books = (each.at for each in ours() if isinstance(each.content, DepthSnapshot))
    first = next(books, None)
    if first is None:
        raise BadInput(f"no order book of {symbol} was recorded to begin with, only its changes")
    return BookFlow(
        stage.crowds[symbol],
        ours(),
        shift=start - first,
        unreadable=lambda: sum(file.unreadable for file in own),
    )


def _spelt(file: frames.FrameFile, symbol: str) -> set[str]:
    """What the file calls the instrument; nothing, where it holds no other."""
    names = file.symbols()
    found = {name for name in names if name.replace("-", "") == symbol.replace("-", "")}
    return found | {""} if len(names) == 1 else found


def _recorded(
    stage: Stage, symbol: str, files: Sequence[candle_files.CandleFile], start: datetime
) -> Flow:
    series = candle_files.in_order(files)
    first = next(iter(_bars(series)))
    return CandleFlow(stage.crowds[symbol], _bars(series), shift=start - first.open_time)


def _walk(stage: Stage, symbol: str, start: datetime) -> Flow:
    listing = stage.crowds[symbol].listing
    px = _IN_DOLLARS.get(listing.base, _USUAL_START) * _PER_DOLLAR.get(listing.quote, ONE)
    return SeededFlow(stage.crowds[symbol], seed=stage.seed, start=start, px=px)


def _bars(series: Iterable[object]) -> Iterator[Bar]:
    return (each for each in series if isinstance(each, Bar))
