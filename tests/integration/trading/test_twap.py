"""An order over time: slices through the gate, one after the other, never two of one number."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.core.management import call_command

from aitrader.kernel.clock import Moment
from aitrader.kernel.errors import BadInput, NotPermitted
from aitrader.kernel.events import EventName
from aitrader.kernel.fix import Side
from compliance.domain.roles import Role
from compliance.selectors import journal
from compliance.services import access
from risk.domain.trading_state import Scope
from risk.services import kill_switch
from tests.factories import desk as people
from tests.factories import road as roads
from tests.factories.road import MINUTE, Road
from trading.models import Order, ParentOrder
from trading.selectors import person_view
from trading.services import routing, turns, twap

pytestmark = pytest.mark.usefixtures("fresh_database")


@pytest.fixture
def road() -> Road:
    made = Road(exits=roads.NO_EXITS)
    access.sync_roles()
    people.operator("ada", Role.TRADER)
    made.hold()
    return made


def _start(
    road: Road, qty: str = "10", *, minutes: int = 5, slices: int = 5, px: str = ""
) -> ParentOrder:
    wish = twap.Wish(
        road.code, Side.BUY, D(qty), minutes * MINUTE, slices, price=D(px) if px else None
    )
    by = access.operator_named("ada")
    return twap.start(desk=road.desk, wish=wish, by=by, reason="slowly", at=road.moment)


def _work(road: Road, at: Moment | None = None) -> None:
    """What the sweep does at the desk's instant, until nothing follows."""
    for _ in range(4):
        turns.turn(desk=road.desk, gateway=road.gateway, at=at or road.moment)
        routing.cancel_all(desk=road.desk, gateway=road.gateway, at=at or road.moment)
        routing.send_all(desk=road.desk, gateway=road.gateway, at=at or road.moment)


def _sizes() -> list[D]:
    rows = Order.objects.filter(parent__isnull=False).order_by("pk")
    return [row.order_qty.normalize() for row in rows]


def _filled() -> D:
    return sum((row.filled_qty for row in Order.objects.filter(parent__isnull=False)), D(0))


def test_it_is_bought_slice_by_slice_and_done(road: Road) -> None:
    parent = _start(road)
    assert person_view.parent_status(parent) == "PENDING"
    _work(road)
    assert person_view.parent_status(parent) == "ACTIVE"
    for _ in range(5):
        road.hold()
        _work(road)
    assert _sizes() == [D(2)] * 5
    assert _filled() == 10
    parent.refresh_from_db()
    assert person_view.parent_status(parent) == "DONE"
    said = journal.first_data(EventName.PARENT_CLOSED)
    assert said is not None
    assert said["filled_qty"] == "10"
    assert road.wrong() == []


def test_each_slice_goes_through_the_gate_and_names_its_parent(road: Road) -> None:
    parent = _start(road)
    _work(road)
    (child,) = parent.children.all()
    assert (child.origin, child.approved, child.trace_id) == ("OPERATOR", True, parent.public_id)
    assert (child.sizing["slice"], child.sizing["of"]) == (1, 5)


def test_looking_again_or_after_a_restart_cuts_no_slice_twice(road: Road) -> None:
    _start(road)
    for _ in range(3):
        _work(road)
    road.restart()
    _work(road)
    assert len(_sizes()) == 1


def test_two_workers_at_once_cut_one_slice(road: Road) -> None:
    _start(road)
    late = road.moment
    _work(road)
    road.hold()
    _work(road)
    assert len(_sizes()) == 2
    # One that was held up has the clock of the first slice still, and the second is there.
    assert twap.advance(desk=road.desk, at=late) == 0
    assert len(_sizes()) == 2


def test_what_a_limit_did_not_fill_is_cancelled_and_carried_over(road: Road) -> None:
    _start(road, px="99")
    for _ in range(3):
        _work(road)
        road.hold()
    _work(road)
    rows = Order.objects.filter(parent__isnull=False).order_by("pk")
    assert [row.ord_status for row in rows] == ["CANCELED"] * 3 + ["NEW"]
    assert _sizes() == [D(2), D("2.5"), D("3.333"), D(4)]
    road.move(98)
    _work(road)
    assert _sizes()[-1] == D(4)
    assert _filled() == 4


def test_a_slice_that_was_missed_is_not_made_up_by_two(road: Road) -> None:
    _start(road)
    road.hold(3)
    _work(road)
    assert _sizes() == [D(4)]


def test_a_desk_that_comes_back_too_late_sends_nothing(road: Road) -> None:
    parent = _start(road)
    road.hold(6)
    _work(road)
    parent.refresh_from_db()
    assert (_sizes(), person_view.parent_status(parent)) == ([], "DONE")


def test_a_halt_stops_it_and_the_rest_is_spread_when_it_is_over(road: Road) -> None:
    _start(road)
    _work(road)
    kill_switch.engage(
        scope=Scope.ACCOUNT, scope_code=road.desk.account.code, reason="test", actor="test",
        now=road.moment.wall, market_at=road.moment.market,
    )  # fmt: skip
    for _ in range(2):
        road.hold()
        _work(road)
    assert len(_sizes()) == 1
    kill_switch.release(
        scope=Scope.ACCOUNT, scope_code=road.desk.account.code, reason="test", actor="test",
        now=road.moment.wall, market_at=road.moment.market, verified_at=road.moment.wall,
    )  # fmt: skip
    road.hold()
    _work(road)
    assert _sizes() == [D(2), D(4)]


def test_a_cancel_of_the_parent_cancels_what_works(road: Road) -> None:
    parent = _start(road, px="99")
    _work(road)
    call_command("order", "cancel", parent.public_id[:10], "--by", "ada", "--reason", "enough")
    parent.refresh_from_db()
    assert person_view.parent_status(parent) == "PENDING_CANCEL"
    _work(road)
    parent.refresh_from_db()
    assert person_view.parent_status(parent) == "CANCELED"
    assert Order.objects.get().ord_status == "CANCELED"
    road.hold()
    _work(road)
    assert len(_sizes()) == 1


def test_a_slice_in_doubt_keeps_the_next_one_back(road: Road) -> None:
    _start(road, px="99")
    _work(road)
    child = Order.objects.get()
    routing.mark_unknown(desk=road.desk, order=child, reason="test", at=road.moment)
    Order.objects.filter(pk=child.pk).update(ord_status="CANCELED", closedness=4)
    road.at += MINUTE
    at = replace(road.moment, market=road.moment.market + MINUTE)
    assert twap.advance(desk=road.desk, at=at) == 0
    assert len(_sizes()) == 1


def test_a_replay_with_a_pace_goes_on_between_bars(road: Road) -> None:
    _start(road, minutes=1, slices=2)
    road.desk.feed.speed = D(60)
    at = road.moment
    road.desk.feed.received_at = at.wall
    soon = replace(at, wall=at.wall + timedelta(milliseconds=600))
    assert twap.market_now(road.desk, soon) == at.market + timedelta(seconds=36)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"slices": 0}, "between 1 and"),
        ({"slices": 400}, "a second at least"),
        ({"qty": "0.1", "slices": 10}, "less than the venue takes"),
        ({"qty": "1.00001"}, "off the lot"),
        ({"px": "99.001"}, "off the tick"),
    ],
)
def test_slices_that_no_venue_would_take_are_refused_at_once(
    road: Road, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        _start(road, **changes)  # type: ignore[arg-type]  # one of each kind
    assert ParentOrder.objects.count() == 0


def test_only_traders_order_over_time(road: Road) -> None:
    people.operator("eve", Role.RISK)
    wish = twap.Wish(road.code, Side.BUY, D(10), 5 * MINUTE, 5)
    with pytest.raises(NotPermitted):
        twap.start(
            desk=road.desk, wish=wish, by=access.operator_named("eve"), reason="x", at=road.moment
        )


def test_the_command_starts_it_and_the_list_shows_it(
    road: Road, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command(
        "order", "twap", "--account", road.desk.account.code, "--instrument", road.code, "--side",
        "BUY", "--qty", "10", "--over", "5m", "--slices", "5", "--by", "ada", "--reason", "slowly",
    )  # fmt: skip
    assert "PENDING" in capsys.readouterr().out
    _work(road)
    call_command("order", "list")
    first, second = capsys.readouterr().out.splitlines()
    assert "BUY 0/10  TWAP  ACTIVE  OPERATOR  1 of 5 slices" in first
    assert "MARKET GTC" in second
    with pytest.raises(BadInput, match="no time such as"):
        call_command(
            "order", "twap", "--account", road.desk.account.code, "--instrument", road.code,
            "--side", "BUY", "--qty", "10", "--over", "soon", "--slices", "5", "--by", "ada",
            "--reason", "x",
        )  # fmt: skip
