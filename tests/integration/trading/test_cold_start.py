"""A process begins on an account with many orders, some of unknown outcome: few questions, no send
before the books agree, and no order of doubtful fate taken for granted."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal as D
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from aitrader.kernel import ids
from aitrader.kernel.clock import WALL
from aitrader.kernel.fix import Certainty, OrdStatus
from tests.integration.trading.at_venue import AtVenue, at_venue
from trading.domain.order_state import Closedness
from trading.domain.ports import Gateway
from trading.models import Order
from trading.services import external
from trading.tasks import route, sweep, workbench

pytestmark = pytest.mark.usefixtures("fresh_database")

OPEN, UNKNOWN = 40, 24
LOT = D("0.001")


class Counted:
    """A gateway whose calls are counted by name."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._gateway, name)
        return partial(self._call, name, found) if callable(found) else found

    def _call(self, name: str, work: Any, **given: Any) -> Any:
        self.calls[name] += 1
        return work(**given)


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[AtVenue]:
    with at_venue(tmp_path) as opened:
        yield opened


def _rest(venue: AtVenue, count: int, *, price: str = "50000") -> list[str]:
    """So many orders rest at the venue and in our books."""
    names = [f"{price}-{number}" for number in range(count)]
    for name in names:
        venue.by_hand(name, order_qty=LOT, price=D(price))
    venue.look()
    return names


def _forget(names: list[str]) -> None:
    """As if the process had died before it heard of these orders, a minute ago."""
    past = WALL.now() - timedelta(minutes=1)
    Order.objects.filter(cl_ord_id__in=names).update(
        ord_status=OrdStatus.PENDING_NEW,
        closedness=int(Closedness.SENT),
        certainty=Certainty.UNKNOWN,
        order_id="",
        claimed_at=past,
        lease_until=past,
    )


def _never_arrived(like: str) -> str:
    """An order that got lost on its way."""
    order = Order.objects.get(cl_ord_id=like)
    order.pk = None
    order.cl_ord_id, order.order_id = "lost-1", ""
    order.public_id, order.intent_id = ids.derive("lost", "public"), ids.derive("lost", "intent")
    order.save()
    _forget([order.cl_ord_id])
    return order.cl_ord_id


def _begin(venue: AtVenue) -> Counter[str]:
    """Begin as a new process does; green, and what was asked for it."""
    counted = Counted(venue.gateway)
    assert external.begin(desk=venue.desk, gateway=counted, at=venue.now())
    return counted.calls


def test_orders_that_rest_as_they_were_sent_are_asked_about_together(venue: AtVenue) -> None:
    _rest(venue, OPEN)
    _forget(_rest(venue, UNKNOWN, price="50001"))
    calls = _begin(venue)
    assert set(Order.objects.values_list("ord_status", "certainty")) == {("NEW", "CERTAIN")}
    assert "" not in set(Order.objects.values_list("order_id", flat=True))
    assert calls["query"] == calls["submit"] == calls["cancel"] == 0
    assert calls["open_orders"] <= 5


def test_what_the_list_does_not_settle_is_asked_about_one_by_one(venue: AtVenue) -> None:
    _rest(venue, OPEN)
    resting, traded = _rest(venue, UNKNOWN - 4, price="50001"), _rest(venue, 3, price="50002")
    _forget(resting + traded)
    lost = _never_arrived(like=resting[0])
    venue.change("book", instrument="BTCUSDT", side="SELL", price="50002", qty=str(LOT * 2))
    calls = _begin(venue)
    told = Order.objects.filter(cl_ord_id__in=traded).order_by("pk")
    assert [order.ord_status for order in told] == ["FILLED", "FILLED", "NEW"]
    assert venue.differences() == {}
    assert (calls["query"], calls["submit"], calls["cancel"]) == (3, 0, 0)
    # That nobody shows it is a first sign and no more: nothing of it is concluded yet.
    order = Order.objects.get(cl_ord_id=lost)
    assert (order.ord_status, order.certainty) == ("PENDING_NEW", "UNKNOWN")
    assert order.evidence is not None
    assert len(order.evidence["reads"]) == 1


def test_an_order_that_rests_otherwise_than_it_was_sent_is_not_adopted_from_the_list(
    venue: AtVenue,
) -> None:
    names = _rest(venue, UNKNOWN)
    _forget(names)
    Order.objects.filter(cl_ord_id=names[0]).update(order_qty=LOT * 2)
    assert _begin(venue)["query"] == 1


def test_few_in_doubt_are_asked_about_without_the_list(venue: AtVenue) -> None:
    _forget(_rest(venue, 3))
    assert _begin(venue)["query"] == 3


def test_nothing_is_sent_before_the_process_has_reconciled(venue: AtVenue) -> None:
    order, account = venue.waiting("one"), venue.desk.account.pk
    # What it holds there is not what its books say.
    venue.move("withdraw", "BTC", "0.5")
    route.route(account_id=account)
    sweep.sweep()
    assert venue.gateway.open_orders(account="") == []
    venue.move("deposit", "BTC", "0.5")
    _soon(venue, order)


def _soon(venue: AtVenue, order: Order) -> None:
    """The next looks find the books in agreement, and the order goes."""
    bench = workbench.bench_of(venue.desk.account.pk)
    assert bench is not None
    bench._reconciled = float("-inf")
    sweep.sweep()
    (resting,) = venue.gateway.open_orders(account="")
    assert resting.cl_ord_id == order.cl_ord_id
