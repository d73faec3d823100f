"""A person ends what the venue cannot prove: with evidence, not before the desk is through, not
against what the venue has told, and once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import orjson
import pytest

from aitrader.kernel.clock import WALL, Moment, iso
from aitrader.kernel.errors import NotPermitted, Refused, RejectedByVenue
from aitrader.kernel.fix import ExecType, OrdType, Side
from compliance.domain.roles import Role
from compliance.models import JournalEntry
from compliance.services import access, installation
from tests.factories import desk as people
from tests.factories import road as roads
from tests.factories.road import Road
from tests.integration.trading.at_venue import CODE, at_venue
from tests.integration.trading.venues import OpenOnly
from trading.domain.execution_report import ExecutionReport
from trading.gateways.sim import books
from trading.models import Account, Fill, Order, ReconBreak
from trading.selectors import orders as order_reads
from trading.services import break_words, executions, reconciliation, routing
from trading.services.break_words import Fate, Word

pytestmark = pytest.mark.usefixtures("fresh_database")

NEVER = Word(Fate.NEVER_ACCEPTED, "support says so", "ticket 4711")
CLOSED = replace(NEVER, fate=Fate.CLOSED)


@pytest.fixture
def ann(fresh_database: None) -> Any:
    installation.install(namespace=roads.NAMESPACE, now=roads.START)
    access.sync_roles()
    return people.operator("ann", Role.RISK)


class _Doubt:
    """An order in doubt, lost or taken without an answer, and a balance that speaks against giving
    it up."""

    def __init__(self, *, lost: bool = True) -> None:
        self.road = Road()
        self.gateway = OpenOnly(self.road.rules, lost=lost)
        self.road.decide(101)
        routing.send_all(desk=self.road.desk, gateway=self.gateway, at=self.road.moment)
        account = self.road.desk.account.code
        with books.writing(account):
            books.move(account, {"BTC": D("0.5")})
        self.seconds = 0

    @property
    def now(self) -> datetime:
        claimed_at = roads.only_order().claimed_at
        assert claimed_at is not None
        return claimed_at + timedelta(seconds=self.seconds)

    def wait(self, until: int) -> None:
        while self.seconds < until:
            self.seconds = min(self.seconds + 5, until)
            at = Moment(self.road.moment.market, self.now)
            reconciliation.resolve(desk=self.road.desk, gateway=self.gateway, at=at)

    def state(self, by: Any, word: Word = NEVER, *, later: int = 0) -> Order:
        found = ReconBreak.objects.get(kind="DOUBT")
        now = self.now + timedelta(seconds=later)
        break_words.state(break_id=found.pk, by=by, word=word, now=now)
        return roads.only_order()

    def told(self, kind: ExecType, cum: D = D(0)) -> None:
        order = roads.only_order()
        report = ExecutionReport(
            cl_ord_id=order.cl_ord_id,
            order_id="7",
            exec_id=f"{kind}-7",
            exec_type=kind,
            instrument=self.road.code,
            cum_qty=cum,
            transact_time=self.road.moment.market,
        )
        executions.apply(desk=self.road.desk, reports=[report], at=self.road.moment)


def _closings() -> Sequence[dict[str, Any]]:
    rows = JournalEntry.objects.filter(event="order.closed").order_by("pk")
    return [orjson.loads(bytes(row.payload))["body"] for row in rows]


def test_an_order_that_the_venue_cannot_prove_ends_by_a_word_and_frees_what_it_held_once(
    ann: Any,
) -> None:
    doubt = _Doubt()
    doubt.wait(90)
    assert len(order_reads.working(doubt.road.desk.account)) == 1
    order = doubt.state(ann)
    assert (order.ord_status, order.certainty, order.text) == (
        "REJECTED", "CERTAIN", "NEVER_ACCEPTED",
    )  # fmt: skip
    assert order_reads.working(doubt.road.desk.account) == []
    (closing,) = _closings()
    assert closing["actor"] == "operator:ann"
    evidence = closing["data"]["evidence"]
    assert (evidence["seen"], evidence["reason"]) == ("ticket 4711", "support says so")
    assert len(evidence["reads"]) >= 4
    assert evidence["balances"] == ["BTC 0.5"]
    found = ReconBreak.objects.get(kind="DOUBT")
    assert (found.resolution, found.owner) == ("support says so", "ann")
    with pytest.raises(Refused, match="the break is closed"):
        doubt.state(ann)
    assert len(_closings()) == 1


def test_while_the_desk_can_still_find_out_no_word_is_taken(ann: Any) -> None:
    doubt = _Doubt()
    doubt.wait(90)
    # As if it had been sent once more since: the evidence is of the copy before.
    Order.objects.update(claimed_at=doubt.now + timedelta(seconds=5))
    with pytest.raises(Refused, match="still finding out"):
        doubt.state(ann)


def test_a_word_needs_a_venue_that_was_asked_a_moment_ago(ann: Any) -> None:
    doubt = _Doubt()
    doubt.wait(90)
    with pytest.raises(Refused, match="was not asked in the last minute"):
        doubt.state(ann, later=120)


def test_an_order_in_doubt_is_looked_for_on_and_on_and_adopted_when_it_shows(ann: Any) -> None:
    doubt = _Doubt(lost=False)
    hidden = doubt.gateway.cancel
    doubt.gateway.cancel = lambda **_: _refused()  # type: ignore[method-assign]  # the engine errs
    doubt.wait(200)
    assert ReconBreak.objects.get(kind="DOUBT").closed_at is None
    doubt.gateway.cancel = hidden  # type: ignore[method-assign]  # as above
    doubt.gateway.shows = True
    doubt.wait(215)
    assert (roads.only_order().ord_status, roads.only_order().certainty) == ("NEW", "CERTAIN")
    with pytest.raises(Refused, match="has accepted it"):
        doubt.state(ann)


def _refused() -> ExecutionReport:
    raise RejectedByVenue("-2011", "unknown order", gone=True)


def test_what_the_venue_has_told_is_not_overruled(ann: Any) -> None:
    doubt = _Doubt()
    doubt.wait(90)
    Order.objects.update(cum_qty=D(2))
    with pytest.raises(Refused, match="the venue has accepted it"):
        doubt.state(ann)
    with pytest.raises(Refused, match=r"the venue has told 2 of 99.009: 1 cannot be"):
        doubt.state(ann, replace(CLOSED, cum_qty=D(1)))
    with pytest.raises(Refused, match="100 cannot be"):
        doubt.state(ann, replace(CLOSED, cum_qty=D(100)))
    with pytest.raises(Refused, match="by the venue's id"):
        doubt.state(ann, replace(CLOSED, cum_qty=D(2)))


@pytest.mark.parametrize(
    ("word", "why"),
    [
        (replace(NEVER, reason=" "), "a reason is needed"),
        (replace(NEVER, evidence=" "), "where the venue's record"),
        (replace(NEVER, cum_qty=D(1)), "never accepted has no quantity"),
    ],
)
def test_a_word_says_why_and_where_it_is_to_be_seen(ann: Any, word: Word, why: str) -> None:
    doubt = _Doubt()
    doubt.wait(90)
    with pytest.raises(Refused, match=why):
        doubt.state(ann, word)


def test_whoever_may_not_handle_breaks_states_nothing(ann: Any) -> None:
    doubt = _Doubt()
    doubt.wait(90)
    with pytest.raises(NotPermitted):
        doubt.state(people.operator("bob", Role.TRADER))


def test_a_quantity_of_the_venues_record_frees_the_rest_and_makes_no_fill(ann: Any) -> None:
    doubt = _Doubt()
    doubt.wait(90)
    order = doubt.state(ann, replace(CLOSED, cum_qty=D(2), order_id="V7"))
    assert (order.ord_status, order.certainty, order.cum_qty) == (
        "CANCELED", "FILLS_INCOMPLETE", D(2),
    )  # fmt: skip
    assert not Fill.objects.exists()
    (working,) = order_reads.working(doubt.road.desk.account)
    assert working.leaves_qty == D(2)
    roads.report_trade(doubt.road, order.cl_ord_id, cum_qty=2, px=101)
    order.refresh_from_db()
    assert (order.certainty, order.filled_qty) == ("CERTAIN", D(2))
    assert order_reads.working(doubt.road.desk.account) == []
    assert not ReconBreak.objects.filter(kind="ZOMBIE").exists()


@pytest.mark.parametrize("word", [NEVER, CLOSED])
def test_what_shows_after_the_word_is_adopted_and_alerted(ann: Any, word: Word) -> None:
    doubt = _Doubt()
    doubt.wait(90)
    order = doubt.state(ann, word)
    doubt.told(ExecType.NEW)
    assert ReconBreak.objects.get(kind="ZOMBIE").object_id == order.cl_ord_id
    roads.report_trade(doubt.road, order.cl_ord_id, cum_qty=3, px=101)
    assert Fill.objects.get().last_qty == 3


def test_an_order_that_rests_nowhere_is_closed_by_a_word_after_a_minute_of_comparisons(
    ann: Any,
) -> None:
    road = Road()
    road.decide(101)
    routing.send_all(desk=road.desk, gateway=road.gateway, at=road.moment)
    order = roads.only_order()
    assert order.ord_status == "NEW"
    gateway = OpenOnly(road.rules, lost=False)
    began = WALL.now()

    def compare(seconds: int) -> datetime:
        at = Moment(road.moment.market, began + timedelta(seconds=seconds))
        reconciliation.compare(desk=road.desk, gateway=gateway, at=at)
        return at.wall

    now = compare(0)
    found = ReconBreak.objects.get(kind="OPEN_ORDER")
    with pytest.raises(Refused, match="still finding out"):
        break_words.state(break_id=found.pk, by=ann, word=CLOSED, now=now)
    now = compare(61)
    with pytest.raises(Refused, match="the venue has accepted it"):
        break_words.state(break_id=found.pk, by=ann, word=NEVER, now=now)
    break_words.state(break_id=found.pk, by=ann, word=CLOSED, now=now)
    order.refresh_from_db()
    assert (order.ord_status, order.text) == ("CANCELED", "CLOSED_BY_WORD")
    assert Account.objects.get().reconciled_at == now
    compare(122)
    assert not ReconBreak.objects.filter(closed_at=None, kind="OPEN_ORDER").exists()


def test_trades_of_an_order_whose_id_at_the_venue_was_named_are_booked_as_its_fills(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with at_venue(tmp_path) as venue:
        venue.begin()
        access.sync_roles()
        ann = people.operator("ann", Role.RISK)
        order, now = venue.waiting("lost"), WALL.now()
        # It is there under a name that is not ours, and the venue does not say whose order traded.
        monkeypatch.setattr(type(venue.gateway), "client_id_of", lambda *_, **__: None)
        venue.quotes()
        venue.by_hand(
            "renamed", ord_type=OrdType.MARKET, price=None, side=Side.SELL, order_qty=D("0.001")
        )
        since = now - timedelta(minutes=1)
        (trade,) = venue.gateway.trades(account="", instrument=CODE, since=since)
        evidence = {"reads": [iso(now)], "probed_at": iso(now)}
        Order.objects.filter(pk=order.pk).update(
            ord_status="PENDING_NEW", closedness=1, certainty="UNKNOWN", evidence=evidence,
            claimed_at=now - timedelta(minutes=2),
        )  # fmt: skip
        venue.look()
        assert not Fill.objects.exists()
        executions.open_break(
            desk=venue.desk, kind="DOUBT", object_id=order.cl_ord_id, ours="no trade",
            venues=f"trade {trade.exec_id}", at=venue.now(),
        )  # fmt: skip
        found = ReconBreak.objects.get(kind="DOUBT", closed_at=None)
        word = replace(CLOSED, cum_qty=D("0.001"), order_id=trade.order_id)
        break_words.state(break_id=found.pk, by=ann, word=word, now=WALL.now())
        assert not Fill.objects.exists()
        assert venue.look() == 1
        assert Fill.objects.get().order_id == order.pk
        order.refresh_from_db()
        assert (order.ord_status, order.certainty) == ("FILLED", "CERTAIN")
        assert venue.differences() == {}
        assert not ReconBreak.objects.filter(closed_at=None).exclude(kind="BALANCE").exists()


def test_up_to_a_minute_and_a_half_after_the_last_question_a_word_is_taken(ann: Any) -> None:
    doubt = _Doubt()
    doubt.wait(90)
    evidence = roads.only_order().evidence
    assert evidence is not None
    last = datetime.fromisoformat(evidence["reads"][-1])
    after = (last + break_words.FRESH - doubt.now) // timedelta(seconds=1)
    with pytest.raises(Refused, match="was not asked"):
        doubt.state(ann, later=after + 1)
    assert doubt.state(ann, later=after).text == "NEVER_ACCEPTED"


def test_an_order_of_two_names_or_two_orders_of_one_name_are_not_stated(ann: Any) -> None:
    doubt = _Doubt()
    doubt.wait(90)
    with pytest.raises(Refused, match="never accepted has no quantity and no id"):
        doubt.state(ann, replace(NEVER, order_id="V7"))
    order, found, now = roads.only_order(), ReconBreak.objects.get(kind="DOUBT"), doubt.now
    Order.objects.update(order_id="V1")
    with pytest.raises(Refused, match="the venue has called it V1"):
        doubt.state(ann, replace(CLOSED, order_id="V2"))
    other = Order.objects.get(pk=order.pk)
    other.pk, other.public_id, other.intent_id, other.cl_ord_id = None, "P", "I", "C"
    other.ord_status, other.certainty = "FILLED", "CERTAIN"
    other.save()
    with pytest.raises(Refused, match="V1 is another order of these books"):
        break_words.state(break_id=found.pk, by=ann, word=replace(CLOSED, order_id="V1"), now=now)
    other.delete()
    Order.objects.update(filled_qty=D(1), cum_qty=D(1))
    with pytest.raises(Refused, match="the venue has told 1 of"):
        doubt.state(ann, CLOSED)
    doubt.state(ann, replace(CLOSED, order_id="V1", cum_qty=D(2)))
    order.refresh_from_db()
    assert (order.ord_status, order.cum_qty, order.order_id) == ("CANCELED", D(2), "V1")


def test_a_word_is_about_an_order_of_ours_that_is_open_and_compared(ann: Any) -> None:
    doubt = _Doubt()
    doubt.wait(90)
    found = ReconBreak.objects.get(kind="DOUBT")
    with pytest.raises(Refused, match="only a balance is moved"):
        break_words.moved(break_id=found.pk, by=ann, reason="paid in", now=doubt.now)
    doubt.told(ExecType.CANCELED)
    with pytest.raises(Refused, match="the order is closed"):
        doubt.state(ann)
    ReconBreak.objects.filter(pk=found.pk).update(object_id="theirs")
    with pytest.raises(Refused, match="no order of this desk"):
        doubt.state(ann)
    ReconBreak.objects.filter(pk=found.pk).update(kind="ZOMBIE")
    with pytest.raises(Refused, match="only what became of an order"):
        break_words.state(break_id=found.pk, by=ann, word=CLOSED, now=doubt.now)
