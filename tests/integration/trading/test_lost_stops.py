"""A person's stop that ends otherwise than by a fill is told, unless somebody asked for its end."""

from collections.abc import Iterator
from decimal import Decimal as D
from pathlib import Path

import pytest

from aitrader.kernel.clock import WALL
from aitrader.kernel.fix import OrdType, Side
from compliance.models import Alert, Operator
from compliance.services import access, alerts, sequencer
from tests.integration.trading.at_venue import PX, AtVenue
from tests.integration.trading.trades_at_venue import trading_at_venue
from trading.models import Order
from trading.services import external, orders, pairs, person_orders, replacing, routing
from trading.services.pairs import Pair
from trading.services.person_orders import Wish

pytestmark = pytest.mark.usefixtures("fresh_database")

STOP_PX, TARGET_PX = PX - 2000, PX + 2000


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[AtVenue]:
    with trading_at_venue(tmp_path) as opened:
        assert opened.begin()
        yield opened


def _who() -> Operator:
    return access.operator_named("ada")


def _stop(venue: AtVenue) -> Order:
    wish = Wish(venue.place.code, Side.SELL, OrdType.STOP, D("0.5"), stop_px=STOP_PX)
    order = person_orders.submit(
        desk=venue.desk, wish=wish, by=_who(), reason="test", at=venue.now()
    )
    assert order.ord_status == "CREATED", order.text
    return order


def _pair(venue: AtVenue) -> tuple[Order, ...]:
    pair = Pair(venue.place.code, Side.SELL, D("0.5"), stop_px=STOP_PX, target_px=TARGET_PX)
    return pairs.submit(desk=venue.desk, pair=pair, by=_who(), reason="test", at=venue.now())


def _send(venue: AtVenue) -> None:
    routing.cancel_all(desk=venue.desk, gateway=venue.gateway, at=venue.now())
    routing.send_all(desk=venue.desk, gateway=venue.gateway, at=venue.now())


def _taken_away(venue: AtVenue, order: Order) -> None:
    """Other hands cancel it at the exchange."""
    venue.gateway.cancel(
        account="", instrument=venue.place.code, cl_ord_id=order.cl_ord_id, at=WALL.now()
    )


def _settle(venue: AtVenue) -> None:
    external.reconcile(desk=venue.desk, gateway=venue.gateway, at=venue.now())


def _lost() -> list[str]:
    """What the alerts say of lost stops."""
    sequencer.catch_up(timeout_seconds=5)
    while alerts.advance(now=WALL.now()):
        pass
    found = Alert.objects.filter(rule="order.stop_lost", severity="CRITICAL")
    return [*found.values_list("text", flat=True)]


def test_a_stop_that_other_hands_took_away_is_told(venue: AtVenue) -> None:
    order = _stop(venue)
    _send(venue)
    _taken_away(venue, order)
    _settle(venue)
    (text,) = _lost()
    assert text.startswith(f"STOP SELL on {venue.desk.account.code}: CANCELED, 0 of 0.5 filled")


def test_a_stop_that_a_person_cancels_is_not(venue: AtVenue) -> None:
    order = _stop(venue)
    _send(venue)
    orders.request_cancel(
        order_id=order.pk, requested_by="operator:ada", reason="done", now=WALL.now()
    )
    _send(venue)
    _settle(venue)
    order.refresh_from_db()
    assert order.ord_status == "CANCELED"
    assert _lost() == []


def test_a_pair_that_other_hands_took_away_is_told_once(venue: AtVenue) -> None:
    stop, target = _pair(venue)
    _send(venue)
    _taken_away(venue, stop)
    _settle(venue)
    target.refresh_from_db()
    assert target.ord_status in ("CANCELED", "EXPIRED")
    assert len(_lost()) == 1


def test_a_stop_whose_target_is_reached_is_not_missed(venue: AtVenue) -> None:
    _, target = _pair(venue)
    _send(venue)
    venue.change("book", instrument=venue.place.symbol, side="BUY", price=str(TARGET_PX), qty="50")
    _settle(venue)
    target.refresh_from_db()
    assert target.ord_status == "FILLED"
    assert _lost() == []


def test_a_replaced_stop_whose_successor_is_refused_is_told(venue: AtVenue) -> None:
    old = _stop(venue)
    _send(venue)
    new = replacing.request(
        desk=venue.desk, order_id=old.pk, order_qty=D("0.4"), price=None, by=_who(),
        reason="less", at=venue.now(),
    )  # fmt: skip
    _send(venue)
    replacing.advance(desk=venue.desk, at=venue.now())
    assert _lost() == []
    venue.change("faults", plan="refuse_filter=1")
    _send(venue)
    new.refresh_from_db()
    assert new.ord_status == "REJECTED"
    (text,) = _lost()
    assert "REJECTED, 0 of 0.4 filled" in text


def test_a_stop_that_was_never_sent_in_time_is_told(venue: AtVenue) -> None:
    order = _stop(venue)
    Order.objects.filter(pk=order.pk).update(expires_at=order.created_at)
    _send(venue)
    (text,) = _lost()
    assert text.endswith("EXPIRED_BEFORE_SEND")


def test_a_pair_that_the_venue_refuses_is_told_once(venue: AtVenue) -> None:
    stop, target = _pair(venue)
    venue.change("faults", plan="refuse_filter=1")
    _send(venue)
    for order in (stop, target):
        order.refresh_from_db()
        assert order.ord_status == "REJECTED"
    assert len(_lost()) == 1


def test_an_order_to_buy_that_the_venue_refuses_is_no_stop(venue: AtVenue) -> None:
    wish = Wish(venue.place.code, Side.BUY, OrdType.MARKET, D("0.01"))
    order = person_orders.submit(
        desk=venue.desk, wish=wish, by=_who(), reason="test", at=venue.now()
    )
    venue.change("faults", plan="refuse_filter=1")
    _send(venue)
    order.refresh_from_db()
    assert order.ord_status == "REJECTED"
    assert _lost() == []
