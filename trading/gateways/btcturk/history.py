"""Candles of BTCTurk's past, page by page (docs.btcturk.com: Get Kline Data; Rate Limits).

1. A page is a window of time. An interval in which nothing was traded has no candle.
2. The charts allow one call a second on average.
3. What cannot be read is no answer: OutcomeUnknown, to be asked again.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr

from aitrader.kernel.clock import EPOCH, WALL, from_millis
from aitrader.kernel.errors import BadInput, OutcomeUnknown
from aitrader.kernel.money import amount
from trading.domain.bar import Bar, interval_name
from trading.gateways.btcturk.candles import KLINES, RESOLUTIONS
from trading.gateways.btcturk.connection import Address, Connection
from trading.services.candle_history import Page

#: The charts are said to give 11,000 at once; nothing promises it.
MOST = 1000
_UNREADABLE = (BadInput, LookupError, TypeError, ValueError, ArithmeticError)
_SECOND = timedelta(seconds=1)


def opened(
    given: Mapping[str, str], base: str, quote: str, interval: timedelta
) -> "BtcturkHistory":
    """From the settings of the venue; no key is needed."""
    nobody = SecretStr("")
    address = Address(given["rest_url"], given["graph_url"], nobody, nobody)
    return BtcturkHistory(Connection(address, wall=WALL), f"{base}{quote}", interval)


class BtcturkHistory:
    """Implements `History`; `pair` as BTCTurk spells it."""

    pause_seconds = 1.0

    def __init__(
        self, connection: Connection, pair: str, interval: timedelta, *, most: int = MOST
    ) -> None:
        """Raises BadInput for an interval that the venue does not have."""
        if interval not in RESOLUTIONS:
            raise BadInput(
                f"BTCTurk has no candles of {interval_name(interval)}: "
                f"{', '.join(map(interval_name, RESOLUTIONS))}"
            )
        self.most = most
        self._connection = connection
        self._asked = {"symbol": pair, "resolution": RESOLUTIONS[interval]}
        self._interval = interval

    def page(self, first: datetime, until: datetime) -> Page:
        then = min(until, first + self.most * self._interval)
        asked = {"from": _seconds(first), "to": _seconds(then - _SECOND)}
        told = self._connection.graph(KLINES, self._asked | asked)
        try:
            bars = sorted(self._bars(told), key=lambda bar: bar.open_time)
        except _UNREADABLE as error:
            raise OutcomeUnknown(f"a candle cannot be read: {type(error).__name__}") from error
        return Page(bars, then)

    def _bars(self, told: Mapping[str, Any]) -> Iterator[Bar]:
        """Time, open, high, low, close, volume: a list each, equally long."""
        if told["s"] == "no_data":
            return
        if told["s"] != "ok":
            raise ValueError("the charts say neither ok nor no_data")
        for opened_at, *numbers in zip(*(told[name] for name in "tohlcv"), strict=True):
            seconds = int(amount(opened_at))
            yield Bar(from_millis(1000 * seconds), self._interval, *map(amount, numbers))


def _seconds(at: datetime) -> str:
    return str((at - EPOCH) // _SECOND)
