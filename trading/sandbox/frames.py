"""Files of recorded order-book frames: Binance's depth streams, trades and REST snapshots.

1. A line is `<time> {frame}`, the time of its receipt in nanoseconds or as `<seconds>.<part>:`,
   before it perhaps the address that a snapshot was asked of. Frames keep the order of the file.
2. What cannot be read is counted, not guessed; a file that is cut short ends there and counts once.
   Frames of other streams (book ticker, klines) are left out.
3. A snapshot that does not say its symbol is of the one symbol of its file.

Binance: web-socket-streams.md (Diff. Depth, Trade, Aggregate Trade), rest-api.md (Order book).
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from aitrader.kernel.errors import BadInput, InvalidBar
from aitrader.kernel.fix import Side
from aitrader.kernel.money import amount
from trading.domain.depth import DepthSnapshot, DepthUpdate, Level
from trading.services import candle_files

_LINE = re.compile(r"(?:\S*[?&]symbol=(\w+)\S* -> )?(\d{9,19})(?:\.(\d{1,9}))?:? (\{.*)")
_NAMED = re.compile(r'"s" ?: ?"([^"]+)"')
#: What a recorder notes about itself: where it listened and what it asked for.
_NOTE = re.compile(r"(wss?|https?)://")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_DIGITS = 10
_UNREADABLE = (BadInput, LookupError, TypeError, ValueError, ArithmeticError, AttributeError)


@dataclass(frozen=True, slots=True)
class RecordedTrade:
    """A trade that was told; `side` is the taker's."""

    side: Side
    px: Decimal
    qty: Decimal
    #: Of the stream that told it: the same trades come one by one and summed up.
    stream: str


@dataclass(frozen=True, slots=True)
class Frame:
    """What was heard `at` an instant; `symbol` is empty where only the file can say it."""

    at: datetime
    symbol: str
    content: DepthSnapshot | DepthUpdate | RecordedTrade


@dataclass(slots=True)
class FrameFile:
    """One recording; every iteration reads it again. `unreadable` counts for the latest one."""

    path: Path
    unreadable: int = field(default=0, init=False)
    _symbols: frozenset[str] = field(default=frozenset(), init=False)

    def __iter__(self) -> Iterator[Frame]:
        self.unreadable = 0
        try:
            for line in candle_files.lines(self.path, str(self.path)):
                if frame := self._frame(line):
                    yield frame
        except InvalidBar:
            self.unreadable += 1

    def symbols(self) -> frozenset[str]:
        """Whose frames there are, read once. Raises BadInput for a file without any."""
        if not self._symbols:
            self._symbols = frozenset(self._named())
        if not self._symbols:
            raise BadInput(f"{self.path}: holds no order-book frames")
        return self._symbols

    def _named(self) -> Iterator[str]:
        with suppress(InvalidBar):
            for line in candle_files.lines(self.path, str(self.path)):
                parts = _LINE.fullmatch(line.rstrip("\n"))
                if parts and (asked := parts[1]):
                    yield asked
                elif parts and (named := _NAMED.search(parts[4])):
                    yield named[1]

    def _frame(self, line: str) -> Frame | None:
        parts = _LINE.fullmatch(line.rstrip("\n"))
        if parts is None:
            self.unreadable += 0 if _NOTE.match(line) else 1
            return None
        asked, whole, part, text = parts.groups()
        try:
            told = orjson.loads(text)
            told = told.get("data", told)
            content = _content(told)
            at = _EPOCH + _since(whole, part or "")
            symbol = str(told.get("s") or asked or "")
        except _UNREADABLE:
            self.unreadable += 1
            return None
        return Frame(at, symbol, content) if content else None


def opened(path: str) -> FrameFile:
    """Raises BadInput for a file that is not there."""
    file = Path(path)
    if not file.is_file():
        raise BadInput(f"{path}: no such file")
    return FrameFile(file)


def _since(whole: str, part: str) -> timedelta:
    if len(whole) > _SECONDS_DIGITS:
        return timedelta(microseconds=int(whole) // 1_000)
    return timedelta(seconds=int(whole), microseconds=int(part[:6].ljust(6, "0")))


def _content(told: Mapping[str, Any]) -> DepthSnapshot | DepthUpdate | RecordedTrade | None:
    if "lastUpdateId" in told:
        last = int(told["lastUpdateId"])
        return DepthSnapshot(last, _levels(told["bids"]), _levels(told["asks"]))
    kind = told.get("e")
    if kind == "depthUpdate":
        bids, asks = _levels(told["b"]), _levels(told["a"])
        return DepthUpdate(int(told["U"]), int(told["u"]), bids, asks)
    if kind in ("trade", "aggTrade"):
        side = Side.SELL if told["m"] else Side.BUY
        return RecordedTrade(side, _positive(told["p"]), _positive(told["q"]), kind)
    return None


def _levels(rows: list[list[Any]]) -> tuple[Level, ...]:
    return tuple((_positive(px), _at_least_zero(qty)) for px, qty in rows)


def _positive(text: object) -> Decimal:
    if number := _at_least_zero(text):
        return number
    raise BadInput("neither a price nor a quantity is zero")


def _at_least_zero(text: object) -> Decimal:
    number = amount(text)
    if number < 0:
        raise BadInput(f"{number} is below zero")
    return number
