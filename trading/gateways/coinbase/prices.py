"""Coinbase's public market data, as trading/gateways/prices.py wants it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from aitrader.kernel.clock import WALL
from trading.domain.instrument import Instrument
from trading.gateways.coinbase import listing
from trading.gateways.coinbase.connection import Connection
from trading.gateways.coinbase.klines import Candles
from trading.gateways.prices import told_price


@dataclass(frozen=True, slots=True)
class CoinbasePrices:
    """Implements `PublicData`."""

    connection: Connection
    ws_url: str

    def ping(self) -> None:
        self.connection.check_clock()

    def instruments(self, symbols: Sequence[str], *, venue: str) -> dict[str, Instrument]:
        """See listing.instruments."""
        return listing.instruments(self.connection, symbols, venue=venue)

    def symbol_of(self, base: str, quote: str) -> str:
        return f"{base}-{quote}"

    def last_price(self, symbol: str) -> Decimal:
        """API reference: List Public Products."""
        told = self.connection.read_public("/market/products", product_ids=[symbol])
        return told_price(lambda: _named(told["products"], symbol)["price"])

    def klines(
        self, symbols: Mapping[str, str], interval: timedelta, *, history_bars: int
    ) -> Candles:
        return Candles(
            self.connection, self.ws_url, symbols, interval, history_bars=history_bars, wall=WALL
        )


def _named(products: Iterable[Mapping[str, Any]], symbol: str) -> Mapping[str, Any]:
    return {each["product_id"]: each for each in products}[symbol]
