"""What a simulated desk has booked, computed again from the exchange's own fills.

1. The postings of each transaction sum to zero, and those of each account of the ledger are what
   balances, the exchange's fills and what came from outside come to; nothing is in suspense.
2. A position carries the average of what was paid for it, in the order of the desk's bookings, and
   has realised the rest. Where some of it came from outside, at the price that the desk gave it,
   it is left out.
3. An order has filled what the exchange's fills of it come to, those taken back included.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext

from aitrader.kernel.fix import Side
from aitrader.kernel.money import CONTEXT, ZERO
from trading.domain.ledger import LedgerAccount, Posting
from trading.domain.position import PositionState
from trading.models import InstrumentRow, Order
from trading.sandbox.orders import Fill

#: Instrument code, id of the trade, side.
FillName = tuple[str, str, Side]
#: Instrument code and the venue's id of the order.
OrderName = tuple[str, str]
_Sums = dict[tuple[LedgerAccount, str], Decimal]
#: In quote: each booking rounds to 18 decimals.
_ROUNDED = Decimal("1e-12")


@dataclass(frozen=True, slots=True)
class Entry:
    """One transaction of the ledger, and the fill that it books or takes back."""

    kind: str
    fill: FillName | None
    postings: tuple[Posting, ...]


def sums(entries: Iterable[Entry]) -> _Sums:
    """By account of the ledger and asset."""
    total: _Sums = defaultdict(lambda: ZERO)
    for entry in entries:
        for each in entry.postings:
            total[each.account, each.asset] = CONTEXT.add(
                total[each.account, each.asset], each.amount
            )
    return total


def outside(entries: Iterable[Entry]) -> dict[str, Decimal]:
    """What came from outside by asset, the opening deposits among it."""
    return {
        asset: amount.copy_negate()
        for (account, asset), amount in sums(entries).items()
        if account is LedgerAccount.EXTERNAL
    }


def ledger_wrong(
    entries: Collection[Entry],
    standing: Mapping[FillName, Fill],
    rows: Mapping[str, InstrumentRow],
    balances: Mapping[str, Decimal],
    brought: Mapping[str, Decimal],
) -> int:
    """How many transactions and accounts of the ledger are wrong. `standing` are the exchange's
    fills that are booked and not taken back, `rows` instruments by code."""
    expected: _Sums = defaultdict(lambda: ZERO)
    for asset, amount in balances.items():
        expected[LedgerAccount.VENUE, asset] += amount
    for asset, amount in brought.items():
        expected[LedgerAccount.EXTERNAL, asset] -= amount
    with localcontext(CONTEXT):
        for (code, _, side), fill in standing.items():
            got = fill.last_qty * side.sign
            expected[LedgerAccount.TRADE, rows[code].base] -= got
            expected[LedgerAccount.TRADE, rows[code].quote] += got * fill.last_px
            expected[LedgerAccount.FEES, fill.fee_asset] += fill.fee
    booked = sums(entries)
    return sum(booked[each] != expected[each] for each in {*booked, *expected}) + sum(
        any(_by_asset(entry).values()) for entry in entries
    )


def _by_asset(entry: Entry) -> dict[str, Decimal]:
    total: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for each in entry.postings:
        total[each.asset] += each.amount
    return total


def costs_wrong(
    entries: Collection[Entry],
    traded: Mapping[FillName, Fill],
    rows: Mapping[str, InstrumentRow],
    positions: Mapping[str, PositionState],
) -> int:
    """How many positions, by instrument code, have not the cost or the profit that they should."""
    moved = {asset for asset, amount in outside(entries).items() if amount}
    with localcontext(CONTEXT):
        return sum(
            not _is_carried(position, code, rows[code].base, entries, traded)
            for code, position in positions.items()
            if rows[code].base not in moved
        )


def _is_carried(
    position: PositionState,
    code: str,
    base: str,
    entries: Collection[Entry],
    traded: Mapping[FillName, Fill],
) -> bool:
    held = cost = paid = ZERO
    for entry in entries:
        fill = traded.get(entry.fill) if entry.fill and entry.fill[0] == code else None
        if fill is None:
            continue
        sign = -1 if entry.kind == "VOID" else 1
        for delta in (
            fill.last_qty * fill.side.sign,
            -fill.fee if fill.fee_asset == base else ZERO,
        ):
            held, cost = _after(held, cost, delta * sign, fill.last_px)
            paid += delta * sign * fill.last_px
    off = (position.cost - cost, position.realised_pnl - (cost - paid))
    return position.quantity == held and max(map(abs, off)) < _ROUNDED


def _after(held: Decimal, cost: Decimal, delta: Decimal, px: Decimal) -> tuple[Decimal, Decimal]:
    """What is held and what was paid for it after more (less) of it."""
    after = held + delta
    if held * delta >= 0:
        return after, cost + delta * px
    if held * after > 0:
        return after, cost * after / held
    return after, after * px


def filled_wrong(
    orders: Iterable[Order], booked: Iterable[tuple[OrderName, Fill]], codes: Mapping[int, str]
) -> int:
    """How many orders have not filled what the exchange's fills of them come to."""
    qty: dict[OrderName, Decimal] = defaultdict(lambda: ZERO)
    notional: dict[OrderName, Decimal] = defaultdict(lambda: ZERO)
    with localcontext(CONTEXT):
        for order, fill in booked:
            qty[order] += fill.last_qty
            notional[order] += fill.last_qty * fill.last_px
    return sum(
        (order.filled_qty, order.filled_notional) != (qty[name], notional[name])
        for order in orders
        for name in [(codes[order.instrument_id], order.order_id)]
    )
