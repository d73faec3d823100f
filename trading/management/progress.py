"""How far a command is: a bar that is drawn anew on a terminal, now and then a line elsewhere."""

from datetime import datetime

from django.core.management.base import OutputWrapper

from aitrader.kernel.clock import monotonic
from trading.services.candle_store import Counts

_WIDTH = 24
_TENTHS = 10
#: Without an end in sight: a line for so many rows.
_ROWS_A_LINE = 500_000


class Progress:
    """Of one piece of work; `total` candles, or None where nobody knows."""

    def __init__(self, out: OutputWrapper, name: str, total: int | None = None) -> None:
        self._out = out
        self._name = name
        self._total = total
        self._terminal = out.isatty()
        self._began = monotonic()
        self._told = 0
        self._drawn = 0

    def moved(self, counts: Counts, upto: datetime | None, done: int | None = None) -> None:
        """So much has come, `done` of the total, up to an instant of the market."""
        rows = counts.rows if done is None else done
        text = f"{self._name}  {upto or ''!s:.16}  {counts.rows:,} rows"
        if self._terminal:
            self._draw(f"{text}  {self._bar(rows)}".rstrip())
            return
        step = rows // _ROWS_A_LINE if self._total is None else rows * _TENTHS // self._total
        if step > self._told:
            self._told = step
            share = "" if self._total is None else f"  {rows * 100 // self._total} %"
            self._line(f"{text}{share}")

    def says(self, line: str) -> None:
        """A line that stays."""
        self.clear()
        self._line(f"{self._name}  {line}")

    def clear(self) -> None:
        """Take the bar away."""
        if self._drawn:
            self._out.write("\r" + " " * self._drawn + "\r", ending="")
            self._drawn = 0

    @property
    def seconds(self) -> float:
        """Since this was made."""
        return monotonic() - self._began

    def _bar(self, rows: int) -> str:
        if not self._total:
            return ""
        filled = min(_WIDTH, rows * _WIDTH // self._total)
        return f"[{'#' * filled}{'.' * (_WIDTH - filled)}] {min(100, rows * 100 // self._total)} %"

    def _draw(self, text: str) -> None:
        self._out.write("\r" + text.ljust(self._drawn), ending="")
        self._out.flush()
        self._drawn = len(text)

    def _line(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
