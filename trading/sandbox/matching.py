"""One order against the book.

1. It trades with the best price first, within a price with the order that came first, at the
   resting order's price.
2. It never trades with its own account unless its self-trade mode is NONE.
3. FOK trades all or nothing, IOC and MARKET leave nothing behind, the rest of a GTC or GTD rests.
4. What has no limit price trades only as far as the account can pay.

Venue document: venues.md 2.1 and X23 (self-trade prevention).
"""

from collections.abc import Iterator
from decimal import Decimal

from aitrader.kernel.fix import Side, TimeInForce
from aitrader.kernel.money import qty_to_lot
from trading.sandbox import settlement
from trading.sandbox.book import Entry
from trading.sandbox.events import Execution
from trading.sandbox.lifecycle import before_act, close
from trading.sandbox.orders import Ending, NewOrder, Order, SelfTrade
from trading.sandbox.state import Market, State, takes_any_price

_MAKER_ENDS = frozenset({SelfTrade.EXPIRE_BOTH, SelfTrade.EXPIRE_MAKER})
_TAKER_ENDS = frozenset({SelfTrade.EXPIRE_BOTH, SelfTrade.EXPIRE_TAKER})


def reachable(state: State, market: Market, request: NewOrder) -> Iterator[tuple[Decimal, Decimal]]:
    """Price and quantity of what the order could trade with now, best first."""
    limit = request.price
    for entry in market.book.entries(request.side.opposite):
        if limit is not None and not _meets(request.side, limit, entry.px):
            return
        own = state.records.by_id(entry.order_id).account == request.account
        if own and request.self_trade is SelfTrade.EXPIRE_MAKER:
            continue
        if own and request.self_trade is not SelfTrade.NONE:
            return
        yield entry.px, entry.qty


def work(state: State, market: Market, order: Order) -> Order:
    """Match an order that works, then let it rest or end. Returns it as it is afterwards."""
    request = order.request
    if request.time_in_force is TimeInForce.FOK and not _fits(state, market, order):
        return close(state, order, Execution.EXPIRED, Ending.FILL_OR_KILL)
    order, ending = _take(state, market, order)
    if not order.is_open:
        return order
    if ending is not None:
        return close(state, order, Execution.EXPIRED, ending)
    if takes_any_price(order):
        return close(state, order, Execution.EXPIRED, Ending.NO_LIQUIDITY)
    if request.time_in_force is TimeInForce.IOC:
        return close(state, order, Execution.EXPIRED, Ending.IMMEDIATE)
    assert request.price is not None
    market.book.add(order.order_id, order.side, request.price, order.leaves_qty)
    return order


def _take(state: State, market: Market, order: Order) -> tuple[Order, Ending | None]:
    """Trade as far as the book, the limit and the purse reach; an ending says what stopped it."""
    limit = None if takes_any_price(order) else order.price
    while order.is_open:
        head = market.book.best(order.side.opposite)
        if head is None or (limit is not None and not _meets(order.side, limit, head.px)):
            return order, None
        maker = state.records.by_id(head.order_id)
        mode = order.request.self_trade
        if maker.account == order.account and mode is not SelfTrade.NONE:
            order = _prevent(state, market, order, maker, mode)
            continue
        qty = min(order.leaves_qty, head.qty)
        if limit is None:
            qty = min(qty, affordable(state, market, order.request, head.px))
        if qty <= 0:
            return order, Ending.BALANCE
        order = _trade(state, market, order, head, qty)
    return order, None


def affordable(state: State, market: Market, request: NewOrder, px: Decimal) -> Decimal:
    """How much (base, on the lot) the account's free balance pays for at this price."""
    listing = market.listing
    markup = state.policies[request.account].fees.markup(request.side)
    if request.side is Side.BUY:
        purse = state.accounts.free(request.account, listing.quote) / (px * markup)
    else:
        purse = state.accounts.free(request.account, listing.base) / markup
    return qty_to_lot(purse, listing.lot)


def _trade(state: State, market: Market, taker: Order, head: Entry, qty: Decimal) -> Order:
    # The siblings go first: they share the hold that pays for this trade.
    before_act(state, taker)
    before_act(state, state.records.by_id(head.order_id))
    market.book.reduce(head.order_id, qty)
    market.printed.append(head.px)
    settlement.settle(state, market, taker.order_id, head.order_id, head.px, qty)
    return state.records.by_id(taker.order_id)


def _prevent(state: State, market: Market, taker: Order, maker: Order, mode: SelfTrade) -> Order:
    """The order met one of its own account. Returns the taker as it is afterwards."""
    qty = min(taker.leaves_qty, maker.leaves_qty)
    if mode is SelfTrade.DECREMENT:
        market.book.reduce(maker.order_id, qty)
        _decrement(state, maker, qty, taker.order_id)
        return _decrement(state, taker, qty, maker.order_id)
    if mode in _MAKER_ENDS:
        _expire_prevented(state, maker, qty, taker.order_id)
    if mode in _TAKER_ENDS:
        return _expire_prevented(state, taker, qty, maker.order_id)
    return taker


def _expire_prevented(state: State, order: Order, qty: Decimal, counter_order_id: int) -> Order:
    prevented = state.put(order, prevented_qty=order.prevented_qty + qty)
    state.tell_order(
        Execution.TRADE_PREVENTION,
        prevented,
        prevented_qty=qty,
        counter_order_id=counter_order_id,
    )
    return close(state, prevented, Execution.EXPIRED, Ending.SELF_TRADE)


def _decrement(state: State, order: Order, qty: Decimal, counter_order_id: int) -> Order:
    if order.leaves_qty == qty:
        return _expire_prevented(state, order, qty, counter_order_id)
    less = state.put(
        order, leaves_qty=order.leaves_qty - qty, prevented_qty=order.prevented_qty + qty
    )
    state.tell_order(
        Execution.TRADE_PREVENTION, less, prevented_qty=qty, counter_order_id=counter_order_id
    )
    return less


def _fits(state: State, market: Market, order: Order) -> bool:
    """Whether all of the order can trade at once."""
    request, left = order.request, order.leaves_qty
    for _, qty in reachable(state, market, request):
        left -= qty
        if left <= 0:
            return True
    return False


def _meets(side: Side, limit: Decimal, px: Decimal) -> bool:
    return px <= limit if side is Side.BUY else px >= limit
