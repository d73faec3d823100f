"""A stop of unknown outcome: it protects nothing, and it may act all the same."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D

import orjson
import pytest

from aitrader.kernel.errors import OutcomeUnknown
from aitrader.kernel.events import EventName
from aitrader.kernel.fix import ExecType, OrdType
from compliance.domain.alert_rules import Severity, judge
from compliance.models import JournalEntry
from tests.factories import road as roads
from tests.factories.road import Road
from tests.integration.trading.venues import OpenOnly
from trading.domain.execution_report import ExecutionReport, StreamedReport
from trading.domain.ports import NewOrder
from trading.gateways.sim.gateway import SimGateway
from trading.models import CancelRequest, Order, Position
from trading.services import alignment, reconciliation

pytestmark = pytest.mark.usefixtures("fresh_database")

HELD = D("99.009")


class _DoubtfulStops(OpenOnly):
    """Orders are answered but for stops, and the stream tells of trades alone; cancels are not
    answered while `deaf`."""

    deaf = True

    def executions(self, *, account: str, after: int, limit: int) -> Sequence[StreamedReport]:
        told = super().executions(account=account, after=after, limit=limit)
        return [each for each in told if each.report.exec_type is not ExecType.NEW]

    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        if order.ord_type is OrdType.STOP:
            return super().submit(account=account, order=order)
        return SimGateway.submit(self, account=account, order=order)

    def cancel(self, **asked: object) -> ExecutionReport:
        if self.deaf:
            raise OutcomeUnknown("no answer")
        return super().cancel(**asked)  # type: ignore[arg-type]  # as the port has it


def _long(*, lost: bool) -> tuple[Road, _DoubtfulStops]:
    """A desk that holds, its stop sent and not answered."""
    road = Road(exits={"stop_loss_pct": "5"})
    gateway = _DoubtfulStops(road.rules, lost=lost)
    road.restart_with(gateway, road.made.engine)
    road.move(101)
    road.hold()
    stop = _stop()
    assert (stop.ord_status, stop.certainty) == ("PENDING_NEW", "UNKNOWN")
    return road, gateway


def _stop() -> Order:
    return roads.only_order(origin="PROTECTION")


def _naked() -> list[dict[str, str]]:
    rows = JournalEntry.objects.filter(event=EventName.POSITION_UNPROTECTED).order_by("pk")
    return [orjson.loads(bytes(row.payload))["body"]["data"] for row in rows]


def _sales() -> list[Order]:
    return roads.orders(side="SELL", ord_type="MARKET")


def test_a_position_whose_only_stop_is_in_doubt_is_said_to_be_naked_at_once() -> None:
    road, _ = _long(lost=True)
    alignment.align_all(desk=road.desk, at=road.moment)
    (said,) = _naked()
    assert (said["open_qty"], said["why"]) == ("99.009", "its stop is in doubt")
    alert = judge(EventName.POSITION_UNPROTECTED, said)
    assert alert is not None
    assert alert.severity is Severity.CRITICAL
    # It may be there: a second one beside it could sell what is not held.
    assert len(roads.orders(origin="PROTECTION")) == 1
    assert _sales() == []


def test_a_stop_that_turns_out_to_rest_protects_again() -> None:
    road, gateway = _long(lost=False)
    alignment.align_all(desk=road.desk, at=road.moment)
    gateway.shows = True
    at = replace(road.moment, wall=road.moment.wall + timedelta(seconds=3))
    assert reconciliation.resolve(desk=road.desk, gateway=gateway, at=at) == 1
    road.hold()
    assert _stop().certainty == "CERTAIN"
    assert roads.only_trade().unprotected_since is None
    road.hold(4)
    assert roads.only_trade().exit_wanted == ""


def test_the_position_is_sold_once_and_only_after_the_stop_is_known_to_be_gone() -> None:
    road, gateway = _long(lost=False)
    road.hold(4)
    assert roads.only_trade().exit_wanted == "unprotected"
    assert CancelRequest.objects.get().order_id == _stop().pk
    # The venue has not answered: what the stop may have locked is not sold.
    assert _sales() == []
    gateway.deaf = False
    road.hold(2)
    assert _stop().ord_status == "CANCELED"
    assert [order.order_qty for order in _sales()] == [HELD]
    assert Position.objects.get().quantity == 0
    assert road.wrong() == []


def test_a_stop_in_doubt_that_acts_meanwhile_leaves_nothing_to_sell() -> None:
    road, _ = _long(lost=False)
    road.hold(4)
    assert roads.only_trade().exit_wanted == "unprotected"
    road.bar(101, 101, 90, 95)
    road.hold(2)
    assert Position.objects.get().quantity == 0
    assert _sales() == []
    assert roads.fills()[-1][:2] == ("SELL", HELD)
    assert road.wrong() == []
