"""An exchange's public market data, as trading/gateways/prices.py wants it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from trading.domain.instrument import Instrument
from trading.gateways.generic import listing
from trading.gateways.generic.candles import Candles
from trading.gateways.generic.connection import Connection
from trading.gateways.prices import told_price


@dataclass(frozen=True, slots=True)
class GenericPrices:
    """Implements `PublicData`; symbols are written `BTC/USD` or `BTC-USD`."""

    connection: Connection

    def ping(self) -> None:
        self.connection.ping()

    def instruments(self, symbols: Sequence[str], *, venue: str) -> dict[str, Instrument]:
        """See listing.instruments."""
        return listing.instruments(self.connection, symbols, venue=venue)

    def symbol_of(self, base: str, quote: str) -> str:
        return f"{base}/{quote}"

    def last_price(self, symbol: str) -> Decimal:
        """What the library calls `last` in a ticker."""
        named = listing.symbol_in(symbol)
        told = self.connection.call(lambda client: client.fetch_ticker(named))
        return told_price(lambda: told["last"])

    def klines(
        self, symbols: Mapping[str, str], interval: timedelta, *, history_bars: int
    ) -> Candles:
        named = {code: listing.symbol_in(symbol) for code, symbol in symbols.items()}
        return Candles(self.connection, named, interval, history_bars=history_bars)
