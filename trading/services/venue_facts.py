"""Writing down what a gateway knows of its venue, for processes that hold no keys.

1. The latest word replaces the one before it; a fee's `since` moves only with the fee.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trading.models import Venue, VenueFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One venue as the process that talks to it has it."""

    host: str
    practice: bool
    capabilities: Mapping[str, object]
    fee_rate: Decimal


def tell(*, venue: str, told: Told, now: datetime) -> None:
    """Keep it, unless the venue has no row. `now` is wall time."""
    row = Venue.objects.filter(code=venue).first()
    if row is None:
        return
    before = VenueFacts.objects.filter(venue=row).first()
    same_fee = before is not None and before.fee_rate == told.fee_rate
    VenueFacts.objects.update_or_create(
        venue=row,
        defaults={
            "host": told.host[:200],
            "practice": told.practice,
            "capabilities": dict(told.capabilities),
            "fee_rate": told.fee_rate,
            "fee_since": before.fee_since if before and same_fee else now,
            "told_at": now,
        },
    )
