"""Balances of the accounts of the sandbox exchange: free, locked, fees.

1. Neither free nor locked is ever negative; an operation that would make it so changes nothing.
2. locked = what open orders hold + what was locked from outside.
3. Over all accounts, the fee account among them, each asset sums to deposits less withdrawals.

Venue document: venues.md X10, X22, X24 (balance, fee in a third asset, movements from outside).
"""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum

from aitrader.kernel.errors import BadInput
from aitrader.kernel.fix import Side
from aitrader.kernel.money import CONTEXT, ONE, ZERO

#: Accounts whose name begins so are the house's: nobody has their keys, their past is not kept.
HOUSE = "#"
#: The account that receives every fee.
FEE_ACCOUNT = HOUSE + "fees"
_SMALLEST_FEE = Decimal("0.00000001")


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
    """Which asset a fee is taken from. RECEIVED is what the fill brings in (Binance); BASE and
    QUOTE are added to what is paid where that is the asset paid (Coinbase, BTCTurk: a buyer pays
    notional + fee); THIRD is another asset at a price, RECEIVED where the account has not enough
    of it free (BNB on Binance)."""

    RECEIVED = "RECEIVED"
    BASE = "BASE"
    QUOTE = "QUOTE"
    THIRD = "THIRD"


@dataclass(frozen=True, slots=True)
class Fees:
    """Rates as shares (0.001 is ten basis points). `third_prices` maps a quote asset to the price
    of `third_asset` in it; without a price the fee is RECEIVED."""

    maker: Decimal = Decimal("0.001")
    taker: Decimal = Decimal("0.001")
    fee_in: FeeIn = FeeIn.RECEIVED
    third_asset: str = ""
    third_prices: Mapping[str, Decimal] = field(default_factory=dict)

    def markup(self, side: Side) -> Decimal:
        """What is needed for a payment of one when the fee comes on top of it: 1 + the rate."""
        paid = FeeIn.QUOTE if side is Side.BUY else FeeIn.BASE
        return ONE + max(self.maker, self.taker) if self.fee_in is paid else ONE


def cut(amount: Decimal) -> Decimal:
    """A fee to 8 decimals, rounded down: what was held for an order always suffices."""
    return amount.quantize(_SMALLEST_FEE, rounding=ROUND_DOWN, context=CONTEXT)


class _Purse:
    """One asset of one account; `outside` is the part of `locked` that no order explains."""

    __slots__ = ("free", "locked", "outside")

    def __init__(self) -> None:
        self.free = self.locked = self.outside = ZERO


class Accounts:
    """All balances. Amounts are in the asset named beside them."""

    def __init__(self) -> None:
        self._purses: dict[str, dict[str, _Purse]] = {}
        self._holds: dict[Hashable, Decimal] = {}
        self._touched: dict[str, dict[str, None]] = {}
        self.issued: dict[str, Decimal] = {}

    def __contains__(self, account: str) -> bool:
        return account in self._purses

    def __iter__(self) -> Iterator[str]:
        return iter(self._purses)

    def open(self, account: str) -> None:
        """Raises BadInput if the account exists."""
        if account in self._purses:
            raise BadInput(f"account {account!r} exists")
        self._purses[account] = {}

    def issue(self, account: str, asset: str, amount: Decimal) -> bool:
        """Deposit, or withdraw a negative `amount`; False if less is free."""
        if self.free(account, asset) + amount < 0:
            return False
        self._purse(account, asset).free += amount
        self.issued[asset] = self.issued.get(asset, ZERO) + amount
        return True

    def lock_outside(self, account: str, asset: str, amount: Decimal) -> bool:
        """Lock from outside, or unlock a negative `amount`; False if there is less of it."""
        seen = self._purses[account].get(asset) or _Purse()
        if seen.free < amount or seen.outside + amount < 0:
            return False
        purse = self._purse(account, asset)
        purse.free -= amount
        purse.locked += amount
        purse.outside += amount
        return True

    def free(self, account: str, asset: str) -> Decimal:
        """What may be spent."""
        purse = self._purses[account].get(asset)
        return purse.free if purse else ZERO

    def held(self, key: Hashable) -> Decimal:
        """What is held under this key."""
        return self._holds.get(key, ZERO)

    def hold(self, key: Hashable, account: str, asset: str, amount: Decimal) -> None:
        """Make `amount` the hold of this key. Raises BadInput if free does not reach."""
        change = amount - self.held(key)
        if not change:
            return
        purse = self._purse(account, asset)
        if purse.free < change:
            raise BadInput(f"{account} has {purse.free} {asset} free, not {change}")
        purse.free -= change
        purse.locked += change
        if amount:
            self._holds[key] = amount
        else:
            del self._holds[key]

    def move(self, payer: str, receiver: str, asset: str, amount: Decimal) -> None:
        """Pay from free to free. Raises BadInput if free does not reach."""
        source = self._purse(payer, asset)
        if source.free < amount:
            raise BadInput(f"{payer} has {source.free} {asset} free, not {amount}")
        source.free -= amount
        self._purse(receiver, asset).free += amount

    def add(self, account: str, asset: str, amount: Decimal) -> None:
        """One side of a movement whose sides sum to zero. Raises BadInput if free gets negative."""
        purse = self._purse(account, asset)
        if purse.free + amount < 0:
            raise BadInput(f"{account} has {purse.free} {asset} free, not {-amount}")
        purse.free += amount

    def balance(self, account: str, asset: str) -> Balance:
        """Zero for an asset that the account never held."""
        purse = self._purses[account].get(asset) or _Purse()
        return Balance(asset, purse.free, purse.locked)

    def balances(self, account: str) -> tuple[Balance, ...]:
        """Every asset that the account ever held, by name."""
        return tuple(self.balance(account, asset) for asset in sorted(self._purses[account]))

    def take_touched(self) -> list[tuple[str, tuple[Balance, ...]]]:
        """The balances that may have changed since the last call, by account."""
        touched, self._touched = self._touched, {}
        return [
            (account, tuple(self.balance(account, asset) for asset in assets))
            for account, assets in touched.items()
        ]

    def _purse(self, account: str, asset: str) -> _Purse:
        purses = self._purses[account]
        if asset not in purses:
            purses[asset] = _Purse()
        self._touched.setdefault(account, {})[asset] = None
        return purses[asset]
