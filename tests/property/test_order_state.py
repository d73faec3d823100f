"""Every arrival order of the same reports, with duplicates, ends in the same order state."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import permutations
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from aitrader.kernel.fix import ExecType, OrdStatus
from trading.domain.execution_report import ExecutionReport
from trading.domain.order_state import OrderState

QTY = Decimal(10)


def report(exec_type: ExecType, cum_qty: int) -> ExecutionReport:
    return ExecutionReport(
        cl_ord_id="C",
        order_id="V",
        exec_id=f"{exec_type}{cum_qty}",
        exec_type=exec_type,
        instrument="SIM:BTC-USDT",
        cum_qty=Decimal(cum_qty),
        transact_time=datetime(2026, 1, 1, tzinfo=UTC),
    )


#: Sent, accepted, filled in three parts, and cancelled just before the last part came in.
LIFE = (
    None,
    report(ExecType.NEW, 0),
    report(ExecType.TRADE, 3),
    report(ExecType.CANCELED, 7),
    report(ExecType.TRADE, 7),
    report(ExecType.TRADE, 9),
)

reports = st.builds(report, st.sampled_from(ExecType), st.integers(0, 11))
events = st.one_of(st.none(), reports)


def after(*arrivals: ExecutionReport | None, state: OrderState | None = None) -> OrderState:
    """The state after these arrivals; None stands for our own sending."""
    state = state or OrderState(QTY)
    for arrival in arrivals:
        state = state.sent() if arrival is None else state.apply(arrival)
    return state


def test_all_permutations_of_a_life_converge_with_any_one_event_twice() -> None:
    end = after(*LIFE)
    assert (end.ord_status, end.cum_qty) == (OrdStatus.CANCELED, Decimal(9))
    assert all(after(*arrivals) == end for arrivals in permutations(LIFE))
    for twice in LIFE:
        assert {after(*arrivals, twice) for arrivals in permutations(LIFE)} == {end}
        assert {after(twice, *arrivals) for arrivals in permutations(LIFE)} == {end}


@given(st.data())
def test_any_shuffle_of_a_life_with_any_duplicates_converges(data: st.DataObject) -> None:
    extra = data.draw(st.lists(st.sampled_from(LIFE), max_size=8))
    arrivals = data.draw(st.permutations([*LIFE, *extra]))
    assert after(*arrivals) == after(*LIFE)


@given(st.lists(events, max_size=8), st.randoms(use_true_random=False))
def test_any_reports_in_any_order_end_in_the_same_state(
    arrivals: list[ExecutionReport | None], shuffler: Random
) -> None:
    shuffled = [*arrivals, *arrivals]
    shuffler.shuffle(shuffled)
    assert after(*shuffled) == after(*arrivals)


@given(st.lists(events, max_size=5), events)
def test_a_report_never_takes_anything_back(
    arrivals: list[ExecutionReport | None], last: ExecutionReport | None
) -> None:
    before = after(*arrivals)
    then = after(last, state=before)
    assert then.cum_qty >= before.cum_qty
    assert then.closedness >= before.closedness
    assert then.leaves_qty <= before.leaves_qty
