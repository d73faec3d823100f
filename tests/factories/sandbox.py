"""A small sandbox exchange for tests: two instruments, rich or poor accounts, short orders."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from aitrader.kernel.fix import OrdType, Side
from trading.sandbox.accounts import Fees
from trading.sandbox.engine import ClientIds, Exchange, Placed
from trading.sandbox.events import EventLog
from trading.sandbox.orders import NewOrder, Order
from trading.sandbox.rules import Listing

D = Decimal
START = datetime(2026, 1, 1, tzinfo=UTC)
BTC = "BTC-USDT"
BUY, SELL = Side.BUY, Side.SELL


def listing(**changes: Any) -> Listing:
    """BTC-USDT with a tick of 0.01 and a lot of 0.001."""
    fields: dict[str, Any] = {"lot": D("0.001"), "min_qty": D("0.001"), "min_notional": D(1)}
    return Listing(BTC, "BTC", "USDT", **(fields | changes))


USUAL = listing()


class Desk:
    """An exchange, its log and a clock that a test moves."""

    def __init__(self, *accounts: str, listing: Listing = USUAL, cash: str = "100000") -> None:
        self.log = EventLog()
        self.exchange = Exchange([listing], self.log)
        self.now = START
        for account in accounts:
            self.open(account, cash=cash)

    def open(
        self,
        account: str,
        *,
        cash: str = "100000",
        coins: str = "100",
        fees: Fees | None = None,
        client_ids: ClientIds = ClientIds.OPEN_ONLY,
    ) -> None:
        self.exchange.open_account(account, fees=fees or Fees(), client_ids=client_ids)
        self.exchange.deposit(account, "USDT", D(cash), now=self.now)
        self.exchange.deposit(account, "BTC", D(coins), now=self.now)

    def later(self, seconds: float = 1) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now

    def send(self, request: NewOrder) -> Any:
        """Submit it: Placed or Refused."""
        return self.exchange.submit(request, now=self.now)

    def place(self, request: NewOrder) -> Order:
        """Submit it and be accepted."""
        placed = self.send(request)
        assert isinstance(placed, Placed), placed
        return placed.order

    def limit(self, account: str, side: Side, qty: str, px: str, **more: Any) -> Order:
        return self.place(order(account, side, qty, price=D(px), **more))

    def market(self, account: str, side: Side, qty: str, **more: Any) -> Order:
        return self.place(order(account, side, qty, ord_type=OrdType.MARKET, **more))

    def print_trade(self, px: str, qty: str = "0.1") -> None:
        """Let two outsiders trade at a price with nothing else in between."""
        for account in ("tape-1", "tape-2"):
            if not self.exchange.records.balances(account):
                self.open(account, cash="1000000000", coins="1000000")
        self.limit("tape-1", SELL, qty, px)
        self.limit("tape-2", BUY, qty, px)

    def read(self, order: Order) -> Order:
        """The order as it is now."""
        return self.exchange.records.by_id(order.order_id)

    def free(self, account: str, asset: str) -> Decimal:
        return self._balance(account, asset).free

    def locked(self, account: str, asset: str) -> Decimal:
        return self._balance(account, asset).locked

    def _balance(self, account: str, asset: str) -> Any:
        found = self.exchange.records.balances(account)
        return next(each for each in found if each.asset == asset)


def order(account: str, side: Side, qty: str | None, **more: Any) -> NewOrder:
    """A LIMIT order unless `ord_type` says otherwise."""
    fields: dict[str, Any] = {"ord_type": OrdType.LIMIT}
    fields |= more
    return NewOrder(account, BTC, side, order_qty=None if qty is None else D(qty), **fields)
