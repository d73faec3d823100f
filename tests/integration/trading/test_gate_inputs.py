"""What the gate must know before anything is sent, on a real desk: missing or stale denies."""

from datetime import timedelta
from decimal import Decimal as D

import pytest

from aitrader.kernel import ids
from aitrader.kernel.clock import WALL, Moment
from aitrader.kernel.fix import AccountKind, OrdType, Origin, Side
from compliance.models import Alert, JournalEntry
from compliance.services import alerts, sequencer
from risk.models import Decision, Limit
from tests.factories import road as roads
from tests.factories.road import Road
from tests.integration.trading.venues import Lost
from trading.domain.order import OrderIntent
from trading.models import Order, Position
from trading.services import orders, reconciliation, routing

pytestmark = pytest.mark.usefixtures("fresh_database")


def _reasons(order: Order) -> dict[str, str]:
    """Codes of the denial with the limit or input that each names."""
    decision = Decision.objects.get(intent_id=order.intent_id)
    return {reason["code"]: reason["key"] for reason in decision.reasons}


def _buy(road: Road, *, at: Moment, key: str = "one") -> Order:
    """A person's order for one BTC."""
    (instrument,) = road.desk.instruments.values()
    intent = OrderIntent(
        intent_id=ids.derive(roads.NAMESPACE, "test", key),
        account=road.desk.account.code,
        instrument=road.code,
        side=Side.BUY,
        ord_type=OrdType.MARKET,
        order_qty=D(1),
        origin=Origin.OPERATOR,
        reference_px=D(100),
        reason="by hand",
        decided_at=at.market,
    )
    draft = orders.Draft(intent=intent, instrument=instrument, trace_id="T")
    return orders.submit(desk=road.desk, draft=draft, at=at)


@pytest.mark.parametrize(
    "key", ["MAX_ORDER_NOTIONAL", "MAX_DAY_LOSS", "MAX_GROSS_EXPOSURE", "MAX_PRICE_AGE"]
)
def test_a_limit_that_is_missing_denies(key: str) -> None:
    road = Road()
    Limit.objects.filter(key=key).delete()
    road.move(101)
    order = roads.only_order()
    assert order.ord_status == "DENIED"
    assert _reasons(order)["LIMIT_MISSING"] == key


def test_a_price_older_than_two_intervals_denies() -> None:
    road = Road()
    road.move(100)
    closed = road.moment
    on_time = Moment(closed.market + timedelta(minutes=2), closed.wall)
    late = Moment(closed.market + timedelta(minutes=2, microseconds=1), closed.wall)
    assert _buy(road, at=on_time, key="one").ord_status == "CREATED"
    order = _buy(road, at=late, key="two")
    assert order.ord_status == "DENIED"
    assert "PRICE_STALE" in _reasons(order)


def test_beside_an_order_in_doubt_nothing_more_is_opened_until_it_is_known() -> None:
    road = Road()
    road.restart(gateway=Lost(road.rules))
    road.decide(101)
    routing.send_all(desk=road.desk, gateway=road.gateway, at=road.moment)
    doubtful = roads.only_order()
    assert (doubtful.side, doubtful.certainty) == ("BUY", "UNKNOWN")
    order = _buy(road, at=road.moment)
    assert "ORDER_IN_DOUBT" in _reasons(order)
    road.restart(gateway=road.made.gateway)
    late = Moment(market=road.moment.market + timedelta(minutes=1), wall=WALL.now())
    reconciliation.resolve(desk=road.desk, gateway=road.made.gateway, at=late)
    assert _buy(road, at=road.moment, key="two").ord_status == "CREATED"


def test_the_cautious_profile_denies_the_default_sizes() -> None:
    road = Road(profile="cautious")
    road.move(101, 100, 101)
    assert {order.ord_status for order in roads.orders()} == {"DENIED"}
    for order in roads.orders():
        assert {"ORDER_NOTIONAL", "DAY_NOTIONAL"} <= _reasons(order).keys()
    assert road.wrong() == []


def test_a_denied_intent_is_kept_with_every_reason_and_reserves_nothing() -> None:
    road = Road(profile="cautious")
    road.move(101)
    order = roads.only_order()
    told = JournalEntry.objects.get(event="order.denied", object_id=order.public_id)
    for code in _reasons(order):
        assert code.encode() in bytes(told.payload)
    assert order.closed_at == order.created_at
    assert _buy(road, at=road.moment).ord_status == "DENIED"
    assert "OPEN_ORDERS" not in _reasons(roads.orders()[-1])


def test_the_same_intent_is_judged_once() -> None:
    road = Road()
    first = _buy(road, at=road.moment)
    assert _buy(road, at=road.moment).pk == first.pk
    assert Decision.objects.count() == 1


def test_sales_that_reduce_pass_a_day_s_loss_and_purchases_do_not() -> None:
    road = Road()
    road.move(101)
    road.hold()
    Limit.objects.filter(key="MAX_DAY_LOSS").update(value="0.01")
    road.move(99)
    road.hold()
    assert Position.objects.get().quantity == 0
    road.move(101)
    order = roads.orders()[-1]
    assert (order.side, order.ord_status) == ("BUY", "DENIED")
    assert "DAY_LOSS" in _reasons(order)


@pytest.mark.parametrize("kind", list(AccountKind))
def test_an_extreme_bar_opens_nothing_and_is_told(kind: AccountKind) -> None:
    road = Road(kind=kind)
    road.bar(100, 160, 99, 101)
    order = roads.only_order()
    assert order.ord_status == "DENIED"
    assert "BAR_OUT_OF_BOUNDS" in _reasons(order)
    road.hold()
    assert roads.fills() == []
    assert JournalEntry.objects.get(event="feed.extreme_bar").object_id == road.code
    sequencer.catch_up()
    alerts.advance(now=WALL.now())
    assert road.code in Alert.objects.get(rule="feed.extreme_bar").title


@pytest.mark.parametrize("kind", list(AccountKind))
def test_nothing_fills_at_an_extreme_bar_and_stops_act_on_the_next(kind: AccountKind) -> None:
    road = Road(kind=kind, exits={"stop_loss_pct": "1", "take_profit_pct": "2"})
    road.move(101)
    road.hold()
    road.bar(101, 150, 50, 101)
    assert len(roads.fills()) == 1
    road.bar(101, 101, 100, 101)
    assert roads.fills()[-1] == ("SELL", D("99.009"), D("100"))
    assert road.wrong() == []


def test_an_order_waits_over_an_extreme_bar_for_a_good_one() -> None:
    road = Road()
    road.move(101)
    road.bar(150, 150, 60, 101)
    assert roads.fills() == []
    road.hold()
    assert roads.fills() == [("BUY", D("99.009"), D("101.02"))]


def test_exactly_at_the_bound_a_bar_is_good() -> None:
    road = Road()
    road.bar(100, 150, 100, 101)
    assert roads.only_order().ord_status == "NEW"
    assert not JournalEntry.objects.filter(event="feed.extreme_bar").exists()
