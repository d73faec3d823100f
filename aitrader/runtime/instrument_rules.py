"""Has the rules of the instruments of a desk read from the venue of its prices, again and again.

1. Wherever its orders go: on paper they keep to the rules that they would have there. A desk on
   other prices follows nobody; what a venue halted for an earlier desk is given back to it.
2. At the start and every hour; every minute while one of them does not trade; within seconds after
   a venue has refused an order, for its rules may have changed.
3. An instrument that does not trade, in whatever word, is halted; the others are read all the same.
4. What is written is the desk's at once: what the venue refuses now is not sent again.
5. Whatever happens here ends nothing: rules that could not be read stay as they are.
"""

import structlog

from aitrader.kernel.clock import WALL, Moment, monotonic
from aitrader.kernel.errors import BadInput, GatewayError
from aitrader.runtime.beside import Beside
from trading.gateways import registry
from trading.gateways.prices import PublicData
from trading.models import InstrumentRow
from trading.services import instrument_rules
from trading.services.instrument_rules import Listed

LOOK_SECONDS = 2.0
EVERY_SECONDS = 3600.0
SOON_SECONDS = 60.0

log = structlog.get_logger(__name__)


class InstrumentRules(Beside):
    """`venue` gives the prices that they are traded on; "" follows nobody."""

    def __init__(self, venue: str, *, instruments: dict[int, InstrumentRow]) -> None:
        super().__init__("instrument-rules")
        self._venue = venue
        self._instruments = instruments
        self._pairs = {row.code: (row.base, row.quote) for row in instruments.values()}
        self._data: PublicData | None = None
        self._begun = False
        self._due = float("-inf")
        self._seen: int | None = None

    def pause_seconds(self) -> float:
        return LOOK_SECONDS

    def look(self) -> bool:
        self._begin()
        if not self._venue:
            return False
        if self._refused() or monotonic() >= self._due:
            self._refresh()
        return True

    def _begin(self) -> None:
        if not self._begun:
            now = WALL.now()
            at = Moment(market=now, wall=now)
            instrument_rules.begin(codes=list(self._pairs), venue=self._venue, at=at)
        self._begun = True

    def _refused(self) -> bool:
        if self._seen is None:
            self._seen = instrument_rules.newest_entry()
        self._seen, refused = instrument_rules.rejected_since(self._seen)
        return refused

    def _refresh(self) -> None:
        self._due = monotonic() + SOON_SECONDS
        whole = True
        for code, (base, quote) in self._pairs.items():
            if self._stopping.is_set():
                return
            try:
                listed = self._listed(base, quote)
            except GatewayError as error:
                log.warning("instrument_rules.not_read", code=code, error=str(error))
                whole = False
                continue
            now = WALL.now()
            at = Moment(market=now, wall=now)
            row = instrument_rules.follow(code=code, venue=self._venue, listed=listed, at=at)
            self._instruments[row.pk] = row
        if whole and not instrument_rules.some_halted(list(self._pairs)):
            self._due = monotonic() + EVERY_SECONDS

    def _listed(self, base: str, quote: str) -> Listed:
        self._data = self._data or registry.public(self._venue)
        symbol = self._data.symbol_of(base, quote)
        try:
            return Listed(self._data.instruments([symbol], venue=self._venue)[symbol])
        except BadInput as error:
            # Not listed, not trading, or a status that nobody knows: all the same here.
            return Listed(None, str(error))
