"""Bars of Coinbase in real time, as trading/gateways/live_bars.py tells them.

1. No stream tells bars of a minute: a bar is asked for by REST right after its close by the venue's
   time, and again until it is there, or the next is over. A bar in which nothing traded is never
   there: it is a gap.
2. The price of the bar that runs is that of the ticker; its open, high and low are what was heard.
3. The venue sends a heartbeat every second: a line without one is dead.

API reference: Get Public Product Candles (at most 350, the newest first), WebSocket Channels
(subscribe within 5 s, ticker, heartbeats).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson

from aitrader.kernel.clock import EPOCH, Clock, from_millis, monotonic
from aitrader.kernel.errors import BadInput, OutcomeUnknown
from aitrader.kernel.money import ZERO, amount
from trading.domain.bar import Bar, interval_name
from trading.gateways.coinbase.connection import Connection
from trading.gateways.coinbase.reports import instant
from trading.gateways.live_bars import LiveBars
from trading.services.bar_steps import Step

_GRANULARITIES = {
    "1m": "ONE_MINUTE",
    "5m": "FIVE_MINUTE",
    "15m": "FIFTEEN_MINUTE",
    "30m": "THIRTY_MINUTE",
    "1h": "ONE_HOUR",
    "2h": "TWO_HOUR",
    "4h": "FOUR_HOUR",
    "6h": "SIX_HOUR",
    "1d": "ONE_DAY",
}
_PAGE = 300
#: After a close, until the venue has the bar; and between one look for it and the next.
_SETTLES_SECONDS = 1.0
_FIRST_LOOK_SECONDS, _LONGEST_LOOK_SECONDS = 1.0, 60.0
_SECOND = timedelta(seconds=1)


class Candles(LiveBars):
    """Our clock says when a bar is over."""

    venue = "COINBASE"

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
        """Raises BadInput for an interval that the venue does not have."""
        name = interval_name(interval)
        if name not in _GRANULARITIES:
            raise BadInput(f"Coinbase has no bars of {name}: {', '.join(_GRANULARITIES)}")
        super().__init__(symbols, interval, history_bars=history_bars, url=ws_url)
        self._connection = connection
        self._granularity = _GRANULARITIES[name]
        self._wall = wall
        self._running: dict[str, Bar] = {}
        self._look_at, self._pause_of_looks = 0.0, _FIRST_LOOK_SECONDS
        self._looked_for = EPOCH

    def _now(self) -> datetime:
        return self._wall.now() + timedelta(seconds=self._connection.offset_seconds)

    def _greetings(self) -> Sequence[str]:
        products = list(self._symbols.values())
        asked = ({"channel": "heartbeats"}, {"channel": "ticker", "product_ids": products})
        return [orjson.dumps({"type": "subscribe", **each}).decode() for each in asked]

    def _by_the_clock(self) -> Iterator[Step]:
        """Every bar that should be there by now, by REST."""
        over = self._began(self._now() - _SETTLES_SECONDS * _SECOND) - self._interval
        lacking = [code for code in self._paid() if self._last.get(code, EPOCH) < over]
        if not lacking:
            return
        if over != self._looked_for:
            self._looked_for, self._look_at = over, 0.0
            self._pause_of_looks = _FIRST_LOOK_SECONDS
        if monotonic() >= self._look_at:
            self._look_at = monotonic() + self._pause_of_looks
            self._pause_of_looks = min(_LONGEST_LOOK_SECONDS, 2 * self._pause_of_looks)
            yield from self._missed(lacking)

    def _read(self, message: str | bytes) -> tuple[str, Bar, bool] | None:
        told = orjson.loads(message)
        if told.get("type") == "error":
            raise ValueError(str(told.get("message"))[:100])
        if told.get("channel") != "ticker":
            return None
        open_time = self._began(instant(told["timestamp"]))
        latest = None
        for event in told["events"]:
            for ticker in event["tickers"]:
                code = self._codes.get(ticker["product_id"])
                if code is not None:
                    latest = code, self._run_on(code, open_time, amount(ticker["price"])), False
        return latest

    def _run_on(self, code: str, open_time: datetime, price: Decimal) -> Bar:
        """The bar that runs, with this price in it."""
        bar = self._running.get(code)
        if bar is None or bar.open_time != open_time:
            bar = Bar(open_time, self._interval, price, price, price, price, ZERO)
        high, low = max(bar.high, price), min(bar.low, price)
        self._running[code] = replace(bar, high=high, low=low, close=price)
        return self._running[code]

    def _began(self, at: datetime) -> datetime:
        return at - (at - EPOCH) % self._interval

    def _history_of(self, symbol: str, last: datetime | None, count: int) -> list[Bar]:
        now = self._now()
        first = self._began(now) - count * self._interval if last is None else last + self._interval
        found: dict[datetime, Bar] = {}
        while first <= now:
            end = first + (_PAGE - 1) * self._interval
            for bar in self._page(symbol, first, min(end, now)):
                # What was over before it was asked for is finished.
                if first <= bar.open_time and bar.close_time <= now:
                    found[bar.open_time] = bar
            first = end + self._interval
        return [found[at] for at in sorted(found)]

    def _page(self, symbol: str, first: datetime, last: datetime) -> list[Bar]:
        told = self._connection.read_public(
            f"/market/products/{symbol}/candles",
            start=_seconds(first),
            end=_seconds(last),
            granularity=self._granularity,
            limit=_PAGE,
        )
        if not isinstance(told["candles"], list):
            raise OutcomeUnknown("candles that are no list")
        return [self._bar(each) for each in told["candles"]]

    def _bar(self, told: Mapping[str, Any]) -> Bar:
        numbers = (amount(told[name]) for name in ("open", "high", "low", "close", "volume"))
        return Bar(from_millis(int(told["start"]) * 1000), self._interval, *numbers)


def _seconds(at: datetime) -> str:
    return str((at - EPOCH) // _SECOND)
