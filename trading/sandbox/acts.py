"""What the venue, or a human in its app, does on its own while a plan says so.

1. An act that the exchange refuses has not happened; nothing is tried twice.
2. A status that the exchange's own list does not have shows outside only: inside it is a halt.

Venue document: venues.md 2.3, X20 and X23 to X25.
"""

from dataclasses import replace
from decimal import Decimal

from aitrader.kernel.fix import OrdType, Side, TimeInForce
from aitrader.kernel.money import price_down, qty_to_lot
from trading.sandbox.faults import Act
from trading.sandbox.orders import NewOrder, SelfTrade
from trading.sandbox.rules import Listing, Status
from trading.sandbox.stage import Stage

_STATUSES = {
    Act.HALT: Status.HALT,
    Act.RESUME: Status.TRADING,
    Act.CANCEL_ONLY: Status.CANCEL_ONLY,
    Act.UNKNOWN_STATUS: Status.HALT,
}
_PAID_IN, _PAID_OUT = Decimal(100), Decimal(10)
_SPENT = Decimal(25)
#: Where a human's order rests, as a share of the last price.
_BELOW = Decimal("0.999")


class Acts:
    """Plays the acts of every second that has passed since the last time."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._usual: dict[str, Listing] = {}
        self._by_hand = 0

    def catch_up(self) -> None:
        stage = self._stage
        now = int(stage.elapsed().total_seconds())
        for second in range(stage.acted_until, now + 1):
            for act in stage.plan.acts(second):
                self._play(act)
        stage.acted_until = max(stage.acted_until, now + 1)

    def _play(self, act: Act) -> None:
        stage, now = self._stage, self._stage.now()
        if act in _STATUSES:
            stage.strange_status = act is Act.UNKNOWN_STATUS
            for each in stage.exchange.listings():
                stage.exchange.set_status(each.instrument, _STATUSES[act], now=now)
            return
        # One instrument of each venue is played on, and its accounts with it.
        played = set(stage.accounts.values())
        listings = stage.exchange.listings()
        for listing in [each for each in listings if each.instrument in played] or listings[:1]:
            self._play_on(act, listing)

    def _play_on(self, act: Act, listing: Listing) -> None:
        stage, now = self._stage, self._stage.now()
        if act is Act.FILTERS:
            # Coarser, and the next time as it was at the start.
            usual = self._usual.setdefault(listing.instrument, listing)
            coarser = replace(usual, tick=10 * usual.tick, lot=10 * usual.lot)
            stage.exchange.change_listing(coarser if listing == usual else usual, now=now)
        if act is Act.DELIST:
            stage.exchange.expel(listing.instrument, now=now)
            stage.exchange.set_status(listing.instrument, Status.BREAK, now=now)
        for account, instrument in stage.accounts.items():
            if instrument == listing.instrument:
                self._touch(act, account, listing)

    def _touch(self, act: Act, account: str, listing: Listing) -> None:
        """What happens to one account of a client."""
        exchange, now, asset = self._stage.exchange, self._stage.now(), listing.quote
        match act:
            case Act.DEPOSIT:
                exchange.deposit(account, asset, _PAID_IN, now=now)
            case Act.WITHDRAW:
                exchange.withdraw(account, asset, _PAID_OUT, now=now)
            case Act.LOCK:
                exchange.lock(account, asset, _PAID_OUT, now=now)
            case Act.BUST:
                fills = exchange.records.account_trades(account, limit=1)
                for fill in fills:
                    exchange.bust(fill.instrument, fill.trade_id, now=now)
            case Act.EXTERNAL_BUY | Act.EXTERNAL_SALE | Act.EXTERNAL_LIMIT:
                self._trade_by_hand(act, account, listing)
            case Act.SELF_TRADE:
                self._meet_oneself(account, listing)

    def _trade_by_hand(self, act: Act, account: str, listing: Listing) -> None:
        """A human buys, sells, or rests a little below the market."""
        px = self._stage.exchange.last_px(listing.instrument)
        if px is None:
            return
        limit = act is Act.EXTERNAL_LIMIT
        by_hand = NewOrder(
            account,
            listing.instrument,
            Side.SELL if act is Act.EXTERNAL_SALE else Side.BUY,
            OrdType.LIMIT if limit else OrdType.MARKET,
            order_qty=qty_to_lot(_SPENT / px, listing.lot),
            price=price_down(px * _BELOW, listing.tick) if limit else None,
            cl_ord_id=self._name(),
        )
        self._stage.exchange.submit(by_hand, now=self._stage.now())

    def _name(self) -> str:
        """A client id that no other order has."""
        self._by_hand += 1
        return f"hand-{self._stage.seed}-{self._by_hand}"

    def _meet_oneself(self, account: str, listing: Listing) -> None:
        """A human's order runs into the account's best resting one."""
        exchange = self._stage.exchange
        resting = [
            each
            for each in exchange.records.open_orders(account, listing.instrument)
            if each.working and each.price is not None
        ]
        for order in resting[:1]:
            against = NewOrder(
                account,
                listing.instrument,
                order.side.opposite,
                OrdType.LIMIT,
                order_qty=order.leaves_qty,
                price=order.price,
                time_in_force=TimeInForce.IOC,
                cl_ord_id=self._name(),
                self_trade=SelfTrade.EXPIRE_TAKER,
            )
            exchange.submit(against, now=self._stage.now())
