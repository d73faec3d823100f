import json
from dataclasses import replace
from decimal import Decimal, localcontext
from typing import Any

import pytest

from aitrader.kernel.fix import AccountKind, Origin, Side
from risk.domain import limits
from risk.domain.checks import CHECKS
from risk.domain.gate import Approved, Decision, Denied, decide, to_json
from risk.domain.limits import LimitKey
from risk.domain.snapshot import RiskSnapshot
from risk.domain.trading_state import Scope, ScopedState, TradingState
from tests.factories.risk import BTC, ETH, intent, limits_with, snapshot, view

HALT = ScopedState(TradingState.HALTED, Scope.ACCOUNT, "main", "operator")


def held(**changes: Any) -> RiskSnapshot:
    """Long one BTC, in a state in which nothing may be opened and every limit is breached."""
    ruined: dict[str, Any] = {
        "positions": {BTC: view(quantity=Decimal(1), volatility=None)},
        "free": {},
        "fee_rate": None,
        "equity": Decimal(1),
        "open_orders": 10**6,
        "orders_today": 10**6,
        "notional_today": Decimal(10**6),
        "bar_extreme": True,
        "trading_states": (ScopedState(TradingState.REDUCING),),
    }
    return snapshot(**ruined | changes)


def codes(decision: Decision) -> list[str]:
    reasons = decision.reasons if isinstance(decision, Denied) else ()
    return [reason.code.value for reason in reasons]


def test_a_modest_order_is_approved_with_every_verdict() -> None:
    decision = decide(intent(), snapshot())
    assert isinstance(decision, Approved)
    assert [verdict.check for verdict in decision.verdicts] == [check.name for check in CHECKS]
    assert all(verdict.passed for verdict in decision.verdicts)


def test_a_denial_carries_all_reasons_and_all_verdicts_worst_first() -> None:
    decision = decide(
        intent(order_qty=Decimal(300), intent_id="I9"),
        snapshot(
            trading_states=(HALT,),
            equity=Decimal(9_000),
            duplicate_of="I8",
            strategy_enabled=False,
        ),
    )
    assert isinstance(decision, Denied)
    assert len(decision.verdicts) == len(CHECKS)
    assert sum(not verdict.passed for verdict in decision.verdicts) == len(decision.reasons)
    assert codes(decision) == [
        "STATE_HALTED",
        "STRATEGY_DISABLED",
        "DUPLICATE",
        "BALANCE_INSUFFICIENT",
        "ORDER_NOTIONAL",  # 300 times its limit
        "DAY_NOTIONAL",  # 60 times
        "POSITION_SHARE",  # 16.7 times
        "DAY_LOSS",  # 10 times
        "PORTFOLIO_VOLATILITY",  # 6.7 times
        "GROSS_EXPOSURE",  # 5.6 times
        "DRAWDOWN",  # at its limit
    ]
    assert decision.reasons[0].text == "account main is HALTED: operator"


def test_the_record_is_plain_text_and_whole() -> None:
    decision = decide(intent(order_qty=Decimal("1.50")), snapshot())
    record = json.loads(json.dumps(to_json(decision)))
    assert record["decision"] == "DENIED"
    assert record["intent_id"] == "I1"
    assert record["reasons"] == [
        {
            "code": "ORDER_NOTIONAL",
            "key": "MAX_ORDER_NOTIONAL",
            "limit": "100",
            "value": "150",
            "excess": "1.5",
            "text": "150 against a limit of 100",
        }
    ]
    assert len(record["verdicts"]) == len(CHECKS)
    assert to_json(decide(intent(), snapshot()))["decision"] == "APPROVED"


def test_the_callers_decimal_context_changes_nothing() -> None:
    near = intent(order_qty=Decimal("1.000000000000000001"))
    with localcontext(prec=3):
        assert codes(decide(near, snapshot())) == ["ORDER_NOTIONAL"]


@pytest.mark.parametrize("name", ["cautious", "demo"])
@pytest.mark.parametrize("kind", list(AccountKind))
def test_protection_passes_whatever_new_risk_is_denied(name: str, kind: AccountKind) -> None:
    now = held(limits=limits.profile(name), account_kind=kind, strategy_enabled=False)
    stop = intent(side=Side.SELL, origin=Origin.PROTECTION, reduce_only=True)
    target = replace(stop, intent_id="I2", price=Decimal(150), shared_qty=Decimal(1))
    assert isinstance(decide(stop, now), Approved)
    resting = view(quantity=Decimal(1), reserved_sell_qty=Decimal(1))
    assert isinstance(decide(target, replace(now, positions={BTC: resting})), Approved)


def test_two_legs_that_do_not_share_are_one_too_many() -> None:
    resting = {BTC: view(quantity=Decimal(1), reserved_sell_qty=Decimal(1))}
    second = intent(side=Side.SELL, origin=Origin.PROTECTION, reduce_only=True)
    denied = decide(second, held(positions=resting, strategy_enabled=True))
    assert {"STATE_REDUCING", "NOT_REDUCING"} <= set(codes(denied))


def test_a_strategys_own_exit_passes_the_limits_but_not_its_switch_or_the_collar() -> None:
    exit_ = intent(side=Side.SELL)
    assert isinstance(decide(exit_, held()), Approved)
    assert codes(decide(exit_, held(strategy_enabled=False))) == ["STRATEGY_DISABLED"]
    assert codes(decide(replace(exit_, price=Decimal(90)), held())) == ["PRICE_COLLAR"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"trading_states": (HALT,)}, "STATE_HALTED"),
        ({"trading_states": (ScopedState(TradingState.CANCEL_ONLY),)}, "STATE_CANCEL_ONLY"),
        ({"trading_states": None}, "STATE_MISSING"),
        ({"positions": {BTC: view(quantity=Decimal(1), mark=None)}}, "PRICE_MISSING"),
        ({"instrument_problems": ("off the lot",)}, "INSTRUMENT_RULE"),
        ({"duplicate_of": "I0"}, "DUPLICATE"),
    ],
)
def test_what_even_protection_must_obey(changes: dict[str, Any], code: str) -> None:
    stop = intent(side=Side.SELL, origin=Origin.PROTECTION, reduce_only=True)
    assert codes(decide(stop, held(**changes))) == [code]


@pytest.mark.parametrize("quantity", ["0", "1", "-1", "0.999999999999999999"])
@pytest.mark.parametrize("side", list(Side))
def test_reducing_is_exact_in_quantity(quantity: str, side: Side) -> None:
    now = snapshot(
        positions={BTC: view(quantity=Decimal(quantity))},
        trading_states=(ScopedState(TradingState.REDUCING),),
        limits=limits_with(),
    )
    fits = -side.sign * Decimal(quantity) >= 1
    assert codes(decide(intent(side=side), now)) == ([] if fits else ["STATE_REDUCING"])


NEEDED: list[tuple[dict[str, Any], str]] = [
    ({"trading_states": None}, "STATE_MISSING"),
    ({"strategy_enabled": None}, "STRATEGY_DISABLED"),
    ({"instrument_problems": None}, "INSTRUMENT_RULE"),
    ({"bar_extreme": None}, "BAR_OUT_OF_BOUNDS"),
    ({"equity": None}, "EQUITY_MISSING"),
    ({"equity": Decimal(0)}, "EQUITY_MISSING"),
    ({"day_start_equity": None}, "EQUITY_MISSING"),
    ({"peak_equity": None}, "EQUITY_MISSING"),
    ({"peak_equity": Decimal(0)}, "EQUITY_MISSING"),
    ({"open_orders": None}, "COUNTER_MISSING"),
    ({"orders_today": None}, "COUNTER_MISSING"),
    ({"notional_today": None}, "COUNTER_MISSING"),
    ({"free": {}}, "BALANCE_MISSING"),
    ({"fee_rate": None}, "BALANCE_MISSING"),
    ({"positions": {}}, "PRICE_MISSING"),
    ({"positions": {BTC: view(mark=None)}}, "PRICE_MISSING"),
    ({"positions": {BTC: view(mark_at=None)}}, "PRICE_MISSING"),
    ({"positions": {BTC: view(feed_interval_seconds=None)}}, "PRICE_STALE"),
    ({"positions": {BTC: view(rate=None)}}, "RATE_MISSING"),
    ({"positions": {BTC: view(volatility=None)}}, "VOLATILITY_MISSING"),
    ({"positions": {BTC: view(), ETH: view(quantity=Decimal(1), mark=None)}}, "PRICE_MISSING"),
    ({"positions": {BTC: view(), ETH: view(quantity=Decimal(1), rate=None)}}, "RATE_MISSING"),
    (
        {"positions": {BTC: view(), ETH: view(quantity=Decimal(1), volatility=None)}},
        "VOLATILITY_MISSING",
    ),
]


@pytest.mark.parametrize(("changes", "code"), NEEDED)
def test_a_missing_input_denies(changes: dict[str, Any], code: str) -> None:
    decision = decide(intent(), replace(snapshot(limits=limits_with()), **changes))
    assert isinstance(decision, Denied)
    assert code in codes(decision)
    assert {reason.key for reason in decision.reasons if reason.code == code} - {""}


@pytest.mark.parametrize("key", list(LimitKey))
def test_a_missing_limit_denies_with_its_key(key: LimitKey) -> None:
    known = {other: value for other, value in limits_with().items() if other is not key}
    # With a second price there is something for every limit to be compared with.
    compared = view(second_px=Decimal(100), second_age_seconds=Decimal(1))
    decision = decide(intent(), snapshot(limits=known, positions={BTC: compared}))
    assert isinstance(decision, Denied)
    assert {(reason.code, reason.key) for reason in decision.reasons} == {("LIMIT_MISSING", key)}


def test_a_flat_instrument_of_unknown_price_does_not_matter() -> None:
    positions = {BTC: view(), ETH: view(mark=None, rate=None, volatility=None)}
    assert isinstance(decide(intent(), snapshot(positions=positions)), Approved)


@pytest.mark.parametrize("qty", ["0", "-1"])
def test_a_quantity_that_is_not_positive_is_denied_not_raised(qty: str) -> None:
    assert "INSTRUMENT_RULE" in codes(decide(intent(order_qty=Decimal(qty)), snapshot()))
    assert "INSTRUMENT_RULE" in codes(decide(intent(price=Decimal(qty)), snapshot()))


def test_numbers_as_large_as_the_database_holds_are_judged_too() -> None:
    huge, tiny = Decimal("99999999999999999999.999999999999999999"), Decimal("1e-18")
    now = snapshot(
        positions={BTC: view(mark=huge, rate=huge, volatility=huge)},
        equity=tiny,
        peak_equity=huge,
        limits=dict.fromkeys(LimitKey, tiny) | {LimitKey(k): Decimal(1) for k in _COUNTS},
    )
    assert "GROSS_EXPOSURE" in codes(decide(intent(order_qty=huge), now))


_COUNTS = ("MAX_OPEN_POSITIONS", "MAX_OPEN_ORDERS", "MAX_ORDERS_PER_DAY")
