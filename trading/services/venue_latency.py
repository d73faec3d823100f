"""Keeping how long calls to venues took, as each process that makes them has it.

1. A process replaces its own figures and nobody else's; those of processes that have ended go.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Protocol

from django.db import transaction

from trading.models import Venue, VenueLatency

_KEPT_FOR = timedelta(hours=1)


class Figures(Protocol):
    """What one process has counted of one kind of call at one venue."""

    @property
    def venue(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def calls(self) -> int: ...
    @property
    def p50_ms(self) -> int: ...
    @property
    def p95_ms(self) -> int: ...
    @property
    def p99_ms(self) -> int: ...


def keep(*, process: str, figures: Iterable[Figures], now: datetime) -> None:
    """Write this process's figures down. `now` is wall time; a venue without a row has none."""
    venues = dict(Venue.objects.values_list("code", "pk"))
    with transaction.atomic():
        VenueLatency.objects.filter(at__lt=now - _KEPT_FOR).delete()
        for each in figures:
            if each.venue not in venues:
                continue
            VenueLatency.objects.update_or_create(
                venue_id=venues[each.venue],
                process=process,
                kind=each.kind,
                defaults={
                    "calls": each.calls,
                    "p50_ms": each.p50_ms,
                    "p95_ms": each.p95_ms,
                    "p99_ms": each.p99_ms,
                    "at": now,
                },
            )
