"""What a venue's public market data offers a desk that only looks; no key is needed.

1. The registry gives one of these for a venue by code; nothing else names the venue.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from threading import Event
from typing import Protocol

from trading.domain.instrument import Instrument
from trading.services.bar_steps import Step


class Bars(Protocol):
    """Bars of some instruments in real time."""

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

    def klines(self, symbols: Mapping[str, str], interval: timedelta, *, history_bars: int) -> Bars:
        """The bars of these symbols, by code, in real time."""
        ...
