"""Candle files for tests: made of the simulated market, or bar by bar."""

import gzip
import io
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path

from aitrader.kernel.clock import EPOCH
from aitrader.kernel.money import plain
from trading.domain import simulated_market
from trading.domain.bar import Bar

MINUTE = timedelta(minutes=1)
START = datetime(2026, 1, 4, 21, 15, tzinfo=UTC)
HEADER = "open_time,open,high,low,close,volume"


def millis(instant: datetime) -> int:
    """An instant as a candle file writes it."""
    return (instant - EPOCH) // timedelta(milliseconds=1)


def row(bar: Bar) -> str:
    """One line of a candle file."""
    numbers = (bar.open, bar.high, bar.low, bar.close, bar.volume)
    return ",".join([str(millis(bar.open_time)), *(plain(number) for number in numbers)])


def write(path: Path, rows: Iterable[str], *, header: str = HEADER) -> Path:
    """A candle file of these rows, packed when its name ends with .gz."""
    text = "\n".join([header, *rows]) + "\n"
    data = text.encode()
    if path.name.endswith(".gz"):
        packed = io.BytesIO()
        with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as file:
            file.write(data)
        data = packed.getvalue()
    path.write_bytes(data)
    return path


def simulated(
    count: int, *, seed: int = 1, base: str = "BTC", thin: Decimal = Decimal(1)
) -> list[Bar]:
    """`count` bars of the simulated market, their volume divided by `thin`."""
    bars = islice(simulated_market.bars(seed, f"SIM:{base}-USDT", START, MINUTE), count)
    return [_thinner(bar, thin) for bar in bars]


def _thinner(bar: Bar, thin: Decimal) -> Bar:
    volume = round(bar.volume / thin, 5)
    return Bar(bar.open_time, bar.interval, bar.open, bar.high, bar.low, bar.close, volume)
