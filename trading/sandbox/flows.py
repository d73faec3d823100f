"""The markets of one run: recorded candles where there are some, a seeded walk elsewhere.

1. Recorded time is moved so that the first candle opens when the run begins.
2. A row that its file quarantines is no candle of the market.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from aitrader.kernel.errors import BadInput
from aitrader.kernel.money import ONE
from trading.domain.bar import Bar
from trading.sandbox.flow import CandleFlow, Flow, SeededFlow
from trading.sandbox.stage import Stage
from trading.services import candle_files

_IN_DOLLARS = {"BTC": Decimal(60_000), "ETH": Decimal(3_000), "BNB": Decimal(600)}
_PER_DOLLAR = {"TRY": Decimal(40)}
_USUAL_START = Decimal(100)


def make(stage: Stage, replay: Sequence[str], *, start: datetime) -> list[Flow]:
    """One flow for each listing. Raises BadInput for a file whose market is not listed here."""
    recorded = [candle_files.read(path) for path in replay]
    listed = {symbol.replace("-", ""): symbol for symbol in stage.crowds}
    by_symbol: dict[str, list[candle_files.CandleFile]] = {}
    for file in recorded:
        name = file.symbol.replace("-", "")
        by_symbol.setdefault(listed.get(name, name), []).append(file)
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
    listing = stage.crowds[symbol].listing
    px = _IN_DOLLARS.get(listing.base, _USUAL_START) * _PER_DOLLAR.get(listing.quote, ONE)
    return SeededFlow(stage.crowds[symbol], seed=stage.seed, start=start, px=px)


def _bars(series: Iterable[object]) -> Iterator[Bar]:
    return (each for each in series if isinstance(each, Bar))
