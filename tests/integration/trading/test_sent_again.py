"""Where client order ids are kept for ever, an order in doubt is sent again: what that proves."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from aitrader.kernel.clock import Moment
from aitrader.kernel.errors import NotSent, OutcomeUnknown, RejectedByVenue
from tests.factories import road as roads
from tests.factories.road import Road, senders_locks
from trading.domain.execution_report import ExecutionReport
from trading.domain.ports import NewOrder
from trading.gateways.sim.gateway import SimGateway
from trading.gateways.sim.rules import SimRules
from trading.models import Order, ReconBreak, SimOrder
from trading.services import executions, reconciliation, routing

pytestmark = pytest.mark.usefixtures("fresh_database")


class _Lagging(SimGateway):
    """Its reads show nothing until `shows`; what `ends` holds is what becomes of the sends, one
    after the other: an exception, or None for one that is taken and answered."""

    capabilities = replace(SimGateway.capabilities, exact_reads=False)

    def __init__(self, rules: SimRules, *ends: Exception | None) -> None:
        super().__init__(rules)
        self.ends = [*ends]
        self.shows = False
        self.during: Callable[[], object] = lambda: None

    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        end = self.ends.pop(0)
        if isinstance(end, OutcomeUnknown):
            super().submit(account=account, order=order)
        self.during()
        if end is not None:
            raise end
        return super().submit(account=account, order=order)

    def query(
        self, *, account: str, instrument: str, cl_ord_id: str
    ) -> Sequence[ExecutionReport] | None:
        if not self.shows:
            return None
        return super().query(account=account, instrument=instrument, cl_ord_id=cl_ord_id)


def _sent(road: Road, gateway: _Lagging) -> Order:
    road.decide(101)
    routing.send_all(desk=road.desk, gateway=gateway, at=road.moment)
    return roads.only_order()


def _resolve(road: Road, gateway: _Lagging, *, after: int = 0) -> int:
    at = Moment(road.moment.market, road.moment.wall + timedelta(seconds=after))
    return reconciliation.resolve(desk=road.desk, gateway=gateway, at=at)


def test_the_refusal_of_a_copy_does_not_end_an_order_that_was_taken_before() -> None:
    road = Road()
    gateway = _Lagging(road.rules, OutcomeUnknown("no answer"), RejectedByVenue("51", "balance"))
    _sent(road, gateway)
    assert _resolve(road, gateway) == 0
    order = roads.only_order()
    assert (order.ord_status, order.certainty) == ("PENDING_NEW", "UNKNOWN")
    # Refused once, it is not sent any more; the reads tell when they have caught up.
    gateway.shows = True
    assert _resolve(road, gateway, after=3) == 1
    assert roads.only_order().ord_status == "NEW" == SimOrder.objects.get().ord_status
    assert not ReconBreak.objects.exists()


def test_a_copy_that_was_not_sent_leaves_the_order_in_doubt() -> None:
    road = Road()
    gateway = _Lagging(road.rules, OutcomeUnknown("no answer"), NotSent("429"), OutcomeUnknown("-"))
    _sent(road, gateway)
    assert _resolve(road, gateway) == 0
    assert roads.only_order().certainty == "UNKNOWN"
    assert _resolve(road, gateway) == 0
    assert roads.only_order().certainty == "UNKNOWN"
    assert SimOrder.objects.count() == 1


def test_what_may_not_be_sent_again_is_not_given_up_after_one_read() -> None:
    road = Road()
    gateway = _Lagging(road.rules, OutcomeUnknown("no answer"))
    _sent(road, gateway)
    Order.objects.update(expires_at=road.moment.market)
    assert _resolve(road, gateway) == 0
    assert roads.only_order().certainty == "UNKNOWN"
    gateway.shows = True
    assert _resolve(road, gateway, after=3) == 1
    assert roads.only_order().ord_status == "NEW"


def test_a_late_refusal_of_the_first_copy_does_not_end_the_second() -> None:
    road = Road()
    gateway = _Lagging(road.rules, RejectedByVenue("-1021", "too old"))
    other = _Lagging(road.rules, OutcomeUnknown("no answer"))

    def meanwhile() -> None:
        Order.objects.update(lease_until=None)
        assert _resolve(road, other) == 0

    gateway.during = meanwhile
    _sent(road, gateway)
    order = roads.only_order()
    assert (order.ord_status, order.certainty) == ("PENDING_NEW", "UNKNOWN")
    assert SimOrder.objects.get().ord_status == "NEW"


def test_an_order_that_was_heard_of_is_not_sent_again() -> None:
    road = Road()
    gateway = _Lagging(road.rules, OutcomeUnknown("no answer"))
    before = _sent(road, gateway)
    found = road.made.gateway.query(
        account=road.desk.account.code,
        instrument=before.instrument.code,
        cl_ord_id=before.cl_ord_id,
    )
    assert found
    executions.apply(desk=road.desk, reports=found, at=road.moment)
    assert not routing.repeat(desk=road.desk, gateway=gateway, order=before, at=road.moment)
    assert roads.only_order().ord_status == "NEW"


def test_while_a_copy_is_on_its_way_a_halt_waits_for_it_and_afterwards_for_nobody() -> None:
    road = Road()
    gateway = _Lagging(road.rules, OutcomeUnknown("no answer"), None)
    _sent(road, gateway)
    held: list[int] = []
    gateway.during = lambda: held.append(senders_locks())
    _resolve(road, gateway)
    assert (held, senders_locks()) == ([1], 0)
