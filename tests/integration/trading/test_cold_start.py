"""A process begins on an account with many orders, some of unknown outcome: few questions, no send
before the books agree, and no order of doubtful fate taken for granted."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D
from functools import partial
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from aitrader.kernel import ids
from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import OutcomeUnknown
from aitrader.kernel.fix import Certainty, OrdStatus, OrdType, Side
from aitrader.kernel.topics import Task
from aitrader.runtime.feed import FeedThread
from tests.integration.trading.at_venue import AtVenue, at_venue
from trading.domain.order_state import Closedness
from trading.domain.ports import Gateway
from trading.models import Order, ReconBreak
from trading.services import external, reconciliation
from trading.services.listed import Listed
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
    assert calls["open_orders"] == 1


def test_the_task_of_every_minute_asks_for_the_list_of_open_orders_once(venue: AtVenue) -> None:
    _rest(venue, 3)
    bench = workbench.bench_of(venue.desk.account.pk)
    assert bench is not None
    counted = Counted(bench.venue.gateway)
    bench.venue = replace(bench.venue, gateway=counted)
    sweep.reconcile()
    assert counted.calls["open_orders"] == 1
    assert counted.calls["balances"] == 1


def test_a_user_stream_that_is_back_has_the_whole_pass_made_at_once(venue: AtVenue) -> None:
    woken: list[Task] = []
    feed = SimpleNamespace(
        made=SimpleNamespace(desk=venue.desk), _stopping=Event(), _wake=woken.append
    )
    FeedThread._on_line(feed, False, "cut")  # type: ignore[arg-type]  # what it uses of a feed
    assert woken == []
    venue.begin()
    venue.by_hand("hand-1")
    FeedThread._on_line(feed, True, "")  # type: ignore[arg-type]  # as above
    assert woken == [Task.RECONCILE]
    sweep.reconcile(account_id=venue.desk.account.pk)
    assert Order.objects.get(origin="EXTERNAL").cl_ord_id == "hand-1"


def test_what_has_begun_to_rest_since_the_list_was_asked_for_is_not_missing_there(
    venue: AtVenue,
) -> None:
    listed = Listed(venue.desk, venue.gateway)
    assert listed.orders() == []
    _rest(venue, 1)
    at = venue.now()
    found = reconciliation.compare(desk=venue.desk, gateway=venue.gateway, at=at, listed=listed)
    assert found.agree
    listed = Listed(venue.desk, venue.gateway)
    assert len(listed.orders()) == 1
    Order.objects.update(ord_status=OrdStatus.CANCELED, closedness=int(Closedness.CANCELED))
    reconciliation.compare(desk=venue.desk, gateway=venue.gateway, at=at, listed=listed)
    assert not ReconBreak.objects.exists()


class _Busy(Counted):
    """Other hands trade whenever the balances are read for the first time in a pass."""

    def __init__(self, venue: AtVenue) -> None:
        super().__init__(venue.gateway)
        self._venue = venue
        self._traded = False

    def __getattr__(self, name: str) -> Any:
        if name == "balances" and not self._traded:
            self._traded = True
            self._venue.by_hand(
                f"hand-{self.calls['balances']}", ord_type=OrdType.MARKET, price=None,
                order_qty=LOT, side=Side.SELL,
            )  # fmt: skip
        return super().__getattr__(name)


def test_an_account_that_trades_while_it_is_compared_becomes_green_all_the_same(
    venue: AtVenue,
) -> None:
    venue.quotes()
    busy = _Busy(venue)
    assert external.begin(desk=venue.desk, gateway=busy, at=venue.now())
    assert busy.calls["balances"] == 2
    assert not ReconBreak.objects.exists()
    assert venue.differences() == {}


def test_what_differs_in_every_look_is_a_break(venue: AtVenue) -> None:
    venue.begin()
    venue.move("deposit", "USDT", "5")
    counted = Counted(venue.gateway)
    assert not external.begin(desk=venue.desk, gateway=counted, at=venue.now())
    # The same in the second look: no third is needed.
    assert counted.calls["balances"] == 2
    assert ReconBreak.objects.get().object_id == "USDT"


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


def test_many_in_doubt_are_asked_about_one_by_one_where_the_list_is_not_told(
    venue: AtVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    _forget(_rest(venue, UNKNOWN))

    def no_answer(**_: Any) -> Any:
        raise OutcomeUnknown("no answer")

    monkeypatch.setattr(venue.gateway, "open_orders", no_answer)
    done = reconciliation.resolve(desk=venue.desk, gateway=venue.gateway, at=venue.now())
    assert done == UNKNOWN
    assert set(Order.objects.values_list("ord_status", "certainty")) == {("NEW", "CERTAIN")}


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
    workbench._paces._last.clear()
    sweep.sweep()
    (resting,) = venue.gateway.open_orders(account="")
    assert resting.cl_ord_id == order.cl_ord_id
