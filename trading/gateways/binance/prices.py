"""Binance's public market data, as trading/gateways/prices.py wants it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from aitrader.kernel.clock import WALL
from trading.domain.instrument import Instrument
from trading.gateways.binance import listing
from trading.gateways.binance.connection import Connection
from trading.gateways.binance.klines import Klines
from trading.gateways.prices import told_price


@dataclass(frozen=True, slots=True)
class BinancePrices:
    """Implements `PublicData`."""

    connection: Connection
    ws_url: str

    def ping(self) -> None:
        self.connection.call(lambda client: client.ping())

    def instruments(self, symbols: Sequence[str], *, venue: str) -> dict[str, Instrument]:
        """See listing.instruments."""
        return listing.instruments(self.connection, symbols, venue=venue)

    def symbol_of(self, base: str, quote: str) -> str:
        return base + quote

    def last_price(self, symbol: str) -> Decimal:
        """rest-api.md: Symbol price ticker."""
        told = self.connection.call(lambda client: client.get_symbol_ticker(symbol=symbol))
        return told_price(lambda: told["price"])

    def klines(
        self, symbols: Mapping[str, str], interval: timedelta, *, history_bars: int
    ) -> Klines:
        return Klines(
            self.connection, self.ws_url, symbols, interval, history_bars=history_bars, wall=WALL
        )
