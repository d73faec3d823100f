"""A desk at a venue of the sandbox that may trade: prices of an hour, and a person who orders."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from compliance.domain.roles import Role
from compliance.services import access
from tests.factories import desk as people
from tests.integration.trading.at_venue import MINUTE, PX, AtVenue, at_venue
from trading.models import BarRow
from trading.services.monitor import Monitor

_BARS = 70


@contextmanager
def trading_at_venue(folder: Path, **options: Any) -> Iterator[AtVenue]:
    with at_venue(folder, **options) as there:
        access.sync_roles()
        people.operator("ada", Role.TRADER)
        (row,) = there.desk.instruments.values()
        first = BarRow.objects.earliest("open_time").open_time
        for number in range(1, _BARS):
            px = PX + Decimal(number % 2)
            BarRow.objects.create(
                feed=there.desk.feed, instrument=row, open_time=first - number * MINUTE,
                open=px, high=px, low=px, close=px, volume=1,
            )  # fmt: skip
        there.open()
        Monitor(there.desk).value(there.now())
        there.quotes()
        yield there
