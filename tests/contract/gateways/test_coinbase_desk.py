"""A desk's own orders at Coinbase: whatever becomes of a request, there is one order."""

from collections.abc import Iterator

import pytest

from tests.factories import road as roads
from tests.factories.road import Road
from trading.gateways.coinbase import orders
from trading.management.commands import conformance
from trading.sandbox.stand import Stand, stand
from trading.services import reconciliation, routing

SCENE = conformance.VENUES["coinbase"]


@pytest.fixture
def venue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    # The desk made by hand trades against USDT, the sandbox's Coinbase has dollars only.
    monkeypatch.setattr(orders, "product_of", lambda instrument: SCENE.symbol)
    with stand(SCENE, venue="coinbase") as ready:
        ready.quotes(bid="100", ask="101", qty="1000")
        # The clock is asked once, before anything is lost.
        ready.gateway.balances(account=ready.account)
        yield ready


def _send(road: Road, venue: Stand) -> None:
    road.decide(101)
    routing.send_all(desk=road.desk, gateway=venue.gateway, at=road.moment)


def _resolve(road: Road, venue: Stand) -> None:
    reconciliation.resolve(desk=road.desk, gateway=venue.gateway, at=road.moment)
    reconciliation.follow(desk=road.desk, gateway=venue.gateway, at=road.moment)


def _see_one_filled_order(venue: Stand) -> None:
    order = roads.only_order()
    (there,) = venue.at_venue()
    assert (order.ord_status, order.certainty) == ("FILLED", "CERTAIN")
    assert there["cl_ord_id"] == order.cl_ord_id
    assert order.cum_qty == order.order_qty


@pytest.mark.usefixtures("fresh_database")
def test_an_order_is_accepted_and_its_trades_are_asked_for(venue: Stand) -> None:
    road = Road()
    _send(road, venue)
    assert roads.only_order().ord_status == "NEW"
    _resolve(road, venue)
    _see_one_filled_order(venue)


@pytest.mark.usefixtures("fresh_database")
@pytest.mark.parametrize(
    "plan", ["lose_request", "accept_no_answer", "timeout_code", "http_502", "garbage"]
)
def test_an_order_without_an_answer_is_there_once(venue: Stand, plan: str) -> None:
    road = Road()
    venue.faults(f"{plan}=1")
    _send(road, venue)
    assert roads.only_order().certainty == "UNKNOWN"
    venue.faults("")
    _resolve(road, venue)
    _see_one_filled_order(venue)


@pytest.mark.usefixtures("fresh_database")
def test_an_order_that_no_lagging_list_shows_is_sent_again_and_is_there_once(venue: Stand) -> None:
    road = Road()
    venue.faults("accept_no_answer=1,stale_read=1,stale_read_s=600")
    _send(road, venue)
    venue.faults("stale_read=1,stale_read_s=600")
    reconciliation.resolve(desk=road.desk, gateway=venue.gateway, at=road.moment)
    assert roads.only_order().certainty == "CERTAIN"
    assert len(venue.at_venue()) == 1
    venue.faults("")
    _resolve(road, venue)
    _see_one_filled_order(venue)
