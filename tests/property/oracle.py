"""A second opinion on positions and balances, written in another way on purpose.

Exact fractions instead of decimals; a list of open lots instead of one cost; closing takes the
same share of every lot, which is what averaging means; balances are added up from what a fill
says, without any notion of double entry. Nothing of the product is used.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction


@dataclass
class Lot:
    """`qty` signed, `px` in quote."""

    qty: Fraction
    px: Fraction


@dataclass
class Oracle:
    spot: bool
    lots: list[Lot] = field(default_factory=list)
    realised: Fraction = Fraction(0)
    fees: Fraction = Fraction(0)
    cash_of_trades: Fraction = Fraction(0)
    balances: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))

    @property
    def quantity(self) -> Fraction:
        return sum((lot.qty for lot in self.lots), Fraction(0))

    @property
    def cost(self) -> Fraction:
        return sum((lot.qty * lot.px for lot in self.lots), Fraction(0))

    def fill(
        self,
        *,
        buys: bool,
        qty: Fraction,
        px: Fraction,
        fee: Fraction,
        fee_asset: str,
        rate: Fraction | None,
    ) -> None:
        """Take a fill of BTC for USDT."""
        realised_before = self.realised
        self._trade(qty if buys else -qty, px)
        if self.spot:
            self.balances["BTC"] += qty if buys else -qty
            self.balances["USDT"] += -qty * px if buys else qty * px
        else:
            self.balances["USDT"] += self.realised - realised_before
        self.balances[fee_asset] -= fee
        worth = {"USDT": Fraction(1), "BTC": px}.get(fee_asset, rate)
        if worth is not None:
            self.fees += fee * worth
        if self.spot and fee_asset == "BTC":
            self._trade(-fee, px)

    def _trade(self, delta: Fraction, px: Fraction) -> None:
        self.cash_of_trades -= delta * px
        held = self.quantity
        if held * delta < 0:
            share = min(Fraction(1), abs(delta) / abs(held))
            for lot in self.lots:
                self.realised += lot.qty * share * (px - lot.px)
                delta += lot.qty * share
                lot.qty -= lot.qty * share
            self.lots = [lot for lot in self.lots if lot.qty]
        if delta:
            self.lots.append(Lot(delta, px))
