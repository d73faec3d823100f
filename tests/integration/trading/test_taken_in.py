"""What is taken in of what a venue tells of other hands, and what is left for later."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal as D

import pytest

from aitrader.kernel.errors import OutcomeUnknown
from aitrader.kernel.fix import Certainty, ExecType, OrdType, Side
from tests.factories import road as roads
from tests.factories.road import Road
from tests.integration.trading.venues import Says
from trading.domain.execution_report import ExecutionReport, status_report
from trading.domain.ports import OpenOrder, SeenOrder, VenueTrade
from trading.models import Fill, Order, ReconBreak
from trading.services import executions, external, routing

pytestmark = pytest.mark.usefixtures("fresh_database")

THEIRS = SeenOrder("77", "BTC-USDT", Side.SELL, OrdType.LIMIT, D(2), price=D(150))


def _look(road: Road, gateway: Says) -> int:
    return external.take_in(desk=road.desk, gateway=gateway, at=road.moment)


def _held(road: Road) -> None:
    """What the account holds was told an hour ago."""
    road.desk.account.held_at = road.moment.wall - timedelta(hours=1)
    road.desk.account.save(update_fields=["held_at"])


def _report(road: Road, exec_id: str, qty: D, at: datetime, order_id: str = "77") -> VenueTrade:
    told = ExecutionReport(
        cl_ord_id="", order_id=order_id, exec_id=exec_id, exec_type=ExecType.TRADE,
        instrument=road.code, cum_qty=D(0), transact_time=at, last_qty=qty, last_px=D(100),
        fee_asset="USDT",
    )  # fmt: skip
    return VenueTrade(order_id, exec_id, qty, Side.BUY, told)


def test_an_order_of_others_is_worth_its_price_or_the_last_one_while_it_rests() -> None:
    road = Road()
    gateway = Says(road.rules)
    stop = replace(THEIRS, order_id="78", ord_type=OrdType.STOP, price=None, stop_px=D(90))
    market = replace(THEIRS, order_id="79", ord_type=OrdType.MARKET, price=None)
    for name, seen in (("one", THEIRS), ("two", stop), ("three", market)):
        gateway.rests.append(OpenOrder(name, D(0), seen))
    assert _look(road, gateway) == 3
    worth = Order.objects.order_by("order_id").values_list("order_id", "reserved_notional")
    assert dict(worth) == {"77": D(300), "78": D(180), "79": D(200)}


def test_what_is_told_by_half_or_of_what_is_not_traded_here_is_not_taken_in() -> None:
    road = Road()
    _held(road)
    gateway = Says(road.rules)
    gateway.rests = [
        OpenOrder("nameless", D(0)),
        OpenOrder("other", D(0), replace(THEIRS, symbol="ETH-USDT")),
    ]
    whole = _report(road, "1", D(1), road.moment.market)
    gateway.traded = [
        replace(whole, report=None), replace(whole, side=None), replace(whole, order_id=""),
    ]  # fmt: skip
    assert _look(road, gateway) == 0
    assert not Order.objects.exists()
    gateway.traded = [whole]
    assert _look(road, gateway) == 1
    assert Fill.objects.get().order.order_id == "77"


def test_an_order_whose_trades_were_seen_first_is_not_taken_in_a_second_time() -> None:
    road = Road()
    _held(road)
    gateway = Says(road.rules)
    gateway.traded = [_report(road, "1", D(1), road.moment.market)]
    assert _look(road, gateway) == 1
    gateway.rests = [OpenOrder("web", D(1), replace(THEIRS, side=Side.BUY))]
    assert _look(road, gateway) == 0
    assert Order.objects.count() == 1


def test_before_the_holdings_of_an_account_were_told_its_orders_are_taken_in_and_no_trade() -> None:
    road = Road()
    gateway = Says(road.rules)
    gateway.rests = [OpenOrder("web", D(1), THEIRS)]
    gateway.traded = [_report(road, "1", D(1), road.moment.market)]
    assert _look(road, gateway) == 1
    assert (Order.objects.get().cl_ord_id, Fill.objects.count()) == ("web", 0)


def test_trades_are_booked_as_they_were_made_however_they_are_listed() -> None:
    road = Road()
    _held(road)
    gateway = Says(road.rules)
    at = road.moment.market
    gateway.traded = [
        _report(road, str(number), D(1), at - timedelta(seconds=number), f"V{number}")
        for number in (1, 2, 3)
    ]
    assert _look(road, gateway) == 3
    assert list(Fill.objects.order_by("pk").values_list("exec_id", flat=True)) == ["3", "2", "1"]


def test_whose_trade_it_is_stays_open_while_an_order_is_in_doubt_and_the_venue_does_not_say() -> (
    None
):
    road = Road()
    _held(road)
    road.decide(101)
    routing.send_all(desk=road.desk, gateway=road.gateway, at=road.moment)
    ours = roads.only_order()
    Order.objects.update(certainty=Certainty.UNKNOWN, ord_status="PENDING_NEW")
    gateway = Says(road.rules)
    gateway.traded = [_report(road, "1", D(1), road.moment.market)]
    says: list[str | Exception | None] = [None, OutcomeUnknown("no answer"), ours.cl_ord_id]

    def client_id_of(**_: object) -> str | None:
        said = says.pop(0)
        if isinstance(said, Exception):
            raise said
        return said

    gateway.client_id_of = client_id_of  # type: ignore[method-assign]  # what it is to say
    while says:
        assert _look(road, gateway) == 0
        assert not Fill.objects.exists()
    # Of ours it was said once: then that order was asked about.
    assert gateway.asked.count("query") == 1


def test_an_order_of_ours_that_is_answered_while_its_trade_is_looked_at_grows_by_nothing() -> None:
    road = Road()
    _held(road)
    road.decide(101)
    routing.send_all(desk=road.desk, gateway=road.gateway, at=road.moment)
    before = roads.only_order()
    Order.objects.update(certainty=Certainty.UNKNOWN, ord_status="PENDING_NEW", order_id="")
    gateway = Says(road.rules)
    gateway.traded = [_report(road, "1", D(1), road.moment.market)]

    def client_id_of(**_: object) -> None:
        # Its sender writes the answer down, in another process.
        Order.objects.update(certainty=Certainty.CERTAIN, ord_status="NEW", order_id="77")

    gateway.client_id_of = client_id_of  # type: ignore[method-assign]  # what happens meanwhile
    assert _look(road, gateway) == 0
    assert roads.only_order().order_qty == before.order_qty
    _look(road, gateway)
    assert gateway.asked.count("query") == 1


def test_what_was_announced_of_an_order_and_is_told_no_more_becomes_a_break() -> None:
    road = Road()
    _held(road)
    road.decide(101)
    routing.send_all(desk=road.desk, gateway=road.gateway, at=road.moment)
    order = roads.only_order()
    said = status_report(
        order.order_id, order.cl_ord_id, road.code, ExecType.ORDER_STATUS, D(3), road.moment.market
    )
    executions.apply(desk=road.desk, reports=[said], at=road.moment)
    gateway = Says(road.rules)
    gateway.rests = [OpenOrder(order.cl_ord_id, D(3))]
    _look(road, gateway)
    assert ReconBreak.objects.get().kind == "FILLS"


def test_a_process_whose_venue_does_not_answer_does_not_begin_to_send() -> None:
    road = Road()
    gateway = Says(road.rules)
    gateway.error = OutcomeUnknown("no answer")
    assert not external.begin(desk=road.desk, gateway=gateway, at=road.moment)
    gateway.error = None
    assert external.begin(desk=road.desk, gateway=gateway, at=road.moment)
