"""What one look at the waiting orders sends, what it leaves, and what it writes about either."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from aitrader.kernel.clock import WALL, Moment, monotonic
from aitrader.kernel.errors import NotSent, OutcomeUnknown, RejectedByVenue
from compliance.models import JournalEntry
from risk.domain.trading_state import Scope
from risk.selectors import states
from risk.services import kill_switch
from tests.factories import road as roads
from tests.factories.road import Road
from trading.domain.evidence import Evidence
from trading.domain.execution_report import ExecutionReport
from trading.domain.ports import NewOrder
from trading.gateways.sim.gateway import SimGateway
from trading.gateways.sim.rules import SimRules
from trading.models import CancelRequest, Order, SimOrder
from trading.services import claims, order_rows, orders, routing
from trading.services.order_rows import OrderRows

pytestmark = pytest.mark.usefixtures("fresh_database")


class _Venue(SimGateway):
    """What `ends` holds becomes of the calls, one after the other: an exception, or None for one
    that is taken; after those everything is. `told` are the calls that came."""

    def __init__(self, rules: SimRules, *ends: Exception | None) -> None:
        super().__init__(rules)
        self.ends = [*ends]
        self.told: list[list[NewOrder]] = []

    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        self._end([order])
        return super().submit(account=account, order=order)

    def cancel(
        self, *, account: str, instrument: str, cl_ord_id: str, at: datetime
    ) -> ExecutionReport:
        self._end([])
        return super().cancel(account=account, instrument=instrument, cl_ord_id=cl_ord_id, at=at)

    def _end(self, told: list[NewOrder]) -> None:
        self.told.append(told)
        end = self.ends.pop(0) if self.ends else None
        if end is not None:
            raise end


class _WithGroups(_Venue):
    """Takes the orders of an OCO group in one call, and no other."""

    def submit_group(
        self, *, account: str, orders: Sequence[NewOrder]
    ) -> Sequence[ExecutionReport]:
        assert len(orders) > 1, "a list of one is none"
        self._end([*orders])
        return [
            report
            for order in orders
            for report in SimGateway.submit(self, account=account, order=replace(order, body=""))
        ]


class _Follower(_Venue):
    """Its stream does not tell everything."""

    capabilities = replace(SimGateway.capabilities, streams=False)


def _waiting(*groups: str) -> Road:
    """A desk with as many entries that wait to be sent, each of its group or of none."""
    road = Road()
    road.decide(101)
    first = roads.only_order()
    for number, group in enumerate(groups):
        first.oco_group = group
        if number:
            first.pk = None
            first.public_id = first.intent_id = first.cl_ord_id = f"W{number}"
        first.save()
    return road


def _send(road: Road, gateway: SimGateway, *, at: Moment | None = None) -> int:
    return routing.send_next(desk=road.desk, gateway=gateway, at=at or road.moment)


def _cancel(road: Road, gateway: SimGateway, order: Order) -> int:
    assert orders.request_cancel(order_id=order.pk, requested_by="ann", reason="no", now=WALL.now())
    return routing.cancel_all(desk=road.desk, gateway=gateway, at=road.moment)


def _data(event: str) -> list[Mapping[str, Any]]:
    rows = JournalEntry.objects.filter(event=event).order_by("pk")
    return [orjson.loads(bytes(row.payload))["body"]["data"] for row in rows]


def _pause(road: Road) -> float:
    """How long nothing is sent from now on, in seconds to a quarter."""
    return round((road.desk.held_back_until - monotonic()) * 4) / 4


def test_a_look_at_which_nothing_waits_is_one_question_to_the_database() -> None:
    road = Road()
    with CaptureQueriesContext(connection) as asked:
        assert _send(road, _Venue(road.rules)) == 0
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("groups", "sent"),
    [
        (("", "", "", "", "", ""), [4, 2]),
        (("", "", "", "G", "G", ""), [5, 1]),
        (("", "", "", "", "G", "G"), [4, 2]),
        (("", "", "G", "G", "H", "H"), [4, 2]),
    ],
)
def test_four_orders_are_claimed_together_and_the_rest_of_a_group_that_has_begun(
    groups: Sequence[str], sent: list[int]
) -> None:
    road = _waiting(*groups)
    assert [_send(road, _Venue(road.rules)) for _ in sent] == sent
    assert not roads.orders(ord_status="CREATED")
    assert {order.fencing_token for order in roads.orders()} == {1, 2}


def test_a_group_is_one_call_and_every_other_order_is_one_by_itself() -> None:
    road = _waiting("", "G", "G", "")
    venue = _WithGroups(road.rules)
    assert _send(road, venue) == 4
    first, stop, target, last = (order.cl_ord_id for order in roads.orders())
    calls = [[order.cl_ord_id for order in call] for call in venue.told]
    assert calls == [[first], [stop, target], [last]]


def test_a_venue_is_told_when_an_order_was_sent_and_not_when_it_was_made() -> None:
    road = _waiting("")
    venue = _Venue(road.rules)
    later = Moment(road.moment.market + timedelta(seconds=5), WALL.now())
    assert _send(road, venue, at=later) == 1
    assert [order.sent_at for (order,) in venue.told] == [later.market]


def test_at_the_instant_at_which_it_expires_an_order_is_too_old() -> None:
    road = _waiting("", "")
    early, late = roads.orders()
    Order.objects.filter(pk=early.pk).update(expires_at=road.moment.market)
    assert _send(road, _Venue(road.rules)) == 1
    early.refresh_from_db()
    late.refresh_from_db()
    assert (early.ord_status, late.ord_status) == ("EXPIRED", "NEW")


def test_what_was_claimed_too_long_ago_is_not_sent_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    road = _waiting("", "")
    venue = _Venue(road.rules)
    # As if the process had been stopped between the claim and the call.
    monkeypatch.setattr(claims, "_LONGEST_CALL_SECONDS", 60.0)
    assert _send(road, venue) == 0
    assert venue.told == []
    assert [order.ord_status for order in roads.orders()] == ["CREATED", "CREATED"]
    assert len(_data("order.not_sent")) == 2


def test_what_is_proven_not_sent_does_not_count_and_the_next_pauses_are_longer_until_one_goes() -> (
    None
):
    road = _waiting("")
    down = [NotSent("the line is down") for _ in range(7)]
    venue = _Venue(road.rules, *down)
    pauses = []
    for _ in down:
        road.desk.held_back_until = 0
        assert _send(road, venue) == 0
        pauses.append(_pause(road))
        assert _send(road, venue) == 0
    assert len(venue.told) == len(down)
    assert pauses == [0.5, 1, 2, 4, 8, 15, 15]
    road.desk.held_back_until = 0
    assert _send(road, venue) == 1
    Order.objects.update(ord_status="CREATED", closedness=0)
    venue.ends = [NotSent("the line is down")]
    assert _send(road, venue) == 0
    assert _pause(road) == 0.5


@pytest.mark.parametrize(("venue", "paused"), [(_Venue, False), (_Follower, True)])
def test_an_unanswered_order_holds_the_next_ones_back_at_a_real_venue(
    venue: type[_Venue], paused: bool
) -> None:
    road = _waiting("")
    assert _send(road, venue(road.rules, OutcomeUnknown("no answer"))) == 1
    assert roads.only_order().certainty == "UNKNOWN"
    assert (_pause(road) > 0) is paused


def test_words_of_a_venue_that_are_too_long_are_kept_as_far_as_they_fit() -> None:
    road = _waiting("", "")
    long = "y" * 500
    venue = _Venue(road.rules, RejectedByVenue("X", long), OutcomeUnknown(long), None)
    assert _send(road, venue) == 2
    refused, unknown = roads.orders()
    assert (refused.ord_status, refused.text) == ("REJECTED", f"X: {long}"[:200])
    assert (unknown.certainty, unknown.text) == ("UNKNOWN", long[:200])
    venue.ends = [RejectedByVenue("X", long, gone=True)]
    assert _cancel(road, venue, unknown) == 1
    assert CancelRequest.objects.get().outcome == f"X: {long}"[:200]
    assert [each["outcome"] for each in _data("order.cancel_answered")] == [f"X: {long}"]


def test_a_wish_whose_order_was_sent_meanwhile_does_not_end_it() -> None:
    road = _waiting("")
    before = roads.only_order()
    venue = _Venue(road.rules)

    class Early(OrderRows):
        """Read what is wished away a moment before somebody else sent it."""

        def asked(self) -> list[Order]:
            return [before]

    assert _send(road, venue) == 1
    road.desk.store = Early(road.desk)
    assert routing.cancel_all(desk=road.desk, gateway=venue, at=road.moment) == 0
    assert roads.only_order().ord_status == "NEW"


def test_a_wish_waits_while_its_order_is_on_its_way_and_goes_when_that_is_in_doubt() -> None:
    road = _waiting("")
    venue = _Venue(road.rules)
    Order.objects.update(ord_status="PENDING_NEW", closedness=1)
    order = roads.only_order()
    assert _cancel(road, venue, order) == 0
    assert venue.told == []
    Order.objects.update(certainty="UNKNOWN")
    assert routing.cancel_all(desk=road.desk, gateway=venue, at=road.moment) == 1
    assert len(venue.told) == 1


@pytest.mark.parametrize("error", [NotSent("429"), OutcomeUnknown("no answer")])
def test_a_wish_that_was_not_answered_stands(error: Exception) -> None:
    road = _waiting("")
    venue = _Venue(road.rules)
    _send(road, venue)
    venue.ends = [error]
    assert _cancel(road, venue, roads.only_order()) == 0
    assert CancelRequest.objects.get().answered_at is None
    assert routing.cancel_all(desk=road.desk, gateway=venue, at=road.moment) == 1
    assert CancelRequest.objects.get().outcome == "CANCELED"


@pytest.mark.parametrize("asked", ["order", "cancel"])
def test_a_key_that_is_refused_halts_the_account_whatever_was_asked(asked: str) -> None:
    road = _waiting("")
    venue = _Venue(road.rules)
    refusal = RejectedByVenue("-2015", "invalid key", of_key=True)
    if asked == "order":
        venue.ends = [refusal]
        _send(road, venue)
    else:
        _send(road, venue)
        venue.ends = [refusal]
        assert _cancel(road, venue, roads.only_order()) == 0
    (halted,) = states.current()
    assert (halted.scope, halted.code) == (Scope.ACCOUNT, road.desk.account.code)


def test_a_balance_that_is_not_there_pauses_the_strategy() -> None:
    road = _waiting("")
    _send(road, _Venue(road.rules, RejectedByVenue("-2010", "too little", of_balance=True)))
    (paused,) = states.current()
    assert (paused.scope, paused.code) == (Scope.STRATEGY, "sma_cross")


def test_a_halted_strategy_keeps_its_own_orders_and_nobody_elses() -> None:
    road = _waiting("", "")
    kill_switch.engage(
        scope=Scope.STRATEGY, scope_code="sma_cross", reason="drill", actor="ann", now=WALL.now(),
        market_at=roads.START,
    )  # fmt: skip
    mine, persons = roads.orders()
    Order.objects.filter(pk=persons.pk).update(version=None)
    assert _send(road, _Venue(road.rules)) == 1
    mine.refresh_from_db()
    persons.refresh_from_db()
    assert (mine.ord_status, persons.ord_status) == ("CREATED", "NEW")


def _again(road: Road, venue: _Venue) -> bool:
    order = roads.orders()[0]
    return routing.repeat(desk=road.desk, gateway=venue, order=order, at=road.moment)


def test_to_send_again_is_a_claim_of_its_own_that_forgets_what_was_found_about_the_last() -> None:
    road = _waiting("")
    venue = _Venue(road.rules, OutcomeUnknown("-"), OutcomeUnknown("-"))
    _send(road, venue)
    store = order_rows.of(road.desk)
    store.keep_evidence(roads.only_order(), Evidence(reads=(road.moment.wall,)))
    assert _again(road, venue) is False
    order = roads.only_order()
    assert (order.fencing_token, order.evidence, order.certainty) == (2, None, "UNKNOWN")
    assert [each.get("again", False) for each in _data("order.sent")] == [False, True]
    assert _again(road, venue) is True
    order.refresh_from_db()
    assert (order.ord_status, order.certainty) == ("NEW", "CERTAIN")


def test_a_copy_that_was_not_sent_or_refused_leaves_the_order_in_doubt() -> None:
    road = _waiting("")
    venue = _Venue(
        road.rules, OutcomeUnknown("-"), NotSent("429"), RejectedByVenue("51", "no balance")
    )
    _send(road, venue)
    assert _again(road, venue) is False
    assert roads.only_order().evidence is None
    assert _again(road, venue) is False
    order = roads.only_order()
    assert (order.ord_status, order.certainty) == ("PENDING_NEW", "UNKNOWN")
    assert order.evidence is not None
    assert order.evidence["refused"] is True


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OutcomeUnknown("no answer"), "no answer"),
        (RejectedByVenue("51", "no balance"), "refused when sent again: 51: no balance"),
    ],
)
def test_an_order_whose_sender_died_is_in_doubt_when_its_copy_proves_nothing(
    error: Exception, said: str
) -> None:
    road = _waiting("")
    Order.objects.update(ord_status="PENDING_NEW", closedness=1, fencing_token=1)
    assert _again(road, _Venue(road.rules, error)) is False
    order = roads.only_order()
    assert (order.ord_status, order.certainty, order.text) == ("PENDING_NEW", "UNKNOWN", said)


def test_a_group_is_sent_again_whole_and_not_when_one_of_it_was_heard_of() -> None:
    road = _waiting("G", "G")
    venue = _WithGroups(road.rules, OutcomeUnknown("-"), OutcomeUnknown("-"))
    _send(road, venue)
    assert _again(road, venue) is False
    assert [len(call) for call in venue.told] == [2, 2]
    assert {order.fencing_token for order in roads.orders()} == {2}
    Order.objects.filter(cl_ord_id="W1").update(ord_status="NEW", closedness=2)
    assert _again(road, venue) is False
    assert len(venue.told) == 2


def test_of_a_group_at_a_venue_that_takes_no_groups_one_order_is_sent_again() -> None:
    road = _waiting("G", "G")
    venue = _Venue(road.rules, OutcomeUnknown("-"), OutcomeUnknown("-"))
    _send(road, venue)
    assert _again(road, venue) is True
    assert [order.ord_status for order in roads.orders()] == ["NEW", "PENDING_NEW"]
    assert SimOrder.objects.count() == 1
