"""Silence that a venue asks for (429, 418): until it ends nothing is said to that address.

1. A venue counts calls by address of the network, not by process: where silence is shared, what one
   process was told holds for all.
2. Sharing is asked before every call; what this process was told itself needs no asking.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from aitrader.kernel.clock import monotonic
from aitrader.kernel.errors import NotSent


class Shared(Protocol):
    """What all processes know of a host."""

    def left(self, host: str) -> float:
        """Seconds of silence left; 0 when there are none."""
        ...

    def begin(self, host: str, seconds: float) -> None: ...


@dataclass(slots=True)
class Silence:
    """Of every host that this connection speaks to."""

    shared: Shared | None = None
    seconds: Callable[[], float] = monotonic
    _until: dict[str, float] = field(default_factory=dict)

    def check(self, url: str) -> None:
        """Raises NotSent while the host of this address wants silence."""
        host = _host(url)
        if self.seconds() < self._until.get(host, 0.0):
            raise NotSent("the venue asked for silence")
        if self.shared is not None and (left := self.shared.left(host)) > 0:
            self._until[host] = self.seconds() + left
            raise NotSent("the venue asked for silence")

    def begin(self, url: str, seconds: float) -> None:
        """The host wants silence for so long."""
        host = _host(url)
        self._until[host] = max(self._until.get(host, 0.0), self.seconds() + seconds)
        if self.shared is not None:
            self.shared.begin(host, seconds)


def _host(url: str) -> str:
    parts = urlsplit(url if "//" in url else f"//{url}")
    return parts.netloc or url
