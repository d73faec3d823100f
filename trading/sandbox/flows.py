"""The markets of one run: recorded candles where there are some, a seeded walk elsewhere.

1. Recorded time is moved so that the first candle opens when the run begins.
2. A row that its file quarantines is no candle of the market.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from aitrader.kernel.errors import BadInput
from trading.domain.bar import Bar
from trading.sandbox.flow import CandleFlow, Flow, SeededFlow
from trading.sandbox.stage import Stage
from trading.services import candle_files

_START = {"BTCUSDT": Decimal(60_000), "ETHUSDT": Decimal(3_000), "BNBUSDT": Decimal(600)}
_USUAL_START = Decimal(100)


def make(stage: Stage, replay: Sequence[str], *, start: datetime) -> list[Flow]:
    """One flow for each listing. Raises BadInput for a file whose market is not listed here."""
    recorded = [candle_files.read(path) for path in replay]
    by_symbol: dict[str, list[candle_files.CandleFile]] = {}
    for file in recorded:
        by_symbol.setdefault(file.symbol.replace("-", ""), []).append(file)
    if strange := set(by_symbol) - set(stage.crowds):
        raise BadInput(f"not listed here: {', '.join(sorted(strange))}")
    return [
        _recorded(stage, symbol, by_symbol[symbol], start)
        if symbol in by_symbol
        else _walk(stage, symbol, start)
        for symbol in stage.crowds
    ]


def _recorded(
    stage: Stage, symbol: str, files: Sequence[candle_files.CandleFile], start: datetime
) -> Flow:
    series = candle_files.in_order(files)
    first = next(iter(_bars(series)))
    return CandleFlow(stage.crowds[symbol], _bars(series), shift=start - first.open_time)


def _walk(stage: Stage, symbol: str, start: datetime) -> Flow:
    px = _START.get(symbol, _USUAL_START)
    return SeededFlow(stage.crowds[symbol], seed=stage.seed, start=start, px=px)


def _bars(series: Iterable[object]) -> Iterator[Bar]:
    return (each for each in series if isinstance(each, Bar))
