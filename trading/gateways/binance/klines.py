"""Bars of Binance in real time: history by REST, then the kline stream, for as long as asked.

1. Every connection begins with what was missed since the last bar, by REST, before the stream is
   believed; so does a hole in the stream.
2. A stream that is silent for `SILENCE_SECONDS` is dead, whatever TCP says.
3. A finished bar comes once, in order of time per instrument; one that was late comes by itself.
   One that was over for more than an interval before it came is `missed`.

web-socket-streams.md (Kline streams), rest-api.md (Kline data).
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event
from typing import Any

import orjson
import structlog
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.sync.connection import Connection as Stream

from aitrader.kernel.clock import Clock, from_millis, monotonic, to_millis
from aitrader.kernel.errors import GatewayError
from aitrader.kernel.money import amount
from trading.domain.bar import Bar, interval_name
from trading.gateways.binance.connection import Connection
from trading.services.bar_steps import Gap, Step

SILENCE_SECONDS = 35.0
#: Bars of one instant are waited for so long after the first of them.
_GRACE_SECONDS = 2.0
_LOOK_SECONDS = 0.25
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0
_PAGE = 1000
_MOST_BYTES = 1024 * 1024

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Waiting:
    """Finished bars of one instant, until those of all instruments are there."""

    bars: dict[str, Bar] = field(default_factory=dict)
    since: float = field(default_factory=monotonic)


class Klines:
    """The bars of some instruments, by code; `symbols` names them as the venue does."""

    def __init__(
        self,
        connection: Connection,
        ws_url: str,
        symbols: Mapping[str, str],
        interval: timedelta,
        *,
        history_bars: int,
        wall: Clock,
    ) -> None:
        self._connection = connection
        self._symbols = dict(symbols)
        self._codes = {symbol: code for code, symbol in symbols.items()}
        self._interval = interval
        self._name = interval_name(interval)
        self._history = history_bars
        self._wall = wall
        streams = "/".join(f"{each.lower()}@kline_{self._name}" for each in symbols.values())
        self._url = f"{ws_url}/stream?streams={streams}"
        self._last: dict[str, datetime] = {}
        self._waiting: dict[datetime, _Waiting] = {}

    def steps(self, stop: Event) -> Iterator[Step]:
        """Steps until `stop` is set; faults of the line are waited out."""
        pause = _FIRST_PAUSE_SECONDS
        while not stop.is_set():
            try:
                with connect(
                    self._url, open_timeout=5, close_timeout=1, max_size=_MOST_BYTES
                ) as stream:
                    self._waiting.clear()
                    yield from self._missed()
                    pause = _FIRST_PAUSE_SECONDS
                    yield from self._listen(stream, stop)
            except (GatewayError, WebSocketException, OSError) as error:
                log.warning("klines.line_broken", venue="BINANCE", error=str(error)[:200])
                # Not all clients at the same instant.
                stop.wait(pause * random.uniform(0.5, 1.0))
                pause = min(_LONGEST_PAUSE_SECONDS, 2 * pause)

    def _listen(self, stream: Stream, stop: Event) -> Iterator[Step]:
        heard = monotonic()
        while not stop.is_set():
            yield from self._complete()
            try:
                message = stream.recv(timeout=_LOOK_SECONDS)
            except TimeoutError:
                if monotonic() - heard > SILENCE_SECONDS:
                    raise OSError("the stream is silent") from None
                continue
            heard = monotonic()
            yield from self._read(orjson.loads(message))

    def _read(self, message: Any) -> Iterator[Step]:
        told = message.get("data", {})
        if told.get("e") != "kline" or told.get("s") not in self._codes:
            return
        code, kline = self._codes[told["s"]], told["k"]
        bar = self._bar(kline["t"], *(kline[name] for name in "ohlcv"))
        last = self._last.get(code)
        if last is not None and bar.open_time <= last:
            return
        if last is not None and bar.open_time > last + self._interval:
            yield from self._complete(at_once=True)
            yield from self._missed()
            last = self._last[code]
        if not kline["x"]:
            # Nothing of a later bar before the finished one has gone out.
            if not any(code in waiting.bars for waiting in self._waiting.values()):
                yield Step(bar.open_time, {code: bar}, running=True)
        elif last is None or bar.open_time > last:
            self._last[code] = bar.open_time
            self._waiting.setdefault(bar.open_time, _Waiting()).bars[code] = bar

    def _complete(self, *, at_once: bool = False) -> Iterator[Step]:
        """Instants whose bars are all there, or have been waited for long enough."""
        for open_time in sorted(self._waiting):
            waiting = self._waiting[open_time]
            late = monotonic() - waiting.since > _GRACE_SECONDS
            if at_once or late or len(waiting.bars) == len(self._symbols):
                del self._waiting[open_time]
                yield Step(open_time, waiting.bars)

    def _missed(self) -> Iterator[Step]:
        """Finished bars after the last ones that came, by REST; holes the venue has are gaps."""
        by_time: dict[datetime, Step] = {}
        for code, symbol in self._symbols.items():
            for bar in self._history_of(symbol, self._last.get(code), self._history):
                step = by_time.setdefault(bar.open_time, Step(bar.open_time))
                step.bars[code] = bar
                last = self._last.get(code)
                if last is not None and bar.open_time > last + self._interval:
                    missing = (bar.open_time - last) // self._interval - 1
                    step.gaps.append((code, Gap(last + self._interval, missing)))
                self._last[code] = bar.open_time
        for open_time in sorted(by_time):
            step = by_time[open_time]
            step.missed = self._now() - open_time > 2 * self._interval
            yield step

    def _history_of(self, symbol: str, last: datetime | None, count: int) -> list[Bar]:
        found: list[Bar] = []
        asked: dict[str, Any] = {"symbol": symbol, "interval": self._name}
        if last is None:
            asked["limit"] = min(_PAGE, count + 1)
        else:
            asked |= {"limit": _PAGE, "startTime": to_millis(last + self._interval)}
        while True:
            rows = self._connection.call(lambda client: client.get_klines(**asked))
            now = self._now()
            found += [bar for row in rows if (bar := self._bar(*row[:6])).close_time <= now]
            if last is None or len(rows) < _PAGE:
                return found
            asked["startTime"] = int(rows[-1][0]) + 1

    def _now(self) -> datetime:
        """The venue's time."""
        return self._wall.now() + timedelta(seconds=self._connection.offset_seconds)

    def _bar(self, opened: int, *numbers: object) -> Bar:
        return Bar(from_millis(int(opened)), self._interval, *map(amount, numbers))
