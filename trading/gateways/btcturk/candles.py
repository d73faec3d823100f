"""Bars of BTCTurk in real time, as trading/gateways/live_bars.py tells them.

1. The stream tells the bar that runs and never that it is over: finished bars come from the charts,
   asked for `SETTLE` after each close, and a few times more if they are not there yet.
2. A bar in which nothing traded does not exist at the venue. It is a gap, and none is made up.
3. The charts allow one call a second on average: a bar is asked for a few times, no more.

docs.btcturk.com: Get Kline Data; Websocket Feed, TradingView; Rate Limits.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from aitrader.kernel.clock import EPOCH, from_millis
from aitrader.kernel.errors import BadInput
from aitrader.kernel.money import amount
from trading.domain.bar import Bar
from trading.gateways.btcturk.connection import Connection
from trading.gateways.live_bars import LiveBars
from trading.services.bar_steps import Step

KLINES = "/v1/klines/history"
#: The last trades of a bar may reach the charts a little after its close.
SETTLE = timedelta(seconds=2)
#: After a close, while it is not there.
_ASKED_AFTER = (SETTLE, timedelta(seconds=5), timedelta(seconds=10))
_SECOND, _MINUTE = timedelta(seconds=1), timedelta(minutes=1)
#: Bars asked for at once.
_PAGE = 5000
RESOLUTIONS: Mapping[timedelta, str] = {
    **{_MINUTE * each: str(each) for each in (1, 5, 15, 30, 60, 240)},
    timedelta(days=1): "1D",
}
_SUBSCRIBE, _CANDLE = 151, 428


class Candles(LiveBars):
    """The tradeview channel tells the bar that runs."""

    venue = "BTCTURK"

    def __init__(
        self,
        connection: Connection,
        ws_url: str,
        symbols: Mapping[str, str],
        interval: timedelta,
        *,
        history_bars: int,
    ) -> None:
        super().__init__(symbols, interval, history_bars=history_bars, url=ws_url)
        if interval not in RESOLUTIONS:
            raise BadInput(f"BTCTurk has no bars of {interval}")
        self._connection = connection
        self._resolution = RESOLUTIONS[interval]
        #: Which closed bar is asked for, and how often it was.
        self._due: tuple[datetime, int] = (EPOCH, 0)

    def _now(self) -> datetime:
        return self._connection.now()

    def _greetings(self) -> Sequence[str]:
        names = [f"{symbol}_{self._resolution}" for symbol in self._codes]
        return [
            json.dumps([_SUBSCRIBE, {"type": _SUBSCRIBE, "channel": "tradeview"} | joined])
            for joined in ({"event": name, "join": True} for name in names)
        ]

    def _read(self, message: str | bytes) -> tuple[str, Bar, bool] | None:
        kind, told = json.loads(message, parse_float=Decimal)
        if kind != _CANDLE or str(told["R"]).upper() != self._resolution:
            return None
        code = self._codes.get(told["P"])
        if code is None:
            return None
        return code, self._bar(told["D"], *(told[name] for name in "OHLCV")), False

    def _by_the_clock(self) -> Iterator[Step]:
        """The bars that have closed, when they should be there."""
        now = self._now()
        closed = EPOCH + (now - EPOCH) // self._interval * self._interval
        due, asked = self._due
        if due != closed:
            due, asked = self._due = closed, 0
        last = closed - self._interval
        if asked == len(_ASKED_AFTER) or now < closed + _ASKED_AFTER[asked]:
            return
        self._due = due, asked + 1
        yield from self._missed(
            [code for code in self._paid() if self._last.get(code, EPOCH) < last]
        )

    def _history_of(self, symbol: str, last: datetime | None, count: int) -> list[Bar]:
        # Bars are cut by the venue's clock.
        self._connection.check_clock()
        now = self._now()
        first = now - (count + 1) * self._interval if last is None else last + self._interval
        asked = {
            "symbol": symbol,
            "resolution": self._resolution,
            "from": str((first - EPOCH) // timedelta(seconds=1)),
            "to": str((now - EPOCH) // timedelta(seconds=1)),
        }
        told = self._connection.graph(KLINES, asked)
        bars = [self._bar(*row) for row in _rows(told)] if told["s"] != "no_data" else []
        finished = [
            bar for bar in bars if first <= bar.open_time and bar.close_time + SETTLE <= now
        ]
        return sorted(finished, key=lambda bar: bar.open_time)

    def _bar(self, opened: object, *numbers: object) -> Bar:
        """From seconds since the epoch."""
        return Bar(from_millis(1000 * int(amount(opened))), self._interval, *map(amount, numbers))


def _rows(told: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Time, open, high, low, close, volume: a list each, equally long."""
    if told["s"] != "ok":
        raise ValueError(f"the charts say {str(told['s'])[:40]}")
    return zip(*(told[name] for name in "tohlcv"), strict=True)
