"""A halt holds for protective stops too: a naked position is said until its stop is there."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aitrader.kernel.clock import WALL, Moment
from aitrader.kernel.events import EventName
from aitrader.kernel.fix import PriceSource
from compliance.models import JournalEntry
from risk.domain.trading_state import Scope, TradingState
from risk.services import kill_switch
from tests.factories import road as roads
from tests.factories.road import Road
from trading.models import Order
from trading.services import alignment, exits, routing

pytestmark = pytest.mark.usefixtures("fresh_database")

STOP = {"stop_loss_pct": "5"}
_NOTHING = (TradingState.HALTED, TradingState.CANCEL_ONLY)


def _engage(road: Road, state: TradingState = TradingState.HALTED) -> None:
    kill_switch.engage(
        scope=Scope.GLOBAL, state=state, reason="drill", actor="ann", now=WALL.now(),
        market_at=road.at,
    )  # fmt: skip


def _release(road: Road) -> None:
    kill_switch.release(
        scope=Scope.GLOBAL, reason="over", actor="ann", verified_at=WALL.now(), now=WALL.now(),
        market_at=road.at,
    )  # fmt: skip


def _align(road: Road, at: Moment | None = None) -> int:
    """What the sweep does every second."""
    return alignment.align_all(desk=road.desk, at=at or road.moment)


def _send(road: Road) -> int:
    return routing.send_all(desk=road.desk, gateway=road.gateway, at=road.moment)


def _said() -> list[str]:
    rows = JournalEntry.objects.filter(event=EventName.POSITION_UNPROTECTED)
    return [*rows.values_list("object_id", flat=True)]


def _stops() -> list[str]:
    rows = Order.objects.filter(origin="PROTECTION").order_by("pk")
    return [*rows.values_list("ord_status", flat=True)]


def _naked(state: TradingState = TradingState.HALTED) -> Road:
    """A position whose entry filled when nothing might be sent any more."""
    road = Road(exits=STOP)
    road.move(101)
    _engage(road, state)
    road.hold()
    return road


@pytest.mark.parametrize("state", _NOTHING)
def test_no_stop_is_written_and_the_naked_position_is_said_again_and_again(
    state: TradingState,
) -> None:
    road = _naked(state)
    trade = roads.only_trade()
    assert (_stops(), _said()) == ([], [trade.public_id])
    # It has been so since the open of the bar that is over.
    road.hold(exits.UNPROTECTED_BARS - 2)
    assert len(_said()) == 1
    road.hold(1 + 2 * exits.UNPROTECTED_BARS)
    assert (_stops(), len(_said())) == ([], 4)
    assert roads.only_trade().unprotected_since == trade.unprotected_since


def test_on_prices_in_real_time_it_is_said_again_though_no_bar_comes() -> None:
    road = _naked()
    road.desk.feed.source = PriceSource.REAL_TIME
    now = road.moment
    for minutes, said in ((2, 1), (3, 2), (5, 2), (6, 3)):
        _align(road, replace(now, wall=now.wall + timedelta(minutes=minutes)))
        assert len(_said()) == said


def test_the_stop_is_written_at_once_when_the_halt_is_over_without_waiting_for_a_bar() -> None:
    road = _naked()
    _align(road)
    assert _stops() == []
    _release(road)
    assert _align(road) == 1
    assert (_send(road), _stops()) == (1, ["NEW"])
    _align(road)
    assert roads.only_trade().unprotected_since is None
    said = len(_said())
    road.hold(exits.UNPROTECTED_BARS + 1)
    assert (len(_said()), roads.only_trade().exit_wanted) == (said, "")
    assert road.wrong() == []


def test_the_stop_is_written_as_soon_as_the_state_lets_what_reduces_pass() -> None:
    road = _naked()
    _release(road)
    _engage(road, TradingState.REDUCING)
    assert (_align(road), _send(road), _stops()) == (1, 1, ["NEW"])


def test_a_stop_that_waited_to_be_sent_when_the_halt_came_protects_nothing() -> None:
    road = Road(exits=STOP)
    road.decide(101)
    entry = roads.only_order()
    Order.objects.filter(pk=entry.pk).update(ord_status="NEW", closedness=2)
    roads.report_trade(road, entry.cl_ord_id, cum_qty="99.009", px="101")
    assert (_align(road), _stops(), _said()) == (1, ["CREATED"], [])
    _engage(road)
    assert (_send(road), _align(road)) == (0, 0)
    assert (_stops(), len(_said())) == (["CREATED"], 1)
    _release(road)
    assert (_align(road), _send(road)) == (0, 1)
    _align(road)
    assert (_stops(), roads.only_trade().unprotected_since) == (["NEW"], None)


def test_an_exit_that_waited_to_be_sent_when_the_halt_came_is_said_and_goes_after_it() -> None:
    road = Road(exits=roads.NO_EXITS | STOP)
    road.move(101)
    road.hold()
    road.decide("100.5")
    _align(road)
    routing.cancel_all(desk=road.desk, gateway=road.gateway, at=road.moment)
    road.loop._drain(road.moment)
    assert _align(road) == 1
    (leaving,) = roads.orders(side="SELL", ord_type="MARKET")
    _engage(road)
    assert (_send(road), _align(road)) == (0, 0)
    assert (leaving.ord_status, len(_said())) == ("CREATED", 1)
    _release(road)
    road.hold(2)
    assert roads.only_trade().closed_at is not None
    assert road.wrong() == []
