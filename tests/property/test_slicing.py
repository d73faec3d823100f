"""Slices of an order over time, whatever fills of them and whichever are missed."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from aitrader.kernel.money import qty_to_lot
from trading.domain.slicing import MOST, Plan, slice_qty

START = datetime(2026, 1, 5, tzinfo=UTC)
LOT = Decimal("0.001")


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    slices = draw(st.integers(1, 60))
    lots = draw(st.integers(slices, 100_000))
    over = timedelta(microseconds=draw(st.integers(slices * 1_000_000, 10**10)))
    return Plan(lots * LOT, slices, START, START + over)


@given(plans(), st.data())
def test_never_more_than_the_whole_in_whole_lots_none_too_large(
    plan: Plan, data: st.DataObject
) -> None:
    filled = Decimal(0)
    for number in range(plan.slices):
        if data.draw(st.booleans(), label="missed"):
            continue
        qty = slice_qty(plan, number, filled=filled, lot=LOT)
        assert qty == qty_to_lot(qty, LOT) >= 0
        assert qty <= MOST * (plan.order_qty / plan.slices + LOT)
        filled += qty * data.draw(st.integers(0, 1000), label="of a thousand") / 1000
        assert filled <= plan.order_qty


@given(plans())
def test_slices_that_fill_are_the_whole_and_about_even(plan: Plan) -> None:
    filled, sizes = Decimal(0), []
    for number in range(plan.slices):
        sizes.append(slice_qty(plan, number, filled=filled, lot=LOT))
        filled += sizes[-1]
    assert filled == plan.order_qty
    assert max(sizes) - min(sizes) <= LOT


@given(plans(), st.integers(0, 58))
def test_what_one_slice_left_is_carried_over_to_the_end(plan: Plan, empty: int) -> None:
    filled = Decimal(0)
    for number in range(plan.slices):
        qty = slice_qty(plan, number, filled=filled, lot=LOT)
        filled += Decimal(0) if number == empty else qty
    if empty < plan.slices - 1:
        assert filled == plan.order_qty


@given(plans(), st.integers(-(10**6), 10**10))
def test_every_instant_is_of_one_slice(plan: Plan, micros: int) -> None:
    now = START + timedelta(microseconds=micros)
    number = plan.number_at(now)
    assert (number is None) is not (plan.starts_at <= now < plan.ends_at)
    if number is not None:
        assert 0 <= number < plan.slices
        assert plan.due(number) <= now < plan.due(number + 1)
