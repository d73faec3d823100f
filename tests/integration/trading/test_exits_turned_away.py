"""An exit that cannot go after its stop was taken away: the position is said to be naked."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D

import pytest

from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import RejectedByVenue
from aitrader.kernel.events import EventName
from aitrader.kernel.fix import OrdType, Side
from compliance.models import JournalEntry
from compliance.selectors import journal
from risk.domain.trading_state import Scope
from risk.services import kill_switch
from tests.factories import road as roads
from tests.factories.road import Road
from tests.integration.trading.venues import DeafToCancels
from trading.domain.execution_report import ExecutionReport
from trading.domain.ports import NewOrder
from trading.gateways.sim.gateway import SimGateway
from trading.models import Order, Position, Strategy, Trade
from trading.services import alignment, executions, routing, strategies

pytestmark = pytest.mark.usefixtures("fresh_database")

STOP_AND_TARGET = {"stop_loss_pct": "1", "take_profit_pct": "2"}
HELD = D("99.009")


def _leaving() -> tuple[Road, DeafToCancels]:
    """A position that the strategy wants out of, and whose stop's cancel is not answered yet."""
    road = Road(exits=STOP_AND_TARGET)
    road.move(101)
    road.hold()
    venue = DeafToCancels(road.rules)
    road.restart(gateway=venue)
    road.move("100.5")
    return road, venue


def _said() -> tuple[int, str]:
    """How often, and what the last time."""
    events = [EventName.POSITION_UNPROTECTED]
    data = journal.last_data("trade", roads.only_trade().public_id, events) or {}
    return JournalEntry.objects.filter(event__in=events).count(), data.get("why", "")


def _let_the_stop_go(road: Road, venue: DeafToCancels) -> None:
    venue.deaf = False
    routing.cancel_all(desk=road.desk, gateway=venue, at=road.moment)
    executions.drain(desk=road.desk, gateway=venue, at=road.moment)


def _halt(road: Road) -> None:
    kill_switch.engage(
        scope=Scope.GLOBAL, reason="drill", actor="ann", now=WALL.now(), market_at=road.at
    )


def _stops(**given: object) -> list[Order]:
    return roads.orders(origin="PROTECTION", ord_type="STOP", **given)


def test_a_halt_after_the_stop_was_taken_away_is_said_and_the_exit_goes_after_the_release() -> None:
    road, venue = _leaving()
    _halt(road)
    venue.deaf = False
    road.hold(3)
    assert not _stops(ord_status="NEW")
    assert _said() == (1, "without a stop, and nothing may be sent")
    assert roads.only_trade().unprotected_since is not None
    kill_switch.release(
        scope=Scope.GLOBAL, reason="over", actor="ann", verified_at=WALL.now(), now=WALL.now(),
        market_at=road.at,
    )  # fmt: skip
    road.hold(2)
    assert Position.objects.get().quantity == 0
    assert _said()[0] == 1
    assert road.wrong() == []


def test_a_denied_exit_is_said_and_asked_for_again_after_growing_pauses() -> None:
    road, venue = _leaving()
    _let_the_stop_go(road, venue)
    # The price is ten minutes old: whatever is asked, the gate denies it.
    first = road.moment.market + timedelta(minutes=10)
    for second in range(421):
        at = replace(road.moment, market=first + timedelta(seconds=second))
        alignment.align_all(desk=road.desk, at=at)
    denied = roads.orders(ord_status="DENIED")
    waited = [(each.created_at - first).total_seconds() for each in denied]
    assert waited == [0, 1, 2, 4, 8, 16, 32, 64, 124, 184, 244, 304, 364]
    # Seven minutes: said at first, and again after each three.
    assert _said() == (3, "its exit was turned away: PRICE_STALE")


def test_of_a_strategy_switched_off_the_stop_is_not_taken_away_for_an_exit_and_comes_back() -> None:
    road, venue = _leaving()
    strategy = Strategy.objects.get()
    strategies.disable(strategy_id=strategy.pk, actor="ann", reason="to see", now=WALL.now())
    _let_the_stop_go(road, venue)
    alignment.align_all(desk=road.desk, at=road.moment)
    assert not roads.orders(ord_status="DENIED")
    road.hold()
    assert sum(order.order_qty for order in _stops(ord_status="NEW")) == HELD
    assert roads.only_trade().unprotected_since is None
    Trade.objects.update(exit_wanted="take_profit")
    road.hold(2)
    assert len(_stops(ord_status="NEW")) == 1
    assert road.wrong() == []


def test_an_ordinary_close_is_never_said_to_be_naked() -> None:
    road = Road(exits=STOP_AND_TARGET)
    road.move(101)
    road.hold()
    road.move("100.5")
    road.hold()
    assert Position.objects.get().quantity == 0
    assert _said()[0] == 0


class _TakesNoSale(SimGateway):
    """A venue that refuses whatever is sold at the market."""

    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        if order.ord_type is OrdType.MARKET and order.side is Side.SELL:
            raise RejectedByVenue("NO_SALE", "not now")
        return super().submit(account=account, order=order)


def test_an_exit_that_the_venue_refuses_is_said_and_asked_for_again_after_growing_pauses() -> None:
    road = Road(exits={"stop_loss_pct": "5"})
    road.restart_with(_TakesNoSale(road.rules), road.made.engine)
    road.move(101)
    road.hold()
    road.move("100.5")
    first = road.moment.market
    for second in range(1, 40):
        at = replace(road.moment, market=first + timedelta(seconds=second))
        alignment.align_all(desk=road.desk, at=at)
        routing.send_all(desk=road.desk, gateway=road.gateway, at=at)
    refused = roads.orders(ord_status="REJECTED")
    waited = [(each.created_at - first).total_seconds() for each in refused]
    assert waited == [0, 1, 2, 4, 8, 16, 32]
    assert _said() == (1, "its exit was turned away: NO_SALE: not now")
