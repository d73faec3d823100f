"""What reconciling asks about, concludes and leaves alone; the venue says what it is told to."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D

import pytest

from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import OutcomeUnknown, RejectedByVenue
from aitrader.kernel.events import EventName
from aitrader.kernel.fix import Certainty, ExecType, OrdStatus, OrdType, Side
from compliance.models import JournalEntry
from risk.models import TradingStateRow
from tests.factories import road as roads
from tests.factories.road import Road
from tests.integration.trading.venues import OpenOnly, Says
from trading.domain.execution_report import ExecutionReport
from trading.domain.order_state import Closedness
from trading.domain.ports import OpenOrder, SeenOrder
from trading.domain.request import of_orders
from trading.gateways.sim.gateway import SimGateway
from trading.models import Account, Fill, Order, ReconBreak
from trading.services import claims, executions, external, reconciliation, routing
from trading.services.listed import Listed

pytestmark = pytest.mark.usefixtures("fresh_database")


def _sent(road: Road) -> tuple[Order, Says]:
    road.decide(101)
    routing.send_all(desk=road.desk, gateway=road.gateway, at=road.moment)
    order = roads.only_order()
    assert order.ord_status == "NEW"
    return order, Says(road.rules)


def _report(road: Road, order: Order, kind: ExecType, cum: D) -> ExecutionReport:
    """What the venue may say; a trade is of all of it."""
    traded = kind is ExecType.TRADE
    return ExecutionReport(
        cl_ord_id=order.cl_ord_id, order_id=order.order_id, exec_id=f"{kind}-9", exec_type=kind,
        instrument=road.code, transact_time=road.moment.market, fee_asset="USDT", cum_qty=cum,
        last_qty=cum if traded else D(0), last_px=D(101) if traded else D(0),
    )  # fmt: skip


def _claimed(order: Order, *, lease: timedelta) -> None:
    """As if its sender had died before it heard an answer."""
    Order.objects.filter(pk=order.pk).update(
        ord_status=OrdStatus.PENDING_NEW, closedness=int(Closedness.SENT), order_id="",
        lease_until=WALL.now() + lease, body=of_orders([claims.as_new_order(order)]),
    )  # fmt: skip


def _follow(road: Road, gateway: Says, *, only_working: bool = False) -> int:
    return reconciliation.follow(
        desk=road.desk, gateway=gateway, at=road.moment, only_working=only_working
    )


def test_a_start_asks_at_once_about_what_a_sender_that_died_had_claimed() -> None:
    road = Road()
    order, gateway = _sent(road)
    _claimed(order, lease=timedelta(hours=1))
    assert reconciliation.resolve(desk=road.desk, gateway=gateway, at=road.moment) == 0
    reconciliation.recover(desk=road.desk, gateway=gateway, at=road.moment)
    assert roads.only_order().ord_status == "NEW"


def test_a_start_books_what_the_stream_tells_and_says_that_it_has_compared() -> None:
    road = Road()
    order, gateway = _sent(road)
    gateway.stream = [_report(road, order, ExecType.TRADE, D(40))]
    gateway.rests = [OpenOrder(order.cl_ord_id, D(40))]
    at = road.moment
    reconciliation.recover(desk=road.desk, gateway=gateway, at=at)
    assert Fill.objects.get().last_qty == 40
    assert Account.objects.get().reconciled_at == at.wall
    assert JournalEntry.objects.filter(event=EventName.RECONCILED).count() == 1


def test_a_refused_key_that_a_look_meets_halts_the_account() -> None:
    road = Road()
    order, gateway = _sent(road)
    gateway.error = RejectedByVenue("-2015", "Invalid API-key", of_key=True)
    assert _follow(road, gateway) == 0
    state = TradingStateRow.objects.get()
    assert (state.state, state.scope) == ("HALTED", "ACCOUNT")
    assert order.cl_ord_id in state.reason
    assert roads.only_order().ord_status == "NEW"


def test_taking_in_what_others_did_halts_at_a_refused_key_and_does_not_go_on() -> None:
    road = Road()
    _, gateway = _sent(road)
    gateway.error = RejectedByVenue("-2015", "Invalid API-key", of_key=True)
    with pytest.raises(RejectedByVenue, match="-2015"):
        external.take_in(desk=road.desk, gateway=gateway, at=road.moment)
    assert TradingStateRow.objects.get().state == "HALTED"


def test_each_look_between_the_whole_ones_asks_of_one_instrument_only() -> None:
    road = Road()
    _, gateway = _sent(road)
    gateway.rests = [OpenOrder(roads.only_order().cl_ord_id, D(0))]
    assert _follow(road, gateway, only_working=True) == 0
    Order.objects.update(ord_status=OrdStatus.CANCELED, closedness=int(Closedness.CANCELED))
    gateway.rests = []
    # Nothing rests: it is asked all the same, whether our key still opens the account.
    assert _follow(road, gateway, only_working=True) == 0
    assert _follow(road, gateway) == 0
    one = f"open orders of {road.code}"
    assert gateway.asked == [one, one, "open orders of all"]


@pytest.mark.parametrize(
    ("named_here", "named_there", "ends"),
    [("V1", "V1", True), ("", "V1", True), ("V1", "V2", False)],
)
def test_only_the_very_order_that_we_hold_for_closed_is_cancelled_where_it_rests(
    named_here: str, named_there: str, ends: bool
) -> None:
    road = Road()
    order, gateway = _sent(road)
    Order.objects.update(
        ord_status=OrdStatus.CANCELED, closedness=int(Closedness.CANCELED), order_id=named_here
    )
    seen = SeenOrder(named_there, "BTCUSDT", Side.BUY, OrdType.MARKET, order.order_qty)
    gateway.rests = [OpenOrder(order.cl_ord_id, D(0), seen)]
    _follow(road, gateway)
    assert gateway.asked[1:] == (["query", "cancel"] if ends else [])
    assert bool(super(Says, gateway).open_orders(account=road.desk.account.code)) is not ends


def test_what_such_an_order_traded_before_its_cancel_is_waited_for() -> None:
    road = Road()
    order, gateway = _sent(road)
    Order.objects.update(ord_status=OrdStatus.CANCELED, closedness=int(Closedness.CANCELED))
    gateway.rests = [OpenOrder(order.cl_ord_id, D(0))]
    said = _report(road, order, ExecType.CANCELED, D(3))
    gateway.cancel = lambda **_: said  # type: ignore[method-assign]  # more than was known
    _follow(road, gateway)
    found = roads.only_order()
    assert (found.cum_qty, found.certainty) == (D(3), Certainty.FILLS_INCOMPLETE)


@pytest.mark.parametrize("kind", [SimGateway, OpenOnly])
def test_an_order_whose_sender_died_is_in_doubt_where_the_venue_does_not_answer(
    kind: type[SimGateway],
) -> None:
    road = Road()
    order, gateway = _sent(road)
    gateway.capabilities = replace(kind.capabilities, streams=False)
    _claimed(order, lease=-timedelta(minutes=1))
    gateway.error = OutcomeUnknown("no answer")
    assert reconciliation.resolve(desk=road.desk, gateway=gateway, at=road.moment) == 0
    found = roads.only_order()
    assert (found.ord_status, found.certainty) == ("PENDING_NEW", Certainty.UNKNOWN)
    assert "did not answer" in found.text


@pytest.mark.parametrize(
    ("expired", "ends"), [(False, ("NEW", "")), (True, ("REJECTED", "NEVER_ACCEPTED"))]
)
def test_where_reads_are_exact_an_order_that_is_not_there_is_sent_or_ends_at_once(
    expired: bool, ends: tuple[str, str]
) -> None:
    road = Road()
    road.decide(101)
    order = roads.only_order()
    _claimed(order, lease=-timedelta(minutes=1))
    if expired:
        Order.objects.update(expires_at=road.moment.market)
    assert reconciliation.resolve(desk=road.desk, gateway=road.gateway, at=road.moment) == 1
    found = roads.only_order()
    assert (found.ord_status, found.text) == ends
    assert found.certainty == Certainty.CERTAIN


def _compare(
    road: Road, gateway: SimGateway, *, listed: Listed | None = None, again: bool = False
) -> reconciliation.Compared:
    return reconciliation.compare(
        desk=road.desk, gateway=gateway, at=road.moment, listed=listed,
        again=(lambda: Listed(road.desk, gateway)) if again else None,
    )  # fmt: skip


def test_what_differs_otherwise_in_each_look_is_looked_at_three_times_and_told_as_it_is() -> None:
    road = Road()
    gateway = Says(road.rules)
    gateway.held = [{"USDT": D(number)} for number in range(1, 9)]
    assert not _compare(road, gateway, again=True).agree
    assert ReconBreak.objects.get().venues == "3"
    assert len(gateway.asked) == 3


def test_what_rests_there_and_is_not_ours_is_told_as_minor_if_it_does_in_each_look() -> None:
    road = Road()
    gateway = Says(road.rules)
    gateway.held = [{"USDT": D(1)}]
    gateway.rests = [OpenOrder("theirs", D(0))]
    _compare(road, gateway, again=True)
    told = ReconBreak.objects.order_by("object_id").values_list("object_id", "severity")
    assert list(told) == [("USDT", "MAJOR"), ("theirs", "MINOR")]


def test_a_list_from_when_an_order_was_in_doubt_makes_no_difference_of_its_end() -> None:
    road = Road()
    order, gateway = _sent(road)
    Order.objects.update(certainty=Certainty.UNKNOWN, ord_status=OrdStatus.PENDING_NEW)
    gateway.rests = [OpenOrder(order.cl_ord_id, D(0))]
    listed = Listed(road.desk, gateway)
    listed.orders()
    Order.objects.update(certainty=Certainty.CERTAIN, ord_status=OrdStatus.CANCELED)
    _compare(road, gateway, listed=listed)
    assert not ReconBreak.objects.exists()


@pytest.mark.parametrize(
    ("kind", "certainty", "closes"),
    [
        ("ZOMBIE", Certainty.CERTAIN, False),
        ("UNKNOWN_ORDER", Certainty.CERTAIN, False),
        ("DOUBT", Certainty.UNKNOWN, False),
        ("DOUBT", Certainty.CERTAIN, True),
        ("FILLS", Certainty.FILLS_INCOMPLETE, False),
        ("FILLS", Certainty.CERTAIN, True),
        ("OPEN_ORDER", Certainty.CERTAIN, True),
    ],
)
def test_comparing_closes_what_is_explained_by_now_and_nothing_else(
    kind: str, certainty: Certainty, closes: bool
) -> None:
    road = Road()
    order, _ = _sent(road)
    Order.objects.update(certainty=certainty)
    executions.open_break(
        desk=road.desk, kind=kind, object_id=order.cl_ord_id, ours="here", venues="there",
        at=road.moment,
    )  # fmt: skip
    _compare(road, road.made.gateway)  # type: ignore[arg-type]  # the simulated venue's
    assert (ReconBreak.objects.get().closed_at is not None) is closes
