"""What can be read at the exchange: orders, lists, fills, public trades and balances.

1. The exchange keeps one of these that is always up to date; a `replica.Replica` keeps another that
   is fed by events and lags, as the databases behind a venue's read endpoints do.
2. Results are immutable, oldest first, in the order of their ids.

Venue document: venues.md 2.1 (data sources), X4 (lagging reads), X29 (paging).
"""

from datetime import datetime

from trading.sandbox.accounts import Balance
from trading.sandbox.orders import Fill, Order, OrderList, PublicTrade


class Records:
    """A read model; everything but `put_*` only reads."""

    def order(
        self,
        account: str,
        instrument: str | None,
        *,
        order_id: int | None = None,
        cl_ord_id: str | None = None,
    ) -> Order | None:
        """The order with this id, or the newest with this client id; None if there is none."""
        raise NotImplementedError

    def open_orders(self, account: str, instrument: str | None = None) -> tuple[Order, ...]:
        """Orders that are not closed, waiting legs and untriggered stops among them."""
        raise NotImplementedError

    def all_orders(
        self,
        account: str,
        instrument: str | None = None,
        *,
        from_id: int | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = 500,
    ) -> tuple[Order, ...]:
        """From `from_id` (inclusive) on, else the newest `limit`; created in [start, end]."""
        raise NotImplementedError

    def order_list(
        self, account: str, *, list_id: int | None = None, list_cl_ord_id: str | None = None
    ) -> OrderList | None:
        """The list with this id, or the newest with this client id."""
        raise NotImplementedError

    def order_lists(
        self, account: str, *, only_open: bool = False, from_id: int | None = None, limit: int = 500
    ) -> tuple[OrderList, ...]:
        """The account's lists."""
        raise NotImplementedError

    def account_trades(
        self,
        account: str,
        instrument: str | None = None,
        *,
        order_id: int | None = None,
        from_id: int | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = 500,
    ) -> tuple[Fill, ...]:
        """Fills, busted ones marked; from trade `from_id` (inclusive) on, else the newest."""
        raise NotImplementedError

    def public_trades(
        self, instrument: str, *, from_id: int | None = None, limit: int = 500
    ) -> tuple[PublicTrade, ...]:
        """The market's trades; from trade `from_id` (inclusive) on, else the newest."""
        raise NotImplementedError

    def balances(self, account: str) -> tuple[Balance, ...]:
        """Every asset that the account ever held, by name."""
        raise NotImplementedError
