"""Fill rules over random bars: never better than the bar allows, never off the tick."""

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from aitrader.kernel.fix import OrdType, Side
from trading.domain.matching import Costs, Resting, at_open, in_range, stop_level, trail

TICK = Decimal("0.01")
AT = datetime(2026, 1, 1, tzinfo=UTC)
COSTS = Costs(Decimal("1.5"), Decimal("2.5"), Decimal(2), Decimal(4))
STOPS = (OrdType.STOP, OrdType.TRAILING_STOP)
LIMITS = (OrdType.LIMIT, OrdType.LIMIT_IF_TOUCHED)

prices = st.integers(500, 20_000).map(lambda cents: Decimal(cents) * TICK)
sides = st.sampled_from(Side)
bars = st.tuples(prices, prices, prices).map(lambda three: (three[0], max(three), min(three)))


def resting(side: Side, ord_type: OrdType, level: Decimal) -> Resting:
    return Resting(
        side=side,
        ord_type=ord_type,
        leaves_qty=Decimal(1),
        accepted_at=datetime(2025, 1, 1, tzinfo=UTC),
        price=level if ord_type in LIMITS else None,
        stop_px=level if ord_type in (OrdType.STOP, OrdType.MARKET_IF_TOUCHED) else None,
        trailing_bps=Decimal(150) if ord_type is OrdType.TRAILING_STOP else None,
        best_px=level if ord_type is OrdType.TRAILING_STOP else None,
    )


def worse(side: Side, px: Decimal, than: Decimal) -> bool:
    return px >= than if side is Side.BUY else px <= than


@given(sides, prices)
def test_a_market_order_always_fills_worse_than_the_open(side: Side, open_px: Decimal) -> None:
    order = resting(side, OrdType.MARKET, open_px)
    filled = at_open(order, open_px, open_time=AT, costs=COSTS, tick=TICK)
    assert filled is not None
    assert filled.px != open_px
    assert worse(side, filled.px, open_px)
    assert filled.px % TICK == 0


@given(sides, st.sampled_from(STOPS), prices, bars)
def test_a_stop_fills_at_its_level_or_worse_when_and_only_when_it_was_reached(
    side: Side, ord_type: OrdType, level: Decimal, bar: tuple[Decimal, Decimal, Decimal]
) -> None:
    open_px, high, low = bar
    order = resting(side, ord_type, level)
    stop = stop_level(order, TICK)
    assert stop is not None
    filled = at_open(order, open_px, open_time=AT, costs=COSTS, tick=TICK)
    filled = filled or in_range(order, high, low, costs=COSTS, tick=TICK)
    reached = low <= stop if side is Side.SELL else high >= stop
    assert (filled is not None) == reached
    if filled is not None:
        assert worse(side, filled.px, stop)
        assert filled.px % TICK == 0


@given(sides, st.sampled_from(LIMITS), prices, bars)
def test_a_limit_never_fills_worse_than_its_price_nor_outside_the_bar(
    side: Side, ord_type: OrdType, price: Decimal, bar: tuple[Decimal, Decimal, Decimal]
) -> None:
    open_px, high, low = bar
    order = resting(side, ord_type, price)
    filled = at_open(order, open_px, open_time=AT, costs=COSTS, tick=TICK)
    filled = filled or in_range(order, high, low, costs=COSTS, tick=TICK)
    reached = high >= price if side is Side.SELL else low <= price
    assert (filled is not None) == reached
    if filled is not None:
        assert worse(side.opposite, filled.px, price)
        assert low <= filled.px <= high


@given(sides, prices, st.lists(bars, max_size=10))
def test_a_trailing_stop_only_ever_moves_towards_the_price(
    side: Side, level: Decimal, history: list[tuple[Decimal, Decimal, Decimal]]
) -> None:
    order = resting(side, OrdType.TRAILING_STOP, level)
    for _, high, low in history:
        before, order = stop_level(order, TICK), trail(order, high, low)
        after = stop_level(order, TICK)
        assert before is not None
        assert after is not None
        assert worse(side, before, after)
