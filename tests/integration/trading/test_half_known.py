"""What is known by half: fills that are announced, refusals that say nothing, prices that are not
there, halts in the middle of a batch. Nothing is given up, doubled or taken back on such a word."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal as D

import pytest

from aitrader.kernel.clock import WALL, Moment
from aitrader.kernel.errors import OutcomeUnknown, RejectedByVenue
from aitrader.kernel.fix import AccountKind, ExecType, OrdStatus
from risk.domain.trading_state import Scope
from risk.services import kill_switch
from tests.factories import road as roads
from tests.factories.road import Road
from tests.integration.trading.venues import OpenOnly
from trading.domain.execution_report import ExecutionReport
from trading.domain.order_state import Closedness
from trading.domain.ports import NewOrder, OpenOrder
from trading.gateways.sim.gateway import SimGateway
from trading.models import CancelRequest, InstrumentRow, Order, ReconBreak, SimOrder
from trading.services import alignment, executions, orders, reconciliation, routing

pytestmark = pytest.mark.usefixtures("fresh_database")


def _told(road: Road, order: Order, cum: D, kind: ExecType = ExecType.ORDER_STATUS) -> None:
    """The venue's status of an order whose trades it does not list yet."""
    report = ExecutionReport(
        cl_ord_id=order.cl_ord_id,
        order_id="7",
        exec_id=f"{kind}-7",
        exec_type=kind,
        instrument=road.code,
        cum_qty=cum,
        transact_time=road.moment.market,
    )
    executions.apply(desk=road.desk, reports=[report], at=road.moment)


def _align(road: Road, *, later: int = 0) -> None:
    at = Moment(road.moment.market + timedelta(seconds=later), WALL.now())
    alignment.align_all(desk=road.desk, at=at)


def _sent(road: Road, gateway: OpenOnly) -> Order:
    road.decide(101)
    routing.send_all(desk=road.desk, gateway=gateway, at=road.moment)
    return roads.only_order()


def _lost(road: Road) -> OpenOnly:
    return OpenOnly(road.rules, lost=True)


def test_a_trade_whose_fills_are_still_to_come_is_not_closed_and_is_protected_when_they_come() -> (
    None
):
    road = Road(exits={"stop_loss_pct": "5"})
    entry = _sent(road, _lost(road))
    _told(road, entry, entry.order_qty)
    _align(road)
    assert roads.only_trade().closed_at is None
    assert alignment.is_restless(desk=road.desk) is False
    roads.report_trade(road, entry.cl_ord_id, cum_qty=entry.order_qty, px=101)
    _align(road)
    assert [order.ord_type for order in roads.orders(origin="PROTECTION")] == ["STOP"]


@pytest.mark.parametrize("kind", [AccountKind.SPOT, AccountKind.PERP])
def test_an_exit_whose_fills_are_still_to_come_is_not_ordered_twice(kind: AccountKind) -> None:
    road = Road(kind=kind)
    road.move(101)
    road.hold()
    gateway = _lost(road)
    road.decide(90)
    routing.send_all(desk=road.desk, gateway=gateway, at=road.moment)
    (leaving,) = roads.orders(closing=True)
    _told(road, leaving, leaving.order_qty)
    for later in (1, 2, 3):
        _align(road, later=later)
    assert len(roads.orders(closing=True)) == 1


def test_without_a_price_a_holding_is_not_dust_and_keeps_its_stop() -> None:
    road = Road(exits={"stop_loss_pct": "5"})
    road.move(101)
    road.hold()
    (row,) = road.desk.instruments.values()
    InstrumentRow.objects.filter(pk=row.pk).update(max_bar_range=D("0.000000001"))
    row.max_bar_range = D("0.000000001")
    _align(road, later=1)
    assert roads.only_trade().closed_at is None
    assert not CancelRequest.objects.exists()


def test_after_a_halt_the_rest_of_a_batch_is_given_back() -> None:
    road = Road(exits={"stop_loss_pct": "5", "take_profit_pct": "5", "trailing_pct": "3"})
    entry = _sent(road, _lost(road))
    roads.report_trade(road, entry.cl_ord_id, cum_qty=entry.order_qty, px=101)
    _align(road)

    class HaltedMeanwhile(SimGateway):
        """The halt has waited long enough and commits while the first order is on its way."""

        def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
            kill_switch.engage(
                scope=Scope.GLOBAL, reason="drill", actor="ann", now=WALL.now(),
                market_at=roads.START, wait_for_senders=False,
            )  # fmt: skip
            return super().submit(account=account, order=order)

    gateway = HaltedMeanwhile(road.rules)
    routing.send_all(desk=road.desk, gateway=gateway, at=road.moment)
    assert SimOrder.objects.count() == 1
    assert [order.ord_status for order in roads.orders(origin="PROTECTION")] == [
        "NEW", "CREATED", "CREATED",
    ]  # fmt: skip


def test_a_conclusion_does_not_overwrite_what_was_learned_meanwhile() -> None:
    road = Road()
    order = _sent(road, _lost(road))
    _told(road, order, D(0), ExecType.NEW)
    answer = executions.Answer(
        OrdStatus.REJECTED,
        Closedness.REJECTED,
        executions.NEVER_ACCEPTED,
        fencing_token=order.fencing_token,
    )
    executions.conclude(desk=road.desk, order_id=order.pk, answer=answer, at=road.moment)
    assert roads.only_order().ord_status == "NEW"


class _Refuses(OpenOnly):
    """Every cancel is refused for a reason of ours."""

    def cancel(
        self, *, account: str, instrument: str, cl_ord_id: str, at: datetime
    ) -> ExecutionReport:
        self.asked.append("cancel")
        raise RejectedByVenue("-2015", "Invalid API-key")


def test_a_refusal_that_is_about_our_key_is_no_word_of_the_engine() -> None:
    road = Road()
    gateway = _Refuses(road.rules, lost=True)
    order = _sent(road, gateway)
    assert order.claimed_at is not None
    for passed in range(90):
        at = Moment(road.moment.market, order.claimed_at + timedelta(seconds=passed))
        reconciliation.resolve(desk=road.desk, gateway=gateway, at=at)
    assert roads.only_order().certainty == "UNKNOWN"


def test_a_refusal_that_is_about_our_key_leaves_the_wish_to_cancel() -> None:
    road = Road()
    order = _sent(road, _lost(road))
    _told(road, order, D(0), ExecType.NEW)
    orders.request_cancel(
        order_id=order.pk, requested_by="ann", reason="no", now=WALL.now(),
        market_at=road.moment.market,
    )  # fmt: skip
    gateway = _Refuses(road.rules, lost=True)
    assert routing.cancel_all(desk=road.desk, gateway=gateway, at=road.moment) == 0
    assert CancelRequest.objects.get().answered_at is None


def test_an_order_that_the_venue_has_taken_is_never_probed() -> None:
    road = Road()
    road.decide(101)
    routing.send_all(desk=road.desk, gateway=road.made.gateway, at=road.moment)
    order = roads.only_order()
    _told(road, order, D(1))
    gateway = _lost(road)
    assert order.claimed_at is not None
    for passed in range(0, 4000, 20):
        at = Moment(road.moment.market, order.claimed_at + timedelta(seconds=passed))
        assert reconciliation.resolve(desk=road.desk, gateway=gateway, at=at) == 0
    assert "cancel" not in gateway.asked
    assert SimOrder.objects.get().ord_status == "NEW"


def test_one_order_that_cannot_be_read_keeps_no_other_from_being_followed() -> None:
    road = Road(exits={"stop_loss_pct": "5", "take_profit_pct": "5", "trailing_pct": "3"})
    road.move(101)
    road.hold()
    legs = roads.orders(origin="PROTECTION", ord_status="NEW")
    asked: list[str] = []

    class Followed(OpenOnly):
        capabilities = replace(OpenOnly.capabilities, streams=False)

        def open_orders(
            self, *, account: str, instruments: Collection[str] = ()
        ) -> Sequence[OpenOrder]:
            return []

        def query(
            self, *, account: str, instrument: str, cl_ord_id: str
        ) -> Sequence[ExecutionReport] | None:
            asked.append(cl_ord_id)
            if cl_ord_id == legs[0].cl_ord_id:
                raise OutcomeUnknown("a status that is not known")
            return SimGateway.query(
                self, account=account, instrument=instrument, cl_ord_id=cl_ord_id
            )

    gateway = Followed(road.rules, lost=True)
    found = reconciliation.follow(desk=road.desk, gateway=gateway, at=road.moment)
    assert asked == [leg.cl_ord_id for leg in legs]
    assert found == len(legs) - 1


def test_an_order_that_was_given_up_and_rests_at_the_venue_is_cancelled_there() -> None:
    road = Road()
    gateway = OpenOnly(road.rules, lost=False)
    order = _sent(road, gateway)
    answer = executions.Answer(OrdStatus.REJECTED, Closedness.REJECTED, executions.NEVER_ACCEPTED)
    executions.conclude(desk=road.desk, order_id=order.pk, answer=answer, at=road.moment)

    class Followed(OpenOnly):
        capabilities = replace(OpenOnly.capabilities, streams=False)

    followed = Followed(road.rules, lost=False)
    followed.shows = True
    reconciliation.follow(desk=road.desk, gateway=followed, at=road.moment)
    assert SimOrder.objects.get().ord_status == "CANCELED"
    assert "ZOMBIE" in set(ReconBreak.objects.values_list("kind", flat=True))
