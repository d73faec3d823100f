"""What a limit of our making follows from: the best ask now, and the pair's tick.

1. Both are looked up with little patience, just before the order is claimed. What is not known is
   NotSent: nothing has left us. A book whose bids meet its asks is not believed.
2. Rules change now and then: they are read anew every hour. An order that breaks one is refused.
"""

from collections.abc import Mapping
from decimal import Decimal
from threading import Lock
from typing import Any

from aitrader.kernel.clock import monotonic
from aitrader.kernel.errors import BadInput, GatewayError, NotSent
from aitrader.kernel.money import ZERO, amount
from trading.domain.depth import DepthSnapshot, LocalBook, Outcome
from trading.gateways.btcturk import listing
from trading.gateways.btcturk.connection import Connection, understood

ORDER_BOOK = "/api/v2/orderbook"
_RULES_SECONDS = 3600.0
#: Between the look and the order's claim.
_FRESH_SECONDS = 3.0
_Read = tuple[float, Decimal]
_NOTHING: _Read = (float("-inf"), ZERO)


class Quotes:
    """Best asks and ticks by pair."""

    def __init__(self, connection: Connection, *, venue: str) -> None:
        self._connection = connection
        self._venue = venue
        self._lock = Lock()
        self._asks: dict[str, _Read] = {}
        self._ticks: dict[str, _Read] = {}

    def look(self, pair: str) -> None:
        """Ask for the best ask, and for the tick if it is due. Raises NotSent if the ask cannot be
        read, or there is none, or the tick cannot be read."""
        asked = {"pairSymbol": pair, "limit": "1"}
        try:
            told = self._connection.public(ORDER_BOOK, asked, quick=True)
            ask = understood(lambda: _best_ask(told))
        except GatewayError as error:
            raise NotSent(f"no ask of {pair} is known: {error}") from error
        with self._lock:
            self._asks[pair] = monotonic(), ask
        if self._read(self._ticks, pair, _RULES_SECONDS) is None:
            self._look_up_rules(pair)

    def best_ask(self, pair: str) -> Decimal:
        """As it was just now. Raises NotSent if nobody looked."""
        ask = self._read(self._asks, pair, _FRESH_SECONDS)
        if ask is None:
            raise NotSent(f"no ask of {pair} is known")
        return ask

    def tick(self, pair: str) -> Decimal:
        """Raises NotSent if nobody looked."""
        tick = self._read(self._ticks, pair, _RULES_SECONDS + _FRESH_SECONDS)
        if tick is None:
            raise NotSent(f"the rules of {pair} are not known")
        return tick

    def _look_up_rules(self, pair: str) -> None:
        try:
            found = listing.instruments(self._connection, [pair], venue=self._venue, quick=True)
        except (GatewayError, BadInput) as error:
            raise NotSent(f"the rules of {pair} are not known: {error}") from error
        with self._lock:
            self._ticks[pair] = monotonic(), found[pair].tick

    def _read(self, table: Mapping[str, _Read], pair: str, seconds: float) -> Decimal | None:
        """What was read no longer ago than this."""
        with self._lock:
            read_at, value = table.get(pair, _NOTHING)
        return value if monotonic() - read_at < seconds else None


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
