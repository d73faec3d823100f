"""A second venue's price of what is traded, on a real desk: contradiction denies, silence not."""

from datetime import datetime, timedelta
from decimal import Decimal as D

import pytest

from aitrader.kernel.clock import WALL
from aitrader.kernel.fix import PriceSource
from compliance.models import Alert, JournalEntry
from compliance.services import alerts, sequencer
from risk.models import Decision, Limit
from tests.factories import road as roads
from tests.factories.road import Road
from trading.models import Feed, SecondPrice
from trading.selectors import second_prices as seen
from trading.services import second_prices
from trading.tasks import monitor

pytestmark = pytest.mark.usefixtures("fresh_database")


@pytest.fixture
def road() -> Road:
    """A desk on prices in real time, compared with another venue's."""
    made = Road()
    made.desk.feed.source = PriceSource.REAL_TIME
    # At its speed the feed ages by the wall; here its bars come by hand.
    made.desk.feed.save(update_fields=["source"])
    _compare(made, "OTHER")
    return made


def _compare(road: Road, source: str) -> None:
    codes = [road.code] if source else []
    second_prices.configure(
        feed_id=road.desk.feed.pk, source=source, codes=codes, now=road.moment.wall
    )


def _tell(road: Road, px: str, *, at: datetime) -> None:
    second_prices.record(feed_id=road.desk.feed.pk, prices={road.code: D(px)}, now=at)


def _note(road: Road, now: datetime) -> None:
    second_prices.note_freshness(feed=road.desk.feed, now=now)


def _codes() -> set[str]:
    decision = Decision.objects.get(intent_id=roads.only_order().intent_id)
    return {reason["code"] for reason in decision.reasons}


def _said() -> list[str]:
    sequencer.catch_up()
    return list(
        JournalEntry.objects.filter(event__startswith="second_source").values_list(
            "event", flat=True
        )
    )


def test_two_fresh_prices_that_differ_open_nothing(road: Road) -> None:
    _tell(road, "104", at=WALL.now())
    road.move(101)
    assert roads.only_order().ord_status == "DENIED"
    assert _codes() == {"PRICE_DIVERGENCE"}


def test_two_fresh_prices_that_agree_let_the_order_pass(road: Road) -> None:
    _tell(road, "102", at=WALL.now())
    road.move(101)
    assert roads.only_order().ord_status != "DENIED"


def test_a_second_source_that_is_silent_denies_nothing(road: Road) -> None:
    _tell(road, "200", at=WALL.now() - timedelta(seconds=40))
    road.move(101)
    assert roads.only_order().ord_status != "DENIED"


def test_the_prices_of_a_replay_are_compared_with_nothing(road: Road) -> None:
    road.desk.feed.source = PriceSource.REPLAY
    _tell(road, "200", at=WALL.now())
    road.move(101)
    assert roads.only_order().ord_status != "DENIED"


def test_silence_is_said_once_alerted_and_taken_back(road: Road) -> None:
    Feed.objects.update(source=PriceSource.REAL_TIME)
    now = WALL.now()
    _tell(road, "101", at=now - timedelta(minutes=1))
    monitor.monitor()
    monitor.monitor()
    assert _said() == ["second_source.stale"]
    while alerts.advance(now=now):
        pass
    assert Alert.objects.get(rule="second_source.stale").title == "Second source is silent: OTHER"
    (shown,) = seen.compared(road.desk.feed.pk, now)
    assert shown.stale
    _tell(road, "101", at=WALL.now())
    monitor.monitor()
    assert _said() == ["second_source.stale", "second_source.recovered"]


def test_a_source_that_never_spoke_is_silent_too_after_a_while(road: Road) -> None:
    began = WALL.now()
    _note(road, began)
    assert _said() == []
    _note(road, began + timedelta(seconds=31))
    assert _said() == ["second_source.stale"]


def test_a_start_without_a_second_source_compares_nothing(road: Road) -> None:
    _compare(road, "")
    assert not SecondPrice.objects.exists()
    _note(road, WALL.now() + timedelta(hours=1))
    assert _said() == []


def test_an_account_older_than_the_limit_is_given_its_shipped_value() -> None:
    road = Road()
    Limit.objects.filter(key="MAX_PRICE_DIVERGENCE").delete()
    Limit.objects.filter(key="MAX_DAY_LOSS").update(value=1)
    road.restart()
    assert Limit.objects.get(key="MAX_PRICE_DIVERGENCE").value == D("0.02")
    assert Limit.objects.get(key="MAX_DAY_LOSS").value == 1
