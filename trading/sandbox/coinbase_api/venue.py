"""The Coinbase of one sandbox run: its accounts' keys, its limits, what it remembers of orders.

1. Every account trades on the exchange of the stage; nothing about an order's state is kept here.
2. The engine keeps client ids unique among open orders only, because an edit takes its order's id
   again; that a used one makes no order is this protocol's doing (trading.py).
3. One portfolio for each account, and one wallet for each asset that it ever held.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from trading.sandbox.accounts import Fees
from trading.sandbox.candles import Klines
from trading.sandbox.coinbase_api.amounts import named_uuid
from trading.sandbox.coinbase_api.limits import Limits
from trading.sandbox.coinbase_api.signing import Key
from trading.sandbox.coinbase_api.views import Views
from trading.sandbox.events import Event, OrderEvent, TradeEvent
from trading.sandbox.rules import Listing
from trading.sandbox.stage import Stage


@dataclass(slots=True)
class Venue:
    """`symbols` are the instruments of the exchange that are listed here; `keys` are by name."""

    stage: Stage
    keys: Mapping[str, Key]
    fees: Mapping[str, Fees]
    symbols: tuple[str, ...]
    seed: int
    limits: Limits = field(default_factory=Limits)
    klines: dict[str, Klines] = field(init=False)
    views: Views = field(init=False)

    def __post_init__(self) -> None:
        self.klines = {symbol: Klines() for symbol in self.symbols}
        self.views = Views(self.seed)
        self.stage.listen(self._on_event)

    def listing(self, symbol: str) -> Listing | None:
        return self.stage.exchange.listing(symbol) if symbol in self.symbols else None

    def listings(self) -> Iterable[Listing]:
        return (each for each in self.stage.exchange.listings() if each.instrument in self.symbols)

    def portfolio(self, account: str) -> str:
        return named_uuid("portfolio", self.seed, account)

    def user(self, account: str) -> str:
        return named_uuid("user", self.seed, account)

    def wallet(self, account: str, asset: str) -> str:
        return named_uuid("wallet", self.seed, account, asset)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, TradeEvent) and event.trade.instrument in self.klines:
            self.klines[event.trade.instrument].add(event.trade)
        if isinstance(event, OrderEvent) and event.order.account in self.fees:
            self.views.add(event.order)
