"""A replaced order: the successor waits for the end of the first, and is sent for what is left."""

from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from aitrader.kernel.errors import BadInput, Refused
from aitrader.kernel.events import EventName
from aitrader.kernel.fix import OrdType, Side
from compliance.domain.roles import Role
from compliance.models import Operator
from compliance.selectors import journal
from compliance.services import access
from risk.domain.trading_state import Scope
from risk.services import kill_switch
from tests.factories import desk as people
from tests.factories import road as roads
from tests.factories.road import Road
from tests.integration.trading.at_venue import CODE, SYMBOL
from tests.integration.trading.trades_at_venue import trading_at_venue
from tests.integration.trading.venues import DeafToCancels
from trading.gateways.sim.rules import SimRules
from trading.models import Order, ReplaceRequest
from trading.selectors import orders as order_reads
from trading.selectors import person_view
from trading.services import (
    executions,
    orders,
    person_orders,
    reconciliation,
    replacing,
    routing,
    turns,
)
from trading.services.person_orders import Wish

pytestmark = pytest.mark.usefixtures("fresh_database")


@pytest.fixture
def road() -> Road:
    return _road()


def _road() -> Road:
    made = Road(exits=roads.NO_EXITS)
    access.sync_roles()
    people.operator("ada", Role.TRADER)
    made.hold()
    return made


def _who() -> Operator:
    return access.operator_named("ada")


def _order(road: Road, qty: str = "10", price: str = "97", **changes: Any) -> Order:
    wish = Wish(road.code, Side.BUY, OrdType.LIMIT, D(qty), price=D(price), **changes)
    order = person_orders.submit(
        desk=road.desk, wish=wish, by=_who(), reason="test", at=road.moment
    )
    _send(road)
    order.refresh_from_db()
    return order


def _replace(road: Road, order: Order, qty: str = "", price: str = "") -> Order:
    return replacing.request(
        desk=road.desk,
        order_id=order.pk,
        order_qty=D(qty) if qty else None,
        price=D(price) if price else None,
        by=_who(),
        reason="better",
        at=road.moment,
    )


def _send(road: Road) -> None:
    routing.cancel_all(desk=road.desk, gateway=road.gateway, at=road.moment)
    routing.send_all(desk=road.desk, gateway=road.gateway, at=road.moment)


def _turn(road: Road) -> None:
    """What the sweep does."""
    turns.turn(desk=road.desk, gateway=road.gateway, at=road.moment)
    _send(road)


def _now(order: Order) -> tuple[str, D]:
    order.refresh_from_db()
    return order.ord_status, order.order_qty.normalize()


def _go_deaf(road: Road) -> DeafToCancels:
    road.gateway = DeafToCancels(SimRules(seed=roads.NAMESPACE))
    return road.gateway


def test_the_successor_is_sent_when_the_first_is_cancelled(road: Road) -> None:
    old = _order(road)
    new = _replace(road, old, price="98")
    assert person_view.status_of(old) == "PENDING_REPLACE"
    _turn(road)
    assert _now(old) == ("CANCELED", D(10))
    assert _now(new)[0] == "CREATED"
    _turn(road)
    assert _now(new) == ("NEW", D(10).normalize())
    assert ReplaceRequest.objects.get().outcome == "RELEASED"
    assert road.wrong() == []


def test_nothing_is_sent_while_the_cancel_has_no_answer_not_even_after_a_restart(
    road: Road,
) -> None:
    old = _order(road)
    _go_deaf(road)
    new = _replace(road, old, price="98")
    for _ in range(3):
        _turn(road)
    assert (_now(old)[0], _now(new)[0]) == ("NEW", "CREATED")
    road.restart()
    _turn(road)
    _turn(road)
    assert (_now(old)[0], _now(new)[0]) == ("CANCELED", "NEW")
    assert road.wrong() == []


def test_what_the_first_has_filled_counts(road: Road) -> None:
    old = _order(road)
    _go_deaf(road)
    new = _replace(road, old, price="98")
    roads.report_trade(road, old.cl_ord_id, cum_qty=4, px=97)
    order = Order.objects.get(pk=old.pk)
    answer = executions.Answer("CANCELED", 4, "test")  # type: ignore[arg-type]  # by hand
    executions.conclude(desk=road.desk, order_id=order.pk, answer=answer, at=road.moment)
    assert replacing.advance(desk=road.desk, at=road.moment) == 1
    assert _now(new) == ("CREATED", D(6))
    assert new.reserved_notional == 6 * 98


def test_a_first_that_filled_leaves_nothing(road: Road) -> None:
    old = _order(road)
    _go_deaf(road)
    new = _replace(road, old, price="98")
    road.move(96)
    _turn(road)
    assert (_now(old)[0], _now(new)[0], new.text) == ("FILLED", "CANCELED", "NOTHING_LEFT")
    assert D(road.gateway.balances(account=road.desk.account.code)["BTC"]) == 10
    assert road.wrong() == []


def test_a_larger_whole_leaves_the_rest_of_a_first_that_filled(road: Road) -> None:
    old = _order(road)
    _go_deaf(road)
    new = _replace(road, old, qty="15")
    road.move(96)
    _turn(road)
    assert (_now(old)[0], _now(new)) == ("FILLED", ("NEW", D(5)))


def test_a_rest_that_the_venue_would_not_take_ends_unsent(road: Road) -> None:
    old = _order(road)
    _go_deaf(road)
    new = _replace(road, old, qty="10.01")
    road.move(96)
    _turn(road)
    assert (_now(old)[0], _now(new)[0], new.text) == ("FILLED", "CANCELED", "TOO_LITTLE_LEFT")


def test_both_count_until_the_first_is_over(road: Road) -> None:
    old = _order(road, qty="40")
    new = _replace(road, old, qty="50")
    assert new.ord_status == "CREATED"
    working = order_reads.reserved(order_reads.working(road.desk.account))
    assert [*working.values()] == [90]


def test_a_successor_that_the_gate_denies_leaves_the_first_as_it_is(road: Road) -> None:
    old = _order(road)
    new = _replace(road, old, qty="2000")
    assert new.ord_status == "DENIED"
    assert "BALANCE_INSUFFICIENT" in new.text
    assert ReplaceRequest.objects.count() == 0
    assert person_view.status_of(old) == "NEW"


def test_a_first_in_doubt_holds_its_successor_back(road: Road) -> None:
    old = _order(road)
    new = _replace(road, old, price="98")
    routing.mark_unknown(desk=road.desk, order=old, reason="test", at=road.moment)
    Order.objects.filter(pk=old.pk).update(ord_status="CANCELED")
    assert replacing.advance(desk=road.desk, at=road.moment) == 0
    _send(road)
    assert _now(new)[0] == "CREATED"


def test_a_halt_keeps_the_successor(road: Road) -> None:
    old = _order(road)
    new = _replace(road, old, price="98")
    kill_switch.engage(
        scope=Scope.GLOBAL, scope_code="", reason="test", actor="test", now=road.moment.wall,
        market_at=road.moment.market,
    )  # fmt: skip
    _turn(road)
    _turn(road)
    assert (_now(old)[0], _now(new)[0]) == ("CANCELED", "CREATED")


def test_a_person_may_withdraw_the_successor(road: Road) -> None:
    old = _order(road)
    _go_deaf(road)
    new = _replace(road, old, price="98")
    orders.request_cancel(order_id=new.pk, requested_by="x", reason="x", now=road.moment.wall)
    _turn(road)
    assert _now(new)[0] == "CANCELED"
    road.restart()
    _turn(road)
    _turn(road)
    assert ReplaceRequest.objects.get().outcome == "WITHDRAWN"
    assert _now(old)[0] == "CANCELED"


def test_what_cannot_be_replaced_says_why(road: Road) -> None:
    old = _order(road)
    with pytest.raises(BadInput, match="nothing would change"):
        _replace(road, old, price="97")
    new = _replace(road, old, price="98")
    with pytest.raises(Refused, match="on its way"):
        _replace(road, old, price="96")
    with pytest.raises(Refused, match="waits itself"):
        _replace(road, new, price="96")
    Order.objects.filter(pk=old.pk).update(origin="STRATEGY")
    with pytest.raises(Refused, match="a person's own"):
        _replace(road, old, price="96")


def test_the_journal_tells_request_and_answer(road: Road) -> None:
    new = _replace(road, _order(road), price="98")
    _turn(road)
    _turn(road)
    asked = journal.first_data(EventName.ORDER_REPLACE_REQUESTED)
    answered = journal.first_data(EventName.ORDER_REPLACE_ANSWERED)
    assert asked is not None
    assert answered is not None
    assert (asked["successor"], asked["price"]) == (new.public_id, "98")
    assert (answered["outcome"], answered["ended"]) == ("RELEASED", "CANCELED")


def test_the_command_replaces_and_says_how_both_stand(
    road: Road, capsys: pytest.CaptureFixture[str]
) -> None:
    old = _order(road)
    call_command(
        "order", "replace", old.public_id, "--price", "98", "--by", "ada", "--reason", "better",
        "--wait", "0",
    )  # fmt: skip
    told = capsys.readouterr().out
    assert "CREATED waits" in told
    assert f"{old.public_id} PENDING_REPLACE" in told


@pytest.mark.parametrize("sold", ["0", "0.4"])
def test_a_sale_of_the_whole_holding_is_replaced_at_the_venue(tmp_path: Path, sold: str) -> None:
    """The venue takes the second when the first has given the holding back, and not before."""
    with trading_at_venue(tmp_path) as there:
        assert there.begin()
        whole, at = there.position(), there.now()
        wish = Wish(CODE, Side.SELL, OrdType.LIMIT, whole, price=D(60_500))
        old = person_orders.submit(desk=there.desk, wish=wish, by=_who(), reason="x", at=at)
        routing.send_all(desk=there.desk, gateway=there.gateway, at=there.now())
        assert _now(old) == ("NEW", whole.normalize())
        if D(sold):
            # Others ask less for the first bitcoin.
            bid = {"side": "BUY", "price": "60500", "qty": str(1 + D(sold))}
            there.change("book", instrument=SYMBOL, **bid)
            reconciliation.follow(desk=there.desk, gateway=there.gateway, at=there.now())
        new = replacing.request(
            desk=there.desk, order_id=old.pk, order_qty=None, price=D(61_000), by=_who(),
            reason="x", at=there.now(),
        )  # fmt: skip
        assert new.ord_status == "CREATED", new.text
        for _ in range(2):
            replacing.advance(desk=there.desk, at=there.now())
            routing.cancel_all(desk=there.desk, gateway=there.gateway, at=there.now())
            routing.send_all(desk=there.desk, gateway=there.gateway, at=there.now())
        assert _now(old)[0] == "CANCELED"
        assert _now(new) == ("NEW", (whole - D(sold)).normalize())
        compared = reconciliation.compare(desk=there.desk, gateway=there.gateway, at=there.now())
        assert compared.agree


def test_more_than_the_holding_is_not_sold_by_replacing(tmp_path: Path) -> None:
    with trading_at_venue(tmp_path) as there:
        assert there.begin()
        whole = there.position()
        wish = Wish(CODE, Side.SELL, OrdType.LIMIT, whole, price=D(60_500))
        old = person_orders.submit(
            desk=there.desk, wish=wish, by=_who(), reason="x", at=there.now()
        )
        new = replacing.request(
            desk=there.desk, order_id=old.pk, order_qty=2 * whole, price=None, by=_who(),
            reason="x", at=there.now(),
        )  # fmt: skip
        assert new.ord_status == "DENIED"
        assert "SHORT_NOT_ALLOWED" in new.text


def test_half_a_failure_at_the_venue_ends_with_both_outcomes_known(tmp_path: Path) -> None:
    """X16: the first is cancelled, and the second is refused."""
    with trading_at_venue(tmp_path) as there:
        assert there.begin()
        wish = Wish(CODE, Side.BUY, OrdType.LIMIT, D("0.01"), price=D(59_980), post_only=True)
        at = there.now()
        old = person_orders.submit(desk=there.desk, wish=wish, by=_who(), reason="x", at=at)

        def go_on() -> None:
            replacing.advance(desk=there.desk, at=there.now())
            routing.cancel_all(desk=there.desk, gateway=there.gateway, at=there.now())
            routing.send_all(desk=there.desk, gateway=there.gateway, at=there.now())

        go_on()
        new = replacing.request(
            desk=there.desk, order_id=old.pk, order_qty=None, price=D(60_000), by=_who(),
            reason="x", at=there.now(),
        )  # fmt: skip
        there.change("faults", plan="lose_request=1")
        go_on()
        go_on()
        assert (_now(old)[0], _now(new)[0]) == ("NEW", "CREATED")
        there.change("faults", plan="")
        go_on()
        go_on()
        assert (_now(old)[0], _now(new)[0]) == ("CANCELED", "REJECTED")
        compared = reconciliation.compare(desk=there.desk, gateway=there.gateway, at=there.now())
        assert compared.agree
