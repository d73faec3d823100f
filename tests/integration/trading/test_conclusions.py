"""What is concluded about an order that no report speaks of, and how its end is written down."""

from collections.abc import Mapping
from decimal import Decimal as D
from typing import Any

import orjson
import pytest
from django.db import transaction

from aitrader.kernel.fix import ExecType, OrdStatus
from compliance.models import JournalEntry
from tests.factories import road as roads
from tests.factories.road import Road
from trading.domain.execution_report import ExecutionReport
from trading.domain.order_state import Closedness
from trading.models import Account, Fill, Order, ReconBreak
from trading.services import executions

pytestmark = pytest.mark.usefixtures("fresh_database")


def _entry(status: OrdStatus = OrdStatus.PENDING_NEW) -> tuple[Road, Order]:
    """An entry of 99.009 that was claimed for sending, for the second time."""
    road = Road()
    road.decide(101)
    Order.objects.update(
        ord_status=status, closedness=int(Closedness.SENT), fencing_token=2, certainty="UNKNOWN"
    )
    return road, roads.only_order()


def _tell(road: Road, exec_type: ExecType, cum_qty: str = "0", **given: Any) -> Order:
    report = ExecutionReport(
        cl_ord_id=roads.only_order().cl_ord_id,
        order_id=given.pop("order_id", "V1"),
        exec_id=f"{exec_type}-{cum_qty}",
        exec_type=exec_type,
        instrument=road.code,
        cum_qty=D(cum_qty),
        transact_time=road.moment.market,
        **given,
    )
    executions.apply(desk=road.desk, reports=[report], at=road.moment)
    return roads.only_order()


def _conclude(
    road: Road,
    text: str = "test",
    *,
    status: OrdStatus = OrdStatus.CANCELED,
    closedness: Closedness = Closedness.CANCELED,
    **given: Any,
) -> bool:
    answer = executions.Answer(status, closedness, text, **given)
    return executions.conclude(
        desk=road.desk, order_id=roads.only_order().pk, answer=answer, at=road.moment
    )


def _written(event: str) -> list[Mapping[str, Any]]:
    rows = JournalEntry.objects.filter(event=event).order_by("pk")
    return [orjson.loads(bytes(row.payload))["body"] for row in rows]


def test_a_conclusion_ends_an_order_once_and_a_late_acknowledgement_opens_it_no_more() -> None:
    road, _ = _entry()
    assert _conclude(road) is True
    order = _tell(road, ExecType.NEW)
    assert (order.ord_status, order.certainty, order.text) == ("CANCELED", "CERTAIN", "test")
    assert order.closed_at == road.moment.market
    assert _conclude(road, "again") is False
    assert roads.only_order().text == "test"


def test_a_conclusion_about_an_older_claim_ends_nothing() -> None:
    road, _ = _entry()
    assert _conclude(road, fencing_token=1) is False
    assert roads.only_order().ord_status == "PENDING_NEW"
    assert _conclude(road, fencing_token=2) is True
    assert roads.only_order().ord_status == "CANCELED"


def test_what_was_heard_of_is_not_concluded_about_under_any_claim() -> None:
    road, _ = _entry()
    _tell(road, ExecType.NEW)
    assert _conclude(road, fencing_token=2) is False
    assert _conclude(road, fencing_token=1) is False
    assert roads.only_order().ord_status == "NEW"


def test_the_journal_tells_who_concluded_and_on_which_evidence() -> None:
    road, _ = _entry()
    _conclude(
        road, "CLOSED_BY_WORD", evidence={"reads": 3}, actor="operator:ann", cum_qty=D(40)
    )  # fmt: skip
    (body,) = _written("order.closed")
    assert body["actor"] == "operator:ann"
    data = body["data"]
    assert (data["was"], data["ord_status"], data["text"]) == (
        "PENDING_NEW", "CANCELED", "CLOSED_BY_WORD",
    )  # fmt: skip
    assert (data["evidence"], D(data["cum_qty"])) == ({"reads": 3}, D(40))


def test_a_conclusion_without_evidence_claims_none() -> None:
    road, _ = _entry()
    _conclude(road)
    (body,) = _written("order.closed")
    assert (body["actor"], "evidence" in body["data"]) == ("desk", False)


def test_a_quantity_that_a_person_names_is_in_doubt_until_its_fills_are_there() -> None:
    road, order = _entry()
    _conclude(road, cum_qty=D(40), order_id="V7")
    order.refresh_from_db()
    assert (order.cum_qty, order.certainty, order.order_id) == (D(40), "FILLS_INCOMPLETE", "V7")
    roads.report_trade(road, order.cl_ord_id, cum_qty="40", px=101)
    order.refresh_from_db()
    assert (order.ord_status, order.filled_qty, order.certainty) == ("CANCELED", D(40), "CERTAIN")


def test_a_conclusion_takes_nothing_back_that_the_venue_told() -> None:
    road, order = _entry()
    roads.report_trade(road, order.cl_ord_id, cum_qty="40", px=101)
    _conclude(road, cum_qty=D(10), order_id="V7")
    order.refresh_from_db()
    assert (order.cum_qty, order.certainty) == (D(40), "CERTAIN")
    assert order.order_id == f"SIM-{order.cl_ord_id}"


def _closed_by_word(qty: str) -> Road:
    road, order = _entry()
    status = OrdStatus.FILLED if D(qty) == order.order_qty else OrdStatus.CANCELED
    assert _conclude(road, executions.CLOSED_BY_WORD, status=status, cum_qty=D(qty))
    return road


@pytest.mark.parametrize(
    ("said", "told", "cum_qty"),
    [
        ("40", ExecType.CANCELED, "40"),
        ("40", ExecType.CANCELED, "30"),
        ("40", ExecType.TRADE, "40"),
        ("99.009", ExecType.ORDER_STATUS, "99.009"),
    ],
)
def test_a_venue_that_tells_what_a_person_said_contradicts_nobody(
    said: str, told: ExecType, cum_qty: str
) -> None:
    road = _closed_by_word(said)
    last = {"last_qty": D(cum_qty), "last_px": D(101), "fee_asset": "USDT"}
    _tell(road, told, cum_qty, **(last if told is ExecType.TRADE else {}))
    assert not ReconBreak.objects.exists()


@pytest.mark.parametrize(
    ("told", "cum_qty"),
    [(ExecType.NEW, "0"), (ExecType.ORDER_STATUS, "40"), (ExecType.CANCELED, "41")],
)
def test_an_order_that_rests_or_has_more_than_a_person_said_is_a_break(
    told: ExecType, cum_qty: str
) -> None:
    road = _closed_by_word("40")
    _tell(road, told, cum_qty)
    found = ReconBreak.objects.get()
    assert (found.kind, found.ours, found.venues) == ("ZOMBIE", "CANCELED", told)


def test_an_order_keeps_the_first_id_and_the_last_words_that_its_venue_gave_it() -> None:
    road, _ = _entry()
    _tell(road, ExecType.NEW, text="taken")
    _tell(road, ExecType.ORDER_STATUS, "1", order_id="")
    order = _tell(road, ExecType.CANCELED, "1", order_id="V2", text="by its owner")
    assert (order.order_id, order.text) == ("V1", "by its owner")
    order = _tell(road, ExecType.ORDER_STATUS, "2", order_id="")
    assert (order.order_id, order.text) == ("V1", "by its owner")


def test_the_same_trade_twice_in_one_reading_is_one_fill() -> None:
    road, order = _entry()
    twice = 2 * [
        ExecutionReport(
            cl_ord_id=order.cl_ord_id,
            order_id="V1",
            exec_id="T1",
            exec_type=ExecType.TRADE,
            instrument=road.code,
            cum_qty=D(40),
            transact_time=road.moment.market,
            last_qty=D(40),
            last_px=D(101),
            fee_asset="USDT",
        )
    ]
    executions.apply(desk=road.desk, reports=twice, at=road.moment)
    assert (Fill.objects.count(), roads.only_order().filled_qty) == (1, D(40))


def test_more_filled_than_ordered_is_a_break_with_both_quantities() -> None:
    road, order = _entry()
    roads.report_trade(road, order.cl_ord_id, cum_qty="99.009", px=101)
    assert not ReconBreak.objects.exists()
    roads.report_trade(road, order.cl_ord_id, cum_qty="120", px=101, exec_id="T2")
    found = ReconBreak.objects.get()
    assert (found.kind, found.ours, found.venues) == ("OVERFILL", "99.009", "120")


def test_a_stream_longer_than_one_reading_is_settled_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    road = Road()
    road.move(101)
    road.hold()
    streamed = road.gateway.executions(account=road.desk.account.code, after=0, limit=100)
    assert len(streamed) > 1
    monkeypatch.setattr(executions, "_BATCH", 1)
    Account.objects.update(stream_seq=0)
    drained = executions.drain(desk=road.desk, gateway=road.gateway, at=road.moment)
    assert (drained, Account.objects.get().stream_seq) == (len(streamed), streamed[-1].seq)


def test_a_break_is_told_when_it_opens_once_and_when_it_ends() -> None:
    road = Road()
    for _ in range(2):
        executions.open_break(
            desk=road.desk, kind="BALANCE", object_id="USDT", ours="1", venues="2", at=road.moment,
            evidence={"asked": "twice"},
        )  # fmt: skip
    found = ReconBreak.objects.get()
    assert (found.severity, found.evidence) == ("MAJOR", {"asked": "twice"})
    (opened,) = _written("reconciliation.break_opened")
    assert opened["data"] == {
        "kind": "BALANCE",
        "object": "USDT",
        "ours": "1",
        "venue": "2",
        "severity": "MAJOR",
    }
    with transaction.atomic():
        executions.close_break(desk=road.desk, found=found, resolution="they agree", at=road.moment)
    found.refresh_from_db()
    assert (found.closed_at, found.resolution) == (road.moment.market, "they agree")
    (closed,) = _written("reconciliation.break_closed")
    assert closed["object_id"] == found.public_id
    assert closed["data"] == {"kind": "BALANCE", "object": "USDT", "resolution": "they agree"}


def test_an_acknowledgement_is_told_once_and_a_partial_fill_is_none() -> None:
    road, order = _entry()
    _tell(road, ExecType.NEW)
    roads.report_trade(road, order.cl_ord_id, cum_qty="40", px=101)
    roads.report_trade(road, order.cl_ord_id, cum_qty="60", px=101, exec_id="T2")
    assert len(_written("order.acknowledged")) == 1
    assert len(_written("order.filled")) == 2
    assert [each["data"]["by"] for each in _written("order.outcome_resolved")] == ["NEW"]
