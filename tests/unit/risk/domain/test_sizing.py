from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aitrader.kernel.errors import BadInput
from risk.domain.sizing import (
    Market,
    SizingMethod,
    SizingRule,
    annualised_volatility,
    fixed_fraction,
    size,
    volatility_target,
)


def market(**changes: Any) -> Market:
    values: dict[str, Any] = {
        "equity": Decimal(10_000),
        "px": Decimal(30),
        "rate": Decimal(1),
        "lot": Decimal("0.01"),
    }
    return Market(**values | changes)


def test_a_fixed_fraction_is_rounded_down_to_the_lot() -> None:
    sized = fixed_fraction(market(), Decimal("0.1"))
    assert sized.qty == Decimal("33.33")
    assert sized.inputs["fraction"] == "0.1"
    assert sized.method is SizingMethod.FIXED_FRACTION


def test_the_rate_turns_quote_into_base_currency() -> None:
    assert fixed_fraction(market(rate=Decimal(2)), Decimal("0.1")).qty == Decimal("16.66")


def test_a_volatility_target_divides_by_the_volatility_up_to_the_cap() -> None:
    calm = volatility_target(market(), Decimal("0.1"), Decimal("0.2"), cap_fraction=Decimal("0.3"))
    wild = volatility_target(market(), Decimal("0.1"), Decimal("0.8"), cap_fraction=Decimal("0.3"))
    assert calm.qty == Decimal("100.00")
    assert wild.qty == Decimal("41.66")
    assert wild.inputs["volatility"] == "0.8"
    assert wild.inputs["fraction"] == "0.125"


@pytest.mark.parametrize(("volatility", "told"), [(None, "missing"), (Decimal(0), "not positive")])
def test_without_volatility_it_falls_back_and_says_so(
    volatility: Decimal | None, told: str
) -> None:
    rule = SizingRule(SizingMethod.VOLATILITY_TARGET, Decimal("0.1"), Decimal("0.2"))
    sized = size(rule, market(), volatility)
    assert sized.qty == Decimal("33.33")
    assert sized.method is SizingMethod.FIXED_FRACTION
    assert told in sized.inputs["fallback"]


def test_cash_caps_the_cost_with_its_fee() -> None:
    sized = fixed_fraction(market(cash=Decimal(300), fee_rate=Decimal("0.001")), Decimal("0.1"))
    assert sized.qty == Decimal("9.99")
    assert sized.inputs["capped_by"] == "cash"
    assert fixed_fraction(
        market(cash=Decimal("300.3"), fee_rate=Decimal("0.001")), Decimal("0.1")
    ).qty == Decimal(10)


def test_cash_a_hair_short_buys_one_lot_less() -> None:
    just = market(px=Decimal(3), lot=Decimal(1), cash=Decimal(30), equity=Decimal(30))
    assert fixed_fraction(just, Decimal(1)).qty == 10
    assert "capped_by" not in fixed_fraction(just, Decimal(1)).inputs
    short = replace(just, cash=Decimal("29.999999999999999999"))
    assert fixed_fraction(short, Decimal(1)).qty == 9


@pytest.mark.parametrize(
    ("changes", "qty"),
    [
        ({"min_qty": Decimal("33.33")}, "33.33"),
        ({"min_qty": Decimal("33.34")}, "0"),
        ({"min_notional": Decimal("999.90")}, "33.33"),
        ({"min_notional": Decimal("999.91")}, "0"),
        ({"equity": Decimal(-5)}, "0"),
        ({"cash": Decimal(-5)}, "0"),
    ],
)
def test_below_the_minimum_is_zero_with_the_reason(changes: dict[str, Decimal], qty: str) -> None:
    sized = fixed_fraction(market(**changes), Decimal("0.1"))
    assert sized.qty == Decimal(qty)
    assert ("zero" in sized.inputs) is (Decimal(qty) == 0)


def test_bad_rules_and_markets_are_refused() -> None:
    with pytest.raises(BadInput):
        SizingRule(SizingMethod.FIXED_FRACTION, Decimal(0))
    with pytest.raises(BadInput):
        SizingRule(SizingMethod.VOLATILITY_TARGET, Decimal("0.1"))
    with pytest.raises(BadInput):
        SizingRule(SizingMethod.VOLATILITY_TARGET, Decimal("0.1"), Decimal("NaN"))
    with pytest.raises(BadInput):
        market(px=Decimal(0))


amounts = st.decimals("0.00000001", "1e12", places=8)


@given(equity=amounts, px=amounts, cash=amounts, lot=st.sampled_from(["1e-8", "0.001", "1", "7"]))
def test_never_more_than_the_rule_or_the_cash(
    equity: Decimal, px: Decimal, cash: Decimal, lot: str
) -> None:
    m = market(equity=equity, px=px, cash=cash, lot=Decimal(lot), fee_rate=Decimal("0.001"))
    qty = fixed_fraction(m, Decimal("0.25")).qty
    assert qty >= 0
    assert qty % Decimal(lot) == 0
    assert qty * px <= equity * Decimal("0.25")
    assert qty * px * Decimal("1.001") <= cash


def test_volatility_of_a_known_series() -> None:
    # Returns +ln 2, -ln 2, +ln 2: sample deviation ln 2 × sqrt(4/3); one period a year.
    closes = [Decimal(1), Decimal(2), Decimal(1), Decimal(2)]
    assert annualised_volatility(closes, 365 * 86_400) == Decimal("0.800377")
    quarter = annualised_volatility(closes, 365 * 86_400 // 4)
    assert quarter == Decimal("1.600755")


def test_volatility_needs_two_returns() -> None:
    assert annualised_volatility([], 60) is None
    assert annualised_volatility([Decimal(1), Decimal(2)], 60) is None
    assert annualised_volatility([Decimal(5), Decimal(5), Decimal(5)], 60) == 0


@pytest.mark.parametrize("bad", [Decimal(0), Decimal(-1), Decimal("NaN"), Decimal("Infinity")])
def test_volatility_refuses_a_bad_close(bad: Decimal) -> None:
    with pytest.raises(BadInput):
        annualised_volatility([Decimal(1), bad, Decimal(1)], 60)
    with pytest.raises(BadInput):
        annualised_volatility([Decimal(1), Decimal(2), Decimal(1)], 0)
