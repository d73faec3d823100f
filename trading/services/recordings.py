"""What a replay may name: candle files, folders of them, and spans of the library of candles.

1. `store:BINANCE:BTC-USDT@1m` is a whole series; `:2025-01-01..2025-02-01` after it a span, from
   the first instant up to, and without, the second. Either may be left out.
2. A span of the library that changes while it is replayed ends the replay: its name would stand
   for two markets.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aitrader.kernel.clock import EPOCH, to_millis
from aitrader.kernel.errors import BadInput
from aitrader.kernel.fix import AccountKind
from trading.domain.bar import Bar
from trading.models import StoredSeries
from trading.selectors import candles
from trading.selectors.candles import Shelf, Span
from trading.services import candle_files
from trading.services.candle_files import Recording

_PREFIX = "store:"
_NAME = re.compile(r"store:([^@]+)@([0-9]+[a-z])(?::(.*)\.\.(.*))?")
_FORM = (
    "store:BINANCE:BTC-USDT@1m, or with a span: store:BINANCE:BTC-USDT@1m:2025-01-01..2025-02-01"
)
#: Later than any candle.
_END = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class StoredCandles:
    """A span of one series of the library, as a file of bars would be."""

    source: str
    base: str
    quote: str
    kind: AccountKind
    interval: timedelta
    shelf: Shelf
    digest: str

    @property
    def name(self) -> str:
        return self.source.removeprefix(_PREFIX)

    @property
    def symbol(self) -> str:
        return f"{self.base}{self.quote}"

    def span(self) -> tuple[int, int]:
        first, last, _ = self.shelf.edges()
        return to_millis(first or EPOCH), to_millis(last or EPOCH)

    def content(self) -> bytes:
        return self.digest.encode()

    def __iter__(self) -> Iterator[Bar]:
        yield from self.shelf.bars()
        if self.shelf.digest() != self.digest:
            raise BadInput(f"{self.source}: the library has changed while this was replayed")


def read_all(
    path: str,
    *,
    symbol: str | None = None,
    interval: str | None = None,
    kind: AccountKind | None = None,
) -> Sequence[Recording]:
    """What a replay's argument names. Raises BadInput like candle_files.read_all, and for a span
    of the library that holds nothing."""
    if not path.startswith(_PREFIX):
        return candle_files.read_all(path, symbol=symbol, interval=interval, kind=kind)
    if symbol or interval or kind:
        raise BadInput(f"{path}: says its symbol, interval and kind; no option may say them again")
    return [stored(path)]


def stored(name: str) -> StoredCandles:
    """The part of the library of this name. Raises BadInput."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise BadInput(f"{name}: expected {_FORM}")
    code, interval, first, until = found.groups()
    span = Span(
        instant(first) if first else EPOCH,
        instant(until) if until else _END,
    )
    series = _series(code, candle_files.parse_interval(interval))
    shelf = Shelf(series, span)
    if shelf.edges()[2] == 0:
        raise BadInput(f"{name}: the library has no candles of that time")
    return StoredCandles(
        source=name,
        base=series.base,
        quote=series.quote,
        kind=AccountKind(series.kind),
        interval=shelf.interval,
        shelf=shelf,
        digest=shelf.digest(),
    )


def instant(text: str) -> datetime:
    """`2025-01-01` or `2025-01-01T12:30`, UTC unless it says otherwise. Raises BadInput."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{text!r} is not of the form 2025-01-01 or 2025-01-01T12:30") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _series(code: str, interval: timedelta) -> StoredSeries:
    found = candles.find(code, interval) if candles.is_there() else None
    if found is None:
        wanted = candles.name_of(code, interval)
        raise BadInput(f"the library has no {wanted}; `manage.py candles` lists what it has")
    return found
