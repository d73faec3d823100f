"""Bars of Binance in real time, as trading/gateways/live_bars.py tells them.

1. A kline stream says nothing while nothing trades: it is asked which streams it has. One that has
   lost any of ours is a broken line.

web-socket-streams.md (Kline streams, Listing Subscriptions), rest-api.md (Kline data).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson

from aitrader.kernel.clock import Clock, from_millis, to_millis
from aitrader.kernel.money import amount
from trading.domain.bar import Bar, interval_name
from trading.gateways.binance.connection import Connection
from trading.gateways.live_bars import LiveBars

_PAGE = 1000
_ASKED = 1


class Klines(LiveBars):
    """The kline stream says when a bar is over."""

    venue = "BINANCE"

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
        self._name = interval_name(interval)
        self._streams = [f"{each.lower()}@kline_{self._name}" for each in symbols.values()]
        url = f"{ws_url}/stream?streams={'/'.join(self._streams)}"
        super().__init__(symbols, interval, history_bars=history_bars, url=url)
        self._connection = connection
        self._wall = wall

    def _now(self) -> datetime:
        return self._wall.now() + timedelta(seconds=self._connection.offset_seconds)

    def _question(self) -> str:
        return orjson.dumps({"method": "LIST_SUBSCRIPTIONS", "id": _ASKED}).decode()

    def _read(self, message: str | bytes) -> tuple[str, Bar, bool] | None:
        whole = orjson.loads(message)
        if whole.get("id") == _ASKED and not {*self._streams} <= {*whole["result"]}:
            raise ValueError("the stream has lost what it was opened for")
        told = whole.get("data", {})
        if told.get("e") != "kline" or told.get("s") not in self._codes:
            return None
        kline = told["k"]
        bar = self._bar(kline["t"], *(kline[name] for name in "ohlcv"))
        return self._codes[told["s"]], bar, bool(kline["x"])

    def _history_of(self, symbol: str, last: datetime | None, count: int) -> list[Bar]:
        found: list[Bar] = []
        asked: dict[str, Any] = {"symbol": symbol, "interval": self._name}
        if last is None:
            asked["limit"] = min(_PAGE, count + 1)
        else:
            asked |= {"limit": _PAGE, "startTime": to_millis(last + self._interval)}
        while True:
            # What was over before it was asked for is finished.
            now, rows = self._connection.call(
                lambda client: (self._now(), client.get_klines(**asked))
            )
            bars = self._rows(rows)
            found += [bar for bar in bars if bar.close_time <= now]
            if last is None or len(bars) < _PAGE:
                return found
            asked["startTime"] = to_millis(bars[-1].open_time) + 1

    def _rows(self, rows: Iterable[Any]) -> list[Bar]:
        return [self._bar(*row[:6]) for row in rows]

    def _bar(self, opened: int, *numbers: object) -> Bar:
        return Bar(from_millis(int(opened)), self._interval, *map(amount, numbers))
