"""Fetching candles of the past from a venue into the library.

1. Only what is missing is asked for: before, between and after what is there. Holes that lie
   within a page of each other are asked for at once: a venue with many quiet minutes would
   otherwise be asked for each.
2. A candle that is not over yet is never written.
3. What the venue refuses for now is asked again, with growing pauses; that it is not asked while it
   wants silence is its connection's promise.
4. Whatever ends the fetching, what came until then is written first.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Protocol

from aitrader.kernel.clock import EPOCH, Clock
from aitrader.kernel.errors import BadInput, GatewayError, RejectedByVenue
from trading.domain.bar import Bar, check
from trading.domain.candle_file import Quarantined
from trading.models import StoredSeries
from trading.selectors import candles
from trading.selectors.candles import Span
from trading.services import candle_store
from trading.services.candle_store import Counts, Origin, Portion, Told, Written

#: Written together: at the pace of a venue, some seconds of work.
_PORTION = 20_000
#: Venues correct the last candle for a moment after it is over, and clocks differ.
_SETTLED = timedelta(seconds=5)
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0
_PATIENCE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Page:
    """Candles in the order of time, and where the next page begins: later than this one did."""

    bars: Sequence[Bar]
    then: datetime


class History(Protocol):
    """The past of one instrument at one interval, as a venue gives it."""

    @property
    def most(self) -> int:
        """So many candles come at once."""
        ...

    @property
    def pause_seconds(self) -> float:
        """Between two pages, so that the venue's limits are kept far away."""
        ...

    def page(self, first: datetime, until: datetime) -> Page:
        """The first candles of a span. Raises what a gateway may raise."""
        ...


@dataclass(frozen=True, slots=True)
class Manner:
    """How it is fetched: the clock, how to wait, and who is told of what. `grumbles` is told in a
    line why there is a pause."""

    wall: Clock
    wait: Callable[[float], None]
    told: Told
    grumbles: Callable[[str], None]
    replace: bool = False


@dataclass(slots=True)
class _Fetching:
    series: StoredSeries
    interval: timedelta
    venue: str
    manner: Manner
    portion: Portion = field(default_factory=Portion)
    written: Written = field(default_factory=Written)
    newest: datetime | None = None
    _rows: Iterator[int] = field(default_factory=lambda: count(1))

    def take(self, bar: Bar) -> None:
        """Keep a candle, or set it aside: off the grid, or not later than the one before."""
        check(bar)
        off_grid = bool((bar.open_time - EPOCH) % self.interval)
        row = next(self._rows)
        if off_grid or (self.newest is not None and bar.open_time <= self.newest):
            self.portion.add(Quarantined(row, bar.open_time, identical=False, off_grid=off_grid))
            return
        self.newest = bar.open_time
        self.portion.add(bar)

    def write(self, *, complete: bool) -> None:
        if not self.portion and not complete:
            return
        digest = hashlib.sha256()
        for line in candle_store.lines(self.portion.bars):
            digest.update(line.encode())
        self.written += candle_store.write(
            self.series,
            self.portion,
            origin=Origin(self.venue, digest.hexdigest()),
            replace=self.manner.replace,
            now=self.manner.wall.now(),
            before=self.written.counts,
            complete=complete,
        )
        self.portion = Portion()

    @property
    def so_far(self) -> Counts:
        """With what is not written yet."""
        return self.written.counts + Counts(inserted=len(self.portion.bars))


def wanted(series: StoredSeries, span: Span, *, most: int, now: datetime) -> list[Span]:
    """What is to be asked for: the holes of a span as far as they are over, near ones as one."""
    interval = timedelta(seconds=series.interval_seconds)
    over = min(span.until, now - _SETTLED)
    aligned = Span(span.first + (EPOCH - span.first) % interval, over - (over - EPOCH) % interval)
    if aligned.until <= aligned.first:
        return []
    found: list[Span] = []
    for hole in candles.missing(series.pk, interval, aligned):
        if found and hole.until - found[-1].first <= most * interval:
            found[-1] = Span(found[-1].first, hole.until)
        else:
            found.append(hole)
    return found


def fetch(
    series: StoredSeries, history: History, spans: Sequence[Span], *, venue: str, manner: Manner
) -> Written:
    """Fetch spans in the order of time. Raises BadInput when the venue refuses, or answers nothing
    for ten minutes; what came by then is written."""
    interval = timedelta(seconds=series.interval_seconds)
    work = _Fetching(series, interval, venue, manner)
    try:
        for span in spans:
            for page in _pages(history, span, manner):
                for bar in page.bars:
                    if span.first <= bar.open_time < span.until:
                        work.take(bar)
                if len(work.portion) >= _PORTION:
                    work.write(complete=False)
                manner.told(work.so_far, min(page.then, span.until))
    except (KeyboardInterrupt, SystemExit, BadInput):
        work.write(complete=False)
        raise
    work.write(complete=True)
    return work.written


def _pages(history: History, span: Span, manner: Manner) -> Iterator[Page]:
    first = span.first
    while first < span.until:
        page = _asked(history, Span(first, span.until), manner)
        if page.then <= first:
            raise BadInput(f"the venue goes in circles at {first:%Y-%m-%d %H:%M} UTC")
        yield page
        first = page.then
        if first < span.until:
            manner.wait(history.pause_seconds)


def _asked(history: History, span: Span, manner: Manner) -> Page:
    pause, waited = _FIRST_PAUSE_SECONDS, 0.0
    while True:
        try:
            return history.page(span.first, span.until)
        except RejectedByVenue as error:
            raise BadInput(f"the venue refuses: {error}") from None
        except GatewayError as error:
            if waited >= _PATIENCE_SECONDS:
                raise BadInput(
                    f"no answer for {waited:.0f} s ({error}); what came is kept: the same command "
                    "goes on from there"
                ) from None
            if waited:
                manner.grumbles(f"{error}; asking again in {pause:.0f} s")
        manner.wait(pause)
        waited += pause
        pause = min(_LONGEST_PAUSE_SECONDS, 2 * pause)
