"""Worked examples of positions, in round numbers a reader can check by hand."""

from decimal import Decimal

import pytest

from aitrader.kernel.fix import AccountKind, Side
from trading.domain.position import FillFacts, PositionState

D = Decimal


def fill(
    side: Side, qty: str, px: str, fee: str = "0", fee_asset: str = "USDT", rate: str | None = None
) -> FillFacts:
    return FillFacts(
        side, D(qty), D(px), D(fee), fee_asset, "BTC", "USDT", None if rate is None else D(rate)
    )


def after(kind: AccountKind, *fills: FillFacts) -> PositionState:
    state = PositionState(kind)
    for each in fills:
        state, _ = state.apply(each)
    return state


def test_two_buys_average_and_a_part_sale_realises_against_the_average() -> None:
    state = after(
        AccountKind.SPOT,
        fill(Side.BUY, "1", "100"),
        fill(Side.BUY, "1", "110"),
        fill(Side.SELL, "0.5", "125", fee="0.1"),
    )
    assert (state.quantity, state.cost) == (D("1.5"), D("157.5"))
    assert (state.realised_pnl, state.fees) == (D(10), D("0.1"))
    assert state.unrealised(D(115)) == D(15)


def test_a_short_gains_when_the_price_falls() -> None:
    state = after(AccountKind.PERP, fill(Side.SELL, "5", "100"), fill(Side.BUY, "2", "90"))
    assert (state.quantity, state.cost, state.realised_pnl) == (D(-3), D(-300), D(20))
    assert state.unrealised(D(110)) == D(-30)


def test_a_flip_closes_at_the_average_and_opens_the_rest_at_the_fill() -> None:
    state = after(AccountKind.PERP, fill(Side.BUY, "2", "100"), fill(Side.SELL, "5", "90"))
    assert (state.quantity, state.cost, state.realised_pnl) == (D(-3), D(-270), D(-20))


def test_a_position_closed_in_thirds_leaves_no_dust() -> None:
    sells = [fill(Side.SELL, "1", "100")] * 3
    buy = fill(Side.BUY, "3", "33.333333333333333333")
    state = after(AccountKind.SPOT, buy, *sells)
    assert (state.quantity, state.cost) == (D(0), D(0))
    assert state.realised_pnl == D("200.000000000000000001")


def test_a_fee_in_base_is_a_disposal_at_the_fill_price() -> None:
    state, effect = PositionState(AccountKind.SPOT).apply(
        fill(Side.BUY, "1", "100", fee="0.001", fee_asset="BTC")
    )
    assert (state.quantity, state.cost) == (D("0.999"), D("99.9"))
    assert (state.realised_pnl, state.fees) == (D(0), D("0.1"))
    assert effect.fee_in_quote == D("0.1")
    later, effect = state.apply(fill(Side.BUY, "0.001", "200", fee="0.001", fee_asset="BTC"))
    assert later.quantity == D("0.999")
    assert effect.realised == later.realised_pnl == D("0.0999")


def test_a_perpetual_converts_a_fee_in_base_and_keeps_its_quantity() -> None:
    state = after(AccountKind.PERP, fill(Side.BUY, "1", "100", fee="0.001", fee_asset="BTC"))
    assert (state.quantity, state.cost, state.fees) == (D(1), D(100), D("0.1"))


def test_a_fee_in_a_third_asset_is_converted_at_its_rate() -> None:
    state, effect = PositionState(AccountKind.SPOT).apply(
        fill(Side.BUY, "1", "100", fee="0.002", fee_asset="BNB", rate="600")
    )
    assert (state.fees, effect.missing_fee_conversion) == (D("1.2"), False)


def test_a_fee_without_a_rate_is_said_and_not_guessed() -> None:
    state, effect = PositionState(AccountKind.SPOT).apply(
        fill(Side.BUY, "1", "100", fee="0.002", fee_asset="BNB")
    )
    assert (state.fees, effect.missing_fee_conversion) == (D(0), True)
    assert state.quantity == 1


@pytest.mark.parametrize(
    ("kind", "oversold"), [(AccountKind.SPOT, True), (AccountKind.PERP, False)]
)
def test_selling_what_is_not_held_is_applied_and_is_oversold_on_spot_alone(
    kind: AccountKind, oversold: bool
) -> None:
    state, effect = PositionState(kind).apply(fill(Side.SELL, "1", "100"))
    assert (state.quantity, effect.oversold) == (D(-1), oversold)


def test_amounts_of_more_digits_than_the_default_context_stay_exact() -> None:
    quantity = "12345678901234.123456789012345678"
    state = after(
        AccountKind.SPOT, fill(Side.BUY, quantity, "1"), fill(Side.BUY, "0.000000000000000001", "1")
    )
    assert state.quantity == state.cost == D("12345678901234.123456789012345679")
