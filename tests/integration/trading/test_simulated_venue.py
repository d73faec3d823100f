"""The simulated venue's books hold several accounts; each engine matches its own account's."""

from decimal import Decimal as D

import pytest

from aitrader.kernel.fix import OrdType, Side, TimeInForce
from tests.factories import road as roads
from tests.factories.road import Road
from trading.domain.ports import NewOrder
from trading.gateways.sim import books
from trading.gateways.sim.engine import SimEngine
from trading.models import Fill, SimExecution, SimOrder

pytestmark = pytest.mark.usefixtures("fresh_database")

OTHER = "ANOTHER-DESK"


def _place(road: Road, cl_ord_id: str, ord_type: OrdType, side: Side, stop_px: str = "") -> None:
    """Another account's order in the same books, on the instrument of this desk."""
    order = NewOrder(
        cl_ord_id=cl_ord_id,
        instrument=road.code,
        side=side,
        ord_type=ord_type,
        order_qty=D(10),
        time_in_force=TimeInForce.GTC,
        sent_at=road.moment.market,
        stop_px=D(stop_px) if stop_px else None,
    )
    road.gateway.submit(account=OTHER, order=order)


@pytest.mark.parametrize("alone", [False, True])
def test_bars_fill_nothing_of_another_account(alone: bool) -> None:
    road = Road(exits={"stop_loss_pct": "1"})
    engine = road.made.engine
    assert isinstance(engine, SimEngine)
    engine._alone = alone
    books.deposit(OTHER, "USDT", D(100_000))
    with books.writing(OTHER):
        books.move(OTHER, {"BTC": D(100)})
    had = books.balances(OTHER)
    _place(road, "waits-for-an-open", OrdType.MARKET, Side.BUY)
    _place(road, "rests", OrdType.STOP, Side.SELL, "100.5")
    road.move(101)
    # The entry's open, its protection's arrival, and a range that reaches both stops.
    road.hold()
    road.bar(101, 101, 99, 101)
    road.hold()
    assert [side for side, _, _ in roads.fills()] == ["BUY", "SELL"]
    theirs = SimOrder.objects.filter(account_code=OTHER)
    assert [(each.ord_status, each.cum_qty) for each in theirs] == [("NEW", 0), ("NEW", 0)]
    told = SimExecution.objects.filter(account_code=OTHER)
    assert {each.exec_type for each in told} == {"NEW"}
    assert books.balances(OTHER) == had
    assert Fill.objects.count() == 2
    assert road.wrong() == []


def test_a_market_order_of_another_account_is_no_arrival() -> None:
    road = Road()
    bar = road.desk.bars.last(road.desk.feed.pk, next(iter(road.desk.instruments)))
    assert bar is not None
    engine = road.made.engine
    engine.open_phase({road.code: bar})
    _place(road, "arrives", OrdType.MARKET, Side.BUY)
    assert engine.match_arrivals() == 0
    assert SimOrder.objects.get().ord_status == "NEW"
