"""A read model that lags: the database behind a venue's read endpoints.

1. It is a listener of the exchange: what it shows at an instant is exactly what had been told by
   then, in the order in which it was told.
2. It only goes on: asking for an earlier instant shows what the latest one asked for showed.

Venue document: venues.md 2.1 (data sources), X4 (read replica lag).
"""

from collections import deque
from datetime import datetime

from trading.sandbox.events import (
    BalanceEvent,
    Event,
    ListEvent,
    OrderEvent,
    TradeEvent,
)
from trading.sandbox.records import Records


class Replica:
    """`records` is what a lagging endpoint answers from, as of the last `catch_up`."""

    def __init__(self) -> None:
        self.records = Records()
        self._ahead: deque[Event] = deque()

    def __call__(self, event: Event) -> None:
        """Take an event of the exchange in, without showing it yet."""
        self._ahead.append(event)

    def catch_up(self, until: datetime) -> Records:
        """Show everything that was told at `until` or before."""
        while self._ahead and self._ahead[0].at <= until:
            self._show(self._ahead.popleft())
        return self.records

    def _show(self, event: Event) -> None:
        if isinstance(event, OrderEvent):
            self.records.put_order(event.order)
            if event.fill:
                self.records.put_fill(event.fill)
        elif isinstance(event, ListEvent):
            self.records.put_list(event.order_list)
        elif isinstance(event, TradeEvent):
            self.records.put_trade(event.trade)
        elif isinstance(event, BalanceEvent):
            self.records.put_balances(event.account, event.balances)
