"""Each limit at its boundary: just inside, exactly at it, just beyond."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from aitrader.kernel.fix import AccountKind, Origin, Side
from risk.domain.gate import Denied, decide
from risk.domain.snapshot import GateIntent, PositionView, RiskSnapshot
from tests.factories.risk import BTC, ETH, NOW, intent, limits_with, snapshot, view

EPS = Decimal("1e-18")
STEPS = {"inside": -EPS, "at": Decimal(0), "beyond": EPS}


def denied_codes(order: GateIntent, now: RiskSnapshot) -> list[str]:
    decision = decide(order, now)
    return (
        [reason.code.value for reason in decision.reasons] if isinstance(decision, Denied) else []
    )


def contradicted(*, by: Decimal, age: str = "5", **changes: Any) -> PositionView:
    """A mark of 100, and a second source that says otherwise."""
    return view(second_px=100 + by, second_age_seconds=Decimal(age), **changes)


#: code: (limit, its value, what the intent and the snapshot are when the step is added)
BOUNDARIES: dict[str, tuple[str, str, Any]] = {
    "ORDER_NOTIONAL": (
        "MAX_ORDER_NOTIONAL",
        "100",
        lambda step: (intent(), {"positions": {BTC: view(mark=100 + step)}}),
    ),
    "DAY_NOTIONAL": (
        "MAX_DAY_NOTIONAL",
        "500",
        lambda step: (intent(), {"notional_today": 400 + step}),
    ),
    "POSITION_SHARE": (
        "MAX_POSITION_SHARE",
        "0.2",
        lambda step: (intent(), {"positions": {BTC: view(quantity=19 + step)}}),
    ),
    "GROSS_EXPOSURE": (
        "MAX_GROSS_EXPOSURE",
        "0.6",
        lambda step: (
            intent(),
            {
                "positions": {
                    BTC: view(),
                    ETH: view(quantity=Decimal(-50) - step, reserved_sell_qty=Decimal(9)),
                }
            },
        ),
    ),
    "PORTFOLIO_VOLATILITY": (
        "MAX_PORTFOLIO_VOLATILITY",
        "0.25",
        # 1 % × 0.5 + 49 % × 0.5
        lambda step: (intent(), {"positions": {BTC: view(), ETH: view(quantity=49 + step)}}),
    ),
    "PRICE_COLLAR": (
        "PRICE_COLLAR",
        "0.02",
        lambda step: (intent(price=102 + step), {}),
    ),
    "PRICE_DIVERGENCE": (
        "MAX_PRICE_DIVERGENCE",
        "0.02",
        lambda step: (intent(), {"positions": {BTC: contradicted(by=2 + step)}}),
    ),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("code", BOUNDARIES)
def test_a_limit_is_breached_above_it(code: str, step: str) -> None:
    key, value, build = BOUNDARIES[code]
    order, changes = build(STEPS[step])
    now = replace(snapshot(limits=limits_with(**{key: value})), **changes)
    assert denied_codes(order, now) == ([code] if step == "beyond" else [])


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    ("code", "key", "value"),
    [("DAY_LOSS", "MAX_DAY_LOSS", "1000"), ("DRAWDOWN", "MAX_DRAWDOWN", "0.1")],
)
def test_a_loss_is_breached_at_its_limit(code: str, key: str, value: str, step: str) -> None:
    now = snapshot(limits=limits_with(**{key: value}), equity=Decimal(9_000) - STEPS[step])
    assert denied_codes(intent(), now) == ([] if step == "inside" else [code])


@pytest.mark.parametrize(("already", "breached"), [(1, False), (2, False), (3, True)])
@pytest.mark.parametrize(
    ("code", "key"),
    [
        ("OPEN_ORDERS", "MAX_OPEN_ORDERS"),
        ("ORDERS_PER_DAY", "MAX_ORDERS_PER_DAY"),
        ("OPEN_POSITIONS", "MAX_OPEN_POSITIONS"),
    ],
)
def test_a_count_includes_the_order_itself(
    code: str, key: str, already: int, breached: bool
) -> None:
    others = {f"SIM:X{n}-USDT": view(reserved_buy_qty=Decimal(1)) for n in range(already)}
    changes: dict[str, dict[str, Any]] = {
        "OPEN_ORDERS": {"open_orders": already},
        "ORDERS_PER_DAY": {"orders_today": already},
        "OPEN_POSITIONS": {"positions": {BTC: view()} | others},
    }
    now = snapshot(limits=limits_with(**{key: "3"}), **changes[code])
    assert denied_codes(intent(), now) == ([code] if breached else [])


def test_adding_to_a_position_opens_no_further_one() -> None:
    now = snapshot(
        limits=limits_with(MAX_OPEN_POSITIONS="1"), positions={BTC: view(quantity=Decimal(1))}
    )
    assert denied_codes(intent(), now) == []


@pytest.mark.parametrize(
    ("age", "stale"),
    [
        (timedelta(seconds=120) - timedelta.resolution, False),
        (timedelta(seconds=120), False),
        (timedelta(seconds=120) + timedelta.resolution, True),
        (-timedelta(seconds=120), False),
        (-timedelta(seconds=120) - timedelta.resolution, True),
    ],
)
def test_a_price_is_stale_beyond_two_intervals_either_way(age: timedelta, stale: bool) -> None:
    limits = limits_with(MAX_PRICE_AGE="2")
    own = {BTC: view(mark_at=NOW - age)}
    expected = ["PRICE_STALE", "PRICE_STALE"] if stale else []
    assert denied_codes(intent(), snapshot(limits=limits, positions=own)) == expected
    other = {BTC: view(), ETH: view(mark_at=NOW - age, quantity=Decimal(1))}
    assert denied_codes(intent(), snapshot(limits=limits, positions=other)) == expected[:1]


def test_each_instrument_is_judged_by_its_own_feed() -> None:
    limits = limits_with(MAX_PRICE_AGE="2")
    hourly = view(quantity=Decimal(1), mark_at=NOW - timedelta(hours=1), feed_interval_seconds=3600)
    assert (
        denied_codes(intent(), snapshot(limits=limits, positions={BTC: view(), ETH: hourly})) == []
    )


@pytest.mark.parametrize("step", STEPS)
def test_the_balance_covers_cost_and_fee(step: str) -> None:
    now = snapshot(limits=limits_with(), free={"USDT": Decimal("100.1") - STEPS[step]})
    expected = ["BALANCE_INSUFFICIENT"] if step == "beyond" else []
    assert denied_codes(intent(), now) == expected


@pytest.mark.parametrize("step", STEPS)
def test_spot_sells_no_more_than_is_left(step: str) -> None:
    now = snapshot(
        account_kind=AccountKind.SPOT,
        limits=limits_with(),
        positions={BTC: view(quantity=Decimal(3), reserved_sell_qty=Decimal(2))},
    )
    order = intent(side=Side.SELL, order_qty=1 + STEPS[step])
    assert denied_codes(order, now) == (["SHORT_NOT_ALLOWED"] if step == "beyond" else [])


def test_perp_may_go_short() -> None:
    assert denied_codes(intent(side=Side.SELL), snapshot(limits=limits_with())) == []


@pytest.mark.parametrize("step", STEPS)
def test_a_reduce_only_order_fits_what_is_left_to_close(step: str) -> None:
    now = snapshot(
        limits=limits_with(),
        positions={BTC: view(quantity=Decimal(3), reserved_sell_qty=Decimal(2))},
    )
    order = intent(side=Side.SELL, order_qty=1 + STEPS[step], reduce_only=True)
    assert denied_codes(order, now) == (["NOT_REDUCING"] if step == "beyond" else [])


def test_an_extreme_bar_opens_nothing() -> None:
    now = snapshot(limits=limits_with(), bar_extreme=True)
    assert denied_codes(intent(), now) == ["BAR_OUT_OF_BOUNDS"]


def test_beside_an_order_in_doubt_nothing_is_opened_and_what_reduces_passes() -> None:
    held = {BTC: view(quantity=Decimal(1))}
    now = snapshot(limits=limits_with(), in_doubt="I0", positions=held)
    assert denied_codes(intent(), now) == ["ORDER_IN_DOUBT"]
    assert denied_codes(intent(side=Side.SELL), now) == []


def test_a_duplicate_names_its_twin() -> None:
    now = snapshot(limits=limits_with(), duplicate_of="I0")
    decision = decide(intent(), now)
    assert isinstance(decision, Denied)
    assert decision.reasons[0].value == "I0"


def test_an_operators_order_needs_no_strategy() -> None:
    order = intent(strategy="", origin=Origin.OPERATOR)
    assert denied_codes(order, snapshot(strategy_enabled=None)) == []


def test_every_broken_rule_of_the_venue_is_told() -> None:
    decision = decide(intent(), snapshot(instrument_problems=("off the lot", "off the tick")))
    assert isinstance(decision, Denied)
    assert decision.reasons[0].text == "off the lot; off the tick"


@pytest.mark.parametrize(
    ("side", "price", "notional"),
    [(Side.BUY, 99, 99), (Side.BUY, 101, 101), (Side.SELL, 99, 100), (Side.SELL, 101, 101)],
)
def test_an_order_is_valued_at_the_most_it_may_come_to(
    side: Side, price: int, notional: int
) -> None:
    order = intent(side=side, price=Decimal(price))
    tight = limits_with(MAX_ORDER_NOTIONAL=str(notional))
    assert denied_codes(order, snapshot(limits=tight)) == []
    tighter = limits_with(MAX_ORDER_NOTIONAL=str(Decimal(notional) - EPS))
    assert denied_codes(order, snapshot(limits=tighter)) == ["ORDER_NOTIONAL"]


def test_the_collar_holds_a_market_order_to_the_price_it_was_decided_on() -> None:
    now = snapshot(limits=limits_with(PRICE_COLLAR="0.02"))
    assert denied_codes(intent(reference_px=Decimal(98)), now) == []
    assert denied_codes(intent(reference_px=Decimal("97.99")), now) == ["PRICE_COLLAR"]
    assert denied_codes(intent(reference_px=None), now) == []


def test_money_is_converted_to_the_base_currency() -> None:
    limits = limits_with(MAX_ORDER_NOTIONAL="100")
    cheap = {BTC: view(rate=Decimal("0.03"), mark=Decimal(3_333))}
    dear = {BTC: view(rate=Decimal("0.03"), mark=Decimal(3_334))}
    order = intent(reference_px=None)
    assert denied_codes(order, snapshot(limits=limits, positions=cheap)) == []
    assert denied_codes(order, snapshot(limits=limits, positions=dear)) == ["ORDER_NOTIONAL"]


@pytest.mark.parametrize(("age", "compared"), [("30", True), ("30.000001", False), ("-31", False)])
def test_a_second_source_that_is_silent_denies_nothing(age: str, compared: bool) -> None:
    positions = {BTC: contradicted(by=Decimal(-50), age=age)}
    now = snapshot(limits=limits_with(MAX_PRICE_DIVERGENCE="0.02"), positions=positions)
    assert denied_codes(intent(), now) == (["PRICE_DIVERGENCE"] if compared else [])


def test_a_stale_mark_is_denied_for_its_age_alone() -> None:
    stale = contradicted(by=Decimal(50), mark_at=NOW - timedelta(hours=1))
    now = snapshot(
        limits=limits_with(MAX_PRICE_AGE="2", MAX_PRICE_DIVERGENCE="0.02"), positions={BTC: stale}
    )
    assert set(denied_codes(intent(), now)) == {"PRICE_STALE"}


def test_what_reduces_passes_whatever_the_second_source_says() -> None:
    held = contradicted(by=Decimal(50), quantity=Decimal(1))
    now = snapshot(limits=limits_with(MAX_PRICE_DIVERGENCE="0.02"), positions={BTC: held})
    assert denied_codes(intent(side=Side.SELL), now) == []
    assert denied_codes(intent(), now) == ["PRICE_DIVERGENCE"]
