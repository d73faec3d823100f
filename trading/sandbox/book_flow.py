"""A recorded order book as the market: the crowd rests what was recorded, and trades its trades.

1. The crowd's orders are the best `levels` of each side of the recorded book, with every frame
   anew: what clients took is there again with the next frame, for a recording does not react.
   A level that has not changed keeps its place in the queue.
2. A recorded trade prints at its price. It proves that the recorded makers have left what would
   have traded first; clients who stand there trade first, and share at the price by their place.
3. What is smaller than the exchange takes is as small as it takes in the book; trades so small are
   added to the next of their side.
4. A book that is not believed (a gap, crossed; trading/domain/depth.py) is no market: nothing
   rests, nothing trades until the next recorded snapshot. What was skipped is counted and said.

Venue document: venues.md X19.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from aitrader.kernel.fix import Side
from aitrader.kernel.money import ZERO
from trading.domain.depth import DepthSnapshot, LocalBook, Outcome
from trading.sandbox.crowd import Crowd
from trading.sandbox.frames import Frame, RecordedTrade
from trading.sandbox.orders import Order

#: The best levels of each side that the crowd rests.
LEVELS = 20
_SKIPPED = {Outcome.OLD: "out of sequence", Outcome.GAP: "out of sequence"} | {
    Outcome.CROSSED: "crossed"
}


class BookFlow:
    """Frames of one instrument, moved by `shift` to where the run is. `unreadable` tells how many
    could not be read so far."""

    def __init__(
        self,
        crowd: Crowd,
        frames: Iterator[Frame],
        *,
        shift: timedelta = timedelta(0),
        levels: int = LEVELS,
        unreadable: Callable[[], int] = lambda: 0,
    ) -> None:
        self._crowd = crowd
        self._frames = frames
        self._shift = shift
        self._levels = levels
        self._unreadable = unreadable
        self._book = LocalBook()
        self._resting: dict[tuple[Side, Decimal], Order] = {}
        self._owed = dict.fromkeys(Side, ZERO)
        self._stream = ""
        self._counts: Counter[str] = Counter()
        self._next = next(frames, None)

    def next_at(self) -> datetime | None:
        """When the next frame was heard."""
        return self._next.at + self._shift if self._next else None

    def advance(self, now: datetime) -> None:
        """Play every frame that is due."""
        while self._next and self._next.at + self._shift <= now:
            self._play(self._next, self._next.at + self._shift)
            self._next = next(self._frames, None)

    def said(self) -> str:
        """What was played and what was skipped."""
        count = self._counts
        return (
            f"{self._crowd.listing.instrument}: {count['book']} frames of the book and "
            f"{count['trade']} trades played; skipped: {count['out of sequence']} out of sequence, "
            f"{count['crossed']} crossed, {self._unreadable()} unreadable, "
            f"{count['without']} without a book"
        )

    def _play(self, frame: Frame, at: datetime) -> None:
        content = frame.content
        if isinstance(content, RecordedTrade):
            self._stream = self._stream or content.stream
            if content.stream == self._stream:
                self._trade(content, at)
            return
        if isinstance(content, DepthSnapshot):
            heard = self._book.begin(content)
        else:
            heard = self._book.hear(content)
        waits = heard is Outcome.WAITS
        self._counts[_SKIPPED.get(heard, "without" if waits else "book")] += 1
        if heard is not Outcome.OLD:
            self._follow(at)

    def _follow(self, at: datetime) -> None:
        """Rest what the book says, and nothing else."""
        if not self._crowd.may_trade:
            return
        crowd = self._crowd
        wanted = {
            (side, px): crowd.tradable(qty, px)
            for side, levels in (
                (Side.BUY, self._book.bids(self._levels)),
                (Side.SELL, self._book.asks(self._levels)),
            )
            for px, qty in levels
        }
        self._withdraw(lambda side, px: self._left(side, px) != wanted.get((side, px)), at)
        for (side, px), qty in wanted.items():
            if (side, px) not in self._resting:
                self._rest(side, px, qty, at)

    def _trade(self, trade: RecordedTrade, at: datetime) -> None:
        crowd, side, px = self._crowd, trade.side, trade.px
        if self._book.last_id is None or not crowd.may_trade:
            self._counts["without"] += 1
            return
        self._counts["trade"] += 1
        qty = self._owed[side] + trade.qty
        if crowd.tradable(qty, px) > qty:
            self._owed[side] = qty
            return
        self._owed[side] = ZERO
        maker = side.opposite
        # Whatever of the recorded book stands in the way of this trade was gone when it was made.
        self._withdraw(
            lambda at_side, at_px: (
                (at_px - px) * side.sign < 0 if at_side is maker else (at_px - px) * side.sign >= 0
            ),
            at,
        )
        if self._left(maker, px) < qty:
            self._withdraw(lambda at_side, at_px: (at_side, at_px) == (maker, px), at)
            self._rest(maker, px, qty, at)
        crowd.take(side, px, qty + crowd.in_the_way(side, px), at)

    def _rest(self, side: Side, px: Decimal, qty: Decimal, at: datetime) -> None:
        if order := self._crowd.place(side, px, qty, at):
            self._resting[side, px] = order

    def _left(self, side: Side, px: Decimal) -> Decimal:
        """What is left of the crowd's order there; one that filled long ago is not kept."""
        order = self._resting.get((side, px))
        if order is None:
            return ZERO
        crowd = self._crowd
        instrument = crowd.listing.instrument
        known = crowd.exchange.records.order(crowd.maker, instrument, order_id=order.order_id)
        return known.leaves_qty if known else ZERO

    def _withdraw(self, which: Callable[[Side, Decimal], bool], at: datetime) -> None:
        for side, px in [key for key in self._resting if which(*key)]:
            self._crowd.withdraw(self._resting.pop((side, px)), at)
