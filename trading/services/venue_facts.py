"""Writing down what a gateway knows of its venue, for processes that hold no keys.

1. The latest word replaces the one before it; a fee's `since` moves only with the fee.
2. That our clock blocks a venue, and that it is right again, is one journal entry each. Clocks are
   machines': while one machine is blocked, another one's good clock says nothing, for two minutes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from django.db import transaction
from django.db.models import Q

from aitrader.kernel.events import Event, EventName
from compliance.services import journal
from trading.domain.ports import Fees
from trading.models import Venue, VenueFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One venue as the process that talks to it has it."""

    host: str
    practice: bool
    capabilities: Mapping[str, object]
    fees: Fees


_STANDS_FOR = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """The venue's clock against a machine's: positive is ahead of ours."""

    offset_seconds: Decimal
    at: datetime
    blocks: bool
    host: str


def keep_clock(*, venue: str, sampled: Sampled, now: datetime) -> None:
    """Keep the newest sample; journal that the clock has begun to block, or does no longer."""
    with transaction.atomic():
        row = Venue.objects.select_for_update(no_key=True).filter(code=venue).first()
        if row is None:
            return
        facts, _ = VenueFacts.objects.get_or_create(venue=row, defaults={"told_at": now})
        if _another_is_blocked(facts, sampled, now):
            return
        changed = facts.clock_blocked != sampled.blocks
        facts.clock_offset_seconds = sampled.offset_seconds
        facts.clock_at, facts.clock_host = sampled.at, sampled.host[:64]
        facts.clock_blocked = sampled.blocks
        facts.save(
            update_fields=["clock_offset_seconds", "clock_at", "clock_host", "clock_blocked"]
        )
        if changed:
            journal.record([_turned(venue, sampled, now)], now=now)


def _another_is_blocked(facts: VenueFacts, sampled: Sampled, now: datetime) -> bool:
    if not facts.clock_blocked or sampled.blocks or facts.clock_host == sampled.host[:64]:
        return False
    return facts.clock_at is not None and now - facts.clock_at < _STANDS_FOR


def _turned(venue: str, sampled: Sampled, now: datetime) -> Event:
    return Event(
        name=EventName.CLOCK_BLOCKED if sampled.blocks else EventName.CLOCK_RECOVERED,
        actor="gateway",
        object_type="venue",
        object_id=venue,
        market_at=now,
        data={"offset_seconds": sampled.offset_seconds, "host": sampled.host},
    )


class Usage(Protocol):
    """How much of what the venue allows is used."""

    @property
    def used(self) -> int: ...
    @property
    def allowed(self) -> int: ...
    @property
    def per(self) -> str: ...
    @property
    def at(self) -> datetime: ...


def keep_usage(*, venue: str, usage: Usage) -> None:
    """Keep the newest reading of the venue's limit."""
    older = Q(limit_at__isnull=True) | Q(limit_at__lte=usage.at)
    VenueFacts.objects.filter(older, venue__code=venue).update(
        limit_used=usage.used,
        limit_allowed=usage.allowed,
        limit_per=usage.per[:100],
        limit_at=usage.at,
    )


def tell(*, venue: str, told: Told, now: datetime) -> None:
    """Keep it, unless the venue has no row. `now` is wall time."""
    row = Venue.objects.filter(code=venue).first()
    if row is None:
        return
    before = VenueFacts.objects.filter(venue=row).first()
    fees = {"maker_rate": told.fees.maker, "taker_rate": told.fees.taker}
    same_fee = before is not None and all(
        getattr(before, name) == rate for name, rate in fees.items()
    )
    VenueFacts.objects.update_or_create(
        venue=row,
        defaults={
            "host": told.host[:200],
            "practice": told.practice,
            "capabilities": dict(told.capabilities),
            **fees,
            "fee_tier": told.fees.tier[:100],
            "fee_since": before.fee_since if before and same_fee else now,
            "told_at": now,
        },
    )
