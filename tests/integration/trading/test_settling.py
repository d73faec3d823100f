"""What the venue reports is booked once, whatever comes twice, late or wrongly."""

from decimal import Decimal as D

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from aitrader import paper
from aitrader.kernel.fix import AccountKind, ExecType
from compliance.models import JournalEntry
from risk.domain.trading_state import Scope
from risk.selectors import states
from tests.factories import road as roads
from tests.factories.road import Road
from tests.simulation.auditor import Audit
from tests.simulation.conftest import audited
from trading.domain.bar import Bar
from trading.domain.execution_report import ExecutionReport
from trading.gateways.sim.engine import SimEngine
from trading.gateways.sim.gateway import SimGateway
from trading.gateways.sim.rules import SimRules
from trading.models import Account, Balance, Fill, InstrumentRow, Order, Position, ReconBreak, Trade
from trading.selectors import account_state
from trading.selectors import orders as order_reads
from trading.services import executions

EXITS = {"stop_loss_pct": "1", "take_profit_pct": "2", "trailing_pct": "3"}


def _traded(kind: AccountKind = AccountKind.SPOT) -> Road:
    """A desk with a closed trade, an open one, and partial fills in both."""
    road = Road(kind=kind, exits=EXITS)
    road.move(101, volume=600)
    road.hold(2, volume=600)
    road.move("100.5", volume=600)
    road.hold(2, volume=600)
    road.move(101, volume=600)
    road.hold(2, volume=600)
    assert len(roads.fills()) >= 5
    return road


def _same(before: Audit, name: str, entries: int) -> None:
    assert before.differences(audited(name)) == []
    assert JournalEntry.objects.count() == entries


@pytest.mark.parametrize("kind", list(AccountKind))
def test_reports_that_come_again_change_nothing(fresh_database: str, kind: AccountKind) -> None:
    road = _traded(kind)
    before, entries = audited(fresh_database), JournalEntry.objects.count()
    account = road.desk.account.code
    streamed = road.gateway.executions(account=account, after=0, limit=10_000)
    for each in streamed:
        executions.apply(desk=road.desk, reports=[each.report], at=road.moment)
    executions.apply(
        desk=road.desk,
        reports=[each.report for each in reversed(streamed)],
        at=road.moment,
        place=streamed[0].seq,
    )
    _same(before, fresh_database, entries)


def test_a_stream_read_from_its_start_again_changes_nothing(fresh_database: str) -> None:
    road = _traded()
    before, entries = audited(fresh_database), JournalEntry.objects.count()
    Account.objects.update(stream_seq=0)
    assert executions.drain(desk=road.desk, gateway=road.gateway, at=road.moment) > 0
    assert executions.drain(desk=road.desk, gateway=road.gateway, at=road.moment) == 0
    _same(before, fresh_database, entries)


def test_what_a_query_tells_again_changes_nothing(fresh_database: str) -> None:
    road = _traded()
    before, entries = audited(fresh_database), JournalEntry.objects.count()
    for order in roads.orders(sent_at__isnull=False):
        told = road.gateway.query(
            account=road.desk.account.code,
            instrument=order.instrument.code,
            cl_ord_id=order.cl_ord_id,
        )
        assert told is not None
        executions.apply(desk=road.desk, reports=told, at=road.moment)
    _same(before, fresh_database, entries)


def _report(road: Road, order: Order, exec_type: ExecType, cum_qty: D = D(0)) -> None:
    report = ExecutionReport(
        cl_ord_id=order.cl_ord_id,
        order_id="V1",
        exec_id=f"{exec_type}-{cum_qty}",
        exec_type=exec_type,
        instrument=road.code,
        cum_qty=cum_qty,
        transact_time=road.moment.market,
    )
    executions.apply(desk=road.desk, reports=[report], at=road.moment)


def _sent_entry(road: Road) -> Order:
    """An entry that the desk believes to be open at the venue."""
    road.decide(101)
    entry = roads.only_order()
    _report(road, entry, ExecType.NEW)
    return entry


@pytest.mark.usefixtures("fresh_database")
def test_a_fill_after_the_cancel_counts_and_does_not_open_the_order_again() -> None:
    road = Road()
    entry = _sent_entry(road)
    _report(road, entry, ExecType.CANCELED)
    roads.report_trade(road, entry.cl_ord_id, cum_qty="40", px=101)
    entry.refresh_from_db()
    assert (entry.ord_status, entry.cum_qty, entry.filled_qty) == ("CANCELED", D(40), D(40))
    assert Position.objects.get().quantity == D(40)
    # And a late acknowledgement neither.
    _report(road, entry, ExecType.NEW)
    entry.refresh_from_db()
    assert entry.ord_status == "CANCELED"
    roads.report_trade(road, entry.cl_ord_id, cum_qty="99.009", px=101, exec_id="T2")
    entry.refresh_from_db()
    assert (entry.ord_status, entry.certainty) == ("FILLED", "CERTAIN")


@pytest.mark.usefixtures("fresh_database")
def test_a_quantity_without_its_trades_makes_no_fill_but_a_doubt() -> None:
    road = Road()
    entry = _sent_entry(road)
    _report(road, entry, ExecType.ORDER_STATUS, D(40))
    entry.refresh_from_db()
    assert (entry.ord_status, entry.certainty) == ("PARTIALLY_FILLED", "FILLS_INCOMPLETE")
    assert not Fill.objects.exists()
    roads.report_trade(road, entry.cl_ord_id, cum_qty="40", px=101)
    entry.refresh_from_db()
    assert (entry.filled_qty, entry.certainty) == (D(40), "CERTAIN")


@pytest.mark.usefixtures("fresh_database")
def test_a_report_about_an_order_that_is_not_ours_opens_a_break() -> None:
    road = Road()
    stranger = ExecutionReport(
        cl_ord_id="STRANGER",
        order_id="V2",
        exec_id="T9",
        exec_type=ExecType.TRADE,
        instrument=road.code,
        cum_qty=D(1),
        transact_time=road.moment.market,
        last_qty=D(1),
        last_px=D(100),
    )
    for _ in range(2):
        executions.apply(desk=road.desk, reports=[stranger], at=road.moment)
    found = ReconBreak.objects.get()
    assert (found.kind, found.object_id) == ("UNKNOWN_ORDER", "STRANGER")
    assert not Fill.objects.exists()


@pytest.mark.usefixtures("fresh_database")
def test_selling_more_than_is_held_is_booked_and_halts_the_account() -> None:
    road = Road(exits={"stop_loss_pct": "1", "take_profit_pct": "2"})
    road.move(101)
    road.hold()
    # The venue fills both legs of one group, which it should not.
    stop, target = roads.orders(origin="PROTECTION")
    roads.report_trade(road, stop.cl_ord_id, cum_qty="99.009", px=100, exec_id="T1")
    assert states.current() == ()
    roads.report_trade(road, target.cl_ord_id, cum_qty="99.009", px=103, exec_id="T2")
    assert Position.objects.get().quantity == D("-99.009")
    assert Balance.objects.get(asset="BTC").amount == D("-99.009")
    (halted,) = states.current()
    assert (halted.scope, halted.code, halted.state) == (
        Scope.ACCOUNT, road.desk.account.code, "HALTED",
    )  # fmt: skip
    failed = JournalEntry.objects.get(event="integrity.failed")
    assert failed.object_id == road.desk.account.code
    assert b"OVERSOLD" in bytes(failed.payload)
    road.move("100.5", 102)
    assert not roads.orders(ord_status__in=["CREATED", "PENDING_NEW"])


@pytest.mark.usefixtures("fresh_database")
def test_more_filled_than_ordered_is_booked_and_opens_a_break() -> None:
    road = Road()
    entry = _sent_entry(road)
    roads.report_trade(road, entry.cl_ord_id, cum_qty="120", px=101)
    assert Position.objects.get().quantity == D(120)
    assert ReconBreak.objects.exists()


@pytest.mark.usefixtures("fresh_database")
def test_fees_in_what_a_fill_brings_leave_equal_books_and_dust() -> None:
    road = Road(fee_asset="RECEIVED", exits={"stop_loss_pct": "1"})
    road.move(101)
    road.hold()
    fill = Fill.objects.get()
    assert (fill.fee_asset, fill.fee) == ("BTC", D("0.0495045"))
    assert Position.objects.get().quantity == D("98.9594955")
    assert roads.only_order(ord_type="STOP").order_qty == D("98.959")
    assert road.wrong() == []
    road.bar(101, 101, 90, 101)
    assert Position.objects.get().quantity == D("0.0004955")
    assert roads.only_trade().closed_at is not None
    assert road.gateway.balances(account=road.desk.account.code)["BTC"] == D("0.0004955")
    assert road.wrong() == []


@pytest.mark.usefixtures("fresh_database")
def test_fees_in_a_third_asset_leave_equal_books_and_an_unknown_equity() -> None:
    road = Road()
    rules = SimRules(seed=roads.NAMESPACE, fee_asset="BNB", fee_asset_px=D(600))
    engine = SimEngine(rules, paper.instruments_of(road.desk), account=road.desk.account.code)
    road.restart_with(SimGateway(rules), engine)
    road.move(101)
    road.hold()
    fill = Fill.objects.get()
    assert (fill.fee_asset, fill.missing_fee_conversion) == ("BNB", True)
    # 5 bp of 99.009 x 101.02, at 600 a piece.
    assert fill.fee == D("0.008334907650000000")
    assert Balance.objects.get(asset="BNB").amount == -fill.fee
    assert road.wrong() == []
    balances, positions = account_state.holdings(road.desk.account)
    marks = road.desk.marks()
    state = account_state.value(
        road.desk.account, road.desk.instruments, balances, positions, marks
    )
    assert state.equity is None
    road.move(100, 102)
    denied = roads.orders(ord_status="DENIED", side="BUY")
    assert not denied or all("EQUITY_MISSING" in order.text for order in denied)
    assert len(roads.orders(side="BUY", sent_at__isnull=False)) == 1


@pytest.mark.usefixtures("fresh_database")
def test_a_fee_in_a_third_asset_that_the_desk_trades_is_worth_its_mark() -> None:
    road = Road()
    rules = SimRules(seed=roads.NAMESPACE, fee_asset="BNB", fee_asset_px=D(600))
    engine = SimEngine(rules, paper.instruments_of(road.desk), account=road.desk.account.code)
    road.restart_with(SimGateway(rules), engine)
    bnb = InstrumentRow.objects.get()
    bnb.pk, bnb.code, bnb.base = None, "SIM:BNB-USDT", "BNB"
    bnb.save()
    road.desk.instruments[bnb.pk] = bnb
    at, px = road.at - roads.MINUTE, D(600)
    road.desk.bars.count(road.desk.feed.pk, bnb.pk)
    road.desk.bars.append(road.desk.feed.pk, bnb.pk, Bar(at, roads.MINUTE, px, px, px, px, D(1000)))
    road.move(101)
    road.hold()
    fill = Fill.objects.get()
    assert (fill.fee_asset, fill.missing_fee_conversion) == ("BNB", False)
    # 5 bp of 99.009 x 101.02.
    assert Position.objects.get().fees == D("5.00094459")


@pytest.mark.usefixtures("fresh_database")
def test_the_same_trade_id_of_two_instruments_is_two_fills() -> None:
    road = Road()
    entry = _sent_entry(road)
    other = InstrumentRow.objects.get()
    other.pk, other.code, other.base = None, "SIM:ETH-USDT", "ETH"
    other.save()
    road.desk.instruments[other.pk] = other
    roads.report_trade(road, entry.cl_ord_id, cum_qty="40", px=101, exec_id="T1")
    twin = Order.objects.get(pk=entry.pk)
    twin.pk, twin.instrument, twin.filled_qty, twin.cum_qty = None, other, D(0), D(0)
    twin.public_id, twin.intent_id, twin.cl_ord_id = "twin", "twin", "twin"
    twin.trade = None
    twin.save()
    roads.report_trade(road, "twin", cum_qty="40", px=5, exec_id="T1")
    assert roads.fills() == [("BUY", D(40), D(101)), ("BUY", D(40), D(5))]


@pytest.mark.usefixtures("fresh_database")
def test_fills_that_are_still_to_come_of_a_closed_order_count_as_exposure() -> None:
    road = Road()
    entry = _sent_entry(road)
    _report(road, entry, ExecType.CANCELED, D(40))
    entry.refresh_from_db()
    assert (entry.ord_status, entry.certainty) == ("CANCELED", "FILLS_INCOMPLETE")
    (open_,) = order_reads.working(road.desk.account)
    assert open_.leaves_qty == 40


@pytest.mark.usefixtures("fresh_database")
def test_fills_that_come_together_read_no_trade_and_no_instrument_one_by_one() -> None:
    road = Road(exits=EXITS)
    road.move(101)
    road.hold()
    legs = roads.orders(origin="PROTECTION", ord_status="NEW")
    reports = [
        ExecutionReport(
            cl_ord_id=order.cl_ord_id, order_id=order.order_id, exec_id=f"T{order.pk}",
            exec_type=ExecType.TRADE, instrument=road.code, cum_qty=D(1), last_qty=D(1),
            last_px=D(101), fee_asset="USDT", transact_time=road.moment.market,
        )
        for order in legs
    ]  # fmt: skip
    with CaptureQueriesContext(connection) as asked:
        executions.apply(desk=road.desk, reports=reports, at=road.moment)
    said = [each["sql"].replace('"', "") for each in asked]
    for model in (Trade, InstrumentRow):
        assert not [each for each in said if f"FROM {model._meta.db_table} " in each]
    assert roads.only_trade().exit_qty == len(legs) == 3
