"""A price that cannot be believed moves nothing: no mark, no peak, no volatility, no order."""

from datetime import timedelta
from decimal import Decimal as D

import pytest

from tests.factories import road as roads
from tests.factories.road import Road
from trading.models import AccountDay, EquityPoint, Feed
from trading.selectors import snapshot

pytestmark = pytest.mark.usefixtures("fresh_database")


def test_an_extreme_bar_leaves_worth_and_volatility_as_they_were() -> None:
    road = Road()
    road.move(101)
    road.hold()
    (pk,) = road.desk.instruments
    before, volatility = snapshot.read(road.desk).state.equity, snapshot.volatility(road.desk, pk)
    road.bar(101, 808, 101, 808)
    assert snapshot.read(road.desk).state.equity == before
    assert snapshot.volatility(road.desk, pk) == volatility
    assert EquityPoint.objects.order_by("-at")[0].equity == before
    road.bar(101, 101, 101, 101)
    road.desk.account.refresh_from_db()
    assert road.desk.account.peak_equity <= max(D(100_000), before or D(0))
    assert AccountDay.objects.count() == 1


def test_after_an_extreme_bar_the_desk_trades_on() -> None:
    road = Road()
    road.move(101)
    road.hold()
    road.bar(101, 808, 101, 808)
    road.bar(101, 101, "100.5", "100.5")
    road.hold()
    road.move(101)
    road.hold()
    assert [side for side, _, _ in roads.fills()] == ["BUY", "SELL", "BUY"]
    assert road.wrong() == []


def test_prices_of_a_silent_feed_age_and_open_nothing() -> None:
    road = Road()
    feed = Feed.objects.get()
    road.desk.feed = feed
    feed.speed, feed.received_at = D(1), road.moment.wall - timedelta(minutes=10)
    road.decide(101)
    order = roads.only_order()
    assert order.ord_status == "DENIED"
    assert "PRICE_STALE" in order.text
