"""What the venue takes back is taken back here when exactly that is missing, and not otherwise."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from aitrader.kernel.errors import OutcomeUnknown
from aitrader.kernel.events import EventName
from aitrader.kernel.fix import AccountKind, Certainty, ExecType
from aitrader.kernel.money import plain
from compliance.models import JournalEntry
from tests.factories import road as roads
from tests.factories.road import Road
from trading.domain.execution_report import ExecutionReport, status_report
from trading.domain.ports import VenueTrade
from trading.models import Balance, Order, Position, ReconBreak
from trading.selectors.order_store import KeptFill
from trading.services import executions, routing, voided

LATER = roads.START + timedelta(days=1)

pytestmark = pytest.mark.usefixtures("fresh_database")


def _bought(kind: AccountKind = AccountKind.SPOT) -> Road:
    """A desk that has bought in two fills."""
    road = Road(kind=kind)
    road.move(101, volume=600)
    road.hold(volume=600)
    road.hold()
    assert len(roads.fills()) == 2
    return road


def _unlisted(road: Road, *listed: VenueTrade) -> list[KeptFill]:
    (row,) = road.desk.instruments.values()
    return voided.unlisted(road.desk, row, listed, roads.START)


def _held(asset: str) -> D:
    return Balance.objects.get(asset=asset).amount


def _missing(asset: str, amount: D, since: datetime = LATER) -> dict[str, ReconBreak]:
    """A balance of which the venue has so much less."""
    ours = _held(asset)
    found = ReconBreak(
        object_id=asset, ours=plain(ours), venues=plain(ours - amount), noticed_at=since
    )
    return {asset: found}


def _take_back(road: Road, fills: Sequence[KeptFill], breaks: dict[str, ReconBreak]) -> int:
    return voided.take_back(desk=road.desk, fills=fills, breaks=breaks, at=road.moment)


def _said(name: EventName) -> int:
    return JournalEntry.objects.filter(event=name).count()


def test_fills_that_are_listed_no_more_are_taken_back_together_when_all_they_moved_is_missing() -> (
    None
):
    road = _bought()
    fills = _unlisted(road)
    bought = sum((fill.qty for fill in fills), D(0))
    assert _held("BTC") == bought
    assert _take_back(road, fills, _missing("BTC", bought)) == 2
    assert _held("BTC") == Position.objects.get().quantity == 0
    assert roads.only_trade().entry_qty == 0
    assert _said(EventName.FILL_VOIDED) == 2
    # Once taken back it stands no more.
    assert _unlisted(road) == []


def test_the_fill_that_is_still_listed_stands() -> None:
    road = _bought()
    first, second = _unlisted(road)
    (left,) = _unlisted(road, VenueTrade("7", second.exec_id, second.qty))
    assert left == first
    assert _take_back(road, [left], _missing("BTC", first.qty)) == 1
    assert Position.objects.get().quantity == second.qty == _held("BTC")


def test_a_fill_of_after_the_break_has_no_part_in_it() -> None:
    """A list that lags does not tell of it yet."""
    road = _bought()
    first, second = _unlisted(road)
    assert first.transact_time < second.transact_time
    breaks = _missing("BTC", first.qty, since=first.transact_time)
    assert _take_back(road, [first, second], breaks) == 1
    assert Position.objects.get().quantity == second.qty


@pytest.mark.parametrize("off", [D("-0.001"), D("0.001")])
def test_what_does_not_explain_the_difference_exactly_is_left_alone(off: D) -> None:
    road = _bought()
    first, _ = _unlisted(road)
    assert _take_back(road, [first], _missing("BTC", first.qty + off)) == 0
    assert _take_back(road, [first], _missing("USDT", first.qty)) == 0
    assert _take_back(road, [first], {}) == 0
    assert _said(EventName.FILL_VOIDED) == 0


def test_a_balance_that_has_moved_since_it_was_compared_is_compared_anew_first() -> None:
    road = _bought()
    first, _ = _unlisted(road)
    breaks = _missing("BTC", first.qty) | _missing("USDT", D(1))
    Balance.objects.filter(asset="USDT").update(amount=_held("USDT") + 1)
    assert _take_back(road, [first], breaks) == 0
    assert _said(EventName.FILL_VOIDED) == 0


def test_a_contract_is_not_told_by_balances() -> None:
    assert _unlisted(_bought(AccountKind.PERP)) == []


@pytest.mark.parametrize(
    ("moved", "differing", "explains"),
    [
        ({"USDT": D(1)}, {"USDT"}, True),
        ({"USDT": D(1)}, {"USDT", "ETH"}, True),
        ({"USDT": D(1)}, set(), False),
        ({}, set(), False),
        ({"USDT": D(1)}, {"USDT", "BTC"}, False),
        ({"USDT": D(1), "BNB": D(1)}, {"USDT"}, False),
    ],
)
def test_where_the_account_met_itself_its_fees_must_all_differ_and_the_base_must_not(
    moved: dict[str, D], differing: set[str], explains: bool
) -> None:
    breaks = {
        asset: ReconBreak(object_id=asset, ours="2", venues="3", noticed_at=LATER)
        for asset in differing
    }
    assert voided._explains(moved, "BTC", breaks) is explains


class _Announced:
    """An order of which more was announced than the venue tells."""

    def __init__(self, cum: D | None = None, *kinds: ExecType) -> None:
        self.road = Road()
        self.road.decide(101)
        routing.send_all(desk=self.road.desk, gateway=self.road.gateway, at=self.road.moment)
        order = self.order
        self.cum = order.order_qty if cum is None else cum
        for kind in kinds or (ExecType.ORDER_STATUS,):
            self._tell(self.report(kind, self.cum))
        assert self.order.certainty == Certainty.FILLS_INCOMPLETE
        self.told: Callable[[], Sequence[ExecutionReport] | None] = lambda: [
            self.report(ExecType.ORDER_STATUS, D(0))
        ]

    @property
    def order(self) -> Order:
        return roads.only_order()

    def report(self, kind: ExecType, cum: D) -> ExecutionReport:
        order, at = self.order, self.road.moment.market
        return status_report(order.order_id, order.cl_ord_id, self.road.code, kind, cum, at)

    def _tell(self, report: ExecutionReport) -> None:
        executions.apply(desk=self.road.desk, reports=[report], at=self.road.moment)

    def query(self, **_: object) -> Sequence[ExecutionReport] | None:
        return self.told()

    def look(self) -> int:
        due = list(ReconBreak.objects.filter(closed_at=None))
        gateway: Any = self
        return voided.expect_no_more(
            desk=self.road.desk, gateway=gateway, due=due, at=self.road.moment
        )


def test_what_was_announced_is_expected_no_more_once_the_venue_has_told_less_for_a_while() -> None:
    announced = _Announced()
    assert announced.order.closed_at is not None
    assert announced.look() == 0
    found = ReconBreak.objects.get()
    assert (found.kind, found.ours, found.venues, found.severity) == (
        "FILLS", plain(announced.cum), "0", "MINOR",
    )  # fmt: skip
    assert announced.look() == 1
    order = announced.order
    assert (order.ord_status, order.certainty, order.cum_qty) == ("NEW", "CERTAIN", 0)
    assert order.closed_at is None
    assert ReconBreak.objects.get().resolution == "what was announced was taken back"
    assert _said(EventName.ORDER_RESOLVED) == 1
    assert announced.look() == 0


def test_an_order_that_was_cancelled_stays_closed_when_its_fill_is_taken_back() -> None:
    announced = _Announced(D(3), ExecType.ORDER_STATUS, ExecType.CANCELED)
    assert [announced.look(), announced.look()] == [0, 1]
    assert announced.order.ord_status == "CANCELED"
    assert announced.order.closed_at is not None


def test_while_the_venue_tells_as_much_or_nothing_at_all_the_fills_are_waited_for() -> None:
    announced = _Announced(D(3))
    telling = [announced.report(ExecType.ORDER_STATUS, cum) for cum in (D(1), D(3), D(2))]
    for told in (lambda: telling, lambda: None, _no_answer):
        announced.told = told
        assert announced.look() == 0
    assert announced.order.certainty == Certainty.FILLS_INCOMPLETE
    assert not ReconBreak.objects.exists()


def _no_answer() -> Sequence[ExecutionReport]:
    raise OutcomeUnknown("no answer")


@pytest.mark.parametrize(
    "meanwhile", [{"cum_qty": D(5)}, {"certainty": Certainty.CERTAIN, "filled_qty": D(3)}]
)
def test_what_was_learned_while_the_venue_was_asked_is_not_taken_back(
    meanwhile: dict[str, object],
) -> None:
    announced = _Announced(D(3))
    announced.look()
    less = [announced.report(ExecType.ORDER_STATUS, D(0))]

    def told() -> Sequence[ExecutionReport]:
        Order.objects.update(**meanwhile)
        return less

    announced.told = told
    assert announced.look() == 0
    assert announced.order.cum_qty in (D(3), D(5))
    assert ReconBreak.objects.get(kind="FILLS").closed_at is None


def test_an_order_of_which_nothing_was_heard_is_not_asked_for_its_fills() -> None:
    announced = _Announced(D(3))
    Order.objects.update(certainty=Certainty.UNKNOWN)
    announced.told = lambda: pytest.fail("asked")
    assert announced.look() == 0
