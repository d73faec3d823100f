"""Where the venue holds a stop and nothing beside it, the desk watches the other exits."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D

import pytest

from aitrader.kernel.events import EventName
from aitrader.kernel.fix import OrdType
from compliance.selectors import journal
from tests.factories import road as roads
from tests.factories.road import Road
from trading.domain.ports import EVERYTHING
from trading.models import InstrumentRow, Order, Trade
from trading.services import exit_watch

pytestmark = pytest.mark.usefixtures("fresh_database")

ALONE = replace(EVERYTHING, oco=frozenset())
NO_STOPS = replace(ALONE, ord_types=frozenset({OrdType.MARKET, OrdType.LIMIT, OrdType.STOP_LIMIT}))


def _long(**exits: str) -> Road:
    """A desk that has bought at about 101."""
    road = Road(exits={**roads.NO_EXITS, **exits})
    road.desk.capabilities = ALONE
    road.move(101)
    road.hold(2)
    return road


def _protection() -> list[tuple[str, str]]:
    rows = Order.objects.filter(origin="PROTECTION").order_by("pk")
    return list(rows.values_list("ord_type", "ord_status"))


def test_only_the_stop_rests_and_a_reached_target_sells_at_the_market() -> None:
    road = _long(stop_loss_pct="5", take_profit_pct="10")
    assert _protection() == [("STOP", "NEW")]
    road.move(112)
    road.hold()
    assert _protection() == [("STOP", "CANCELED")]
    assert roads.only_trade().exit_reason == "take_profit"
    assert roads.only_trade().closed_at is not None
    assert road.wrong() == []


def test_a_trailing_stop_follows_the_best_price_since_the_entry() -> None:
    road = _long(stop_loss_pct="20", trailing_pct="5")
    road.move(120)
    row = next(iter(road.desk.instruments))
    assert exit_watch.watch(desk=road.desk, prices={row: D("114.01")}, at=road.moment) == 0
    assert exit_watch.watch(desk=road.desk, prices={row: D(114)}, at=road.moment) == 1
    road.hold(2)
    assert roads.only_trade().exit_reason == "trailing_stop"
    assert road.wrong() == []


@pytest.mark.parametrize("limits", [{"trailing_below_max": "499"}, {"trailing_below_min": "501"}])
@pytest.mark.parametrize("target", ["0", "50"])
def test_a_trailing_stop_that_the_venue_does_not_take_is_watched_behind_one_that_stays(
    limits: dict[str, str], target: str
) -> None:
    road = Road(exits={**roads.NO_EXITS, "trailing_pct": "5", "take_profit_pct": target})
    InstrumentRow.objects.update(limits=limits)
    row = InstrumentRow.objects.get()
    road.desk.instruments[row.pk] = row
    road.move(101)
    road.hold(2)
    (stop,) = Order.objects.filter(origin="PROTECTION", ord_type="STOP")
    # 5 % below the entry at 101.02.
    assert (stop.stop_px, stop.ord_status) == (D("95.97"), "NEW")
    assert not Order.objects.filter(ord_type="TRAILING_STOP").exists()
    road.move(120)
    assert exit_watch.watch(desk=road.desk, prices={row.pk: D("114.01")}, at=road.moment) == 0
    assert exit_watch.watch(desk=road.desk, prices={row.pk: D(114)}, at=road.moment) == 1
    road.hold(2)
    assert roads.only_trade().exit_reason == "trailing_stop"
    assert road.wrong() == []


def test_a_wanted_exit_survives_a_restart() -> None:
    road = _long(stop_loss_pct="5", take_profit_pct="10")
    prices = {next(iter(road.desk.instruments)): D(112)}
    exit_watch.watch(desk=road.desk, prices=prices, at=road.moment)
    road.restart()
    road.hold()
    assert roads.only_trade().exit_reason == "take_profit"


def test_a_single_exit_that_the_venue_can_hold_rests_there() -> None:
    _long(trailing_pct="5")
    assert _protection() == [("TRAILING_STOP", "NEW")]


def test_a_venue_without_stop_orders_holds_a_stop_limit_with_room() -> None:
    road = Road(exits={**roads.NO_EXITS, "stop_loss_pct": "5"})
    road.desk.capabilities = NO_STOPS
    road.move(101)
    road.hold()
    order = Order.objects.filter(origin="PROTECTION").earliest("pk")
    assert order.ord_type == OrdType.STOP_LIMIT
    assert order.price is not None
    assert order.stop_px is not None
    assert order.stop_px - order.price == pytest.approx(D("2.02"), abs=D("0.02"))


def test_a_stop_that_was_passed_and_did_not_fill_is_given_up() -> None:
    road = _long(stop_loss_pct="5")
    prices = {next(iter(road.desk.instruments)): D(90)}
    at = road.moment
    assert exit_watch.watch(desk=road.desk, prices=prices, at=at) == 0
    later = replace(at, wall=at.wall + exit_watch.STOP_SECONDS)
    assert exit_watch.watch(desk=road.desk, prices=prices, at=later) == 1
    assert Trade.objects.get().exit_wanted == exit_watch.STOP_UNFILLED
    said = journal.first_data(EventName.EXIT_WANTED)
    assert said is not None
    assert said["by"] == "watchdog"


def test_a_price_that_came_back_in_time_lets_the_stop_be() -> None:
    road = _long(stop_loss_pct="5")
    row = next(iter(road.desk.instruments))
    at = road.moment
    exit_watch.watch(desk=road.desk, prices={row: D(90)}, at=at)
    soon = replace(at, wall=at.wall + timedelta(seconds=5))
    exit_watch.watch(desk=road.desk, prices={row: D(100)}, at=soon)
    later = replace(at, wall=at.wall + exit_watch.STOP_SECONDS)
    assert exit_watch.watch(desk=road.desk, prices={row: D(90)}, at=later) == 0


def test_a_trailing_stop_of_unknown_outcome_is_watched_for_it_may_not_be_there() -> None:
    road = _long(trailing_pct="5")
    prices = {next(iter(road.desk.instruments)): D(90)}
    assert exit_watch.watch(desk=road.desk, prices=prices, at=road.moment) == 0
    Order.objects.filter(origin="PROTECTION").update(certainty="UNKNOWN")
    assert exit_watch.watch(desk=road.desk, prices=prices, at=road.moment) == 1
    assert Trade.objects.get().exit_wanted == "trailing_stop"


def test_a_resting_trailing_stop_that_was_passed_and_did_not_fill_is_given_up() -> None:
    road = _long(trailing_pct="5")
    prices = {next(iter(road.desk.instruments)): D(90)}
    at = road.moment
    assert exit_watch.watch(desk=road.desk, prices=prices, at=at) == 0
    later = replace(at, wall=at.wall + exit_watch.STOP_SECONDS)
    assert exit_watch.watch(desk=road.desk, prices=prices, at=later) == 1
    assert Trade.objects.get().exit_wanted == exit_watch.STOP_UNFILLED
