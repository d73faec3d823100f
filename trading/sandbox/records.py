"""What can be read at the exchange: orders, lists, fills, public trades and balances.

1. The exchange keeps one of these that is always up to date; a `replica.Replica` keeps another that
   is fed by events and lags, as the databases behind a venue's read endpoints do.
2. Results are immutable, oldest first, in the order of their ids.
3. Memory is bounded for the house's accounts, for accounts that ask for it and for public trades:
   what is forgotten is older than everything that is kept of its kind and closed.

Venue document: venues.md 2.1 (data sources), X4 (lagging reads), X29 (paging).
"""

from bisect import bisect_left
from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

from trading.sandbox.accounts import HOUSE, Balance
from trading.sandbox.orders import Fill, Order, OrderList, PublicTrade

#: Public trades kept for each instrument, at least.
KEPT_TRADES = 50_000
#: Closed orders, and fills, kept for each of the house's accounts.
KEPT_OF_HOUSE = 200

_Row = TypeVar("_Row", Order, Fill, OrderList, PublicTrade)


class Records:
    """A read model: `put_*` and `limit_history` are for whoever keeps it."""

    def __init__(self) -> None:
        self._orders: dict[int, Order] = {}
        self._of_account: dict[str, dict[int, None]] = {}
        self._open: dict[str, dict[int, None]] = {}
        self._by_client: dict[tuple[str, str], list[int]] = {}
        self._lists: dict[int, OrderList] = {}
        self._fills: dict[str, dict[tuple[str, int, int], Fill]] = {}
        self._of_order: dict[int, dict[tuple[str, int, int], Fill]] = {}
        self._trades: dict[str, list[PublicTrade]] = {}
        self._balances: dict[str, dict[str, Balance]] = {}
        self._history: dict[str, int] = {}

    def order(
        self,
        account: str,
        instrument: str | None,
        *,
        order_id: int | None = None,
        cl_ord_id: str | None = None,
    ) -> Order | None:
        """The order with this id, or the newest with this client id; None if there is none."""
        if order_id is not None:
            ids: Iterable[int] = (order_id,)
        else:
            ids = reversed(self._by_client.get((account, cl_ord_id or ""), []))
        for each in ids:
            found = self._orders.get(each)
            if found and found.account == account and instrument in (None, found.instrument):
                return found
        return None

    def by_id(self, order_id: int) -> Order:
        """The order with this id, whoever's it is. Raises KeyError."""
        return self._orders[order_id]

    def open_orders(self, account: str, instrument: str | None = None) -> tuple[Order, ...]:
        """Orders that are not closed, waiting legs and untriggered stops among them."""
        orders = (self._orders[each] for each in self._open.get(account, ()))
        return tuple(each for each in orders if instrument in (None, each.instrument))

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
        rows = [
            order
            for each in self._of_account.get(account, ())
            if instrument in (None, (order := self._orders[each]).instrument)
            and (from_id is None or order.order_id >= from_id)
            and _within(order.created_at, start, end)
        ]
        return _page(rows, limit, forward=from_id is not None or start is not None)

    def order_list(
        self, account: str, *, list_id: int | None = None, list_cl_ord_id: str | None = None
    ) -> OrderList | None:
        """The list with this id, or the newest with this client id."""
        for each in reversed(self._lists.values()):
            named = each.list_cl_ord_id == list_cl_ord_id if list_id is None else False
            if each.account == account and (each.list_id == list_id or named):
                return each
        return None

    def order_lists(
        self, account: str, *, only_open: bool = False, from_id: int | None = None, limit: int = 500
    ) -> tuple[OrderList, ...]:
        """The account's lists."""
        rows = [
            each
            for each in self._lists.values()
            if each.account == account
            and (each.open or not only_open)
            and (from_id is None or each.list_id >= from_id)
        ]
        return _page(rows, limit, forward=from_id is not None)

    def list_by_id(self, list_id: int) -> OrderList:
        """The list with this id, whoever's it is. Raises KeyError."""
        return self._lists[list_id]

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
        kept = self._fills.get(account, {})
        if order_id is not None:
            kept = self._of_order.get(order_id, {})
        rows = [
            fill
            for fill in kept.values()
            if instrument in (None, fill.instrument)
            and fill.account == account
            and (from_id is None or fill.trade_id >= from_id)
            and _within(fill.transact_time, start, end)
        ]
        return _page(rows, limit, forward=from_id is not None or start is not None)

    def public_trades(
        self, instrument: str, *, from_id: int | None = None, limit: int = 500
    ) -> tuple[PublicTrade, ...]:
        """The market's trades; from trade `from_id` (inclusive) on, else the newest."""
        rows = self._trades.get(instrument, [])
        if from_id is None:
            return tuple(rows[-limit:])
        start = bisect_left(rows, from_id, key=lambda trade: trade.trade_id)
        return tuple(rows[start : start + limit])

    def balances(self, account: str) -> tuple[Balance, ...]:
        """Every asset that the account ever held, by name."""
        return tuple(each for _, each in sorted(self._balances.get(account, {}).items()))

    def limit_history(self, account: str, closed: int) -> None:
        """Keep at most this many closed orders, and fills, of the account."""
        self._history[account] = closed

    def put_order(self, order: Order) -> None:
        """Keep the order's newest version."""
        if order.order_id not in self._orders:
            self._of_account.setdefault(order.account, {})[order.order_id] = None
            self._by_client.setdefault((order.account, order.cl_ord_id), []).append(order.order_id)
        self._orders[order.order_id] = order
        still_open = self._open.setdefault(order.account, {})
        if order.is_open:
            still_open[order.order_id] = None
        elif still_open.pop(order.order_id, 0) is None:
            self._forget(order.account)

    def put_list(self, order_list: OrderList) -> None:
        """Keep the list's newest version."""
        self._lists[order_list.list_id] = order_list

    def put_fill(self, fill: Fill) -> None:
        """Keep the fill's newest version."""
        fills = self._fills.setdefault(fill.account, {})
        key = (fill.instrument, fill.trade_id, fill.order_id)
        fills[key] = fill
        self._of_order.setdefault(fill.order_id, {})[key] = fill
        kept = self._kept(fill.account)
        if kept is not None and len(fills) > kept:
            del fills[next(iter(fills))]

    def put_trade(self, trade: PublicTrade) -> None:
        """Keep the trade's newest version."""
        rows = self._trades.setdefault(trade.instrument, [])
        if not rows or rows[-1].trade_id < trade.trade_id:
            rows.append(trade)
            if len(rows) > 2 * KEPT_TRADES:
                del rows[:KEPT_TRADES]
            return
        at = bisect_left(rows, trade.trade_id, key=lambda row: row.trade_id)
        if at < len(rows) and rows[at].trade_id == trade.trade_id:
            rows[at] = trade

    def put_balances(self, account: str, balances: Iterable[Balance]) -> None:
        """Keep these balances."""
        self._balances.setdefault(account, {}).update({each.asset: each for each in balances})

    def _kept(self, account: str) -> int | None:
        house = KEPT_OF_HOUSE if account.startswith(HOUSE) else None
        return self._history.get(account, house)

    def _forget(self, account: str) -> None:
        """Drop the oldest closed orders beyond the account's bound."""
        kept = self._kept(account)
        if kept is None:
            return
        ids, still_open = self._of_account[account], self._open[account]
        while len(ids) - len(still_open) > kept:
            oldest = next(each for each in ids if each not in still_open)
            del ids[oldest]
            self._of_order.pop(oldest, None)
            order = self._orders.pop(oldest)
            named = self._by_client[account, order.cl_ord_id]
            named.remove(oldest)
            if not named:
                del self._by_client[account, order.cl_ord_id]


def _within(at: datetime, start: datetime | None, end: datetime | None) -> bool:
    return (start is None or at >= start) and (end is None or at <= end)


def _page(rows: list[_Row], limit: int, *, forward: bool) -> tuple[_Row, ...]:
    return tuple(rows[:limit] if forward else rows[-limit:])
