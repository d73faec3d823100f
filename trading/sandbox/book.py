"""The order book of one instrument: price first, then time.

1. Within a price the order that came first trades first; losing quantity keeps its place.
2. Every change of a level's quantity takes the next update id, from which depth streams are cut.
3. The book does not match: it may be crossed while an order is being matched, never afterwards.

Venue document: venues.md 2.1 (depth streams) and X19.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from aitrader.kernel.fix import Side
from aitrader.kernel.money import ZERO

#: Price in quote per base, quantity in base.
Level = tuple[Decimal, Decimal]


@dataclass(frozen=True, slots=True)
class Entry:
    """What rests in the book of one order: `qty` in base, `px` in quote per base."""

    order_id: int
    side: Side
    px: Decimal
    qty: Decimal


@dataclass(frozen=True, slots=True)
class Changes:
    """The levels that changed since the last cut, with their quantity now (zero: gone)."""

    first_update_id: int
    last_update_id: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class _Half:
    """One side: prices in rising order, at each price the orders in the order they came."""

    __slots__ = ("prices", "queues", "totals")

    def __init__(self) -> None:
        self.prices: list[Decimal] = []
        self.queues: dict[Decimal, dict[int, None]] = {}
        self.totals: dict[Decimal, Decimal] = {}


class Book:
    """Bids and asks of one instrument."""

    def __init__(self) -> None:
        self._halves = {Side.BUY: _Half(), Side.SELL: _Half()}
        self._entries: dict[int, Entry] = {}
        self._changed: dict[tuple[Side, Decimal], None] = {}
        self._cut_at = 0
        self.update_id = 0

    def add(self, order_id: int, side: Side, px: Decimal, qty: Decimal) -> None:
        """Put an order at the end of its price's queue."""
        half = self._halves[side]
        if px not in half.queues:
            insort(half.prices, px)
            half.queues[px] = {}
            half.totals[px] = ZERO
        half.queues[px][order_id] = None
        half.totals[px] += qty
        self._entries[order_id] = Entry(order_id, side, px, qty)
        self._mark(side, px)

    def reduce(self, order_id: int, qty: Decimal) -> None:
        """Take `qty` from an order, which leaves the book when nothing is left of it."""
        entry = self._entries[order_id]
        left = entry.qty - qty
        half = self._halves[entry.side]
        half.totals[entry.px] -= qty
        if left > 0:
            self._entries[order_id] = Entry(order_id, entry.side, entry.px, left)
        else:
            del self._entries[order_id]
            del half.queues[entry.px][order_id]
            if not half.queues[entry.px]:
                del half.queues[entry.px], half.totals[entry.px]
                del half.prices[bisect_left(half.prices, entry.px)]
        self._mark(entry.side, entry.px)

    def remove(self, order_id: int) -> None:
        """Take an order out; one that is not in the book is none."""
        if order_id in self._entries:
            self.reduce(order_id, self._entries[order_id].qty)

    def __contains__(self, order_id: int) -> bool:
        return order_id in self._entries

    def best_px(self, side: Side) -> Decimal | None:
        """The highest bid or the lowest ask."""
        prices = self._halves[side].prices
        if not prices:
            return None
        return prices[-1] if side is Side.BUY else prices[0]

    def best(self, side: Side) -> Entry | None:
        """The order of this side that trades next."""
        px = self.best_px(side)
        if px is None:
            return None
        return self._entries[next(iter(self._halves[side].queues[px]))]

    def entries(self, side: Side) -> Iterator[Entry]:
        """The orders of this side in the order in which they trade; do not change the book while
        reading."""
        half = self._halves[side]
        for px in self._prices_from_best(side):
            for order_id in half.queues[px]:
                yield self._entries[order_id]

    def levels(self, side: Side, limit: int) -> tuple[Level, ...]:
        """The best `limit` levels."""
        totals = self._halves[side].totals
        prices = self._halves[side].prices
        nearest = prices[: -limit - 1 : -1] if side is Side.BUY else prices[:limit]
        return tuple((px, totals[px]) for px in nearest)

    def crosses(self, side: Side, px: Decimal) -> bool:
        """Whether an order of this side and price would trade at once."""
        other = self.best_px(side.opposite)
        if other is None:
            return False
        return other <= px if side is Side.BUY else other >= px

    def cut(self) -> Changes | None:
        """What changed since the last cut; None if nothing did."""
        if not self._changed:
            return None
        sides: dict[Side, list[Level]] = {Side.BUY: [], Side.SELL: []}
        for side, px in self._changed:
            sides[side].append((px, self._halves[side].totals.get(px, ZERO)))
        cut = Changes(
            self._cut_at + 1, self.update_id, tuple(sides[Side.BUY]), tuple(sides[Side.SELL])
        )
        self._cut_at = self.update_id
        self._changed.clear()
        return cut

    def _prices_from_best(self, side: Side) -> Iterator[Decimal]:
        prices = self._halves[side].prices
        return reversed(prices) if side is Side.BUY else iter(prices)

    def _mark(self, side: Side, px: Decimal) -> None:
        self.update_id += 1
        self._changed[side, px] = None
