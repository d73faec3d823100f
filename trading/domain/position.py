"""One account's holding of one instrument: quantity, cost, realised profit and fees.

1. Cost is kept as (cost, quantity), never as an average price, so no rounding accumulates in it;
   `cost` is signed like `quantity` (a short position has both negative).
2. At every moment realised + unrealised(mark) equals the cash the trades moved plus
   quantity * mark: what is rounded out of the cost is rounded into the realised profit.
3. A quantity of zero has a cost of exactly zero.
4. A fill is a fact: it is always applied. What should not have been is said in `FillEffect`.
"""

from dataclasses import dataclass, replace
from decimal import Decimal, localcontext

from aitrader.kernel.fix import AccountKind, Side
from aitrader.kernel.money import CONTEXT, ZERO, product, ratio, stored


@dataclass(frozen=True, slots=True)
class FillFacts:
    """`qty` in base (> 0), `px` in quote per base, `fee` in `fee_asset` (≥ 0: paid); a fill that is
    taken back has both negative.

    `fee_rate` is the price of one unit of a third fee asset in quote; None when no dated rate is
    known. A fee in base or quote needs none.
    """

    side: Side
    qty: Decimal
    px: Decimal
    fee: Decimal
    fee_asset: str
    base: str
    quote: str
    fee_rate: Decimal | None = None


@dataclass(frozen=True, slots=True)
class FillEffect:
    """What one fill did. `realised` and `fee_in_quote` are in quote, `realised` before fees.

    `oversold`: a SPOT holding is below zero. `missing_fee_conversion`: the fee was paid in an
    asset without a rate, so that `fees` understate.
    """

    realised: Decimal
    fee_in_quote: Decimal
    oversold: bool
    missing_fee_conversion: bool


@dataclass(frozen=True, slots=True)
class PositionState:
    """`quantity` in base, signed; `cost`, `realised_pnl` (before fees) and `fees` in quote."""

    kind: AccountKind
    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    realised_pnl: Decimal = ZERO
    fees: Decimal = ZERO

    def apply(self, fill: FillFacts) -> tuple["PositionState", FillEffect]:
        """The position after the fill and its fee, and what the fill did."""
        # The thread's default context keeps 28 digits; stored amounts have up to 38.
        with localcontext(CONTEXT):
            after = self._trade(fill.qty * fill.side.sign, fill.px)
            if self._takes_fee_from_holding(fill):
                after = after._trade(-fill.fee, fill.px)
            fee_in_quote = _fee_in_quote(fill)
            after = replace(after, fees=after.fees + (fee_in_quote or ZERO))
            effect = FillEffect(
                realised=after.realised_pnl - self.realised_pnl,
                fee_in_quote=fee_in_quote or ZERO,
                oversold=self.kind is AccountKind.SPOT and after.quantity < 0,
                missing_fee_conversion=fee_in_quote is None,
            )
        return after, effect

    def unrealised(self, mark: Decimal) -> Decimal:
        """Profit in quote if the whole position were closed at `mark`, before fees."""
        with localcontext(CONTEXT):
            return stored(self.quantity * mark - self.cost)

    def _takes_fee_from_holding(self, fill: FillFacts) -> bool:
        # A perpetual account holds no base asset that a fee could be taken from.
        return self.kind is AccountKind.SPOT and fill.fee_asset == fill.base and fill.fee != 0

    def _trade(self, delta: Decimal, px: Decimal) -> "PositionState":
        """Buy (delta > 0) or sell at `px`: close against the position, open what is left over."""
        closing = ZERO
        if delta * self.quantity < 0:
            closing = max(delta, -self.quantity) if delta < 0 else min(delta, -self.quantity)
        opening = delta - closing
        quantity = self.quantity + closing
        removed = self.cost if quantity == 0 else ratio(self.cost * -closing, self.quantity)
        return replace(
            self,
            quantity=quantity + opening,
            cost=self.cost - removed + product(opening, px),
            realised_pnl=self.realised_pnl - product(closing, px) - removed,
        )


def _fee_in_quote(fill: FillFacts) -> Decimal | None:
    """The fee's worth in quote; None when there is no rate for its asset."""
    if fill.fee == 0:
        return ZERO
    if fill.fee_asset == fill.quote:
        return stored(fill.fee)
    if fill.fee_asset == fill.base:
        return product(fill.fee, fill.px)
    return None if fill.fee_rate is None else product(fill.fee, fill.fee_rate)
