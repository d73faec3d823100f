"""The peak that drawdown is measured from, where several processes move it."""

from decimal import Decimal as D

import pytest

from tests.factories.road import Road
from trading.models import Account
from trading.services import order_rows

pytestmark = pytest.mark.usefixtures("fresh_database")


def _peak() -> D:
    return Account.objects.values_list("peak_equity", flat=True).get()


def test_a_peak_that_another_process_lowered_rises_again_with_what_the_account_is_worth() -> None:
    road = Road()
    road.hold()
    worth = _peak()
    # A withdrawal booked by a worker; the process with the feed has read the account before.
    order_rows.of(road.desk).move_baselines(D(-1_000), road.moment.market)
    assert _peak() == worth - 1_000
    road.hold()
    assert _peak() == worth
