"""An endless made-up market for the demo and for tests: always labelled SIMULATED, never real.

1. The same seed, instrument, start and interval give the same bars on every machine: all numbers
   come from SHA-256 and integer arithmetic, none from a float.
2. Prices are on the tick and every bar passes `bar.check`; each bar opens where the last closed.
3. Calm, nervous and trending hours take turns, so that trend followers find trends and reversals.
"""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from aitrader.kernel.errors import BadInput
from trading.domain.bar import Bar
from trading.domain.instrument import parse_code

#: Millionths: the unit of every share below.
UNIT = 1_000_000
STEPS = 6
_START_PRICES = {"BTC": Decimal(60_000), "ETH": Decimal(3_000), "SOL": Decimal(150)}
_OTHER_START = Decimal(100)
_TICK = Decimal("0.01")
_MINUTE_TURNOVER = 400_000
_LOT = Decimal("0.00001")


@dataclass(frozen=True, slots=True)
class Regime:
    """Per minute: drift and volatility of the price in millionths."""

    drift: int
    volatility: int


REGIMES = (
    Regime(0, 350),
    Regime(90, 450),
    Regime(-90, 450),
    Regime(180, 700),
    Regime(-180, 700),
    Regime(0, 900),
)
_MINUTES_IN_REGIME = 90
_JUMP_ONE_IN = 600


def bars(
    seed: int, instrument_code: str, start: datetime, interval: timedelta, tick: Decimal = _TICK
) -> Iterator[Bar]:
    """Bars from `start` on, for ever. Raises BadInput for a wrong code or interval."""
    if interval < timedelta(minutes=1):
        raise BadInput(f"a simulated market needs bars of a minute or more, not {interval}")
    start_price = _START_PRICES.get(parse_code(instrument_code).base, _OTHER_START)
    return _bars(f"{seed}|{instrument_code}", start, interval, int(start_price / tick), tick)


def _bars(
    key: str, start: datetime, interval: timedelta, anchor: int, tick: Decimal
) -> Iterator[Bar]:
    minutes = interval // timedelta(minutes=1)
    price, regime, number = anchor, REGIMES[1], 0
    while True:
        draw = _Draw(f"{key}|{number}")
        if draw.below(_MINUTES_IN_REGIME) < minutes:
            regime = REGIMES[draw.below(len(REGIMES))]
        path = [price]
        for _ in range(STEPS):
            path.append(_next_price(draw, path[-1], anchor, regime, minutes))
        moved = abs(path[-1] - path[0]) * UNIT // path[0]
        turnover = _MINUTE_TURNOVER * minutes * (500 + draw.below(1000) + moved) // 1000
        opened, closed = path[0] * tick, path[-1] * tick
        volume = Decimal(turnover * 100_000 // max(int(closed), 1)) * _LOT
        open_time = start + number * interval
        yield Bar(open_time, interval, opened, max(path) * tick, min(path) * tick, closed, volume)
        price, number = path[-1], number + 1


def _next_price(draw: "_Draw", price: int, anchor: int, regime: Regime, minutes: int) -> int:
    """One step of a bar's path, in ticks."""
    volatility = regime.volatility * math.isqrt(minutes * UNIT // STEPS) // 1000
    if draw.below(_JUMP_ONE_IN * STEPS) == 0:
        volatility *= 6
    # A weak pull keeps a market that runs for weeks near where it began.
    pull = (anchor - price) * minutes * 300 // anchor
    share = draw.bell() * volatility // UNIT + (regime.drift * minutes + pull) // STEPS
    # To the nearest tick: rounding down would be a drift of its own.
    return max(price + (price * share + UNIT // 2) // UNIT, 1)


class _Draw:
    """Whole numbers that depend on nothing but the key."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._block = 0
        self._pool = b""

    def below(self, bound: int) -> int:
        """A number from 0 to bound - 1."""
        return self._word() * bound >> 32

    def bell(self) -> int:
        """Roughly normal, in millionths of a standard deviation: four uniforms, variance 1/3."""
        total = sum(self._word() for _ in range(4)) - (2 << 32)
        return total * 1_732_051 >> 32

    def _word(self) -> int:
        if not self._pool:
            self._pool = hashlib.sha256(f"{self._key}|{self._block}".encode()).digest()
            self._block += 1
        word, self._pool = self._pool[:4], self._pool[4:]
        return int.from_bytes(word, "big")
