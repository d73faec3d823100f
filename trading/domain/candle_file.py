"""Reading recorded candles: one header, one row a bar, nothing believed unchecked.

Layout: `open_time,open,high,low,close,volume`; open_time in milliseconds UTC, prices and volume
as plain decimals.

1. Rows are read one at a time; the first bad row raises InvalidBar as `<source>:<line>: why`, and
   nothing after it is read.
2. A row that repeats an open_time, identical or not, is quarantined and never becomes a bar.
3. Accepted bars have rising open times on the grid of the interval; what is missing is counted.
4. A venue may resume from an outage off the grid and return to it later (Binance, February 2018):
   such a run, one interval a row after a gap, is quarantined; any other row off the grid is
   refused, for then the interval or the clock of the file is wrong.
"""

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from aitrader.kernel.clock import from_millis
from aitrader.kernel.errors import InvalidBar
from trading.domain.bar import Bar, check

HEADER = "open_time,open,high,low,close,volume"
_COLUMNS = HEADER.split(",")
# NUMERIC(38,18): 20 digits before the point, 18 after it.
_NUMBER = r"[0-9]{1,20}(?:\.[0-9]{1,18})?"
_ROW = re.compile(rf"([0-9]{{12,13}}),({_NUMBER}),({_NUMBER}),({_NUMBER}),({_NUMBER}),({_NUMBER})")
_FITS = re.compile(_NUMBER)
_PLAIN = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A row whose open_time was seen before (`identical`: with the same numbers), or that is off
    the grid after an outage."""

    line: int
    open_time: datetime
    identical: bool
    off_grid: bool = False


@dataclass(slots=True)
class GapCount:
    """Runs of missing bars, and the bars missing in all of them together."""

    runs: int = 0
    bars: int = 0


class CandleReader:
    """Iterate once over `Bar | Quarantined`; `gaps` and `accepted` grow as it goes.

    `source` is the file as its user named it, `first_line` the number of the header: 0 where one
    was put before a file that has none. Iterating raises InvalidBar.
    """

    def __init__(
        self, lines: Iterable[str], *, source: str, interval: timedelta, first_line: int = 1
    ) -> None:
        self.gaps = GapCount()
        self._lines = lines
        self._first_line = first_line
        self._source = source
        self._interval = interval
        self._step = interval // timedelta(milliseconds=1)
        self._first = 0
        self._last = 0
        self._last_off_grid = 0
        # One hash a bar and two numbers a gap are enough to recognise any repeated row.
        self._hashes = array("q")
        self._gap_starts: list[int] = []
        self._missing_after: list[int] = []

    @property
    def accepted(self) -> int:
        """Bars accepted so far."""
        return len(self._hashes)

    def __iter__(self) -> Iterator[Bar | Quarantined]:
        numbered = enumerate(self._lines, start=self._first_line)
        _, header = next(numbered, (1, None))
        if header is None:
            raise self._invalid(1, f"the file is empty; expected the header {HEADER}")
        if header.removeprefix("\ufeff").rstrip("\r\n") != HEADER:
            raise self._invalid(1, f"expected the header {HEADER}, found {_shown(header)}")
        for line, text in numbered:
            yield self._item(line, text.rstrip("\r\n"))
        if not self.accepted:
            raise self._invalid(2, "there is no bar after the header")

    def _item(self, line: int, text: str) -> Bar | Quarantined:
        row = _ROW.fullmatch(text)
        if row is None:
            raise self._invalid(line, _why_malformed(text))
        millis, *numbers = row.groups()
        open_time = int(millis)
        bar = self._bar(line, open_time, [Decimal(number) for number in numbers])
        if open_time % self._step:
            self._pass_off_grid(line, open_time)
            return Quarantined(line, bar.open_time, identical=False, off_grid=True)
        digest = hash((bar.open, bar.high, bar.low, bar.close, bar.volume))
        if self.accepted and open_time <= self._last:
            index = self._index(open_time)
            if index is None:
                raise self._out_of_order(line, open_time, self._last)
            return Quarantined(line, bar.open_time, identical=self._hashes[index] == digest)
        if open_time < self._last_off_grid:
            raise self._out_of_order(line, open_time, self._last_off_grid)
        self._accept(open_time, digest)
        return bar

    def _bar(self, line: int, open_time: int, numbers: list[Decimal]) -> Bar:
        bar = Bar(from_millis(open_time), self._interval, *numbers)
        try:
            check(bar)
        except InvalidBar as error:
            raise self._invalid(line, str(error)) from None
        return bar

    def _pass_off_grid(self, line: int, open_time: int) -> None:
        """Let a row off the grid pass to quarantine, or refuse it."""
        if self._last_off_grid > self._last:
            since = open_time - self._last_off_grid
            resumed = since >= 0 and since % self._step == 0
        else:
            resumed = self.accepted > 0 and open_time - self._last >= 2 * self._step
        if not resumed:
            raise self._invalid(
                line, f"open_time {open_time} does not begin an interval of {self._interval}"
            )
        self._last_off_grid = open_time

    def _accept(self, open_time: int, digest: int) -> None:
        if not self.accepted:
            self._first = open_time
        else:
            missing = (open_time - self._last) // self._step - 1
            if missing:
                self.gaps.runs += 1
                self.gaps.bars += missing
                self._gap_starts.append(self._last + self._step)
                self._missing_after.append(self.gaps.bars)
        self._last = open_time
        self._hashes.append(digest)

    def _index(self, open_time: int) -> int | None:
        """Which accepted bar has this open time, not later than the last; None if none has."""
        if open_time < self._first:
            return None
        gap = bisect_right(self._gap_starts, open_time) - 1
        index = (open_time - self._first) // self._step
        if gap < 0:
            return index
        before = self._missing_after[gap - 1] if gap else 0
        in_gap = self._missing_after[gap] - before
        if open_time < self._gap_starts[gap] + in_gap * self._step:
            return None
        return index - self._missing_after[gap]

    def _out_of_order(self, line: int, open_time: int, after: int) -> InvalidBar:
        return self._invalid(line, f"open_time {open_time} is out of order: it comes after {after}")

    def _invalid(self, line: int, why: str) -> InvalidBar:
        return InvalidBar(f"{self._source}:{line}: {why}")


def _why_malformed(text: str) -> str:
    """Why a row is not six plain decimals, in one line."""
    values = text.split(",")
    if len(values) != len(_COLUMNS):
        return f"{len(values)} columns where {len(_COLUMNS)} are expected: {_shown(text)}"
    for name, value in zip(_COLUMNS, values, strict=True):
        if why := _why_not_a_number(name, value):
            return why
    return f"open_time {values[0]} is not in milliseconds since 1970"


def _why_not_a_number(name: str, value: str) -> str | None:
    whole = name == "open_time"
    if not value:
        why = "is missing"
    elif value.lower().lstrip("+-") in {"nan", "inf", "infinity"}:
        why = f"{value} is not finite"
    elif not _PLAIN.fullmatch(value):
        why = f"{_shown(value)} is not a plain decimal number"
    elif value.startswith("-"):
        why = f"{value} is negative"
    elif whole and "." in value:
        why = f"{_shown(value)} is not a whole number"
    elif not whole and not _FITS.fullmatch(value):
        why = f"{_shown(value)} has more than 20 digits before or 18 after the point"
    else:
        return None
    return f"{name} {why}"


def _shown(text: str) -> str:
    """Foreign text, quoted and short enough for one line."""
    cut = text.rstrip("\r\n")
    return repr(cut if len(cut) <= 60 else f"{cut[:60]}…")
