"""Until when a request may still leave this process: said by whoever holds a lease, heeded by every
line to a venue.

A process may be stopped at any instant, and go on a minute later as if nothing had been. What it
signed before it stopped is too old for the venue by then; what it would sign afterwards must not
leave: its orders are somebody else's. So the line looks here last, after the request was signed.

1. Deadlines are on the clock that no step moves.
2. Without a lease (reads, cancels) there is no deadline.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from aitrader.kernel.clock import monotonic

_deadline: ContextVar[float | None] = ContextVar("lease_deadline", default=None)


@contextmanager
def until(deadline: float) -> Iterator[None]:
    """Inside the block, requests of this thread leave before `deadline` or not at all."""
    token = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(token)


def is_over() -> bool:
    deadline = _deadline.get()
    return deadline is not None and monotonic() >= deadline
