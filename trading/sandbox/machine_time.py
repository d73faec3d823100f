"""The machine's clock as a simulated process sees it: client libraries read `time` by themselves.

One thread at a time: what is changed is seen by the whole interpreter.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def shown(
    *, wall: Callable[[], float], seconds: Callable[[], float], sleep: Callable[[float], None]
) -> Iterator[None]:
    """Within the block `time.time`, `time.monotonic` and `time.sleep` are these. Blocks may lie in
    one another."""
    before = time.time, time.monotonic, time.sleep
    _set(wall, seconds, sleep)
    try:
        yield
    finally:
        _set(*before)


def _set(
    wall: Callable[[], float], seconds: Callable[[], float], sleep: Callable[[float], None]
) -> None:
    time.time, time.monotonic = wall, seconds
    vars(time)["sleep"] = sleep
