"""One trade with the orders that work for it: what is held, what covers it, what may be sent."""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from aitrader.kernel.clock import Moment
from aitrader.kernel.fix import AccountKind, OrdType, Origin, Side
from aitrader.kernel.money import CONTEXT, ZERO, qty_to_lot, ratio
from trading.domain.instrument_limits import step_of
from trading.models import InstrumentRow, StrategyCursor, Trade
from trading.selectors.desk import Desk, LoadedStrategy
from trading.selectors.orders import TradeOrder
from trading.services.held import HeldAccount


@dataclass(frozen=True, slots=True)
class Context:
    """A trade with the orders that work for it, at one moment."""

    desk: Desk
    loaded: LoadedStrategy
    cursor: StrategyCursor
    trade: Trade
    working: list[TradeOrder]
    held: HeldAccount
    at: Moment

    @property
    def instrument(self) -> InstrumentRow:
        return self.desk.instruments[self.cursor.instrument_id]

    @property
    def open_qty(self) -> Decimal:
        """What the trade holds and can give back, in lots of the market; what the venue would not
        take there is dust: 0."""
        held = max(ZERO, CONTEXT.subtract(self.trade.entry_qty, self.trade.exit_qty))
        limits = self.instrument.venue_limits
        lot = step_of(self.instrument.lot, limits, OrdType.MARKET)
        qty = qty_to_lot(min(held, self._most), lot)
        if qty <= 0 or qty < max(self.instrument.min_qty, limits.market_min_qty or ZERO):
            return ZERO
        mark = self.desk.marks().get(self.instrument.pk)
        # Without a price the entry's own decides: what may be worth something is not given up.
        px = ratio(self.trade.entry_notional, self.trade.entry_qty) if mark is None else mark.px
        return ZERO if CONTEXT.multiply(qty, px) < self.instrument.min_notional else qty

    @property
    def _most(self) -> Decimal:
        """What a SPOT account has of the base asset: fees of other trades may have come from it."""
        if self.desk.account.kind != AccountKind.SPOT:
            return Decimal("Infinity")
        return self.held.view.state.balances.get(self.instrument.base, ZERO)

    @property
    def exit_side(self) -> Side:
        return Side(self.trade.side).opposite

    @property
    def may_reduce(self) -> bool:
        """Whether the trading states let a stop or an exit go."""
        return self.held.may_reduce(self.instrument, self.loaded.code)

    @property
    def may_exit(self) -> bool:
        """Whether an exit may go; of a strategy that is switched off only stops may."""
        return self.may_reduce and self.held.is_enabled(self.loaded.version_id)


def is_exit(order: TradeOrder) -> bool:
    return order.closing and order.origin != Origin.PROTECTION


def leaving(context: Context) -> Decimal:
    """Quantity that a working exit is about to take away."""
    return sum((each.leaves_qty for each in _going(context) if is_exit(each)), ZERO)


def covered(
    context: Context, *, without: Collection[str] = (), until_cancelled: bool = False
) -> Decimal:
    """Quantity behind working protection; a group counts once, and not if it is in `without`, nor
    while a cancel of it is unanswered, unless `until_cancelled`."""
    groups: dict[str, Decimal] = {}
    for order in _going(context):
        counts = order.origin == Origin.PROTECTION and (until_cancelled or not order.cancelling)
        if counts and order.oco_group not in without:
            groups[order.oco_group] = max(groups.get(order.oco_group, ZERO), order.leaves_qty)
    return sum(groups.values(), ZERO)


def _going(context: Context) -> list[TradeOrder]:
    """The orders at work, without those that a trading state keeps from being sent: such a stop
    protects nothing."""
    return [each for each in context.working if context.may_reduce or not each.waiting]


def is_certain(context: Context, *, until_cancelled: bool = False) -> bool:
    """Whether stops of known outcome, and exits on their way, cover all that is held."""
    doubtful = doubtful_groups(context)
    behind = covered(context, without=doubtful, until_cancelled=until_cancelled)
    return CONTEXT.add(behind, leaving(context)) >= context.open_qty


def doubtful_groups(context: Context) -> set[str]:
    """Groups of stops of unknown outcome."""
    return {order.oco_group for order in context.working if order.is_stop and order.doubtful}


def is_on_its_way(context: Context) -> bool:
    """Whether protection is written of which the venue has said nothing yet."""
    return any(
        order.origin == Origin.PROTECTION and not (order.resting or order.closed)
        for order in context.working
    )


def is_being_cancelled(context: Context) -> bool:
    return any(
        order.origin == Origin.PROTECTION and order.cancelling and not order.closed
        for order in context.working
    )
