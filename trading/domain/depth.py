"""A venue's order book, kept from a snapshot and the updates that come after it.

1. Pure: no clock, no socket. What is not proven is not believed: without a snapshot, after a gap
   and when bids meet asks there is no book until the next snapshot that covers what was heard.
2. An update that the book already holds changes nothing; the next one must begin at the id after
   the last, or before it.
3. An update sets a level's whole quantity; zero takes the level away.
4. Recorded frames on the sandbox are kept by these rules, and the one snapshot that prices a market
   order at BTCTurk. No gateway follows a venue's depth stream: the desk's prices are those of bars.

Binance: web-socket-streams.md, "How to manage a local order book correctly"; venues.md X19.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from heapq import nlargest, nsmallest

#: Price in quote per base, quantity in base.
Level = tuple[Decimal, Decimal]
#: Updates kept until a snapshot comes: a quarter of an hour of them at ten a second.
_MOST_WAITING = 10_000


@dataclass(frozen=True, slots=True)
class DepthSnapshot:
    """The whole book as of `last_id`."""

    last_id: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class DepthUpdate:
    """The levels that changed with the ids `first_id` to `last_id`."""

    first_id: int
    last_id: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class Outcome(StrEnum):
    """What became of an update or a snapshot."""

    APPLIED = "APPLIED"
    #: There is no book yet: kept for the next snapshot.
    WAITS = "WAITS"
    #: The book is newer already.
    OLD = "OLD"
    #: Something before it was not heard: the book is gone.
    GAP = "GAP"
    #: Bids meet asks: the book is gone.
    CROSSED = "CROSSED"


class LocalBook:
    """One instrument's book. `last_id` is None while there is no book to believe."""

    def __init__(self) -> None:
        self._bids: dict[Decimal, Decimal] = {}
        self._asks: dict[Decimal, Decimal] = {}
        self._waiting: deque[DepthUpdate] = deque(maxlen=_MOST_WAITING)
        self.last_id: int | None = None

    def begin(self, snapshot: DepthSnapshot) -> Outcome:
        """Take the snapshot and what was heard since; the worst outcome of them."""
        if self.last_id is not None and snapshot.last_id < self.last_id:
            return Outcome.OLD
        waiting = tuple(self._waiting)
        self._forget()
        self.last_id = snapshot.last_id
        _set(self._bids, snapshot.bids)
        _set(self._asks, snapshot.asks)
        if self._is_crossed():
            self._forget()
            return Outcome.CROSSED
        heard = [self.hear(update) for update in waiting]
        lost = (each for each in heard if each in (Outcome.GAP, Outcome.CROSSED))
        return next(lost, Outcome.APPLIED)

    def hear(self, update: DepthUpdate) -> Outcome:
        """Apply the next update, or say why not."""
        if self.last_id is None:
            self._waiting.append(update)
            return Outcome.WAITS
        if update.last_id <= self.last_id:
            return Outcome.OLD
        if update.first_id > self.last_id + 1:
            self._forget()
            self._waiting.append(update)
            return Outcome.GAP
        _set(self._bids, update.bids)
        _set(self._asks, update.asks)
        self.last_id = update.last_id
        if self._is_crossed():
            self._forget()
            return Outcome.CROSSED
        return Outcome.APPLIED

    def bids(self, limit: int) -> list[Level]:
        """The highest bids, the best first; none while there is no book."""
        return nlargest(limit, self._bids.items())

    def asks(self, limit: int) -> list[Level]:
        """The lowest asks, the best first; none while there is no book."""
        return nsmallest(limit, self._asks.items())

    def _is_crossed(self) -> bool:
        return bool(self._bids and self._asks) and max(self._bids) >= min(self._asks)

    def _forget(self) -> None:
        self._bids.clear()
        self._asks.clear()
        self._waiting.clear()
        self.last_id = None


def _set(side: dict[Decimal, Decimal], levels: Iterable[Level]) -> None:
    for px, qty in levels:
        if qty:
            side[px] = qty
        else:
            side.pop(px, None)
