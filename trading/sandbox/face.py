"""What a venue adds to the sandbox's server: its protocol over the one exchange.

1. Every venue lists instruments of its own on the exchange; no two venues share a code.
2. An account belongs to one venue. Its credentials follow from the seed.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from aiohttp import web

from trading.sandbox.accounts import Fees
from trading.sandbox.connection import Connection
from trading.sandbox.rules import Listing
from trading.sandbox.stage import Stage


@dataclass(frozen=True, slots=True)
class Base:
    """Where the server answers: `host:port` in the clear, and with TLS."""

    plain: str
    secure: str


class Face(Protocol):
    """One venue's protocol."""

    def add_to(self, app: web.Application) -> None:
        """Add its routes; two venues' routes never overlap."""
        ...

    def connections(self) -> Iterable[Connection]:
        """Everybody who is connected by WebSocket now."""
        ...

    async def run(self) -> None:
        """Send what goes out by the clock, for ever."""
        ...

    def told(self, base: Base) -> dict[str, Any]:
        """Addresses and test credentials, as `ready` tells them: rest, ws, ws_api where there is
        one, api_key, api_secret (of the first account) and accounts."""
        ...


class Make(Protocol):
    """Makes the face of a venue for the accounts that were opened there."""

    def __call__(self, stage: Stage, *, accounts: Sequence[str], fees: Fees, seed: int) -> Face: ...


@dataclass(frozen=True, slots=True)
class Offer:
    """A venue that the server can offer: what is listed there, what an account starts with, its
    fees under the knobs of a plan, and its protocol."""

    listings: tuple[Listing, ...]
    balances: Mapping[str, Decimal]
    fees: Callable[[Mapping[str, Decimal]], Fees]
    make: Make


def secret(word: str, account: str, seed: int) -> bytes:
    """32 bytes for a test credential; the same for the same seed."""
    return hashlib.sha256(f"{word}|{account}|{seed}".encode()).digest()
