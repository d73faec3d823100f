"""X10: a venue that says that the balance is not there. Its word is taken the first time, and what
is not there is not ordered."""

from collections.abc import Sequence
from decimal import Decimal as D

import pytest
from django.db import transaction

from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import RejectedByVenue
from aitrader.kernel.fix import Side
from compliance.models import JournalEntry
from compliance.services import access
from risk.domain.trading_state import Scope
from risk.models import TradingStateRow
from risk.services import kill_switch
from tests.factories import desk as people
from tests.factories import road as roads
from tests.factories.road import Road
from trading.domain.execution_report import ExecutionReport
from trading.domain.ports import NewOrder
from trading.gateways.sim import books
from trading.gateways.sim.gateway import SimGateway
from trading.gateways.sim.rules import SimRules
from trading.models import ParentOrder, Position
from trading.services import flows, routing, twap

pytestmark = pytest.mark.usefixtures("fresh_database")


class _Poor(SimGateway):
    """A venue that has too little for orders of a side; `refused` counts them."""

    side: Side | None = None
    refused = 0

    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        if order.side is self.side:
            self.refused += 1
            raise RejectedByVenue("-2010", "insufficient balance", of_balance=True)
        return super().submit(account=account, order=order)


def _road(**exits: str) -> tuple[Road, _Poor]:
    road = Road(exits={**roads.NO_EXITS, **exits})
    venue = _Poor(SimRules(seed=roads.NAMESPACE))
    road.restart_with(venue, road.made.engine)
    return road, venue


def _release(road: Road) -> None:
    kill_switch.release(
        scope=Scope.STRATEGY, scope_code="sma_cross", reason="paid in", actor="ann",
        verified_at=WALL.now(), now=WALL.now(), market_at=road.at,
    )  # fmt: skip


def test_one_refusal_for_the_balance_pauses_the_strategy_until_a_person_releases_it() -> None:
    road, venue = _road()
    venue.side = Side.BUY
    road.move(101, 99, 102, 98, 103, 97)
    assert venue.refused == 1
    state = TradingStateRow.objects.get()
    assert (state.scope, state.scope_code, state.state) == ("STRATEGY", "sma_cross", "REDUCING")
    assert state.reason == "SIM has too little for BUY 99.009 SIM:BTC-USDT (-2010)"
    # The alert of a halt is critical; see the rules of alerts.
    assert JournalEntry.objects.filter(event="trading.halted").count() == 1
    venue.side = None
    road.move(104)
    road.hold()
    assert roads.fills() == []
    _release(road)
    road.move(96, 105)
    road.hold()
    assert [side for side, _, _ in roads.fills()] == ["BUY"]


def test_a_refused_exit_is_not_tried_again_either() -> None:
    road, venue = _road()
    road.move(101)
    road.hold()
    venue.side = Side.SELL
    road.move(99)
    road.hold(5)
    assert venue.refused == 1
    assert TradingStateRow.objects.get().state == "HALTED"
    venue.side = None
    _release(road)
    road.hold(2)
    assert Position.objects.get().quantity == 0
    assert road.wrong() == []


def test_an_order_over_time_cuts_no_further_slice_after_a_refusal() -> None:
    road, venue = _road()
    venue.side = Side.BUY
    wish = twap.Wish(
        instrument=road.code, side=Side.BUY, order_qty=D(4), slices=4, over=roads.MINUTE * 4
    )
    access.sync_roles()
    ann = people.operator("ann")
    twap.start(desk=road.desk, wish=wish, by=ann, reason="drill", at=road.moment)
    for _ in range(6):
        road.hold()
        twap.advance(desk=road.desk, at=road.moment)
        routing.send_all(desk=road.desk, gateway=venue, at=road.moment)
    assert venue.refused == 1
    parent = ParentOrder.objects.get()
    assert parent.canceled_at is not None
    assert parent.closed_at is not None


def test_what_was_taken_from_the_balance_meanwhile_is_not_sold() -> None:
    """As a fee of another trade, paid in what this one holds."""
    road, venue = _road(stop_loss_pct="20")
    road.move(101)
    road.hold()
    account = road.desk.account.code
    with books.writing(account):
        books.move(account, {"BTC": D("-0.0305")})
    with transaction.atomic():
        flows.book(
            desk=road.desk, kind="EXTERNAL", key="fee", asset="BTC", amount=D("-0.0305"),
            px=D(101), at=road.moment.market,
        )  # fmt: skip
    road.move(99)
    road.hold(2)
    assert venue.refused == 0
    assert roads.fills()[-1][:2] == ("SELL", D("98.978"))
    assert not roads.orders(ord_status="DENIED")
    assert roads.only_trade().closed_at is not None
    # The baseline moved with what was taken.
    road.desk.account.refresh_from_db()
    assert road.wrong() == []
