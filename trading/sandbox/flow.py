"""Where a market comes from: recorded candles, or a flow drawn from a seed.

1. Both act through a crowd of ordinary accounts, and only in `advance`; the same seed or candles,
   advanced to the same instants, make the same orders.
2. A candle is visited as open, low, high, close (the low first: worse for whoever holds), in
   straight steps in between; its volume is spread over the trades. What rests in the way of the
   price is filled, what rests at it shares the volume by priority.
3. A candle without volume moves quotes and prints no trade.

Venue document: none; the market that the faults of venues.md 2.3 happen in.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import Protocol

from aitrader.kernel.fix import Side
from aitrader.kernel.money import price_nearest
from trading.domain.bar import Bar
from trading.sandbox.crowd import Crowd

_ONE_IN_BIG = 20


class Flow(Protocol):
    """A source of market activity."""

    def next_at(self) -> datetime | None:
        """When something happens next; None if nothing will."""
        ...

    def advance(self, now: datetime) -> None:
        """Do everything that is due at `now` or before, each thing at its own time."""
        ...


@dataclass(frozen=True, slots=True)
class Visit:
    """The price (quote per base) that the market reaches at an instant, with a trade of `volume`
    (base), zero for none."""

    at: datetime
    px: Decimal
    volume: Decimal


def visits(bar: Bar, tick: Decimal, steps: int) -> Iterator[Visit]:
    """The way through a candle: `steps` for each of its three legs, all within its interval."""
    corners = (bar.open, bar.low, bar.high, bar.close)
    path = [price_nearest(bar.open, tick)]
    for start, end in pairwise(corners):
        for step in range(1, steps + 1):
            px = end if step == steps else start + (end - start) * step / steps
            path.append(price_nearest(px, tick))
    share = bar.volume / len(path)
    for number, px in enumerate(path):
        yield Visit(bar.open_time + bar.interval * number / len(path), px, share)


class CandleFlow:
    """Bars of one instrument, in rising order of time, moved by `shift` to where the run is."""

    def __init__(
        self, crowd: Crowd, bars: Iterable[Bar], *, shift: timedelta = timedelta(0), steps: int = 3
    ) -> None:
        self._crowd = crowd
        self._shift = shift
        tick = crowd.listing.tick
        self._visits = (each for bar in bars for each in visits(bar, tick, steps))
        self._next = next(self._visits, None)
        self._last_px: Decimal | None = None
        self._depth = Decimal(0)

    def next_at(self) -> datetime | None:
        """When the next price is reached."""
        return self._next.at + self._shift if self._next else None

    def advance(self, now: datetime) -> None:
        """Visit every price that is due."""
        while self._next and self._next.at + self._shift <= now:
            if self._crowd.may_trade:
                self._visit(self._next, self._next.at + self._shift)
            self._next = next(self._visits, None)

    def _visit(self, visit: Visit, at: datetime) -> None:
        crowd, px = self._crowd, visit.px
        rises = self._last_px is not None and px > self._last_px
        side = Side.BUY if rises else Side.SELL
        self._last_px = px
        crowd.clear(at)
        self._depth = visit.volume or self._depth
        # Quotes come first: a stop that the print triggers needs someone to trade with.
        crowd.quote(px, crowd.tradable(self._depth, px), at)
        if visit.volume:
            volume = crowd.tradable(visit.volume, px)
            # The maker's share comes last in the queue at this price: whoever waited goes first.
            crowd.rest(side.opposite, px, volume, at)
            crowd.take(side, px, volume + crowd.in_the_way(side, px), at)


class SeededFlow:
    """A random walk from `px`, a step every `interval`: quotes anew around it, and in two of three
    steps a taker. `volatility_bps` bounds a step; `qty` (base) is what a quote's level holds."""

    def __init__(
        self,
        crowd: Crowd,
        *,
        seed: int,
        start: datetime,
        px: Decimal,
        qty: Decimal = Decimal(1),
        interval: timedelta = timedelta(seconds=1),
        volatility_bps: int = 5,
    ) -> None:
        self._crowd = crowd
        self._draw = Random(f"{seed}|{crowd.listing.instrument}")
        self._at = start
        self._px = price_nearest(px, crowd.listing.tick)
        self._anchor = self._px
        self._qty = qty
        self._interval = interval
        self._volatility = volatility_bps

    def next_at(self) -> datetime:
        """When the next step is."""
        return self._at

    def advance(self, now: datetime) -> None:
        """Make every step that is due."""
        while self._at <= now:
            # The walk goes on during a halt; only nothing is quoted.
            self._walk()
            taker = self._draw.randrange(3), self._draw.randrange(1, 100)
            if self._crowd.may_trade:
                self._act(*taker)
            self._at += self._interval

    def _walk(self) -> None:
        """At most `volatility` a step, once in a while four times it, weakly drawn to the start."""
        reach = self._volatility * (4 if self._draw.randrange(_ONE_IN_BIG) == 0 else 1)
        # Tenths of a basis point, so that a small reach has more than three values.
        tenths = self._draw.randint(-10 * reach, 10 * reach)
        pull = (self._anchor - self._px) / self._anchor / 100
        moved = self._px * (1 + Decimal(tenths) / 100_000 + pull)
        self._px = max(price_nearest(moved, self._crowd.listing.tick), self._crowd.listing.tick)

    def _act(self, taker: int, percent: int) -> None:
        crowd = self._crowd
        crowd.clear(self._at)
        crowd.quote(self._px, self._qty, self._at)
        if taker < 2:
            side = (Side.BUY, Side.SELL)[taker]
            px = self._px * (1 + side.sign * Decimal("0.05"))
            px = max(price_nearest(px, crowd.listing.tick), crowd.listing.tick)
            crowd.take(side, px, self._qty * percent / 50, self._at)
