"""What came from outside is booked in time on an account that trades all the while."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal as D
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from aitrader.kernel.clock import WALL
from aitrader.kernel.events import EventName
from aitrader.kernel.fix import OrdType, Side
from compliance.models import JournalEntry
from compliance.services import access
from tests.integration.trading.at_venue import AtVenue
from tests.integration.trading.trades_at_venue import trading_at_venue
from trading.models import Account, Order, ReconBreak
from trading.services import external, person_orders, routing
from trading.services.person_orders import Wish

pytestmark = pytest.mark.usefixtures("fresh_database")

MINUTE = timedelta(seconds=60)


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[AtVenue]:
    with trading_at_venue(tmp_path) as opened:
        assert opened.begin()
        yield opened


def _trade(venue: AtVenue) -> None:
    """A person sells a little at the market."""
    wish = Wish(venue.place.code, Side.SELL, OrdType.MARKET, D("0.001"))
    by = access.operator_named("ada")
    person_orders.submit(desk=venue.desk, wish=wish, by=by, reason="x", at=venue.now())
    routing.send_all(desk=venue.desk, gateway=venue.gateway, at=venue.now())
    assert Order.objects.latest("pk").ord_status == "FILLED"


def _reconcile(venue: AtVenue, later: timedelta) -> external.Reconciled:
    """What the worker does every minute, `later` from now."""
    return external.reconcile(desk=venue.desk, gateway=venue.gateway, at=venue.now(later))


def _said(name: EventName) -> int:
    return JournalEntry.objects.filter(event=name).count()


def _open() -> list[ReconBreak]:
    return [*ReconBreak.objects.filter(kind="BALANCE", closed_at=None).order_by("pk")]


@contextmanager
def _trading_when_asked(venue: AtVenue) -> Iterator[None]:
    """Whenever the exchange answers about balances, other hands have just traded there."""
    gateway: Any = venue.gateway
    balances, asked = gateway.balances, count()

    def busy(*, account: str) -> dict[str, D]:
        number = next(asked)
        qty = D("0.002") + number * D("0.0001")
        venue.by_hand(f"busy-{number}", price=D(60_000), order_qty=qty)
        found: dict[str, D] = balances(account=account)
        return found

    gateway.balances = busy
    yield
    gateway.balances = balances


def test_a_deposit_is_booked_after_its_minute_although_every_look_finds_other_balances(
    venue: AtVenue,
) -> None:
    venue.move("deposit", "USDT", "5000")
    _reconcile(venue, timedelta(0))
    (first,) = _open()
    for seconds in (20, 40):
        _trade(venue)
        _reconcile(venue, timedelta(seconds=seconds))
        (now,) = _open()
        assert (now.pk, now.noticed_at) == (first.pk, first.noticed_at)
        assert D(now.venues) - D(now.ours) == 5000
        assert now.ours != first.ours
    _trade(venue)
    _reconcile(venue, MINUTE + timedelta(seconds=1))
    assert (_open(), _said(EventName.FLOW_BOOKED)) == ([], 1)
    assert venue.differences() == {}
    assert Account.objects.get().opening_equity == D(165_000)


def test_trades_in_the_middle_of_a_comparison_do_not_make_what_stood_young_again(
    venue: AtVenue,
) -> None:
    venue.move("deposit", "USDT", "5000")
    _reconcile(venue, timedelta(0))
    (first,) = _open()
    with _trading_when_asked(venue):
        _reconcile(venue, MINUTE + timedelta(seconds=1))
    assert first.pk in {row.pk for row in _open()}
    assert _said(EventName.FLOW_BOOKED) == 0
    _reconcile(venue, 2 * MINUTE + timedelta(seconds=1))
    assert (_open(), _said(EventName.FLOW_BOOKED)) == ([], 1)
    assert venue.differences() == {}


def test_an_order_on_its_way_that_was_claimed_later_does_not_put_it_off(venue: AtVenue) -> None:
    venue.move("deposit", "USDT", "5000")
    _reconcile(venue, timedelta(0))
    order = venue.waiting("on its way")
    claimed = Order.objects.filter(pk=order.pk)
    claimed.update(ord_status="PENDING_NEW", claimed_at=WALL.now(), lease_until=WALL.now() + MINUTE)
    _reconcile(venue, MINUTE + timedelta(seconds=1))
    assert _said(EventName.FLOW_BOOKED) == 1


def test_an_order_on_its_way_since_before_may_be_what_differs(venue: AtVenue) -> None:
    order = venue.waiting("on its way")
    claimed = Order.objects.filter(pk=order.pk)
    claimed.update(ord_status="PENDING_NEW", claimed_at=WALL.now(), lease_until=WALL.now() + MINUTE)
    venue.move("deposit", "USDT", "5000")
    _reconcile(venue, timedelta(0))
    _reconcile(venue, MINUTE + timedelta(seconds=1))
    assert (_said(EventName.FLOW_BOOKED), len(_open())) == (0, 1)


def test_a_trade_that_was_taken_back_is_booked_back_while_others_follow_it(venue: AtVenue) -> None:
    _trade(venue)
    _reconcile(venue, timedelta(0))
    assert venue.differences() == {}
    venue.change("faults", plan="bust_every_s=1")
    deadline = time.monotonic() + 5
    while not venue.differences() and time.monotonic() < deadline:
        time.sleep(0.1)
    venue.change("faults", plan="")
    for seconds in (1, 30):
        _reconcile(venue, timedelta(seconds=seconds))
        _trade(venue)
    _reconcile(venue, MINUTE + timedelta(seconds=2))
    _reconcile(venue, 2 * MINUTE + timedelta(seconds=2))
    assert (_open(), _said(EventName.FILL_VOIDED), _said(EventName.FLOW_BOOKED)) == ([], 1, 0)
    assert venue.differences() == {}
