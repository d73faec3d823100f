"""Named places where a test may kill the process, to prove that nothing is lost or doubled.

`AITRADER_CRASHPOINT=name:k` makes the k-th passage through `crash.point(name)` end the process
with SIGKILL. Unset, a point costs one dictionary look-up.
"""

import os
import signal

_armed: dict[str, int] = {}


def arm(spec: str) -> None:
    """Arm from `name:k` (k ≥ 1). Raises ValueError if malformed."""
    name, _, count = spec.partition(":")
    if not name or not count.isdigit() or int(count) < 1:
        raise ValueError(f"crash point {spec!r} is not of the form name:k")
    _armed[name] = int(count)


def point(name: str) -> None:
    """Pass a named point; the armed passage ends the process at once."""
    left = _armed.get(name)
    if left is None:
        return
    if left == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    _armed[name] = left - 1
