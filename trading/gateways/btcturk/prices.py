"""BTCTurk's public market data, as trading/gateways/prices.py wants it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from trading.domain.instrument import Instrument
from trading.gateways.btcturk import listing
from trading.gateways.btcturk.candles import Candles
from trading.gateways.btcturk.connection import TIME, Connection
from trading.gateways.prices import told_price

TICKER = "/api/v2/ticker"


@dataclass(frozen=True, slots=True)
class BtcturkPrices:
    """Implements `PublicData`."""

    connection: Connection
    ws_url: str

    def ping(self) -> None:
        self.connection.public(TIME, quick=True)

    def instruments(self, symbols: Sequence[str], *, venue: str) -> dict[str, Instrument]:
        """See listing.instruments."""
        return listing.instruments(self.connection, symbols, venue=venue)

    def symbol_of(self, base: str, quote: str) -> str:
        return base + quote

    def last_price(self, symbol: str) -> Decimal:
        """docs.btcturk.com: Ticker."""
        told = self.connection.public(TICKER, {"pairSymbol": symbol})
        return told_price(lambda: {each["pair"]: each for each in told}[symbol]["last"])

    def klines(
        self, symbols: Mapping[str, str], interval: timedelta, *, history_bars: int
    ) -> Candles:
        return Candles(self.connection, self.ws_url, symbols, interval, history_bars=history_bars)
