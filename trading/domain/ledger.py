"""Double entry: every movement of an asset as postings that sum to zero.

1. The postings of one transaction sum to exactly zero for each asset.
2. No posting has an amount of zero; every amount fits 18 decimals.
3. VENUE is what the venue owes us, so its sum per asset is what the venue's balance must show.
   TRADE, FEES, PNL and EXTERNAL are the other sides; SUSPENSE holds what is not yet explained.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from aitrader.kernel.errors import IntegrityFailure
from aitrader.kernel.fix import AccountKind, Side
from aitrader.kernel.money import CONTEXT, ZERO, product, stored


class LedgerAccount(StrEnum):
    VENUE = "VENUE"
    TRADE = "TRADE"
    FEES = "FEES"
    PNL = "PNL"
    EXTERNAL = "EXTERNAL"
    SUSPENSE = "SUSPENSE"


@dataclass(frozen=True, slots=True)
class Posting:
    """`amount` in units of `asset`; positive is a debit (for VENUE: we have more)."""

    account: LedgerAccount
    asset: str
    amount: Decimal


def postings_for_fill(
    *,
    kind: AccountKind,
    side: Side,
    qty: Decimal,
    px: Decimal,
    fee: Decimal,
    fee_asset: str,
    base: str,
    quote: str,
    realised: Decimal,
) -> tuple[Posting, ...]:
    """A fill's postings. `realised` (quote, before fees) is used for PERP only."""
    signed_qty = qty if side is Side.BUY else qty.copy_negate()
    if kind is AccountKind.SPOT:
        moves = _pair(LedgerAccount.TRADE, base, signed_qty) + _pair(
            LedgerAccount.TRADE, quote, product(signed_qty, px).copy_negate()
        )
    else:
        moves = _pair(LedgerAccount.PNL, quote, realised)
    return moves + _pair(LedgerAccount.FEES, fee_asset, fee.copy_negate())


def postings_for_deposit(asset: str, amount: Decimal) -> tuple[Posting, ...]:
    """Money that came from outside (negative: went out)."""
    return _pair(LedgerAccount.EXTERNAL, asset, amount)


def reverse(postings: Iterable[Posting]) -> tuple[Posting, ...]:
    """The compensating postings of a transaction: entries are never deleted."""
    return tuple(Posting(p.account, p.asset, p.amount.copy_negate()) for p in postings)


def sums(postings: Iterable[Posting]) -> dict[str, Decimal]:
    """Sum per asset over all accounts."""
    totals: dict[str, Decimal] = {}
    for posting in postings:
        totals[posting.asset] = CONTEXT.add(totals.get(posting.asset, ZERO), posting.amount)
    return totals


def check_zero_sum(postings: Iterable[Posting]) -> None:
    """Raise IntegrityFailure naming each asset whose postings do not sum to zero."""
    open_ends = {asset: total for asset, total in sums(postings).items() if total != 0}
    if open_ends:
        listed = ", ".join(f"{asset} by {total:f}" for asset, total in sorted(open_ends.items()))
        raise IntegrityFailure(f"postings do not sum to zero: {listed}")


def _pair(other: LedgerAccount, asset: str, amount: Decimal) -> tuple[Posting, ...]:
    rounded = stored(amount)
    if rounded == 0:
        return ()
    return (
        Posting(LedgerAccount.VENUE, asset, rounded),
        Posting(other, asset, rounded.copy_negate()),
    )
