"""Candles of Binance's past, page by page (rest-api.md: Kline/Candlestick data).

1. A page begins at the first candle that there is from an instant on: what was before the listing
   costs one request.
2. What cannot be read is no answer: OutcomeUnknown, to be asked again.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr

from aitrader.kernel.clock import WALL, from_millis, to_millis
from aitrader.kernel.errors import BadInput, OutcomeUnknown
from aitrader.kernel.money import amount
from trading.domain.bar import Bar, interval_name
from trading.gateways.binance.connection import Address, Connection
from trading.services.candle_history import Page

MOST = 1000
_UNREADABLE = (BadInput, LookupError, TypeError, ValueError, ArithmeticError)


def opened(
    given: Mapping[str, str], base: str, quote: str, interval: timedelta
) -> "BinanceHistory":
    """From the settings of the venue; no key is needed."""
    nobody = SecretStr("")
    connection = Connection(Address(given["rest_url"], nobody, nobody), wall=WALL)
    return BinanceHistory(connection, f"{base}{quote}", interval)


class BinanceHistory:
    """Implements `History`; `symbol` as Binance spells it."""

    #: A tenth of what the address may ask, of which a desk may want the rest.
    pause_seconds = 0.2

    def __init__(
        self, connection: Connection, symbol: str, interval: timedelta, *, most: int = MOST
    ) -> None:
        self.most = most
        self._connection = connection
        self._interval = interval
        self._asked: dict[str, Any] = {
            "symbol": symbol,
            "interval": interval_name(interval),
            "limit": most,
        }

    def page(self, first: datetime, until: datetime) -> Page:
        asked = self._asked | {"startTime": to_millis(first), "endTime": to_millis(until) - 1}
        rows = self._connection.call(lambda client: client.get_klines(**asked))
        bars = self._bars(rows)
        return Page(bars, bars[-1].open_time + self._interval if bars else until)

    def _bars(self, rows: Sequence[Any]) -> list[Bar]:
        try:
            return [
                Bar(from_millis(int(opened)), self._interval, *map(amount, numbers))
                for opened, *numbers in (row[:6] for row in rows)
            ]
        except _UNREADABLE as error:
            raise OutcomeUnknown(f"a candle cannot be read: {type(error).__name__}") from error
