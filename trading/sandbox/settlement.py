"""What a trade does to two orders, two accounts and the fee account, and how one is undone.

1. Base and quote change hands at the resting order's price; each side pays its own fee.
2. The holds fall first, so that what they held pays for the trade.

Venue document: venues.md X22 (fees), X25 (a venue voids a trade).
"""

from dataclasses import replace
from decimal import Decimal

from aitrader.kernel.fix import Liquidity, OrdStatus, Side
from aitrader.kernel.money import ZERO
from trading.sandbox.accounts import FEE_ACCOUNT, FeeIn, cut
from trading.sandbox.events import BalanceCause, Execution, TradeEvent
from trading.sandbox.lifecycle import after_close, close, leave
from trading.sandbox.orders import Ending, Fill, Order, PublicTrade
from trading.sandbox.rules import Listing, Refusal, Refused
from trading.sandbox.state import Market, State


def settle(
    state: State, market: Market, taker_id: int, maker_id: int, px: Decimal, qty: Decimal
) -> None:
    """Book one trade and tell of it: the maker's side, the taker's, then the public trade."""
    market.trades += 1
    market.last_px = px
    maker = _filled(state, state.records.by_id(maker_id), px, qty)
    taker = _filled(state, state.records.by_id(taker_id), px, qty)
    buyer, seller = (taker, maker) if taker.side is Side.BUY else (maker, taker)
    listing = market.listing
    state.accounts.move(buyer.account, seller.account, listing.quote, px * qty)
    state.accounts.move(seller.account, buyer.account, listing.base, qty)
    for order, liquidity in ((maker, Liquidity.MAKER), (taker, Liquidity.TAKER)):
        fee, asset = _charge(state, listing, order, liquidity, px, qty)
        fill = Fill(
            trade_id=market.trades,
            order_id=order.order_id,
            cl_ord_id=order.cl_ord_id,
            account=order.account,
            instrument=order.instrument,
            side=order.side,
            last_px=px,
            last_qty=qty,
            quote_qty=px * qty,
            fee=fee,
            fee_asset=asset,
            liquidity=liquidity,
            transact_time=state.now,
            list_id=order.list_id,
        )
        state.records.put_fill(fill)
        state.tell_order(Execution.TRADE, order, fill=fill)
    trade = PublicTrade(
        trade_id=market.trades,
        instrument=listing.instrument,
        px=px,
        qty=qty,
        buyer_is_maker=buyer is maker,
        buy_order_id=buyer.order_id,
        sell_order_id=seller.order_id,
        transact_time=state.now,
    )
    state.records.put_trade(trade)
    state.tell(TradeEvent(state.next_seq(), state.now, trade))
    for order in (maker, taker):
        _end_if_done(state, order)


def bust(state: State, market: Market, trade_id: int) -> PublicTrade | Refused:
    """Undo a trade; UNKNOWN_ORDER if there is none to undo, INSUFFICIENT_BALANCE if a side has
    spent what it got."""
    instrument = market.listing.instrument
    found = state.records.public_trades(instrument, from_id=trade_id, limit=1)
    trade = found[0] if found and found[0].trade_id == trade_id else None
    if trade is None or trade.busted:
        return Refused(Refusal.UNKNOWN_ORDER, f"no trade {trade_id} to undo")
    fills = _fills_of(state, trade)
    if len(fills) != 2:
        return Refused(Refusal.UNKNOWN_ORDER, f"trade {trade_id} is too old")
    if not _pay_back(state, market.listing, fills):
        return Refused(Refusal.INSUFFICIENT_BALANCE, f"trade {trade_id} was spent")
    for fill in fills:
        busted = replace(fill, busted=True)
        state.records.put_fill(busted)
        order = state.records.by_id(fill.order_id)
        order = state.put(order, **_without(order, fill))
        state.tell_order(Execution.TRADE_CANCEL, order, fill=busted)
    gone = replace(trade, busted=True)
    state.records.put_trade(gone)
    state.tell(TradeEvent(state.next_seq(), state.now, gone))
    state.flush(BalanceCause.BUST)
    return gone


def _filled(state: State, order: Order, px: Decimal, qty: Decimal) -> Order:
    """The order after the fill; its hold has fallen, nothing is told yet."""
    done = order.cum_qty + qty >= order.order_qty
    if done:
        leave(state, order)
    return state.put(
        order,
        cum_qty=order.cum_qty + qty,
        cum_quote=order.cum_quote + px * qty,
        leaves_qty=order.leaves_qty - qty,
        ord_status=OrdStatus.FILLED if done else OrdStatus.PARTIALLY_FILLED,
        ending=Ending.FILLED if done else None,
    )


def _end_if_done(state: State, order: Order) -> None:
    if not order.is_open:
        after_close(state, order)
    elif not order.leaves_qty:
        # Part of it was prevented or busted before: nothing is left, yet it is not filled.
        ending = Ending.SELF_TRADE if order.prevented_qty else Ending.BUSTED
        close(state, order, Execution.EXPIRED, ending)


def _charge(
    state: State, listing: Listing, order: Order, liquidity: Liquidity, px: Decimal, qty: Decimal
) -> tuple[Decimal, str]:
    """Take the fee; returns it with its asset."""
    fees = state.policies[order.account].fees
    rate = fees.maker if liquidity is Liquidity.MAKER else fees.taker
    fee_in = fees.fee_in
    price = fees.third_prices.get(listing.quote)
    if fee_in is FeeIn.THIRD and price:
        fee = cut(px * qty * rate / price)
        if state.accounts.free(order.account, fees.third_asset) >= fee:
            state.accounts.move(order.account, FEE_ACCOUNT, fees.third_asset, fee)
            return fee, fees.third_asset
    received = FeeIn.BASE if order.side is Side.BUY else FeeIn.QUOTE
    in_base = (fee_in if fee_in in (FeeIn.BASE, FeeIn.QUOTE) else received) is FeeIn.BASE
    asset = listing.base if in_base else listing.quote
    fee = cut((qty if in_base else px * qty) * rate)
    state.accounts.move(order.account, FEE_ACCOUNT, asset, fee)
    return fee, asset


def _fills_of(state: State, trade: PublicTrade) -> list[Fill]:
    """Both sides of a trade, the buyer's first; fewer if they were forgotten."""
    fills: list[Fill] = []
    for order_id in (trade.buy_order_id, trade.sell_order_id):
        try:
            account = state.records.by_id(order_id).account
        except KeyError:
            continue
        fills += state.records.account_trades(
            account, trade.instrument, order_id=order_id, from_id=trade.trade_id, limit=1
        )
    return [fill for fill in fills if fill.trade_id == trade.trade_id]


def _pay_back(state: State, listing: Listing, fills: list[Fill]) -> bool:
    """Reverse what the fills moved, all of it or nothing."""
    changes: dict[tuple[str, str], Decimal] = {}
    for fill in fills:
        sign = fill.side.sign
        for account, asset, amount in (
            (fill.account, listing.base, -sign * fill.last_qty),
            (fill.account, listing.quote, sign * fill.quote_qty),
            (fill.account, fill.fee_asset, fill.fee),
            (FEE_ACCOUNT, fill.fee_asset, -fill.fee),
        ):
            changes[account, asset] = changes.get((account, asset), ZERO) + amount
    if any(state.accounts.free(*key) + amount < 0 for key, amount in changes.items()):
        return False
    for (account, asset), amount in changes.items():
        state.accounts.add(account, asset, amount)
    return True


def _without(order: Order, fill: Fill) -> dict[str, object]:
    """The fields of the order without this fill; a closed order stays closed."""
    cum_qty = order.cum_qty - fill.last_qty
    status, ending = order.ord_status, order.ending
    if order.is_open:
        status = OrdStatus.PARTIALLY_FILLED if cum_qty else OrdStatus.NEW
    elif status is OrdStatus.FILLED:
        status, ending = OrdStatus.CANCELED, Ending.BUSTED
    return {
        "cum_qty": cum_qty,
        "cum_quote": order.cum_quote - fill.quote_qty,
        "ord_status": status,
        "ending": ending,
    }
