"""What a limit of our making follows from: the best ask now, and the pair's tick.

1. Both are asked for with little patience, just before the order. What is not known is NotSent:
   nothing has left us. A book whose bids meet its asks is not believed.
2. Rules change now and then: they are read anew every hour. An order that breaks one is refused.
"""

from collections.abc import Mapping
from decimal import Decimal
from threading import Lock
from typing import Any

from aitrader.kernel.clock import monotonic
from aitrader.kernel.errors import BadInput, GatewayError, NotSent
from aitrader.kernel.money import amount
from trading.domain.depth import DepthSnapshot, LocalBook, Outcome
from trading.gateways.btcturk import listing
from trading.gateways.btcturk.connection import Connection, understood

ORDER_BOOK = "/api/v2/orderbook"
_RULES_SECONDS = 3600.0


class Quotes:
    """Best asks and ticks by pair."""

    def __init__(self, connection: Connection, *, venue: str) -> None:
        self._connection = connection
        self._venue = venue
        self._lock = Lock()
        self._ticks: dict[str, tuple[float, Decimal]] = {}

    def best_ask(self, pair: str) -> Decimal:
        """Raises NotSent if there is none, or if it cannot be read."""
        asked = {"pairSymbol": pair, "limit": "1"}
        try:
            told = self._connection.public(ORDER_BOOK, asked, quick=True)
            return understood(lambda: _best_ask(told))
        except GatewayError as error:
            raise NotSent(f"no ask of {pair} is known: {error}") from error

    def tick(self, pair: str) -> Decimal:
        """Raises NotSent if it cannot be read."""
        with self._lock:
            read_at, tick = self._ticks.get(pair, (0.0, None))
        if tick is not None and monotonic() - read_at < _RULES_SECONDS:
            return tick
        try:
            found = listing.instruments(self._connection, [pair], venue=self._venue, quick=True)
        except (GatewayError, BadInput) as error:
            raise NotSent(f"the rules of {pair} are not known: {error}") from error
        with self._lock:
            self._ticks[pair] = monotonic(), found[pair].tick
        return found[pair].tick


def _best_ask(told: Mapping[str, Any]) -> Decimal:
    """Raises ValueError for a book that has none, or that is crossed."""
    bids, asks = (
        tuple((amount(px), amount(qty)) for px, qty in told[side]) for side in ("bids", "asks")
    )
    book = LocalBook()
    outcome = book.begin(DepthSnapshot(0, bids, asks))
    if outcome is not Outcome.APPLIED:
        raise ValueError(f"the book is {outcome}")
    for px, _ in book.asks(1):
        return px
    raise ValueError("nobody asks")
