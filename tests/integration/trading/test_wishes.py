"""A wish to cancel stands until the order has ended, whatever the venue's lists say meanwhile."""

from dataclasses import replace
from datetime import datetime

import pytest

from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import RejectedByVenue
from tests.factories import road as roads
from tests.factories.road import Road
from trading.domain.execution_report import ExecutionReport
from trading.gateways.sim.gateway import SimGateway
from trading.models import CancelRequest, SimOrder
from trading.services import orders, routing

pytestmark = pytest.mark.usefixtures("fresh_database")


class _LaggingList(SimGateway):
    """Looks an order up in a list before it cancels it; the list shows it only when `shows`."""

    capabilities = replace(SimGateway.capabilities, exact_reads=False)
    shows = False

    def cancel(
        self, *, account: str, instrument: str, cl_ord_id: str, at: datetime
    ) -> ExecutionReport:
        if not self.shows:
            raise RejectedByVenue("404", "no such order", gone=True)
        return super().cancel(account=account, instrument=instrument, cl_ord_id=cl_ord_id, at=at)


def test_an_order_that_a_list_does_not_show_yet_is_cancelled_later() -> None:
    road = Road()
    gateway = _LaggingList(road.rules)
    road.decide(101)
    routing.send_all(desk=road.desk, gateway=gateway, at=road.moment)
    order = roads.only_order()
    orders.request_cancel(order_id=order.pk, requested_by="ann", reason="no", now=WALL.now())
    assert routing.cancel_all(desk=road.desk, gateway=gateway, at=road.moment) == 0
    assert CancelRequest.objects.get().answered_at is None
    gateway.shows = True
    assert routing.cancel_all(desk=road.desk, gateway=gateway, at=road.moment) == 1
    assert CancelRequest.objects.get().answered_at is not None
    assert SimOrder.objects.get().ord_status == "CANCELED"
