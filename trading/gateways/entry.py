"""What a venue's `entry.py` gives to the registry, and what all of them take.

1. An entry is imported when its venue is asked for: a process pays for no library that it does not
   use.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from django.conf import settings
from pydantic import SecretStr

from trading.domain.ports import Fees, Gateway
from trading.gateways import credentials
from trading.gateways.credentials import Credentials
from trading.gateways.prices import PublicData
from trading.gateways.silence import Silence
from trading.gateways.streams import Line
from trading.services.silences import Silences

#: The key of whoever only looks.
NOBODY = SecretStr("")
#: Whoever trades keeps silence with every other process that does.
SHARED = Silence(shared=Silences())


def _moving(account: str) -> AbstractContextManager[None]:
    """The books of a real venue do not stand still for us."""
    return nullcontext()


@dataclass(frozen=True, slots=True)
class Connection:
    """A gateway, what the venue charges the account, how to make an account's books stand still at
    the venue while they are compared, and the user stream where there is one."""

    gateway: Gateway
    fees: Fees
    standstill: Callable[[str], AbstractContextManager[None]] = _moving
    line: Line | None = None

    @property
    def fee_rate(self) -> Decimal:
        """The highest that the venue may charge, as a share of notional."""
        return self.fees.highest


class Entry(Protocol):
    """The module."""

    def connect(self, venue: str, *, namespace: str) -> Connection:
        """Trade at the venue of this code."""
        ...

    def prices(self, given: Mapping[str, str]) -> PublicData:
        """What anybody may see there, at the addresses of the settings."""
        ...


def who(venue: str) -> Credentials:
    """Our key at the venue. Raises BadInput where there is none."""
    given = settings.AITRADER_VENUES.get(venue, {}).get("credentials", "")
    return credentials.read(given, venue=venue)
