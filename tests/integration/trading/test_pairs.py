"""A person's stop and target where the venue holds no such pairs: the stop rests there, at BTCTurk,
and the desk watches the target."""

import html
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import reverse

from aitrader.kernel.errors import BadInput, Refused
from aitrader.kernel.events import EventName
from aitrader.kernel.fix import Side
from compliance.domain.roles import Role
from compliance.models import JournalEntry, Operator
from compliance.selectors import journal
from compliance.services import access
from risk.domain.trading_state import Scope, TradingState
from risk.services import kill_switch
from tests.factories import desk as people
from tests.factories import road as roads
from tests.factories.road import Road
from tests.integration.trading.at_venue import BTCTURK, AtVenue
from tests.integration.trading.trades_at_venue import trading_at_venue
from trading.models import Order, TargetWatch
from trading.services import pairs, reconciliation, replacing, routing, turns
from trading.services.pairs import Pair

pytestmark = pytest.mark.usefixtures("fresh_database")

_SECONDS = 20
STOP, TARGET = D(59_000), D(61_000)
_TOLD = (EventName.TARGET_WATCHED, EventName.TARGET_TOUCHED, EventName.TARGET_WATCH_ENDED)


@pytest.fixture
def there(tmp_path: Path) -> Iterator[AtVenue]:
    with trading_at_venue(tmp_path, place=BTCTURK) as opened:
        assert opened.begin()
        yield opened


def _who() -> Operator:
    return access.operator_named("ada")


def _protect(there: AtVenue) -> Order:
    """A stop and a target of all that is held, the stop sent."""
    pair = Pair(BTCTURK.code, Side.SELL, there.position(), stop_px=STOP, target_px=TARGET)
    (stop,) = pairs.submit(desk=there.desk, pair=pair, by=_who(), reason="x", at=there.now())
    assert stop.ord_status == "CREATED", stop.text
    _send(there)
    return stop


def _send(there: AtVenue) -> None:
    routing.cancel_all(desk=there.desk, gateway=there.gateway, at=there.now())
    routing.send_all(desk=there.desk, gateway=there.gateway, at=there.now())


def _turns(there: AtVenue, *ends: tuple[str, str]) -> None:
    """What the worker does, one turn after the other, until the orders stand so. The venue tells a
    stop that was cancelled from one that was triggered after some seconds."""
    deadline = time.monotonic() + _SECONDS
    while _orders() != [*ends]:
        assert time.monotonic() < deadline, _orders()
        reconciliation.follow(desk=there.desk, gateway=there.gateway, at=there.now())
        reconciliation.resolve(desk=there.desk, gateway=there.gateway, at=there.now())
        with turns.alone(there.desk.account.pk):
            turns.turn(desk=there.desk, gateway=there.gateway, at=there.now())
        _send(there)
        time.sleep(0.2)


def _price(there: AtVenue, px: object) -> int:
    """What the feed does with each price."""
    (row,) = there.desk.instruments.values()
    return pairs.look(desk=there.desk, prices={row.pk: D(str(px))}, at=there.now())


def _orders() -> list[tuple[str, str]]:
    return [(each.ord_type, each.ord_status) for each in Order.objects.order_by("pk")]


def _told() -> list[str]:
    rows = JournalEntry.objects.filter(event__in=_TOLD).order_by("pk")
    return [row.event.rpartition(".")[2] for row in rows]


def _lost() -> list[str]:
    """Orders told as lost stops."""
    rows = JournalEntry.objects.filter(event=EventName.STOP_LOST).order_by("pk")
    return [*rows.values_list("object_id", flat=True)]


def _bid(there: AtVenue, px: object, qty: str = "5") -> None:
    there.change("book", instrument=BTCTURK.symbol, side="BUY", price=str(px), qty=qty)


def test_a_target_that_is_touched_is_sold_and_the_stop_is_gone(there: AtVenue) -> None:
    whole = there.position()
    _protect(there)
    assert _orders() == [("STOP", "NEW")]
    assert _price(there, "60999.99") == 0
    _bid(there, TARGET)
    assert _price(there, TARGET) == 1
    # Nothing is sold before the stop is known to be gone.
    assert _orders() == [("STOP", "NEW"), ("MARKET", "CREATED")]
    routing.send_all(desk=there.desk, gateway=there.gateway, at=there.now())
    assert len(there.at_exchange()) == 1
    _turns(there, ("STOP", "CANCELED"), ("MARKET", "FILLED"))
    assert [(side, qty) for side, qty, _ in roads.fills()] == [("SELL", whole.normalize())]
    assert there.position() == 0
    assert there.differences() == {}
    assert TargetWatch.objects.get().outcome == "TOUCHED"
    assert _told() == ["target_watched", "target_touched", "target_watch_ended"]
    assert _price(there, TARGET) == 0


def test_a_stop_that_fills_ends_the_watch(there: AtVenue) -> None:
    _protect(there)
    for price in ("58900", "58890"):
        _bid(there, price)
    there.change("book", instrument=BTCTURK.symbol, side="SELL", price="58900", qty="2")
    # The price is there before the desk has heard of the stop, and the venue says who was first.
    assert _price(there, TARGET) == 1
    _turns(there, ("STOP", "FILLED"), ("MARKET", "CANCELED"))
    assert Order.objects.latest("pk").text == "NOTHING_LEFT"
    assert (len(there.at_exchange()), there.position()) == (1, D(0))
    assert there.differences() == {}


def test_after_its_stop_has_filled_a_target_is_not_watched(there: AtVenue) -> None:
    _protect(there)
    _bid(there, "58900")
    there.change("book", instrument=BTCTURK.symbol, side="SELL", price="58900", qty="2")
    _turns(there, ("STOP", "FILLED"))
    assert (TargetWatch.objects.get().outcome, there.position()) == ("FILLED", D(0))
    assert _told() == ["target_watched", "target_watch_ended"]
    assert _price(there, TARGET) == 0


def test_while_the_stop_is_in_doubt_a_touched_target_waits(there: AtVenue) -> None:
    there.change("faults", plan="http_504=1")
    stop = _protect(there)
    there.change("faults", plan="")
    stop.refresh_from_db()
    assert stop.certainty == "UNKNOWN"
    assert (_price(there, TARGET), _price(there, TARGET)) == (0, 0)
    assert len(_orders()) == 1
    assert _told() == ["target_watched", "target_touched"]
    _turns(there, ("STOP", "NEW"))
    stop.refresh_from_db()
    assert stop.certainty == "CERTAIN"
    # The price has come back meanwhile: the stop is where it was.
    assert (_price(there, 60_500), _orders()) == (0, [("STOP", "NEW")])
    _bid(there, TARGET)
    assert _price(there, TARGET) == 1
    _turns(there, ("STOP", "CANCELED"), ("MARKET", "FILLED"))
    assert there.differences() == {}


def test_a_process_that_begins_anew_goes_on_between_touch_and_sale(there: AtVenue) -> None:
    _protect(there)
    _bid(there, TARGET)
    assert _price(there, TARGET) == 1
    there.open()
    assert there.begin()
    _turns(there, ("STOP", "CANCELED"), ("MARKET", "FILLED"))
    assert (len(there.at_exchange()), there.position()) == (2, D(0))
    assert there.differences() == {}


# What no venue is needed for: the simulated one, which is told to hold no pairs.


@pytest.fixture
def road() -> Road:
    made = Road(exits=roads.NO_EXITS)
    access.sync_roles()
    people.operator("ada", Role.TRADER)
    made.hold()
    made.desk.capabilities = replace(made.desk.capabilities, oco=frozenset())
    return made


def _watch(road: Road, *, stop: str = "105", target: str = "95", qty: str = "1") -> Order:
    pair = Pair(road.code, Side.BUY, D(qty), stop_px=D(stop), target_px=D(target))
    (order,) = pairs.submit(desk=road.desk, pair=pair, by=_who(), reason="x", at=road.moment)
    _rest(road)
    order.refresh_from_db()
    return order


def _rest(road: Road) -> None:
    turns.turn(desk=road.desk, gateway=road.gateway, at=road.moment)
    routing.cancel_all(desk=road.desk, gateway=road.gateway, at=road.moment)
    routing.send_all(desk=road.desk, gateway=road.gateway, at=road.moment)


def _seen(road: Road, px: object) -> int:
    (row,) = road.desk.instruments
    return pairs.look(desk=road.desk, prices={row: D(str(px))}, at=road.moment)


def _command(what: str, *words: str, **options: Any) -> None:
    call_command("order", what, *words, "--by", "ada", "--reason", "x", "--wait", "0", **options)


def _enter(road: Road, state: TradingState) -> None:
    at = road.moment
    kill_switch.engage(
        scope=Scope.ACCOUNT, scope_code=road.desk.account.code, state=state, actor="x", reason="x",
        now=at.wall, market_at=at.market,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("stop", "target"), [("105", "100"), ("105", "101"), ("99", "95"), ("95", "105"), ("105", "0")]
)
def test_the_price_is_between_the_stop_and_a_target_that_is_watched(
    road: Road, stop: str, target: str
) -> None:
    with pytest.raises(BadInput, match="is not between the stop"):
        _watch(road, stop=stop, target=target)
    assert _orders() == []


def test_a_stop_that_is_denied_has_no_target(road: Road) -> None:
    assert _watch(road, qty="100000").ord_status == "DENIED"
    assert not TargetWatch.objects.exists()


def test_a_cancel_of_the_stop_ends_both(road: Road) -> None:
    stop = _watch(road)
    _command("cancel", stop.public_id)
    # The price is there before the venue has answered.
    assert _seen(road, 95) == 0
    _rest(road)
    _rest(road)
    assert _orders() == [("STOP", "CANCELED")]
    assert TargetWatch.objects.get().outcome == "CANCELED"


def test_a_cancel_of_the_stop_ends_the_order_that_was_to_take_its_place(road: Road) -> None:
    stop = _watch(road)
    assert _seen(road, 95) == 1
    _command("cancel", stop.public_id)
    for _ in range(3):
        _rest(road)
    assert _orders() == [("STOP", "CANCELED"), ("MARKET", "CANCELED")]
    with pytest.raises(SystemExit):
        _command("cancel", stop.public_id)
    assert _lost() == []


def _by_page(stop: Order) -> str:
    page = people.verified(access.operator_named("ada"))
    said = page.post(
        f"/orders/{stop.public_id}/cancel", {"key": stop.public_id[:24], "reason": "x"}, follow=True
    )
    return html.unescape(said.content.decode())


def _by_back_office(stop: Order) -> str:
    if not Operator.objects.filter(username="bea").exists():
        people.operator("bea", *Role)
    office = people.verified(access.operator_named("bea"))
    asked = {"_form_submitted": "True", "reason": "x"}
    said = office.post(
        reverse("admin:trading_order_cancel_order", args=[stop.pk]), asked, follow=True
    )
    return html.unescape(said.content.decode())


@pytest.mark.parametrize("cancel", [_by_page, _by_back_office])
def test_a_cancel_by_page_or_back_office_ends_both_and_says_so(
    road: Road, cancel: Callable[[Order], str]
) -> None:
    assert "Its target 95 is not watched any more then." in cancel(_watch(road))
    _rest(road)
    stop = _watch(road)
    assert _seen(road, 95) == 1
    sale = Order.objects.latest("pk")
    assert f"Order {sale.public_id[:12]}, which was to take its place, is cancelled" in cancel(stop)
    for _ in range(3):
        _rest(road)
    assert [status for _, status in _orders()] == ["CANCELED"] * 3
    assert _lost() == []


def test_a_sale_at_the_target_that_is_not_sent_in_time_is_told_as_a_lost_stop(road: Road) -> None:
    _watch(road)
    assert _seen(road, 95) == 1
    # Every successor is let go with its time; it runs out before the sender comes.
    turns.turn(desk=road.desk, gateway=road.gateway, at=road.moment)
    routing.cancel_all(desk=road.desk, gateway=road.gateway, at=road.moment)
    replacing.advance(desk=road.desk, at=road.moment)
    Order.objects.filter(ord_type="MARKET").update(expires_at=road.moment.market)
    routing.send_all(desk=road.desk, gateway=road.gateway, at=road.moment)
    assert _orders() == [("STOP", "CANCELED"), ("MARKET", "EXPIRED")]
    assert _lost() == [Order.objects.get(ord_type="MARKET").public_id]


def test_while_the_account_is_halted_the_stop_stays(road: Road) -> None:
    _watch(road)
    _enter(road, TradingState.HALTED)
    assert (_seen(road, 95), _orders()) == (0, [("STOP", "NEW")])


def test_what_the_gate_denies_leaves_the_stop_and_is_tried_at_the_next_bar(road: Road) -> None:
    _watch(road)
    _enter(road, TradingState.REDUCING)
    assert (_seen(road, 95), _seen(road, 95)) == (0, 0)
    assert _orders() == [("STOP", "NEW"), ("MARKET", "DENIED")]
    road.hold()
    assert _seen(road, 95) == 0
    assert _orders()[1:] == [("MARKET", "DENIED")] * 2


def test_what_a_stop_has_filled_is_not_filled_again(road: Road) -> None:
    stop = _watch(road)
    roads.report_trade(road, stop.cl_ord_id, cum_qty="0.4", px=105)
    assert _seen(road, 95) == 1
    assert Order.objects.latest("pk").order_qty == D("0.6")
    _rest(road)
    _rest(road)
    road.hold()
    assert [(each.ord_status, each.filled_qty) for each in roads.orders()] == [
        ("CANCELED", D("0.4")), ("FILLED", D("0.6")),
    ]  # fmt: skip


def test_a_stop_with_a_target_is_not_replaced_by_hand(road: Road) -> None:
    stop = _watch(road)
    with pytest.raises(Refused, match="single order"):
        replacing.request(
            desk=road.desk, order_id=stop.pk, order_qty=D(2), price=None, by=_who(), reason="x",
            at=road.moment,
        )  # fmt: skip


def test_the_list_and_the_page_say_that_the_desk_watches(
    road: Road, capsys: pytest.CaptureFixture[str]
) -> None:
    stop = _watch(road)
    call_command("order", "list")
    assert "BUY 0/1 @ 105  STOP GTC  NEW  OPERATOR  target 95 watched" in capsys.readouterr().out
    assert _seen(road, 95) == 1
    call_command("order", "list")
    (first, second) = capsys.readouterr().out.splitlines()
    assert first.endswith("PENDING_REPLACE  OPERATOR  target 95 touched")
    assert "MARKET GTC  CREATED waits" in second
    begun = journal.first_data(EventName.TARGET_WATCHED)
    touched = journal.first_data(EventName.TARGET_TOUCHED)
    assert (begun and begun["target_px"], touched and touched["px"]) == ("95", "95")
    page = people.verified(people.operator("first", Role.TRADER))
    shown = page.get(f"/orders/{stop.public_id}").content.decode()
    assert "touched: another order took the stop" in shown
