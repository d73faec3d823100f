"""Balances of the accounts of the sandbox exchange: free, locked, fees.

Venue document: venues.md X10, X22, X24 (balance, fee in a third asset, movements from outside).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from aitrader.kernel.money import ZERO

#: The account that receives every fee.
FEE_ACCOUNT = "#fees"


@dataclass(frozen=True, slots=True)
class Balance:
    """Both amounts in `asset`, never negative."""

    asset: str
    free: Decimal = ZERO
    locked: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        return self.free + self.locked


class FeeIn(StrEnum):
    """Which asset a fee is taken from. RECEIVED is what the fill brings in (Binance); QUOTE is
    added to what a buyer pays (Coinbase, BTCTurk); THIRD is another asset at a price, RECEIVED
    where the account has not enough of it (BNB on Binance)."""

    RECEIVED = "RECEIVED"
    BASE = "BASE"
    QUOTE = "QUOTE"
    THIRD = "THIRD"


@dataclass(frozen=True, slots=True)
class Fees:
    """Rates as shares (0.001 is ten basis points). `third_prices` maps a quote asset to the price
    of `third_asset` in it."""

    maker: Decimal = Decimal("0.001")
    taker: Decimal = Decimal("0.001")
    fee_in: FeeIn = FeeIn.RECEIVED
    third_asset: str = ""
    third_prices: Mapping[str, Decimal] = field(default_factory=dict)
