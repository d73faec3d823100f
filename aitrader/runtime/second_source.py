"""A second venue's prices of what is traded, asked for every few seconds in a thread of its own.

1. USDT and USD count as one quote for this comparison, and for nothing else.
2. A pair that the second venue does not list has no second source, which is said; one that it does
   not answer for stays wanted, and goes stale.
3. Whatever happens here ends nothing: a second source is a check, not a feed.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

import structlog

from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import BadInput, GatewayError
from aitrader.runtime.beside import Beside
from trading.gateways import registry
from trading.gateways.prices import PublicData
from trading.models import InstrumentRow
from trading.services import second_prices

EVERY_SECONDS = 5.0
#: One quote here. The first that the venue lists is taken.
_ALIKE = ("USD", "USDT")

log = structlog.get_logger(__name__)


class SecondSource(Beside):
    """Has the instruments of one feed compared with `venue`; with none, has nothing compared."""

    def __init__(
        self,
        venue: str,
        *,
        feed_id: int,
        instruments: Mapping[int, InstrumentRow],
        say: Callable[[str], None],
    ) -> None:
        super().__init__("second-source")
        self._venue = venue
        self._feed_id = feed_id
        self._pairs = {row.code: (row.base, row.quote) for row in instruments.values()}
        self._say = say
        self._data: PublicData | None = None
        #: As the second venue writes them, once it has told; by instrument code.
        self._symbols: dict[str, str] = {}
        self._wanted = False

    def pause_seconds(self) -> float:
        return EVERY_SECONDS

    def look(self) -> bool:
        self._want()
        if not self._pairs or not self._venue:
            return False
        self._sample()
        return True

    def _want(self) -> None:
        if self._wanted:
            return
        codes = list(self._pairs) if self._venue else []
        second_prices.configure(
            feed_id=self._feed_id, source=self._venue, codes=codes, now=WALL.now()
        )
        self._wanted = True

    def _sample(self) -> None:
        for code in list(self._pairs):
            if self._stopping.is_set():
                return
            asked_at = WALL.now()
            try:
                px = self._price(code)
            except GatewayError as error:
                log.info("second_source.silent", venue=self._venue, code=code, error=str(error))
                continue
            if px is None:
                self._leave_out(code)
            else:
                second_prices.record(feed_id=self._feed_id, prices={code: px}, now=asked_at)

    def _price(self, code: str) -> Decimal | None:
        """What the venue says now; None for a pair that it does not have."""
        self._data = self._data or registry.public(self._venue)
        if code not in self._symbols:
            symbol = self._listed(self._data, *self._pairs[code])
            if symbol is None:
                return None
            self._symbols[code] = symbol
        return self._data.last_price(self._symbols[code])

    def _listed(self, data: PublicData, base: str, quote: str) -> str | None:
        for each in _ALIKE if quote in _ALIKE else (quote,):
            symbol = data.symbol_of(base, each)
            try:
                data.instruments([symbol], venue=self._venue)
            except BadInput:
                continue
            return symbol
        return None

    def _leave_out(self, code: str) -> None:
        base, quote = self._pairs.pop(code)
        second_prices.leave_out(feed_id=self._feed_id, code=code)
        self._say(f"{self._venue} has no price of {base} in {quote}: {code} has no second source")
