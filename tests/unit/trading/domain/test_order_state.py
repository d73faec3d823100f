"""Each status of an order follows from what was reported, and stored columns give it back."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from aitrader.kernel.errors import IntegrityFailure
from aitrader.kernel.fix import ExecType, OrdStatus
from trading.domain.execution_report import ExecutionReport
from trading.domain.order_state import Closedness, OrderState

TEN = Decimal(10)


def report(exec_type: ExecType, cum_qty: int = 0) -> ExecutionReport:
    return ExecutionReport(
        cl_ord_id="C",
        order_id="V",
        exec_id=f"{exec_type}{cum_qty}",
        exec_type=exec_type,
        instrument="SIM:BTC-USDT",
        cum_qty=Decimal(cum_qty),
        transact_time=datetime(2026, 1, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("state", "status", "leaves"),
    [
        (OrderState(TEN), OrdStatus.CREATED, 10),
        (OrderState(TEN).sent(), OrdStatus.PENDING_NEW, 10),
        (OrderState(TEN).apply(report(ExecType.NEW)), OrdStatus.NEW, 10),
        (OrderState(TEN).apply(report(ExecType.ORDER_STATUS)), OrdStatus.NEW, 10),
        (OrderState(TEN).apply(report(ExecType.TRADE, 1)), OrdStatus.PARTIALLY_FILLED, 9),
        (OrderState(TEN).apply(report(ExecType.TRADE, 4)), OrdStatus.PARTIALLY_FILLED, 6),
        (OrderState(TEN).apply(report(ExecType.TRADE, 10)), OrdStatus.FILLED, 0),
        (OrderState(TEN).apply(report(ExecType.CANCELED, 4)), OrdStatus.CANCELED, 0),
        (OrderState(TEN).apply(report(ExecType.EXPIRED)), OrdStatus.EXPIRED, 0),
        (OrderState(TEN).sent().apply(report(ExecType.REJECTED)), OrdStatus.REJECTED, 0),
    ],
)
def test_status_and_leaves_follow_from_the_reports(
    state: OrderState, status: OrdStatus, leaves: int
) -> None:
    assert (state.ord_status, state.leaves_qty) == (status, Decimal(leaves))
    assert state.closed is (leaves == 0)
    assert not state.overfilled


def test_a_fill_after_a_cancel_counts_and_does_not_reopen_the_order() -> None:
    state = OrderState(TEN).apply(report(ExecType.CANCELED)).apply(report(ExecType.TRADE, 4))
    assert (state.ord_status, state.cum_qty) == (OrdStatus.CANCELED, Decimal(4))
    assert state.leaves_qty == 0


def test_a_full_fill_after_a_cancel_shows_filled_and_remembers_the_cancel() -> None:
    state = OrderState(TEN).apply(report(ExecType.CANCELED)).apply(report(ExecType.TRADE, 10))
    assert state.ord_status is OrdStatus.FILLED
    assert OrderState.of(TEN, TEN, OrdStatus.FILLED, int(state.closedness)) == state


def test_a_late_acknowledgement_after_a_fill_changes_nothing() -> None:
    filled = OrderState(TEN).apply(report(ExecType.TRADE, 10))
    assert filled.apply(report(ExecType.NEW)) == filled.sent() == filled


def test_more_filled_than_ordered_is_seen() -> None:
    state = OrderState(TEN).apply(report(ExecType.TRADE, 11))
    assert state.overfilled
    assert (state.ord_status, state.leaves_qty) == (OrdStatus.FILLED, Decimal(0))


@pytest.mark.parametrize(
    ("cum_qty", "closedness"),
    [
        (cum_qty, closedness)
        for cum_qty in (0, 4, 10)
        for closedness in Closedness
        if cum_qty == 0 or closedness >= Closedness.ACCEPTED
    ],
)
def test_every_reachable_state_comes_back_from_its_columns(
    cum_qty: int, closedness: Closedness
) -> None:
    state = OrderState(TEN, Decimal(cum_qty), closedness)
    stored = (state.order_qty, state.cum_qty, state.ord_status)
    assert OrderState.of(*stored, int(closedness)) == state
    if cum_qty < 10:
        assert OrderState.of(*stored) == state


@pytest.mark.parametrize(
    ("cum_qty", "status", "closedness"),
    [
        (10, OrdStatus.NEW, None),
        (0, OrdStatus.PARTIALLY_FILLED, None),
        (0, OrdStatus.FILLED, None),
        (0, OrdStatus.NEW, int(Closedness.CANCELED)),
        (0, OrdStatus.DENIED, None),
        (0, OrdStatus.PENDING_APPROVAL, None),
    ],
)
def test_columns_that_contradict_each_other_are_refused(
    cum_qty: int, status: OrdStatus, closedness: int | None
) -> None:
    with pytest.raises(IntegrityFailure):
        OrderState.of(TEN, Decimal(cum_qty), status, closedness)
