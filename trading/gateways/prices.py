"""What a venue's public market data offers a desk that only looks; no key is needed.

1. The registry gives one of these for a venue by code; nothing else names the venue.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Event
from typing import Protocol

from aitrader.kernel.errors import AitraderError, OutcomeUnknown
from aitrader.kernel.money import ZERO, amount
from trading.domain.bar import Bar
from trading.domain.instrument import Instrument
from trading.services.bar_steps import Step


def told_price(read: Callable[[], object]) -> Decimal:
    """The price in an answer. Raises OutcomeUnknown for an answer without one."""
    try:
        px = amount(read(), what="price")
    except (ValueError, LookupError, TypeError, AttributeError, AitraderError) as error:
        raise OutcomeUnknown(f"a price that cannot be read: {type(error).__name__}") from error
    if px <= ZERO:
        raise OutcomeUnknown("a price that is not positive")
    return px


class Bars(Protocol):
    """Bars of some instruments in real time."""

    @property
    def heard_at(self) -> float:
        """Monotonic seconds when the line said its last word, a heartbeat included."""
        ...

    def after(self, code: str, last: datetime) -> list[Bar]:
        """Finished bars after this one, from history. Raises what LINE_FAULTS lists."""
        ...

    def resume(self, last: Mapping[str, datetime]) -> None:
        """Begin after these bars, named by code and open time; call it before `steps`."""
        ...

    def steps(self, stop: Event) -> Iterator[Step]:
        """Steps until `stop` is set; faults of the line are waited out."""
        ...


class PublicData(Protocol):
    """Instruments and bars of one venue."""

    def ping(self) -> None:
        """Raises what a call raises when the venue does not answer."""
        ...

    def instruments(self, symbols: Sequence[str], *, venue: str) -> dict[str, Instrument]:
        """The symbols' rules by symbol, under codes of `venue`, which trades by them."""
        ...

    def symbol_of(self, base: str, quote: str) -> str:
        """How the venue writes a spot pair, listed or not."""
        ...

    def last_price(self, symbol: str) -> Decimal:
        """What it traded at last. Raises what a call raises."""
        ...

    def klines(self, symbols: Mapping[str, str], interval: timedelta, *, history_bars: int) -> Bars:
        """The bars of these symbols, by code, in real time."""
        ...
