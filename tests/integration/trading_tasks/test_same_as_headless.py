"""The live desk's tasks, fed as fast as they go, trade exactly as the headless loop does."""

from datetime import timedelta

import pytest

from aitrader import databases
from tests.integration.trading_tasks import market
from tests.integration.trading_tasks.conftest import Calls
from trading.models import Feed

FEWER = 140


def _same(live: str, headless: str, bars: int) -> None:
    market.number_everything()
    databases.use(headless)
    market.by_loop(bars)
    market.number_everything()
    ours, theirs = market.audited(live), market.audited(headless)
    assert ours.findings == theirs.findings == []
    assert len(ours.books["fills"]) >= 4
    assert ours.differences(theirs) == []


@pytest.mark.parametrize("bars", [FEWER, pytest.param(300, marks=pytest.mark.prove)])
def test_the_same_bars_give_the_same_books(
    bars: int, fresh_database: str, second_database: str, calls: Calls
) -> None:
    market.by_tasks(bars)
    _same(fresh_database, second_database, bars)
    assert {"trading.decide", "trading.route", "trading.settle"} <= set(calls.names)


def test_when_every_call_is_lost_the_sweep_does_the_same(
    fresh_database: str, second_database: str, calls: Calls
) -> None:
    calls.lose = True
    market.by_tasks(FEWER)
    _same(fresh_database, second_database, FEWER)


def test_a_feed_started_again_goes_on_as_if_it_had_never_stopped(
    fresh_database: str, second_database: str, calls: Calls
) -> None:
    market.by_tasks(FEWER, until=market.start() + timedelta(minutes=95))
    stopped_at = Feed.objects.get().market_at
    assert stopped_at == market.start() + timedelta(minutes=95)
    market.by_tasks(FEWER)
    _same(fresh_database, second_database, FEWER)
