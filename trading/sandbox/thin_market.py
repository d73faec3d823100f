"""A market for simulations: one quote a side, a step every few seconds, little to compute.

1. It acts through the crowd's accounts, and only in `advance`; the same seed, advanced to the same
   instants, makes the same orders.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from aitrader.kernel.fix import Side
from aitrader.kernel.money import price_nearest
from trading.sandbox.crowd import Crowd

_HALF_SPREAD = Decimal("0.0002")
_REACH = Decimal("0.05")


class ThinMarket:
    """A walk around `px`: at most `volatility_bps` a step of `interval`, once in a while four times
    as far. Implements `Flow`."""

    def __init__(
        self,
        crowd: Crowd,
        *,
        seed: int,
        start: datetime,
        px: Decimal,
        qty: Decimal,
        volatility_bps: int = 8,
    ) -> None:
        self.interval = timedelta(seconds=10)
        self._crowd = crowd
        self._draw = Random(f"{seed}|{crowd.listing.instrument}")
        self._at = start
        self._anchor = self.px = px
        self._qty = qty
        self._volatility = volatility_bps

    def next_at(self) -> datetime:
        """When the next step is."""
        return self._at

    def advance(self, now: datetime) -> None:
        """Make the last step that is due."""
        while self._at <= now:
            self._walk()
            taker, percent = self._draw.randrange(4), self._draw.randrange(1, 100)
            self._at += self.interval
            if self._crowd.may_trade and self._at > now:
                self._act(taker, percent, now)

    def _walk(self) -> None:
        reach = 10 * self._volatility * (4 if self._draw.randrange(20) == 0 else 1)
        tenths = self._draw.randint(-reach, reach)
        pull = (self._anchor - self.px) / self._anchor / 50
        moved = self.px * (1 + Decimal(tenths) / 100_000 + pull)
        self.px = price_nearest(moved, self._crowd.listing.tick)

    def _act(self, taker: int, percent: int, now: datetime) -> None:
        crowd, tick = self._crowd, self._crowd.listing.tick
        crowd.clear(now)
        for side in Side:
            px = price_nearest(self.px * (1 - side.sign * _HALF_SPREAD), tick)
            crowd.rest(side, px, self._qty, now)
        if taker < 2:
            side = (Side.BUY, Side.SELL)[taker]
            px = price_nearest(self.px * (1 + side.sign * _REACH), tick)
            crowd.take(side, px, self._qty * percent / 50, now)
