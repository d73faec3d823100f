"""The BTCTurk of one sandbox run: keys, limits, candles, and what its orders are called.

1. Every account trades on the exchange of the stage; only names of orders are kept here.
2. A stop that is triggered becomes a second order with a higher id and the same client id; the stop
   itself shows as cancelled from then on.
3. Client ids are free: an order whose client id another open one has goes into the exchange under
   that id with a mark behind it, which no answer shows.

Source: broker-api-docs issue 616 (stops); venues.md, "Client-id classes".
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count

from trading.sandbox.accounts import Fees
from trading.sandbox.btcturk_api.limits import Limits
from trading.sandbox.btcturk_api.signing import Key, Stamps
from trading.sandbox.candles import Klines
from trading.sandbox.events import Event, Execution, OrderEvent, TradeEvent
from trading.sandbox.face import secret
from trading.sandbox.orders import CONTINGENT, Order
from trading.sandbox.rules import Listing
from trading.sandbox.stage import Stage

#: Between the ids of two orders of the exchange, so that triggered stops have ids in between.
_STEP = 1_000
_MARK = "\x1f"


@dataclass(slots=True)
class Venue:
    """`symbols` are the instruments of the exchange that are listed here."""

    stage: Stage
    keys: Mapping[str, Key]
    fees: Mapping[str, Fees]
    symbols: tuple[str, ...]
    limits: Limits = field(default_factory=Limits)
    stamps: Stamps = field(default_factory=Stamps)
    klines: dict[str, Klines] = field(default_factory=dict)
    #: What a market order asked for where the slide cap left less of it for the exchange, in base.
    asked: dict[int, Decimal] = field(default_factory=dict)
    _triggered: dict[int, int] = field(default_factory=dict)
    _stops: dict[int, int] = field(default_factory=dict)
    _newest: int = 0
    _ids: "count[int]" = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.klines = {symbol: Klines() for symbol in self.symbols}
        self.stage.listen(self._on_event)

    def listing(self, symbol: str) -> Listing | None:
        """By either name, in either case: BTCTRY, BTC_TRY."""
        name = symbol.replace("_", "").upper()
        return self.stage.exchange.listing(name) if name in self.symbols else None

    def listings(self) -> Iterable[Listing]:
        return (each for each in self.stage.exchange.listings() if each.instrument in self.symbols)

    def pair_id(self, symbol: str) -> int:
        return self.symbols.index(symbol) + 1

    def order_id(self, order: Order) -> int:
        """The id under which the order works now."""
        if order.ord_type in CONTINGENT and order.working:
            return self._triggered.get(order.order_id, order.order_id * _STEP)
        return self.stop_id(order)

    def stop_id(self, order: Order) -> int:
        """The id that the order was given when it was placed."""
        return order.order_id * _STEP

    def id_of_fill(self, order_id: int) -> int:
        """The wire's id of the order that traded."""
        return self._triggered.get(order_id, order_id * _STEP)

    def engine_id(self, wire_id: int) -> int:
        """The exchange's id of the order with this id on the wire; an unknown one finds nothing."""
        if wire_id in self._stops:
            return self._stops[wire_id]
        whole, rest = divmod(wire_id, _STEP)
        return -1 if rest else whole

    def client_id(self, account: str, name: str) -> str:
        """Under which client id an order goes into the exchange; one of its own if it has none."""
        number = next(self._ids)
        if not name:
            return str(uuid.UUID(bytes=secret("order", str(number), self.stage.seed)[:16]))
        opened = self.stage.exchange.records.open_orders(account)
        taken = any(each.cl_ord_id == name for each in opened)
        return f"{name}{_MARK}{number}" if taken else name

    def _on_event(self, event: Event) -> None:
        if isinstance(event, TradeEvent) and event.trade.instrument in self.klines:
            self.klines[event.trade.instrument].add(event.trade)
        if not isinstance(event, OrderEvent):
            return
        order_id = event.order.order_id
        self._newest = max(self._newest, order_id * _STEP)
        if event.execution is Execution.TRIGGERED and event.order.account in self.fees:
            self._newest += 1
            self._triggered[order_id] = self._newest
            self._stops[self._newest] = order_id


def shown_client_id(order_cl_ord_id: str) -> str:
    """As the client gave it."""
    return order_cl_ord_id.partition(_MARK)[0]


def sayable(name: str) -> bool:
    """Whether a client may use it."""
    return len(name) <= 50 and _MARK not in name
