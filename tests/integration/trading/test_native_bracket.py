"""Stop and target rest at Coinbase as one order: one call, two rows, each with its own end."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal as D

import pytest

from aitrader.kernel.fix import OrdStatus, OrdType
from compliance.domain.roles import Role
from compliance.services import access
from tests.factories import desk as people
from tests.factories import road as roads
from tests.factories.road import Road
from trading.gateways.coinbase import orders as words
from trading.management.commands import conformance
from trading.models import Order
from trading.sandbox.stand import Stand, stand
from trading.services import alignment, claims, exit_watch, orders, reconciliation, routing

pytestmark = pytest.mark.usefixtures("fresh_database")

SCENE = conformance.VENUES["coinbase"]


class Pair:
    """A long of a desk at Coinbase, whose stop at 95 and target at 110 are written."""

    def __init__(self, venue: Stand) -> None:
        self.venue = venue
        self.road = Road(exits={**roads.NO_EXITS, "stop_loss_pct": "5", "take_profit_pct": "10"})
        access.sync_roles()
        people.operator("ada", Role.TRADER)
        self.road.desk.capabilities = venue.gateway.capabilities
        self.road.decide(101)
        self.send()
        self.follow()
        alignment.align_all(desk=self.road.desk, at=self.road.moment)
        assert self.states() == ["STOP CREATED 0", "LIMIT_IF_TOUCHED CREATED 0"]
        (self.stop, self.target) = self.rows()

    @property
    def qty(self) -> D:
        return self.stop.order_qty

    def rows(self) -> list[Order]:
        return [*Order.objects.filter(origin="PROTECTION").order_by("pk")]

    def states(self) -> list[str]:
        return [f"{o.ord_type} {o.ord_status} {o.cum_qty.normalize():f}" for o in self.rows()]

    def send(self) -> int:
        self.road.desk.held_back_until = 0.0
        return routing.send_all(
            desk=self.road.desk, gateway=self.venue.gateway, at=self.road.moment
        )

    def follow(self) -> None:
        for work in (reconciliation.follow, reconciliation.resolve):
            work(desk=self.road.desk, gateway=self.venue.gateway, at=self.road.moment)

    def cancel(self, order: Order) -> None:
        orders.request_cancel(
            order_id=order.pk, requested_by="test", reason="test", now=self.road.moment.wall
        )

    def cancel_all(self) -> None:
        routing.cancel_all(desk=self.road.desk, gateway=self.venue.gateway, at=self.road.moment)

    def there(self) -> list[str]:
        """Client ids of the exchange's orders behind the entry."""
        return [each["cl_ord_id"] for each in self.venue.at_venue()][1:]

    def bids(self, price: str, qty: D) -> None:
        self.venue.change("book", instrument=SCENE.symbol, side="BUY", price=price, qty=f"{qty:f}")

    def falls(self, price: str, qty: D) -> None:
        """Others leave the bids, and somebody sells at this price, where so much is bid."""
        self.venue.change("book", instrument=SCENE.symbol, side="SELL", price="100", qty="1000")
        self.bids(price, qty + 1)
        self.venue.change("book", instrument=SCENE.symbol, side="SELL", price=price, qty="1")


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    # The desk made by hand trades against USDT, the sandbox's Coinbase has dollars only.
    monkeypatch.setattr(words, "product_of", lambda instrument: SCENE.symbol)
    monkeypatch.setattr(words, "quote_of", lambda instrument: "USDT")
    with stand(SCENE, venue="coinbase") as ready:
        ready.quotes(bid="100", ask="101", qty="1000")
        ready.gateway.balances(account=ready.account)
        yield Pair(ready)


def test_both_rest_as_one_order_and_the_target_that_fills_ends_the_stop(pair: Pair) -> None:
    assert pair.send() == 2
    assert pair.there() == [f"{pair.stop.cl_ord_id}_{pair.target.cl_ord_id}"]
    assert pair.states() == ["STOP NEW 0", "LIMIT_IF_TOUCHED NEW 0"]
    assert len({each.order_id for each in pair.rows()}) == 1
    pair.follow()
    assert pair.states() == ["STOP NEW 0", "LIMIT_IF_TOUCHED NEW 0"]
    pair.bids(f"{pair.target.price}", 1000 + 10 * pair.qty)
    pair.follow()
    assert pair.states() == ["STOP CANCELED 0", f"LIMIT_IF_TOUCHED FILLED {pair.qty.normalize():f}"]
    assert roads.only_trade().exit_reason == "take_profit"


def test_the_stop_that_is_met_ends_the_target(pair: Pair) -> None:
    pair.send()
    pair.falls("94", pair.qty)
    pair.follow()
    assert pair.states() == [f"STOP FILLED {pair.qty.normalize():f}", "LIMIT_IF_TOUCHED CANCELED 0"]
    assert roads.only_trade().exit_reason == "stop_loss"


def test_what_the_target_has_left_the_stop_sells(pair: Pair) -> None:
    pair.send()
    part = D("0.5")
    # The entry has taken its quantity from what is asked below the target.
    pair.bids(f"{pair.target.price}", 1000 - pair.qty + part)
    pair.follow()
    assert pair.states() == ["STOP NEW 0", "LIMIT_IF_TOUCHED PARTIALLY_FILLED 0.5"]
    pair.falls("94", pair.qty)
    pair.follow()
    left = f"{(pair.qty - part).normalize():f}"
    assert pair.states() == [f"STOP CANCELED {left}", "LIMIT_IF_TOUCHED CANCELED 0.5"]
    assert {each.certainty for each in pair.rows()} == {"CERTAIN"}
    assert sum(each.filled_qty for each in pair.rows()) == pair.qty


def test_a_cancel_of_one_ends_both(pair: Pair) -> None:
    pair.send()
    pair.cancel(pair.target)
    pair.cancel_all()
    pair.follow()
    assert pair.states() == ["STOP CANCELED 0", "LIMIT_IF_TOUCHED CANCELED 0"]
    assert list(pair.venue.gateway.open_orders(account="")) == []


def test_both_cancels_are_answered(pair: Pair) -> None:
    pair.send()
    for order in pair.rows():
        pair.cancel(order)
    pair.cancel_all()
    pair.follow()
    assert pair.states() == ["STOP CANCELED 0", "LIMIT_IF_TOUCHED CANCELED 0"]
    assert not Order.objects.filter(cancel_requests__answered_at__isnull=True,
                                    cancel_requests__isnull=False).exists()  # fmt: skip


@pytest.mark.parametrize(
    "plan", ["lose_request", "accept_no_answer", "timeout_code", "http_502", "garbage"]
)
def test_without_an_answer_it_is_there_once(pair: Pair, plan: str) -> None:
    pair.venue.faults(f"{plan}=1")
    pair.send()
    assert {each.certainty for each in pair.rows()} == {"UNKNOWN"}
    pair.venue.faults("")
    pair.follow()
    assert pair.states() == ["STOP NEW 0", "LIMIT_IF_TOUCHED NEW 0"]
    assert {each.certainty for each in pair.rows()} == {"CERTAIN"}
    assert len(pair.there()) == 1


def test_one_of_the_two_is_never_sent_again_alone(pair: Pair) -> None:
    pair.venue.faults("accept_no_answer=1,stale_read=1,stale_read_s=600")
    pair.send()
    pair.venue.faults("stale_read=1,stale_read_s=600")
    reconciliation.resolve(desk=pair.road.desk, gateway=pair.venue.gateway, at=pair.road.moment)
    assert pair.states() == ["STOP NEW 0", "LIMIT_IF_TOUCHED NEW 0"]
    assert len(pair.there()) == 1


def test_another_process_knows_both_from_the_list(pair: Pair) -> None:
    pair.send()
    pair.venue.gateway._known.clear()  # type: ignore[attr-defined]  # as after a restart
    pair.bids(f"{pair.target.price}", 1000 + 10 * pair.qty)
    pair.follow()
    assert [each.ord_status for each in pair.rows()] == ["CANCELED", "FILLED"]


def test_a_refusal_refuses_both(pair: Pair) -> None:
    Order.objects.filter(pk=pair.target.pk).update(price=D(94))
    pair.send()
    assert [each.ord_status for each in pair.rows()] == ["REJECTED", "REJECTED"]
    assert pair.there() == []


def test_after_a_refusal_the_stop_rests_alone_and_the_target_is_watched(pair: Pair) -> None:
    pair.venue.faults("refuse_filter=1")
    pair.send()
    pair.venue.faults("")
    pair.road.decide(101)
    alignment.align_all(desk=pair.road.desk, at=pair.road.moment)
    pair.send()
    assert pair.states()[2:] == ["STOP_LIMIT NEW 0"]
    prices = {next(iter(pair.road.desk.instruments)): D(113)}
    assert exit_watch.watch(desk=pair.road.desk, prices=prices, at=pair.road.moment) == 1


def test_a_pair_that_the_venue_has_no_words_for_is_not_sent(pair: Pair) -> None:
    stop, target = (claims.as_new_order(each) for each in pair.rows())
    for bad in (
        [stop],
        [stop, stop],
        [stop, replace(target, order_qty=D(9))],
        [stop, replace(target, ord_type=OrdType.STOP_LIMIT)],
    ):
        with pytest.raises(Exception, match="UNSUPPORTED"):
            pair.venue.gateway.submit_group(account="", orders=bad)  # type: ignore[attr-defined]  # of the port
    assert pair.there() == []
    assert OrdStatus.NEW not in {each.ord_status for each in pair.rows()}
