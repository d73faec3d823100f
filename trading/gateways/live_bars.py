"""Bars of a venue in real time: history by REST, then its stream, for as long as asked.

1. Every connection begins with what was missed since the last bar, by REST, before the stream is
   believed; so does a hole in the stream.
2. A stream that is silent for `SILENCE_SECONDS` is dead, whatever TCP says. A venue that says
   nothing while nothing trades is asked on the stream itself, and its answer is a word. When it was
   heard last is kept for who watches it (trading/gateways/line_watch.py); what REST says meanwhile
   does not count, for it tells no bar that runs.
3. A finished bar comes once, in order of time per instrument; one that was late comes by itself.
   One that was over for more than an interval before it came is `missed`.
4. A bar counts as told when its step has gone out, no earlier: what was waiting when the line broke
   comes again by REST. What cannot be had is a gap.
5. What cannot be read is a broken line. While there is none, finished bars come by REST alone.
6. Each instrument stands for itself. A bar that does not come is asked for by REST, of its
   instrument alone, and nobody waits for one that was late before; a stream that stays deaf to one
   is subscribed anew. Of one whose history could not be had nothing is believed until it is; that
   is tried every few seconds, never at the same seconds of a minute: a venue that fails in spells
   is met between two of them.
"""

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from threading import Event
from typing import TypeVar

import structlog

from aitrader.kernel.clock import monotonic
from aitrader.kernel.errors import BadInput
from trading.domain.bar import Bar
from trading.gateways.sockets import LINE_FAULTS, Socket, connect
from trading.services.bar_steps import Gap, Step

T = TypeVar("T")

SILENCE_SECONDS = 30.0
#: Two questions are asked before a stream that does not answer is dead.
ASK_SECONDS = 12.0
#: Bars of one instant are waited for so long after the first of them.
_GRACE_SECONDS = 2.0
#: After its close a bar should have come; then it is asked for, less and less often.
_LATE = timedelta(seconds=3)
_FIRST_LOOK_SECONDS, _LONGEST_LOOK_SECONDS = 1.0, 60.0
#: A stream that leaves so many bars of an instrument in a row to REST is deaf to it.
_MOST_BY_REST = 3
_LOOK_SECONDS = 0.25
#: Between two tries to have what a fault of REST left out, at the most.
OWED_SECONDS = 4.0
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 15.0

#: What reading something that is not a bar raises.
UNREADABLE = (BadInput, LookupError, TypeError, ValueError, ArithmeticError, AttributeError)

log = structlog.get_logger(__name__)


class _Unreadable(OSError):
    """The venue, or whoever answers in its place, sent what is no bar."""


@dataclass(slots=True)
class _Waiting:
    """Finished bars of one instant, until those of all instruments are there."""

    bars: dict[str, Bar] = field(default_factory=dict)
    since: float = field(default_factory=monotonic)


@dataclass(slots=True)
class _Look:
    """When a bar that did not come is asked for next, and how many came that way in a row."""

    at: float = float("-inf")
    pause: float = _FIRST_LOOK_SECONDS
    by_rest: int = 0


class LiveBars(ABC):
    """The bars of some instruments, by code; `symbols` names them as the venue does. A venue says
    how it is connected to, how its frames read, and where its history is."""

    venue: str

    def __init__(
        self, symbols: Mapping[str, str], interval: timedelta, *, history_bars: int, url: str
    ) -> None:
        self._symbols = dict(symbols)
        self._codes = {symbol: code for code, symbol in symbols.items()}
        self._interval = interval
        self._history = history_bars
        self._url = url
        #: Open time of the last finished bar that went out.
        self._last: dict[str, datetime] = {}
        self._waiting: dict[datetime, _Waiting] = {}
        #: The bar whose predecessor was asked for while it ran: once is enough.
        self._asked: dict[str, datetime] = {}
        self._looks: dict[str, _Look] = {}
        #: Those whose history could not be had, and when it is tried again.
        self._owed: set[str] = set()
        self._owed_at = float("-inf")
        self._pause = _FIRST_PAUSE_SECONDS
        self._heard_at = float("-inf")

    @property
    def heard_at(self) -> float:
        """As trading/gateways/prices.py asks for it; before the first word long ago."""
        return self._heard_at

    @abstractmethod
    def _now(self) -> datetime:
        """The venue's time."""

    @abstractmethod
    def _read(self, message: str | bytes) -> tuple[str, Bar, bool] | None:
        """A bar of ours and whether it is over; None for any other news. What it raises of
        `UNREADABLE` is a broken line."""

    @abstractmethod
    def _history_of(self, symbol: str, last: datetime | None, count: int) -> list[Bar]:
        """Finished bars in the order of time: all after `last`, or about so many. What it raises of
        `UNREADABLE` is a broken line."""

    def _greetings(self) -> Sequence[str]:
        """What is sent right after connecting."""
        return ()

    def _question(self) -> str:
        """What a stream on which nothing trades is asked; "" where the venue speaks by itself."""
        return ""

    def _by_the_clock(self) -> Iterator[Step]:
        """What is told without a word of the stream; asked for several times a second. Here, bars
        that did not come."""
        late = [code for code in self._paid() if self._is_late(code)]
        due = [code for code in late if monotonic() >= self._looks.setdefault(code, _Look()).at]
        if not due:
            return
        yield from self._missed(due)
        for code in due:
            look = self._looks[code]
            if self._is_late(code):
                look.at = monotonic() + look.pause
                look.pause = min(_LONGEST_LOOK_SECONDS, 2 * look.pause)
                continue
            self._looks[code] = _Look(by_rest=look.by_rest + 1)
            if look.by_rest + 1 == _MOST_BY_REST:
                raise OSError(f"the stream says nothing of {self._symbols[code]}")

    def _is_late(self, code: str) -> bool:
        """Whether a finished bar should be here by now that is not."""
        heard = self._heard(code)
        if heard is None or code in self._owed:
            return True
        return self._now() - (heard + 2 * self._interval) > _LATE

    def after(self, code: str, last: datetime) -> list[Bar]:
        """Finished bars after this one, from history. Raises what LINE_FAULTS lists."""
        return self._understood(partial(self._history_of, self._symbols[code], last, 0))

    def resume(self, last: Mapping[str, datetime]) -> None:
        """Begin after these bars, named by code and open time; call it before `steps`."""
        self._last |= {code: at for code, at in last.items() if code in self._symbols}

    def steps(self, stop: Event) -> Iterator[Step]:
        """Steps until `stop` is set; faults of the line are waited out."""
        while not stop.is_set():
            try:
                with connect(self._url) as stream:
                    for greeting in self._greetings():
                        stream.send(greeting)
                    self._waiting.clear()
                    yield from self._caught_up()
                    yield from self._listen(stream, stop)
            except LINE_FAULTS as error:
                log.warning("bars.line_broken", venue=self.venue, error=str(error)[:200])
                yield from self._by_rest()
                # Not all clients at the same instant.
                stop.wait(self._pause * random.uniform(0.5, 1.0))
                self._pause = min(_LONGEST_PAUSE_SECONDS, 2 * self._pause)

    def _by_rest(self) -> Iterator[Step]:
        """What can be had without the stream."""
        try:
            yield from self._caught_up()
        except LINE_FAULTS as error:
            log.warning("bars.no_backup", venue=self.venue, error=str(error)[:200])

    def _listen(self, stream: Socket, stop: Event) -> Iterator[Step]:
        heard = asked = monotonic()
        while not stop.is_set():
            yield from self._complete()
            yield from self._by_the_clock()
            if self._owed and monotonic() >= self._owed_at:
                yield from self._missed([*self._owed])
            if (question := self._question()) and monotonic() - max(asked, heard) > ASK_SECONDS:
                asked = monotonic()
                stream.send(question)
            try:
                message = stream.recv(timeout=_LOOK_SECONDS)
            except TimeoutError:
                if monotonic() - heard > SILENCE_SECONDS:
                    raise OSError("the stream is silent") from None
                continue
            told = self._understood(partial(self._read, message))
            self._heard_at = heard = monotonic()
            self._pause = _FIRST_PAUSE_SECONDS
            if told is not None:
                yield from self._take(*told)

    def _understood(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except UNREADABLE as error:
            raise _Unreadable(f"what was told cannot be read: {_name(error)}") from error

    def _take(self, code: str, bar: Bar, over: bool) -> Iterator[Step]:
        self._looks.setdefault(code, _Look()).by_rest = 0
        heard = self._heard(code)
        if code in self._owed or (heard is not None and bar.open_time <= heard):
            return
        hole = heard is not None and bar.open_time > heard + self._interval
        if hole and (over or self._asked.get(code) != bar.open_time):
            self._asked[code] = bar.open_time
            yield from self._complete(at_once=True)
            if (yield from self._missed([code])):
                return
        last = self._last.get(code)
        if over:
            if last is None or bar.open_time > last:
                self._looks[code] = _Look()
                self._waiting.setdefault(bar.open_time, _Waiting()).bars[code] = bar
        elif self._heard(code) == last and (last is None or bar.open_time == last + self._interval):
            # Nothing of a later bar before the finished one has gone out.
            yield Step(bar.open_time, {code: bar}, running=True)

    def _heard(self, code: str) -> datetime | None:
        """Open time of the last finished bar, gone out or waiting."""
        waiting = [at for at, each in self._waiting.items() if code in each.bars]
        return max(waiting, default=self._last.get(code))

    def _complete(self, *, at_once: bool = False) -> Iterator[Step]:
        """Instants whose bars are all there, or have been waited for long enough."""
        for open_time in sorted(self._waiting):
            waiting = self._waiting[open_time]
            late = monotonic() - waiting.since > _GRACE_SECONDS
            if not (at_once or late or self._expected(open_time) <= waiting.bars.keys()):
                # What comes after it waits too.
                return
            del self._waiting[open_time]
            yield from self._tell(open_time, waiting.bars)

    def _expected(self, open_time: datetime) -> set[str]:
        """The instruments whose bars until now came by the stream, and none is missing."""
        before = open_time - self._interval
        by_rest = {code for code, look in self._looks.items() if look.by_rest}
        return {code for code, last in self._last.items() if last == before} - by_rest

    def _caught_up(self) -> Iterator[Step]:
        """What was missed of every instrument. Raises a fault of LINE_FAULTS if all had one."""
        faults = yield from self._missed(self._symbols)
        if len(faults) == len(self._symbols):
            raise faults.popitem()[1]

    def _paid(self) -> list[str]:
        """Those of which nothing is owed."""
        return [code for code in self._symbols if code not in self._owed]

    def _missed(self, codes: Collection[str]) -> Generator[Step, None, dict[str, Exception]]:
        """Finished bars after the last ones that came, by REST; returns by instrument why its
        could not be had."""
        by_time: dict[datetime, dict[str, Bar]] = {}
        faults: dict[str, Exception] = {}
        for code in codes:
            symbol, last = self._symbols[code], self._last.get(code)
            try:
                found = self._understood(partial(self._history_of, symbol, last, self._history))
            except LINE_FAULTS as error:
                log.warning("bars.no_history", venue=self.venue, code=code, error=str(error)[:200])
                faults[code] = error
                self._owed.add(code)
                # Not at the same seconds of each minute.
                self._owed_at = monotonic() + OWED_SECONDS * random.uniform(0.5, 1.0)
                continue
            self._owed.discard(code)
            for bar in found:
                by_time.setdefault(bar.open_time, {})[code] = bar
        for open_time in sorted(by_time):
            missed = self._now() - open_time > 2 * self._interval
            yield from self._tell(open_time, by_time[open_time], missed=missed)
        return faults

    def _tell(
        self, open_time: datetime, bars: Mapping[str, Bar], *, missed: bool = False
    ) -> Iterator[Step]:
        """Finished bars that are news; what is lacking before them is a gap."""
        step = Step(open_time, missed=missed)
        for code, bar in bars.items():
            last = self._last.get(code)
            if last is not None and open_time <= last:
                continue
            step.bars[code] = bar
            if last is not None and open_time > last + self._interval:
                missing = (open_time - last) // self._interval - 1
                step.gaps.append((code, Gap(last + self._interval, missing)))
        if step.bars:
            self._last |= dict.fromkeys(step.bars, open_time)
            yield step


def _name(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
