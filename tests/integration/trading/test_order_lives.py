"""Replaced orders and orders over time through whatever happens, drawn from a seed: what must hold
holds after every step, and the books are the venue's in the end."""

from contextlib import suppress
from decimal import Decimal as D
from random import Random

import pytest

from aitrader.kernel.errors import Refused
from aitrader.kernel.fix import CLOSED, WORKING, OrdType, Side
from compliance.domain.roles import Role
from compliance.services import access
from risk.domain.trading_state import Scope
from risk.services import kill_switch
from tests.factories import desk as people
from tests.factories import road as roads
from tests.factories.road import MINUTE, Road
from tests.integration.trading.venues import DeafToCancels
from trading.gateways.sim.rules import SimRules
from trading.models import Order, ParentOrder, ReplaceRequest
from trading.services import (
    executions,
    person_orders,
    reconciliation,
    replacing,
    routing,
    turns,
    twap,
)
from trading.services.person_orders import Wish

pytestmark = pytest.mark.usefixtures("fresh_database")

_STEPS = 40


class Life:
    """A desk to which things happen."""

    def __init__(self, seed: int) -> None:
        self.draw = Random(seed)
        self.road = Road(exits=roads.NO_EXITS)
        access.sync_roles()
        people.operator("ada", Role.TRADER)
        self.road.hold()
        self.by = access.operator_named("ada")
        self.deaf = DeafToCancels(SimRules(seed=roads.NAMESPACE))
        self.hearing = self.road.gateway

    def happens(self) -> None:
        what = self.draw.choice(
            ("turn", "turn", "route", "bar", "bar", "restart", "deaf", "deaf", "halt", "release")
        )
        getattr(self, f"_{what}")()

    def settle(self) -> None:
        self.deaf.deaf = False
        self.road.gateway = self.hearing
        self._release()
        for _ in range(6):
            self._turn()
            self._route()

    def _turn(self) -> None:
        turns.turn(desk=self.road.desk, gateway=self.road.gateway, at=self.road.moment)

    def _route(self) -> None:
        desk, gateway, at = self.road.desk, self.road.gateway, self.road.moment
        routing.cancel_all(desk=desk, gateway=gateway, at=at)
        routing.send_all(desk=desk, gateway=gateway, at=at)
        executions.drain(desk=desk, gateway=gateway, at=at)
        reconciliation.resolve(desk=desk, gateway=gateway, at=at)

    def _bar(self) -> None:
        self.road.move(self.draw.choice((96, 98, 99, 100, 101, 102)))

    def _restart(self) -> None:
        self.road.restart()
        self.hearing = self.road.gateway

    def _deaf(self) -> None:
        self.road.gateway = self.deaf if self.road.gateway is self.hearing else self.hearing

    def _halt(self) -> None:
        at = self.road.moment
        kill_switch.engage(
            scope=Scope.GLOBAL, reason="drawn", actor="test", now=at.wall, market_at=at.market
        )

    def _release(self) -> None:
        at = self.road.moment
        kill_switch.release(
            scope=Scope.GLOBAL, reason="drawn", actor="test", verified_at=at.wall, now=at.wall,
            market_at=at.market,
        )  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_a_successor_never_works_beside_the_first(seed: int) -> None:
    life = Life(seed)
    road, draw = life.road, life.draw
    for _ in range(_STEPS):
        if draw.random() < 0.3:
            px = D(draw.choice((95, 96, 97, 98)))
            wish = Wish(road.code, Side.BUY, OrdType.LIMIT, D(draw.randint(1, 9)), price=px)
            at = road.moment
            person_orders.submit(desk=road.desk, wish=wish, by=life.by, reason="x", at=at)
        working = [*Order.objects.filter(ord_status__in=WORKING)]
        if working and draw.random() < 0.4:
            order = draw.choice(working)
            qty, px = order.order_qty + draw.randint(0, 3), order.price
            with suppress(Refused):
                replacing.request(
                    desk=road.desk, order_id=order.pk, order_qty=qty, by=life.by, reason="x",
                    price=None if px is None else px - D("0.5"), at=road.moment,
                )  # fmt: skip
        life.happens()
        _check_replaced()
    life.settle()
    _check_replaced()
    assert not ReplaceRequest.objects.filter(answered_at__isnull=True).exists()
    assert road.wrong() == []


def _check_replaced() -> None:
    for wish in ReplaceRequest.objects.select_related("order", "successor"):
        old, new = wish.order, wish.successor
        assert old.filled_qty + new.filled_qty <= wish.order_qty
        if new.sent_at is not None:
            assert old.ord_status in CLOSED
            assert old.filled_qty + new.order_qty <= wish.order_qty


@pytest.mark.parametrize("seed", range(4))
def test_slices_are_one_at_a_time_and_never_more_than_the_whole(seed: int) -> None:
    life = Life(seed)
    road = life.road
    px = D(97) if seed % 2 else None
    wish = twap.Wish(road.code, Side.BUY, D(20), 12 * MINUTE, 6, price=px)
    parent = twap.start(desk=road.desk, wish=wish, by=life.by, reason="x", at=road.moment)
    for _ in range(_STEPS):
        life.happens()
        _check_slices(parent)
    life.settle()
    road.hold(13)
    life.settle()
    _check_slices(parent)
    parent.refresh_from_db()
    assert parent.closed_at is not None
    assert not parent.children.filter(ord_status__in=WORKING).exists()
    assert road.wrong() == []


def _check_slices(parent: ParentOrder) -> None:
    children = [*parent.children.order_by("pk")]
    numbers = [each.sizing["slice"] for each in children]
    assert numbers == sorted(set(numbers))
    working = [each for each in children if each.ord_status in WORKING]
    assert len(working) <= 1
    filled = sum((each.filled_qty for each in children), D(0))
    leaves = sum((each.order_qty - each.filled_qty for each in working), D(0))
    assert filled + leaves <= parent.order_qty
