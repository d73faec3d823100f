"""An order whose outcome is unknown at a venue that forgets client order ids: never sent again,
adopted at the first sign, given up only on the whole of the evidence."""

from datetime import timedelta
from decimal import Decimal as D

import orjson
import pytest
from django.db.models import F

from aitrader.kernel.clock import WALL, Moment
from aitrader.kernel.errors import OutcomeUnknown
from aitrader.kernel.fix import Certainty, ExecType, Side
from compliance.models import JournalEntry
from tests.factories import road as roads
from tests.factories.road import Road
from tests.integration.trading.venues import OpenOnly
from trading.domain.execution_report import ExecutionReport
from trading.domain.ports import VenueTrade
from trading.gateways.sim import books
from trading.models import Fill, Order, ReconBreak, SimOrder
from trading.selectors import orders as order_reads
from trading.services import executions, orders, reconciliation, routing

pytestmark = pytest.mark.usefixtures("fresh_database")


def _sent(*, lost: bool) -> tuple[Road, OpenOnly]:
    road = Road()
    gateway = OpenOnly(road.rules, lost=lost)
    road.decide(101)
    routing.send_all(desk=road.desk, gateway=gateway, at=road.moment)
    return road, gateway


def _wait(road: Road, gateway: OpenOnly, seconds: int) -> Order:
    """Look at the order every second from its sending on; the market stands still. Looks say that
    an order was cleared up when it was, once."""
    order = Order.objects.latest("pk")
    assert order.claimed_at is not None
    cleared = 0
    for passed in range(seconds):
        at = Moment(road.moment.market, order.claimed_at + timedelta(seconds=passed))
        cleared += reconciliation.resolve(desk=road.desk, gateway=gateway, at=at)
    order.refresh_from_db()
    assert cleared == (order.certainty == Certainty.CERTAIN)
    return order


def test_a_lost_order_keeps_its_reservation_until_all_of_the_evidence_is_there() -> None:
    road, gateway = _sent(lost=True)
    order = _wait(road, gateway, 60)
    assert (order.ord_status, order.certainty) == ("PENDING_NEW", "UNKNOWN")
    assert len(order_reads.working(road.desk.account)) == 1
    order = _wait(road, gateway, 75)
    assert (order.ord_status, order.text) == ("REJECTED", "NEVER_ACCEPTED")
    assert order_reads.working(road.desk.account) == []
    assert gateway.asked.count("submit") == 1
    assert gateway.asked.count("cancel") == 1
    assert not SimOrder.objects.exists()


def test_when_a_request_cannot_enter_any_more_is_what_was_written_down_when_it_was_sent() -> None:
    road, gateway = _sent(lost=True)
    Order.objects.update(deadline=F("claimed_at") + timedelta(seconds=90))
    order = _wait(road, gateway, 80)
    assert (order.certainty, gateway.asked.count("cancel")) == ("UNKNOWN", 0)
    order = _wait(road, gateway, 130)
    assert (order.text, gateway.asked.count("cancel")) == ("NEVER_ACCEPTED", 1)


def test_the_evidence_is_kept_in_the_journal() -> None:
    road, gateway = _sent(lost=True)
    order = _wait(road, gateway, 75)
    entry = JournalEntry.objects.get(event="order.closed", object_id=order.public_id)
    evidence = orjson.loads(bytes(entry.payload))["body"]["data"]["evidence"]
    assert evidence["probed_at"] is not None
    assert len(evidence["reads"]) >= 4


def test_an_order_whose_answer_was_lost_is_adopted_when_the_reads_catch_up() -> None:
    road, gateway = _sent(lost=False)
    order = _wait(road, gateway, 14)
    assert (order.ord_status, order.certainty) == ("PENDING_NEW", "UNKNOWN")
    gateway.shows = True
    order = _wait(road, gateway, 25)
    assert (order.ord_status, order.certainty) == ("NEW", "CERTAIN")
    assert SimOrder.objects.count() == 1
    assert gateway.asked.count("submit") == 1
    assert "cancel" not in gateway.asked


def test_an_order_that_no_read_shows_is_found_by_asking_the_engine() -> None:
    road, gateway = _sent(lost=False)
    order = _wait(road, gateway, 24)
    assert order.ord_status == "CANCELED"
    assert SimOrder.objects.get().ord_status == "CANCELED"
    assert gateway.asked.count("submit") == 1


def test_a_trade_that_is_not_ours_keeps_the_order_in_doubt() -> None:
    road, gateway = _sent(lost=True)
    account = road.desk.account.code
    books.deposit(account, "USDT", D(1))
    with books.writing(account):
        books.move(account, {"BTC": D("0.5")})
    order = _wait(road, gateway, 90)
    assert (order.ord_status, order.certainty) == ("PENDING_NEW", "UNKNOWN")
    assert ReconBreak.objects.get().kind == "DOUBT"
    assert gateway.asked.count("submit") == 1


def test_a_live_stop_is_not_touched_unless_it_is_to_be_cancelled_anyway() -> None:
    road, gateway = _sent(lost=False)
    Order.objects.update(origin="PROTECTION")
    order = _wait(road, gateway, 100)
    assert (order.ord_status, order.certainty) == ("PENDING_NEW", "UNKNOWN")
    assert "cancel" not in gateway.asked
    orders.request_cancel(order_id=order.pk, requested_by="ann", reason="drill", now=WALL.now())
    assert _wait(road, gateway, 100).ord_status == "CANCELED"
    assert gateway.asked.count("cancel") == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"ord_type": "STOP"},
        {"ord_type": "STOP_LIMIT"},
        {"ord_type": "MARKET_IF_TOUCHED"},
        {"ord_type": "LIMIT_IF_TOUCHED"},
        {"ord_type": "TRAILING_STOP"},
        {"ord_type": "LIMIT", "reduce_only": True},
        {"ord_type": "LIMIT", "oco_group": "pair"},
    ],
)
def test_what_a_person_guards_a_holding_with_is_not_asked_to_be_cancelled(
    changed: dict[str, object],
) -> None:
    road, gateway = _sent(lost=False)
    Order.objects.update(**{"origin": "OPERATOR", **changed})
    order = _wait(road, gateway, 40)
    assert (order.ord_status, order.certainty) == ("PENDING_NEW", "UNKNOWN")
    assert "cancel" not in gateway.asked


def test_an_order_of_a_person_to_open_is_found_by_asking_the_engine() -> None:
    road, gateway = _sent(lost=False)
    Order.objects.update(origin="OPERATOR", ord_type="LIMIT")
    assert _wait(road, gateway, 40).ord_status == "CANCELED"


def test_an_engine_that_does_not_answer_has_not_said_that_it_knows_no_such_order() -> None:
    road, gateway = _sent(lost=True)
    answers, unanswered = gateway.cancel, list[None]()
    gateway.cancel = lambda **_: _no_answer(unanswered)  # type: ignore[method-assign]  # for a while
    order = _wait(road, gateway, 200)
    assert (order.ord_status, order.certainty) == ("PENDING_NEW", "UNKNOWN")
    assert gateway.asked.count("query") > len(unanswered) > 1
    gateway.cancel = answers  # type: ignore[method-assign]  # as above
    assert _wait(road, gateway, 300).text == "NEVER_ACCEPTED"


def _no_answer(counted: list[None]) -> ExecutionReport:
    counted.append(None)
    raise OutcomeUnknown("no answer")


@pytest.mark.parametrize(("side", "ends"), [(Side.BUY, False), (None, False), (Side.SELL, True)])
def test_only_a_trade_that_may_be_the_orders_speaks_against_giving_it_up(
    side: Side | None, ends: bool
) -> None:
    road, gateway = _sent(lost=True)
    _lists(gateway, VenueTrade("77", "T77", D(1), side))
    order = _wait(road, gateway, 75)
    assert (order.ord_status == "REJECTED") is ends
    told = ReconBreak.objects.values_list("kind", "venues", "closed_at")
    assert list(told) == ([] if ends else [("DOUBT", "trade T77", None)])


def test_a_booked_trade_of_another_order_speaks_not_against_giving_this_one_up() -> None:
    road = Road()
    road.move(101)
    road.hold()
    booked = Fill.objects.get()
    gateway = OpenOnly(road.rules, lost=True)
    road.decide(90)
    routing.send_all(desk=road.desk, gateway=gateway, at=road.moment)
    _lists(gateway, VenueTrade(booked.order.order_id, booked.exec_id, booked.last_qty))
    # It is an exit: no engine was asked about it, and the reads took longer.
    assert _wait(road, gateway, 135).ord_status == "REJECTED"
    assert "cancel" not in gateway.asked


def _lists(gateway: OpenOnly, trade: VenueTrade) -> None:
    gateway.trades = lambda **_: [trade]  # type: ignore[method-assign]  # what it is to list


def test_an_end_that_comes_while_the_books_are_compared_is_no_break() -> None:
    road, gateway = _sent(lost=True)
    balances = gateway.balances

    def meanwhile(*, account: str) -> dict[str, D]:
        report = ExecutionReport(
            cl_ord_id=roads.only_order().cl_ord_id, order_id="7", exec_id="CANCELED-7",
            exec_type=ExecType.CANCELED, instrument=road.code, cum_qty=D(0),
            transact_time=road.moment.market,
        )  # fmt: skip
        executions.apply(desk=road.desk, reports=[report], at=road.moment)
        return balances(account=account) | {"BTC": D("0.5")}

    gateway.balances = meanwhile  # type: ignore[method-assign]  # the stream is quicker
    assert _wait(road, gateway, 75).ord_status == "CANCELED"
    assert not ReconBreak.objects.exists()
