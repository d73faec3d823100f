"""What is written beside an order's state: when it closed, who was answered, which lock is held."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from aitrader.kernel.clock import WALL, Moment
from aitrader.kernel.errors import RejectedByVenue
from aitrader.kernel.fix import Certainty, ExecType, OrdStatus, Side
from tests.factories import road as roads
from tests.factories.road import Road, senders_locks
from tests.integration.trading.venues import OpenOnly
from trading.domain.execution_report import ExecutionReport
from trading.domain.order_state import Closedness
from trading.domain.ports import VenueTrade
from trading.gateways.sim import books
from trading.gateways.sim.gateway import SimGateway
from trading.models import Balance, CancelRequest, Order, ReconBreak
from trading.services import executions, external, orders, reconciliation, routing

pytestmark = pytest.mark.usefixtures("fresh_database")


def _sent(road: Road) -> Order:
    road.decide(101)
    routing.send_all(desk=road.desk, gateway=road.gateway, at=road.moment)
    return roads.only_order()


def _ask_to_cancel(order: Order) -> CancelRequest:
    assert orders.request_cancel(order_id=order.pk, requested_by="ann", reason="no", now=WALL.now())
    return CancelRequest.objects.get()


def test_after_a_send_nobody_holds_the_senders_lock() -> None:
    road = Road()
    order = _sent(road)
    assert (order.ord_status, senders_locks()) == ("NEW", 0)


def test_an_order_closes_when_the_venue_closed_it_and_not_before() -> None:
    road = Road()
    order = _sent(road)
    assert order.closed_at is None
    roads.report_trade(road, order.cl_ord_id, cum_qty="40", px=101)
    order.refresh_from_db()
    assert order.closed_at is None
    road.hold()
    order.refresh_from_db()
    filled_at = order.closed_at
    assert (order.ord_status, filled_at is None) == ("FILLED", False)
    late = ExecutionReport(
        cl_ord_id=order.cl_ord_id,
        order_id=order.order_id,
        exec_id="LATE",
        exec_type=ExecType.CANCELED,
        instrument=road.code,
        cum_qty=order.cum_qty,
        transact_time=road.moment.market + timedelta(hours=1),
    )
    executions.apply(desk=road.desk, reports=[late], at=road.moment)
    order.refresh_from_db()
    assert order.closed_at == filled_at


def test_whoever_wished_an_order_away_is_answered_when_it_never_left() -> None:
    road = Road()
    road.decide(101)
    asked = _ask_to_cancel(roads.only_order())
    routing.cancel_all(desk=road.desk, gateway=road.gateway, at=road.moment)
    asked.refresh_from_db()
    assert (asked.outcome, asked.answered_at) == ("CANCELED", road.moment.market)


def test_what_is_too_old_is_not_sent_and_ends() -> None:
    road = Road()
    road.decide(101)
    order = roads.only_order()
    at = Moment(road.moment.market + timedelta(hours=1), WALL.now())
    assert routing.send_all(desk=road.desk, gateway=road.gateway, at=at) == 0
    order.refresh_from_db()
    assert (order.ord_status, order.text, order.sent_at) == ("EXPIRED", "EXPIRED_BEFORE_SEND", None)


def test_an_order_whose_sender_died_is_in_doubt_from_the_first_look_on() -> None:
    road = Road()
    gateway = OpenOnly(road.rules, lost=True)
    road.decide(101)
    order = roads.only_order()
    past = WALL.now() - timedelta(seconds=20)
    Order.objects.filter(pk=order.pk).update(
        ord_status=OrdStatus.PENDING_NEW,
        closedness=int(Closedness.SENT),
        claimed_at=past,
        lease_until=past,
    )
    reconciliation.resolve(desk=road.desk, gateway=gateway, at=road.moment)
    order.refresh_from_db()
    assert (order.ord_status, order.certainty) == ("PENDING_NEW", "UNKNOWN")
    assert order.text == "not found, which proves nothing yet"
    assert order.evidence is not None
    assert len(order.evidence["reads"]) == 1


def test_an_account_whose_stream_tells_everything_takes_nothing_in() -> None:
    road = Road()
    assert external.take_in(desk=road.desk, gateway=road.gateway, at=road.moment) == 0


class _Listing:
    """A venue that lists trades, and no order that rests."""

    def __init__(self, road: Road) -> None:
        self.capabilities = replace(road.gateway.capabilities, streams=False)
        self._road = road
        self.listed: list[VenueTrade] = []

    def open_orders(self, **_: object) -> list[Any]:
        return []

    def balances(self, **_: object) -> dict[str, D]:
        return {}

    def trades(self, **_: object) -> list[VenueTrade]:
        return self.listed

    def trade(self, exec_id: str, qty: str) -> None:
        report = ExecutionReport(
            cl_ord_id="",
            order_id="77",
            exec_id=exec_id,
            exec_type=ExecType.TRADE,
            instrument=self._road.code,
            cum_qty=D(0),
            transact_time=self._road.moment.market,
            last_qty=D(qty),
            last_px=D(100),
            fee_asset="USDT",
        )
        self.listed.append(VenueTrade("77", exec_id, D(qty), Side.BUY, report))


def test_trades_of_one_foreign_order_that_come_apart_make_one_order_as_large_as_they_are() -> None:
    road = Road()
    road.hold()
    venue: Any = _Listing(road)
    road.desk.account.held_at = road.moment.wall - timedelta(hours=1)
    road.desk.account.save(update_fields=["held_at"])
    found = []
    for exec_id, qty in (("1", "3"), ("2", "4"), ("3", "2")):
        venue.trade(exec_id, qty)
        done = external.take_in(desk=road.desk, gateway=venue, at=road.moment)
        order = Order.objects.get(origin="EXTERNAL")
        found.append((done, order.order_qty, order.filled_qty, order.ord_status))
    assert found == [
        (1, D(3), D(3), "FILLED"),
        (1, D(7), D(7), "FILLED"),
        (1, D(9), D(9), "FILLED"),
    ]
    assert external.take_in(desk=road.desk, gateway=venue, at=road.moment) == 0
    assert Order.objects.get(origin="EXTERNAL").certainty == Certainty.CERTAIN


def test_a_wish_is_answered_by_the_end_of_its_order_and_by_nothing_before() -> None:
    road = Road()
    order = _sent(road)
    asked = _ask_to_cancel(order)
    roads.report_trade(road, order.cl_ord_id, cum_qty="40", px=101)
    asked.refresh_from_db()
    assert (asked.answered_at, asked.outcome) == (None, "")
    routing.cancel_all(desk=road.desk, gateway=road.gateway, at=road.moment)
    asked.refresh_from_db()
    assert (asked.outcome, asked.answered_at) == ("CANCELED", road.moment.market)


def test_a_difference_is_written_with_both_sides_and_with_its_end() -> None:
    road = Road()
    road.hold()
    account = road.desk.account.code
    ours = Balance.objects.get(asset="USDT").amount
    for moved in (D(1), D(-1)):
        with books.writing(account):
            books.move(account, {"USDT": moved})
        reconciliation.compare(desk=road.desk, gateway=road.gateway, at=road.moment)
        found = ReconBreak.objects.get()
        assert (found.kind, found.object_id) == ("BALANCE", "USDT")
        assert (D(found.ours), D(found.venues)) == (ours, ours + 1)
        ended = (found.closed_at is not None, found.resolution)
        assert ended == ((True, "the books agree again") if moved < 0 else (False, ""))


class _Gone(SimGateway):
    """Has no such open order any more, whichever is meant."""

    def cancel(self, **_: object) -> ExecutionReport:
        raise RejectedByVenue("TOO_LATE", "it is over", gone=True)


def test_a_wish_that_came_too_late_is_answered_at_once_where_reads_are_exact() -> None:
    road = Road()
    asked = _ask_to_cancel(_sent(road))
    assert routing.cancel_all(desk=road.desk, gateway=_Gone(road.rules), at=road.moment) == 1
    asked.refresh_from_db()
    assert (asked.outcome, asked.answered_at) == ("TOO_LATE: it is over", road.moment.market)
    assert roads.only_order().ord_status == "NEW"
