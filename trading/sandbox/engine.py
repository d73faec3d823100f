"""The sandbox exchange: instruments, accounts, orders, one matching engine.

1. Pure: no clock, no socket, no thread. `now` comes with every call and never goes back (an earlier
   one counts as the latest seen); ids come from counters; the same calls give the same events.
2. A refused request changes nothing and makes no event; a refusal is a return value, `Refused`.
3. Every change is told to the listener as an immutable event (events.py) before the call returns;
   the listener must not call back into the exchange.
4. An order is matched, and every stop that its trades trigger too, before the call returns.
5. Amounts are exact in the context of 50 digits that `money.use_everywhere` sets for the process.

Venue document: venues.md 2.1 and 2.3.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from aitrader.kernel.errors import BadInput
from aitrader.kernel.fix import Side
from trading.sandbox import entry, exits, lists, outside, settlement
from trading.sandbox.accounts import Fees
from trading.sandbox.answers import ClientIds as ClientIds
from trading.sandbox.answers import Depth as Depth
from trading.sandbox.answers import Placed as Placed
from trading.sandbox.answers import PlacedList as PlacedList
from trading.sandbox.answers import Replaced as Replaced
from trading.sandbox.answers import ReplaceMode as ReplaceMode
from trading.sandbox.events import BalanceCause, Event, Execution, StatusEvent
from trading.sandbox.orders import NewList, NewOrder, Order, OrderList, PublicTrade
from trading.sandbox.rules import Listing, Refused, Status
from trading.sandbox.state import Market, Policy, State

_Answer = TypeVar("_Answer")

#: Ten basis points, maker and taker, taken from what is received.
USUAL_FEES = Fees()


class Exchange:
    """The exchange. `records` is its read side, always up to date."""

    def __init__(self, listings: Iterable[Listing], listener: Callable[[Event], None]) -> None:
        self._state = State(listener)
        self.records = self._state.records
        for listing in listings:
            self._state.markets[listing.instrument] = Market(listing)

    # Accounts and what comes from outside

    def open_account(
        self,
        account: str,
        *,
        fees: Fees = USUAL_FEES,
        client_ids: ClientIds = ClientIds.OPEN_ONLY,
        history: int | None = None,
    ) -> None:
        """Keeps at most `history` closed orders and fills, or all. Raises BadInput if it exists."""
        self._state.accounts.open(account)
        self._state.policies[account] = Policy(fees, client_ids)
        if history is not None:
            self.records.limit_history(account, history)

    def deposit(self, account: str, asset: str, amount: Decimal, *, now: datetime) -> None:
        """Add `amount` of `asset` to free. Raises BadInput: unknown account, amount not > 0."""
        self._from_outside(BalanceCause.DEPOSIT, account, asset, amount, now)

    def withdraw(
        self, account: str, asset: str, amount: Decimal, *, now: datetime
    ) -> Refused | None:
        """Take `amount` of `asset` from free; INSUFFICIENT_BALANCE if there is less."""
        return self._from_outside(BalanceCause.WITHDRAWAL, account, asset, amount, now)

    def lock(self, account: str, asset: str, amount: Decimal, *, now: datetime) -> Refused | None:
        """Move `amount` from free to locked from outside (a margin call, a human in the app)."""
        return self._from_outside(BalanceCause.LOCK, account, asset, amount, now)

    def unlock(self, account: str, asset: str, amount: Decimal, *, now: datetime) -> Refused | None:
        """Give back what `lock` took; INSUFFICIENT_BALANCE if less is locked from outside."""
        return self._from_outside(BalanceCause.UNLOCK, account, asset, amount, now)

    # Orders

    def submit(self, request: NewOrder, *, now: datetime) -> Placed | Refused:
        """Take in an order and match it."""
        self._begin(now)
        older = entry.original(self._state, request)
        if older:
            return self._end(Placed(older, original=True))
        order = entry.submit(self._state, request)
        return self._end(order if isinstance(order, Refused) else self._placed(order))

    def examine(self, request: NewOrder, *, now: datetime) -> Refused | None:
        """What `submit` would refuse, without placing anything."""
        self._begin(now)
        return self._end(entry.examine(self._state, request))

    def submit_list(self, request: NewList, *, now: datetime) -> PlacedList | Refused:
        """Take in an OCO, OTO or OTOCO list, all legs or none."""
        self._begin(now)
        return self._end(self._placed_list(lists.submit(self._state, request)))

    def cancel(
        self,
        account: str,
        instrument: str | None,
        *,
        order_id: int | None = None,
        cl_ord_id: str | None = None,
        cancel_cl_ord_id: str = "",
        now: datetime,
    ) -> Order | Refused:
        """Cancel an order, and with it the list it belongs to. UNKNOWN_ORDER, ORDER_CLOSED,
        MARKET_CLOSED."""
        self._begin(now)
        order = exits.find(self._state, account, instrument, order_id, cl_ord_id)
        if isinstance(order, Order):
            order = exits.cancel(self._state, order, cancel_cl_ord_id)
        return self._end(order)

    def cancel_list(
        self,
        account: str,
        *,
        list_id: int | None = None,
        list_cl_ord_id: str | None = None,
        now: datetime,
    ) -> PlacedList | Refused:
        """Cancel every open leg of a list."""
        self._begin(now)
        found = self.records.order_list(account, list_id=list_id, list_cl_ord_id=list_cl_ord_id)
        return self._end(self._placed_list(exits.cancel_list(self._state, found)))

    def cancel_all(
        self, account: str, instrument: str | None = None, *, now: datetime
    ) -> tuple[Order, ...] | Refused:
        """Cancel all open orders of the account; UNKNOWN_ORDER if it has none."""
        self._begin(now)
        return self._end(exits.cancel_all(self._state, account, instrument))

    def cancel_replace(
        self,
        account: str,
        request: NewOrder,
        *,
        order_id: int | None = None,
        cl_ord_id: str | None = None,
        cancel_cl_ord_id: str = "",
        mode: ReplaceMode = ReplaceMode.STOP_ON_FAILURE,
        now: datetime,
    ) -> Replaced:
        """Cancel one order, then place another of the same instrument: two outcomes."""
        self._begin(now)
        state = self._state
        old = exits.find(state, account, request.instrument, order_id, cl_ord_id)
        if isinstance(old, Order):
            old = exits.cancel(state, old, cancel_cl_ord_id, Execution.REPLACED)
        elif mode is ReplaceMode.STOP_ON_FAILURE:
            return self._end(Replaced(old, None))
        new = entry.submit(state, request)
        return self._end(Replaced(old, new if isinstance(new, Refused) else self._placed(new)))

    def advance(self, now: datetime) -> None:
        """Move the time on: GTD orders whose time has come expire."""
        self._begin(now)
        self._end(None)

    # The operator's side of the exchange

    def set_status(self, instrument: str, status: Status, *, now: datetime) -> None:
        """Change an instrument's status. Raises BadInput for an unknown instrument."""
        self._begin(now)
        self._state.market(instrument).status = status
        self._state.tell(StatusEvent(self._state.next_seq(), self._state.now, instrument, status))
        self._end(None)

    def change_listing(self, listing: Listing, *, now: datetime) -> None:
        """New filters for an instrument; resting orders stay. Raises BadInput if it is unknown, or
        if base or quote would change."""
        self._begin(now)
        market = self._state.market(listing.instrument)
        if (listing.base, listing.quote) != (market.listing.base, market.listing.quote):
            raise BadInput(f"{listing.instrument} keeps its assets")
        market.listing = listing
        self._end(None)

    def expel(self, instrument: str, *, now: datetime) -> tuple[Order, ...]:
        """Cancel every open order of the instrument for the exchange's own reasons (delisting)."""
        self._begin(now)
        return self._end(exits.expel(self._state, self._state.market(instrument)))

    def bust(self, instrument: str, trade_id: int, *, now: datetime) -> PublicTrade | Refused:
        """Undo a trade: assets and fees go back, both fills and the trade are marked, `cum_qty` of
        both orders falls and nothing re-opens. INSUFFICIENT_BALANCE if a side has spent it."""
        self._begin(now)
        self._end(None)
        return settlement.bust(self._state, self._state.market(instrument), trade_id)

    # Market data

    def listing(self, instrument: str) -> Listing | None:
        """The instrument and its filters."""
        market = self._state.markets.get(instrument)
        return market.listing if market else None

    def listings(self) -> tuple[Listing, ...]:
        """All instruments, in the order given."""
        return tuple(market.listing for market in self._state.markets.values())

    def status(self, instrument: str) -> Status:
        """Raises BadInput for an unknown instrument."""
        return self._state.market(instrument).status

    def depth(self, instrument: str, limit: int = 100) -> Depth:
        """The best `limit` levels of each side. Raises BadInput for an unknown instrument."""
        book = self._state.market(instrument).book
        bids, asks = book.levels(Side.BUY, limit), book.levels(Side.SELL, limit)
        return Depth(instrument, book.update_id, bids, asks)

    def last_px(self, instrument: str) -> Decimal | None:
        """The last trade's price; None before the first."""
        return self._state.market(instrument).last_px

    def _begin(self, now: datetime) -> None:
        self._state.now = max(now, self._state.now)
        exits.expire(self._state)

    def _end(self, answer: _Answer) -> _Answer:
        self._state.flush()
        return answer

    def _placed(self, order: Order) -> Placed:
        entry.settle(self._state, lists.place_waiting)
        fills = self.records.account_trades(order.account, order_id=order.order_id)
        return Placed(self.records.by_id(order.order_id), fills)

    def _placed_list(self, answer: OrderList | Refused) -> PlacedList | Refused:
        if isinstance(answer, Refused):
            return answer
        entry.settle(self._state, lists.place_waiting)
        orders = tuple(self.records.by_id(each) for each in answer.order_ids)
        return PlacedList(self.records.list_by_id(answer.list_id), orders)

    def _from_outside(
        self, cause: BalanceCause, account: str, asset: str, amount: Decimal, now: datetime
    ) -> Refused | None:
        self._begin(now)
        self._state.flush()
        return outside.move(self._state, cause, account, asset, amount)
