"""An order whose outcome is unknown at a venue that forgets client order ids: never sent again,
adopted at the first sign, given up only on the whole of the evidence."""

from datetime import timedelta
from decimal import Decimal as D

import orjson
import pytest

from aitrader.kernel.clock import Moment
from compliance.models import JournalEntry
from tests.factories import road as roads
from tests.factories.road import Road
from tests.integration.trading.venues import OpenOnly
from trading.gateways.sim import books
from trading.models import Order, ReconBreak, SimOrder
from trading.selectors import orders as order_reads
from trading.services import reconciliation, routing

pytestmark = pytest.mark.usefixtures("fresh_database")


def _sent(*, lost: bool, exits: dict[str, str] | None = None) -> tuple[Road, OpenOnly]:
    road = Road(exits=exits)
    gateway = OpenOnly(road.rules, lost=lost)
    road.decide(101)
    routing.send_all(desk=road.desk, gateway=gateway, at=road.moment)
    return road, gateway


def _wait(road: Road, gateway: OpenOnly, seconds: int) -> Order:
    """Look at the order every second from its sending on; the market stands still."""
    order = roads.only_order()
    assert order.claimed_at is not None
    for passed in range(seconds):
        at = Moment(road.moment.market, order.claimed_at + timedelta(seconds=passed))
        reconciliation.resolve(desk=road.desk, gateway=gateway, at=at)
    return roads.only_order()


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
