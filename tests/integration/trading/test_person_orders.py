"""A person's orders go through the same gate into the same rows; a command writes them."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from aitrader.kernel.errors import BadInput
from aitrader.kernel.events import EventName
from aitrader.kernel.fix import OrdType, Side
from compliance.domain.roles import Role
from compliance.selectors import journal
from compliance.services import access
from tests.factories import desk as people
from tests.factories import road as roads
from tests.factories.road import Road
from tests.integration.trading.at_venue import CODE
from tests.integration.trading.trades_at_venue import trading_at_venue
from trading.models import CancelRequest, Feed, Order
from trading.selectors import orders as order_reads
from trading.selectors import person_view
from trading.services import pairs, reconciliation, routing
from trading.services.pairs import Pair

pytestmark = pytest.mark.usefixtures("fresh_database")


@pytest.fixture
def road() -> Road:
    made = Road(exits=roads.NO_EXITS)
    access.sync_roles()
    people.operator("ada", Role.TRADER)
    made.hold()
    return made


def _order(what: str, *words: str, **options: Any) -> None:
    call_command("order", what, *words, **options)


def _submit(road: Road, **changes: str) -> None:
    asked = {
        "account": road.desk.account.code, "instrument": road.code, "side": "BUY", "qty": "1",
        "price": "96", "by": "ada", "reason": "a test", "wait": "0", **changes,
    }  # fmt: skip
    _order("submit", *(word for name, text in asked.items() for word in (f"--{name}", text)))


def test_an_order_of_a_person_waits_and_the_desk_sends_it(
    road: Road, capsys: pytest.CaptureFixture[str]
) -> None:
    _submit(road)
    assert "no answer yet" in capsys.readouterr().out
    order = roads.only_order()
    assert (order.origin, order.ord_status, order.trade) == ("OPERATOR", "CREATED", None)
    said = journal.first_data(EventName.ORDER_CREATED)
    assert said is not None
    assert (said["origin"], said["reason"]) == ("OPERATOR", "a test")
    routing.send_all(desk=road.desk, gateway=road.gateway, at=road.moment)
    road.move(95)
    assert roads.only_order().ord_status == "FILLED"
    assert road.wrong() == []


def test_the_gate_denies_a_person_and_every_reason_is_a_line(
    road: Road, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        _submit(road, qty="100000")
    told = capsys.readouterr().out.splitlines()
    assert told[0].endswith("DENIED")
    assert any(line.strip().startswith("BALANCE_INSUFFICIENT: ") for line in told[1:])
    assert len(told) > 2


def test_what_two_checks_find_alike_is_said_once(
    road: Road, capsys: pytest.CaptureFixture[str]
) -> None:
    # Prices of the instrument and of all that is held are old: two checks, one reason.
    heard = road.moment.wall - timedelta(minutes=10)
    Feed.objects.update(speed=Decimal(1), received_at=heard)
    with pytest.raises(SystemExit):
        _submit(road)
    assert capsys.readouterr().out.count("PRICE_STALE") == 1
    _order("list", "--all")
    assert capsys.readouterr().out.count("PRICE_STALE") == 1
    decision = roads.only_order().decision
    assert decision is not None
    assert len(decision.reasons) == 2


def test_what_the_venue_has_not_is_denied_before_the_gate(
    road: Road, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        _submit(road, tif="IOC")
    assert "TIME_IN_FORCE_NOT_AT_VENUE: " in capsys.readouterr().out
    order = roads.only_order()
    assert (order.ord_status, order.decision) == ("DENIED", None)
    said = journal.first_data(EventName.ORDER_DENIED)
    assert said is not None
    assert said["gate"]["reasons"][0]["code"] == "TIME_IN_FORCE_NOT_AT_VENUE"


@pytest.mark.parametrize("role", [Role.RISK, Role.ADMIN, Role.COMPLIANCE])
def test_only_traders_order(road: Road, role: Role) -> None:
    people.operator("eve", role)
    with pytest.raises(BadInput, match=r"order\.submit is for trader"):
        _submit(road, by="eve")
    assert roads.orders() == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"by": "nobody"}, "there is no operator nobody"),
        ({"reason": " "}, "a reason is needed"),
        ({"instrument": "SIM:XRP-USDT"}, "does not trade SIM:XRP-USDT"),
        ({"qty": "many"}, "--qty: 'many' is not a decimal number"),
        ({"expire": "soon"}, "--expire: soon is no instant"),
        ({"account": "NOBODY"}, "there is no account NOBODY"),
    ],
)
def test_what_cannot_be_meant_is_one_line(road: Road, changes: dict[str, str], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        _submit(road, **changes)
    assert roads.orders() == []


def test_a_market_order_that_nobody_took_in_time_is_not_sent(road: Road) -> None:
    _order(
        "submit", "--account", road.desk.account.code, "--instrument", road.code, "--side", "BUY",
        "--qty", "1", "--type", "MARKET", "--by", "ada", "--reason", "late", "--wait", "0",
    )  # fmt: skip
    order = roads.only_order()
    order.expires_at = road.moment.market
    order.save(update_fields=["expires_at"])
    routing.send_all(desk=road.desk, gateway=road.gateway, at=road.moment)
    assert (roads.only_order().ord_status, roads.fills()) == ("EXPIRED", [])


def test_a_cancel_is_asked_for_by_the_beginning_of_the_id(
    road: Road, capsys: pytest.CaptureFixture[str]
) -> None:
    _submit(road)
    routing.send_all(desk=road.desk, gateway=road.gateway, at=road.moment)
    name = roads.only_order().public_id[:8]
    _order("cancel", name, "--by", "ada", "--reason", "enough", "--wait", "0")
    assert "PENDING_CANCEL" in capsys.readouterr().out
    assert CancelRequest.objects.get().requested_by == "operator:ada"
    routing.cancel_all(desk=road.desk, gateway=road.gateway, at=road.moment)
    assert roads.only_order().ord_status == "CANCELED"
    with pytest.raises(SystemExit):
        _order("cancel", name, "--by", "ada", "--reason", "again", "--wait", "0")
    with pytest.raises(BadInput, match="no order"):
        _order("cancel", "NOSUCHORDER", "--by", "ada", "--reason", "x")


def test_the_list_shows_what_is_open_and_all_of_it_when_asked(
    road: Road, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _order("list")
    assert capsys.readouterr().out.strip() == "no orders"
    _submit(road)
    capsys.readouterr()
    _order("list", "--json", str(tmp_path / "orders.json"))
    (line,) = capsys.readouterr().out.splitlines()
    assert "BUY 0/1 @ 96  LIMIT GTC  CREATED  OPERATOR" in line
    with pytest.raises(SystemExit):
        _submit(road, tif="FOK")
    capsys.readouterr()
    _order("list", "--all")
    assert len(capsys.readouterr().out.splitlines()) == 2


_PAIR = ("--side", "SELL", "--stop", "59000", "--target", "61000", "--by", "ada", "--reason", "x")


def _both() -> list[tuple[str, str]]:
    return [(each.ord_type, each.ord_status) for each in Order.objects.order_by("pk")]


def test_a_stop_and_a_target_rest_at_the_venue_and_one_ends_the_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with trading_at_venue(tmp_path) as there:
        assert there.begin()
        account, whole = there.desk.account.code, str(there.position())
        _order("oco", "--account", account, "--instrument", CODE, "--qty", whole, *_PAIR,
               "--wait", "0")  # fmt: skip
        assert capsys.readouterr().out.count("no answer yet") == 2
        assert routing.send_all(desk=there.desk, gateway=there.gateway, at=there.now()) == 2
        assert _both() == [("STOP", "NEW"), ("LIMIT_IF_TOUCHED", "NEW")]
        there.change("book", instrument="BTCUSDT", side="BUY", price="61000", qty="2")
        reconciliation.follow(desk=there.desk, gateway=there.gateway, at=there.now())
        assert _both() == [("STOP", "EXPIRED"), ("LIMIT_IF_TOUCHED", "FILLED")]
        assert there.differences() == {}


def _pair(road: Road, qty: int = 1, target: str = "95") -> list[tuple[str, str]]:
    pair = Pair(road.code, Side.BUY, Decimal(qty), stop_px=Decimal(105), target_px=Decimal(target))
    who = access.operator_named("ada")
    written = pairs.submit(desk=road.desk, pair=pair, by=who, reason="x", at=road.moment)
    return [(each.ord_status, each.text) for each in written]


def test_a_pair_counts_once_at_the_gate(road: Road) -> None:
    assert _pair(road) == [("CREATED", ""), ("CREATED", "")]
    working = order_reads.reserved(order_reads.working(road.desk.account))
    assert [*working.values()] == [1]


def test_a_venue_with_neither_pairs_nor_market_orders_is_told_none(road: Road) -> None:
    able = road.desk.capabilities
    without = able.ord_types - {OrdType.MARKET}
    road.desk.capabilities = replace(able, oco=frozenset(), ord_types=without)
    assert _pair(road) == [("DENIED", "ONE_CANCELS_OTHER_NOT_AT_VENUE")] * 2
    assert person_view.reasons(Order.objects.latest("pk"))[0].startswith("ONE_CANCELS_OTHER")


def test_of_a_pair_none_is_sent_alone(road: Road) -> None:
    (stop, why), (target, _) = _pair(road, target="95.00001")
    assert (stop, why, target) == ("CANCELED", "ITS_PAIR_WAS_DENIED", "DENIED")
    assert routing.send_all(desk=road.desk, gateway=road.gateway, at=road.moment) == 0
    assert _pair(road, qty=100_000)[0][0] == "DENIED"


def test_at_a_real_venue_a_post_only_order_rests_and_one_that_would_take_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with trading_at_venue(tmp_path) as there:
        usual = (
            "--account", there.desk.account.code, "--instrument", CODE, "--side", "BUY",
            "--qty", "0.01", "--post-only", "--by", "ada", "--reason", "x", "--wait", "0",
        )  # fmt: skip
        _order("submit", "--price", "59980", *usual)
        _order("submit", "--price", "60000", *usual, "--qty", "0.02")
        routing.send_all(desk=there.desk, gateway=there.gateway, at=there.now())
        rested, refused = Order.objects.order_by("pk")
        assert (rested.ord_status, refused.ord_status) == ("NEW", "REJECTED")
        assert "would immediately match" in refused.text
        with pytest.raises(SystemExit):
            _order("submit", "--price", "59980", "--tif", "GTD", *usual, "--qty", "0.03")
        assert "POST_ONLY" not in Order.objects.latest("pk").text
        assert "TIME_IN_FORCE_NOT_AT_VENUE" in capsys.readouterr().out
