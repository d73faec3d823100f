"""Which commits wait for the disk by themselves, and which for the next one that does."""

from decimal import Decimal

import pytest
from django.db import connection

from aitrader.kernel import crash
from aitrader.kernel.clock import WALL
from aitrader.kernel.fix import OrdType, Origin, Side
from tests.factories import road as roads
from tests.factories.road import Road
from trading.domain.order import OrderIntent
from trading.selectors import sql
from trading.services import orders, routing
from trading.services.held import HeldAccount
from trading.services.orders import Draft

pytestmark = pytest.mark.usefixtures("fresh_database")


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What `synchronous_commit` is before each commit that a crash point comes before."""
    seen: dict[str, str] = {}

    def look(name: str) -> None:
        if name.endswith(("before_commit", "before_claim_commit")):
            with connection.cursor() as cursor:
                cursor.execute("SHOW synchronous_commit")
                seen[name] = cursor.fetchone()[0]

    monkeypatch.setattr(crash, "point", look)
    return seen


def test_what_a_strategy_decides_waits_with_the_claim_and_what_is_claimed_waits_itself(
    waits: dict[str, str],
) -> None:
    road = Road()
    waits.clear()
    road.decide(101)
    assert waits == {"decide.before_commit": "off", "order.before_commit": "off"}
    assert routing.send_next(desk=road.desk, gateway=road.gateway, at=road.moment) == 1
    assert waits["route.before_claim_commit"] == "on"


@pytest.mark.parametrize(("origin", "waiting"), [(Origin.OPERATOR, "on"), (Origin.STRATEGY, "off")])
def test_a_person_is_told_of_an_order_when_it_is_on_the_disk(
    waits: dict[str, str], origin: Origin, waiting: str
) -> None:
    road = Road()
    (row,) = road.desk.instruments.values()
    intent = OrderIntent(
        "wish", road.desk.account.code, row.code, Side.BUY, OrdType.MARKET, Decimal("0.01"), origin,
        Decimal(100), "test", road.moment.market,
    )  # fmt: skip
    orders.submit(desk=road.desk, draft=Draft(intent, row, trace_id="wish"), at=road.moment)
    assert waits["order.before_commit"] == waiting


def test_a_cancel_leaves_when_the_wish_is_on_the_disk_whoever_had_it(
    waits: dict[str, str],
) -> None:
    road = Road()
    road.decide(101)
    waits.clear()
    with sql.atomic():
        HeldAccount(road.desk, road.moment, derived=True)
        assert orders.request_cancel(
            order_id=roads.only_order().pk, requested_by="desk", reason="no", now=WALL.now()
        )
    assert waits == {"wish.before_commit": "on"}
