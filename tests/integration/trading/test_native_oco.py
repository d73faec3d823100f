"""Stop and target rest at Binance as one list: one call, two rows, each with its own end."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path

import pytest
from django.db import connection, transaction

from aitrader.kernel import ids
from aitrader.kernel.errors import RejectedByVenue
from aitrader.kernel.fix import OrdType, Origin, Side, TimeInForce
from tests.factories import road as roads
from tests.factories.road import Road
from tests.integration.trading.at_venue import CODE, PX, SYMBOL, AtVenue
from tests.integration.trading.trades_at_venue import trading_at_venue
from trading.domain.order import OrderIntent
from trading.domain.ports import EVERYTHING, NewOrder
from trading.gateways.binance.gateway import CAPABILITIES as BINANCE
from trading.models import Order
from trading.services import exit_watch, orders, reconciliation, routing

pytestmark = pytest.mark.usefixtures("fresh_database")

QTY = D("0.5")


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[AtVenue]:
    with trading_at_venue(tmp_path) as opened:
        assert opened.begin()
        yield opened


def _pair(venue: AtVenue) -> tuple[Order, Order]:
    """A stop at 59,000 and a target at 61,000 for half a bitcoin, written."""
    (row,) = venue.desk.instruments.values()
    at = venue.now()
    written: list[Order] = []
    for name, ord_type, price, stop_px in (
        ("stop_loss", OrdType.STOP, None, D(59_000)),
        ("take_profit", OrdType.LIMIT_IF_TOUCHED, D(61_000), None),
    ):
        intent = OrderIntent(
            intent_id=ids.derive("test", name), account=venue.desk.account.code, instrument=CODE,
            side=Side.SELL, ord_type=ord_type, order_qty=QTY, origin=Origin.PROTECTION,
            reference_px=PX, reason=name, decided_at=at.market, oco_group="G" * 32,
            reduce_only=True, price=price, stop_px=stop_px,
        )  # fmt: skip
        draft = orders.Draft(intent, row, "trace", shared_qty=QTY if written else D(0))
        written.append(orders.submit(desk=venue.desk, draft=draft, at=at))
    assert [each.ord_status for each in written] == ["CREATED", "CREATED"]
    return written[0], written[1]


def _send(venue: AtVenue) -> int:
    return routing.send_all(desk=venue.desk, gateway=venue.gateway, at=venue.now())


def _statuses(venue: AtVenue) -> list[str]:
    reconciliation.follow(desk=venue.desk, gateway=venue.gateway, at=venue.now())
    return [each.ord_status for each in Order.objects.order_by("pk")]


def test_both_rest_and_the_target_that_fills_ends_the_stop(venue: AtVenue) -> None:
    _pair(venue)
    assert _send(venue) == 2
    assert _statuses(venue) == ["NEW", "NEW"]
    assert len({each.order_id for each in Order.objects.all()}) == 2
    venue.change("book", instrument=SYMBOL, side="BUY", price="61000", qty="2")
    assert _statuses(venue) == ["EXPIRED", "FILLED"]
    assert venue.differences() == {}


def test_the_stop_that_is_touched_ends_the_target(venue: AtVenue) -> None:
    _pair(venue)
    _send(venue)
    venue.change("book", instrument=SYMBOL, side="SELL", price="59990", qty="1")
    venue.change("book", instrument=SYMBOL, side="BUY", price="58900", qty="3")
    venue.change("book", instrument=SYMBOL, side="SELL", price="58900", qty="0.1")
    assert _statuses(venue) == ["FILLED", "EXPIRED"]
    assert venue.differences() == {}


def test_an_unknown_outcome_is_one_doubt_each_and_each_is_asked_about(venue: AtVenue) -> None:
    _pair(venue)
    venue.change("faults", plan="accept_no_answer=1")
    _send(venue)
    assert {each.certainty for each in Order.objects.all()} == {"UNKNOWN"}
    venue.change("faults", plan="")
    assert reconciliation.resolve(desk=venue.desk, gateway=venue.gateway, at=venue.now()) == 2
    rows = Order.objects.order_by("pk")
    assert [(each.ord_status, each.certainty) for each in rows] == [("NEW", "CERTAIN")] * 2
    assert len(venue.gateway.open_orders(account="")) == 2


def test_a_refusal_refuses_both(venue: AtVenue) -> None:
    _pair(venue)
    Order.objects.filter(reason="take_profit").update(price=D(59_000))
    _send(venue)
    assert _statuses(venue) == ["REJECTED", "REJECTED"]
    assert list(venue.gateway.open_orders(account="")) == []


def test_a_cancel_of_one_ends_the_other(venue: AtVenue) -> None:
    stop, target = _pair(venue)
    _send(venue)
    for order in (stop, target):
        orders.request_cancel(
            order_id=order.pk, requested_by="test", reason="test", now=venue.now().wall
        )
    routing.cancel_all(desk=venue.desk, gateway=venue.gateway, at=venue.now())
    assert _statuses(venue) == ["CANCELED", "CANCELED"]


def test_a_group_is_sent_whole_or_not_now(venue: AtVenue) -> None:
    stop, _ = _pair(venue)
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT 1 FROM trading_order WHERE id = %s FOR UPDATE", [stop.pk])
        assert _send(venue) == 0
    finally:
        other.close()
    assert _send(venue) == 2


def test_the_venue_is_never_asked_for_a_list_that_it_has_not(venue: AtVenue) -> None:
    stop = NewOrder(
        "A-1", CODE, Side.SELL, OrdType.STOP, QTY, TimeInForce.GTC, venue.now().market,
        stop_px=D(59_000), oco_group="G" * 32,
    )  # fmt: skip
    trailing = replace(stop, cl_ord_id="A-2", ord_type=OrdType.TRAILING_STOP, stop_px=None)
    gateway = venue.gateway
    assert hasattr(gateway, "submit_group")
    with pytest.raises(RejectedByVenue):
        gateway.submit_group(account="", orders=[stop, trailing])


def _long(**exits: str) -> Road:
    road = Road(exits={**roads.NO_EXITS, **exits})
    road.desk.capabilities = replace(EVERYTHING, oco=BINANCE.oco)
    road.move(101)
    road.hold(2)
    return road


def _resting() -> list[str]:
    rows = Order.objects.filter(origin="PROTECTION", ord_status="NEW").order_by("pk")
    return list(rows.values_list("ord_type", flat=True))


@pytest.mark.parametrize(
    ("exits", "types"),
    [
        ({"stop_loss_pct": "5", "take_profit_pct": "10"}, ["STOP", "LIMIT_IF_TOUCHED"]),
        (
            {"stop_loss_pct": "5", "take_profit_pct": "10", "trailing_pct": "6"},
            ["STOP", "LIMIT_IF_TOUCHED"],
        ),
        ({"take_profit_pct": "10", "trailing_pct": "6"}, ["LIMIT_IF_TOUCHED", "TRAILING_STOP"]),
        ({"stop_loss_pct": "5", "trailing_pct": "6"}, ["STOP"]),
    ],
)
def test_as_many_exits_rest_as_the_venue_holds_together(
    exits: dict[str, str], types: list[str]
) -> None:
    _long(**exits)
    assert _resting() == types


def test_what_rests_is_not_watched_and_the_rest_is() -> None:
    road = _long(stop_loss_pct="5", take_profit_pct="10", trailing_pct="4")
    prices = {next(iter(road.desk.instruments)): D(113)}
    assert exit_watch.watch(desk=road.desk, prices=prices, at=road.moment) == 0
    prices = dict.fromkeys(prices, D("108"))
    assert exit_watch.watch(desk=road.desk, prices=prices, at=road.moment) == 1
    road.hold(2)
    assert roads.only_trade().exit_reason == "trailing_stop"
    assert _resting() == []
    assert road.wrong() == []


def test_a_target_whose_order_is_gone_is_watched_again() -> None:
    road = _long(stop_loss_pct="5", take_profit_pct="10")
    Order.objects.filter(reason="take_profit").update(ord_status="REJECTED")
    prices = {next(iter(road.desk.instruments)): D(113)}
    with transaction.atomic():
        assert exit_watch.watch(desk=road.desk, prices=prices, at=road.moment) == 1
