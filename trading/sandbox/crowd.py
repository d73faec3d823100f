"""The other people on the exchange: makers who quote around a price, and a taker.

1. They are ordinary accounts: whoever trades there trades with them under the same rules.
2. What the exchange refuses them (a halt, a filter) is not tried again.

Venue document: none; the market that the faults of venues.md 2.3 happen in.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_UP, Decimal

from aitrader.kernel.fix import OrdType, Side, TimeInForce
from aitrader.kernel.money import ONE, price_down, price_up, qty_to_lot
from trading.sandbox.accounts import HOUSE, Fees
from trading.sandbox.checks import BPS
from trading.sandbox.engine import Exchange, Placed
from trading.sandbox.orders import NewOrder, Order
from trading.sandbox.rules import Listing, Status

#: More than a crowd can spend, in any asset.
ENDLESS = Decimal(10) ** 14


@dataclass(frozen=True, slots=True)
class Manner:
    """How a crowd quotes: each side `levels` deep, the first `half_spread_bps` from the price, each
    further one as much beyond and twice as large."""

    half_spread_bps: Decimal = Decimal(2)
    levels: int = 5


USUAL = Manner()


class Crowd:
    """Two accounts on one instrument, `#<instrument>:maker` and `#<instrument>:taker`."""

    def __init__(
        self, exchange: Exchange, listing: Listing, *, now: datetime, manner: Manner = USUAL
    ) -> None:
        self.exchange = exchange
        self.listing = listing
        self._manner = manner
        self._quotes: list[Order] = []
        self.maker = f"{HOUSE}{listing.instrument}:maker"
        self.taker = f"{HOUSE}{listing.instrument}:taker"
        free = Fees(maker=Decimal(0), taker=Decimal(0))
        for account in (self.maker, self.taker):
            exchange.open_account(account, fees=free)
            for asset in (listing.base, listing.quote):
                exchange.deposit(account, asset, ENDLESS, now=now)

    @property
    def may_trade(self) -> bool:
        """Whether the instrument takes orders now."""
        return self.exchange.status(self.listing.instrument) is Status.TRADING

    def tradable(self, qty: Decimal, px: Decimal) -> Decimal:
        """The quantity (base) brought within the instrument's filters at this price."""
        listing = self.listing
        least = (listing.min_notional / px / listing.lot).to_integral_value(rounding=ROUND_UP)
        least = max(least * listing.lot, listing.min_qty)
        return min(max(qty_to_lot(qty, listing.lot), least), listing.max_qty)

    def clear(self, now: datetime) -> None:
        """Take all quotes out of the book."""
        for quote in self._quotes:
            self.withdraw(quote, now)
        self._quotes.clear()

    def quote(self, px: Decimal, qty: Decimal, now: datetime) -> None:
        """Quote both sides around `px`, with `qty` (base) at the first level."""
        bps = self._manner.half_spread_bps * BPS
        for level in range(1, self._manner.levels + 1):
            bid = price_down(px * (ONE - bps * level), self.listing.tick)
            ask = price_up(px * (ONE + bps * level), self.listing.tick)
            self.rest(Side.BUY, min(bid, px - self.listing.tick), qty, now)
            self.rest(Side.SELL, max(ask, px + self.listing.tick), qty, now)
            qty *= 2

    def rest(self, side: Side, px: Decimal, qty: Decimal, now: datetime) -> None:
        """A quote of `clear`'s; it trades with whatever stands in its way."""
        if order := self.place(side, px, qty, now):
            self._quotes.append(order)

    def place(self, side: Side, px: Decimal, qty: Decimal, now: datetime) -> Order | None:
        """The maker places one order, which is told if it rests: it is the caller's to withdraw."""
        if px < self.listing.min_price:
            return None
        placed = self._send(self.maker, side, px, qty, TimeInForce.GTC, now)
        return placed.order if placed and placed.order.is_open else None

    def withdraw(self, order: Order, now: datetime) -> None:
        """The maker cancels an order."""
        self.exchange.cancel(self.maker, self.listing.instrument, order_id=order.order_id, now=now)

    def take(self, side: Side, px: Decimal, qty: Decimal, now: datetime) -> None:
        """The taker trades up to `qty` (base) at `px` or better."""
        self._send(self.taker, side, px, qty, TimeInForce.IOC, now)

    def in_the_way(self, side: Side, px: Decimal) -> Decimal:
        """What rests at better prices than `px` and would trade with an order of this side first,
        in base."""
        depth = self.exchange.depth(self.listing.instrument, limit=10_000)
        levels = depth.asks if side is Side.BUY else depth.bids
        better = (qty for at, qty in levels if (at < px if side is Side.BUY else at > px))
        return sum(better, Decimal(0))

    def _send(
        self,
        account: str,
        side: Side,
        px: Decimal,
        qty: Decimal,
        time_in_force: TimeInForce,
        now: datetime,
    ) -> Placed | None:
        request = NewOrder(
            account,
            self.listing.instrument,
            side,
            OrdType.LIMIT,
            order_qty=self.tradable(qty, px),
            price=px,
            time_in_force=time_in_force,
        )
        answer = self.exchange.submit(request, now=now)
        return answer if isinstance(answer, Placed) else None
