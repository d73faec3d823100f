"""Candles of Coinbase's past, page by page (API reference: Get Public Product Candles).

1. A page is a window of time: at most 350 candles, the newest first. A minute in which nothing was
   traded has none.
2. What cannot be read is no answer: OutcomeUnknown, to be asked again.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from aitrader.kernel.clock import EPOCH, WALL, from_millis
from aitrader.kernel.errors import BadInput, OutcomeUnknown
from aitrader.kernel.money import amount
from trading.domain.bar import Bar, interval_name
from trading.gateways.coinbase.connection import Address, Connection
from trading.services.candle_history import Page

MOST = 300
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
_UNREADABLE = (BadInput, LookupError, TypeError, ValueError, ArithmeticError)
_SECOND = timedelta(seconds=1)


def opened(
    given: Mapping[str, str], base: str, quote: str, interval: timedelta
) -> "CoinbaseHistory":
    """From the settings of the venue; no key is needed."""
    connection = Connection(Address(given["rest_url"]), wall=WALL)
    return CoinbaseHistory(connection, f"{base}-{quote}", interval)


class CoinbaseHistory:
    """Implements `History`; `product` as Coinbase spells it."""

    #: The connection's share of an hour's requests, and no more.
    pause_seconds = 0.4

    def __init__(
        self, connection: Connection, product: str, interval: timedelta, *, most: int = MOST
    ) -> None:
        """Raises BadInput for an interval that the venue does not have."""
        name = interval_name(interval)
        if name not in _GRANULARITIES:
            raise BadInput(f"Coinbase has no candles of {name}: {', '.join(_GRANULARITIES)}")
        self.most = most
        self._connection = connection
        self._path = f"/market/products/{product}/candles"
        self._granularity = _GRANULARITIES[name]
        self._interval = interval

    def page(self, first: datetime, until: datetime) -> Page:
        then = min(until, first + self.most * self._interval)
        told = self._connection.read_public(
            self._path,
            start=_seconds(first),
            # This candle, too, is told.
            end=_seconds(then - self._interval),
            granularity=self._granularity,
            limit=self.most,
        )
        try:
            bars = sorted(map(self._bar, told["candles"]), key=lambda bar: bar.open_time)
        except _UNREADABLE as error:
            raise OutcomeUnknown(f"a candle cannot be read: {type(error).__name__}") from error
        return Page(bars, then)

    def _bar(self, told: Mapping[str, Any]) -> Bar:
        numbers = (amount(told[name]) for name in ("open", "high", "low", "close", "volume"))
        return Bar(from_millis(int(told["start"]) * 1000), self._interval, *numbers)


def _seconds(at: datetime) -> str:
    return str((at - EPOCH) // _SECOND)
