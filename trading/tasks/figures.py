"""Figures of this process about its venues, its clock among them, every ten seconds at most.

1. Called at the end of tasks, outside every turn and transaction: nothing that trades waits for it.
2. What did not move since the last time is not written again.
"""

import os
import socket
from decimal import Decimal
from threading import Lock

from aitrader.kernel.clock import WALL, monotonic
from trading.gateways import meters
from trading.gateways.clock_check import Reading
from trading.gateways.clocks import readings
from trading.gateways.meters import Used
from trading.gateways.timings import TIMINGS
from trading.services import venue_facts, venue_latency
from trading.services.venue_facts import Sampled

EVERY_SECONDS = 10.0


class _Kept:
    """What was written last, and when."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.at = float("-inf")
        self.calls: dict[tuple[str, str], int] = {}
        self.clocks: dict[str, Reading] = {}
        self.usage: dict[str, Used] = {}


_kept = _Kept()


def keep() -> None:
    """Write the figures down if it is time to, unless another thread is at it."""
    if monotonic() - _kept.at < EVERY_SECONDS or not _kept.lock.acquire(blocking=False):
        return
    try:
        _kept.at = monotonic()
        told = TIMINGS.summaries()
        moved = [each for each in told if _kept.calls.get((each.venue, each.kind)) != each.calls]
        if moved:
            venue_latency.keep(process=_name(), figures=moved, now=WALL.now())
            _kept.calls = {(each.venue, each.kind): each.calls for each in told}
        _keep_clocks()
        _keep_usage()
    finally:
        _kept.lock.release()


def _keep_clocks() -> None:
    for venue, reading in readings().items():
        if _kept.clocks.get(venue) == reading:
            continue
        offset = Decimal(f"{reading.offset_seconds:.6f}")
        sampled = Sampled(
            offset_seconds=offset, at=reading.at, blocks=reading.blocks, host=socket.gethostname()
        )
        venue_facts.keep_clock(venue=venue, sampled=sampled, now=WALL.now())
        _kept.clocks[venue] = reading


def _keep_usage() -> None:
    for venue, usage in meters.used().items():
        if _kept.usage.get(venue) != usage:
            venue_facts.keep_usage(venue=venue, usage=usage)
            _kept.usage[venue] = usage


def _name() -> str:
    """Of this process, among all that share the database."""
    return f"{socket.gethostname()[:48]}:{os.getpid()}"
