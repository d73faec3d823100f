"""A sender that comes to the venue's line after its lease has nothing more to say."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.trading.at_venue import AtVenue, at_venue
from trading.models import Order
from trading.services import claims, routing

pytestmark = pytest.mark.usefixtures("fresh_database")


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[AtVenue]:
    with at_venue(tmp_path) as opened:
        yield opened


def _status(order: Order) -> tuple[str, str]:
    order.refresh_from_db()
    return order.ord_status, order.certainty


def test_what_was_claimed_and_not_signed_in_time_waits_and_goes_later(
    venue: AtVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = venue.waiting("late")
    with monkeypatch.context() as patched:
        # As if the process had been stopped after its last look at the lease.
        patched.setattr(claims, "SIGNED_SECONDS", -1.0)
        routing.send_next(desk=venue.desk, gateway=venue.gateway, at=venue.now())
    assert (_status(order), venue.at_exchange()) == (("CREATED", "CERTAIN"), [])
    # Nothing holds it back: the process has just begun.
    venue.open()
    routing.send_all(desk=venue.desk, gateway=venue.gateway, at=venue.now())
    assert (_status(order), venue.at_exchange()) == (("NEW", "CERTAIN"), [order.cl_ord_id])
