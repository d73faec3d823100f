"""The Binance of one sandbox run: its accounts' keys, its limits, what it answers reads from.

1. Every account trades on the exchange of the stage; nothing about orders is kept here.
2. An order counts against the unfilled orders when it is taken in, and no longer once it trades.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count

from aitrader.kernel.fix import Liquidity
from trading.sandbox.accounts import Fees
from trading.sandbox.binance_api.klines import Klines
from trading.sandbox.binance_api.limits import Limits
from trading.sandbox.binance_api.signing import Key
from trading.sandbox.events import Event, Execution, OrderEvent, TradeEvent
from trading.sandbox.rules import Listing
from trading.sandbox.stage import Stage

_TAKER_RELIEF, _MAKER_RELIEF = 1, 5


@dataclass(slots=True)
class Venue:
    """`symbols` are the instruments of the exchange that are listed here."""

    stage: Stage
    keys: Mapping[str, Key]
    fees: Mapping[str, Fees]
    symbols: tuple[str, ...]
    limits: Limits = field(default_factory=Limits)
    klines: dict[str, Klines] = field(default_factory=dict)
    _ids: "count[int]" = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.klines = {symbol: Klines() for symbol in self.symbols}
        self.stage.listen(self._on_event)

    def listing(self, symbol: str) -> Listing | None:
        return self.stage.exchange.listing(symbol) if symbol in self.symbols else None

    def listings(self) -> Iterable[Listing]:
        return (each for each in self.stage.exchange.listings() if each.instrument in self.symbols)

    def new_id(self) -> str:
        """A client id for a request that came without one."""
        return f"sandbox-{next(self._ids):014d}"

    def _on_event(self, event: Event) -> None:
        if isinstance(event, TradeEvent) and event.trade.instrument in self.klines:
            self.klines[event.trade.instrument].add(event.trade)
        if isinstance(event, OrderEvent) and event.execution is Execution.TRADE:
            self._relieve(event)

    def _relieve(self, event: OrderEvent) -> None:
        fill = event.fill
        if fill is not None and fill.account in self.fees and event.order.cum_qty == fill.last_qty:
            maker = fill.liquidity is Liquidity.MAKER
            relief = _MAKER_RELIEF if maker else _TAKER_RELIEF
            self.limits.count_orders(fill.account, -relief, event.at)
