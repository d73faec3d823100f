"""The gate against a second opinion, written apart from it in exact fractions.

Numbers are drawn from small grids, so that limits are met exactly about as often as missed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aitrader.kernel.fix import AccountKind, Origin, Side
from risk.domain.checks import CHECKS
from risk.domain.gate import Approved, Decision, Denied, decide, to_json
from risk.domain.limits import SPECS, LimitKey, Unit
from risk.domain.snapshot import GateIntent, PositionView, RiskSnapshot
from risk.domain.trading_state import Scope, ScopedState, TradingState
from tests.factories.risk import BTC, ETH, NOW

#: In every run; ten times as many are proven.
EXAMPLES = 400


def grid(*values: str) -> st.SearchStrategy[Decimal]:
    return st.sampled_from([Decimal(value) for value in values])


def mostly(usual: Any, *unusual: Any) -> st.SearchStrategy[Any]:
    """The usual value five times in six."""
    return st.sampled_from([*[usual] * 5 * len(unusual), *unusual])


_QUANTITIES = grid("0", "0", "0.5", "1", "2", "4")
_STATES = st.lists(
    st.builds(ScopedState, mostly(*TradingState), st.sampled_from(Scope)),
    max_size=2,
).map(tuple)


@st.composite
def views(draw: st.DrawFn, kind: AccountKind) -> PositionView:
    quantity = draw(_QUANTITIES)
    if kind is AccountKind.PERP:
        quantity *= draw(st.sampled_from([1, -1]))
    return PositionView(
        quantity=quantity,
        mark=draw(grid("50", "100", "100")),
        mark_at=NOW - timedelta(seconds=draw(mostly(0, 60, 120, 121, -180))),
        rate=draw(grid("1", "1", "0.5")),
        volatility=draw(grid("0", "0.5", "1")),
        feed_interval_seconds=60,
        reserved_buy_qty=draw(_QUANTITIES),
        reserved_sell_qty=draw(_QUANTITIES),
        min_qty=draw(grid("0", "0", "1")),
        second_px=draw(st.none() | grid("51", "100", "101", "102.1")),
        second_age_seconds=draw(st.none() | mostly(Decimal(5), *map(Decimal, (30, 31, -31)))),
    )


_LIMITS: Mapping[LimitKey, st.SearchStrategy[Decimal]] = {
    LimitKey.MAX_ORDER_NOTIONAL: grid("50", "100", "200", "1000"),
    LimitKey.MAX_DAY_NOTIONAL: grid("100", "300", "1000"),
    LimitKey.MAX_OPEN_POSITIONS: grid("1", "2", "3"),
    LimitKey.MAX_DAY_LOSS: grid("100", "200", "900"),
    LimitKey.MAX_DRAWDOWN: grid("0.1", "0.2", "0.9"),
    LimitKey.MAX_POSITION_SHARE: grid("0.1", "0.2", "0.5", "2"),
    LimitKey.MAX_GROSS_EXPOSURE: grid("0.2", "0.5", "2"),
    LimitKey.MAX_PORTFOLIO_VOLATILITY: grid("0.1", "0.25", "1"),
    LimitKey.MAX_OPEN_ORDERS: grid("1", "2", "5"),
    LimitKey.MAX_ORDERS_PER_DAY: grid("1", "2", "5"),
    LimitKey.PRICE_COLLAR: grid("0.02", "0.1", "1"),
    LimitKey.MAX_PRICE_AGE: grid("2", "2", "3"),
    LimitKey.MAX_PRICE_DIVERGENCE: grid("0.01", "0.02", "1"),
}


@st.composite
def snapshots(draw: st.DrawFn) -> RiskSnapshot:
    """Whole: nothing unknown. A wide half keeps single breaches frequent."""
    kind = draw(st.sampled_from(AccountKind))
    wide = draw(st.sets(st.sampled_from(LimitKey), min_size=4))
    drawn = {key: draw(values) for key, values in _LIMITS.items()}
    return RiskSnapshot(
        now=NOW,
        account_kind=kind,
        limits=drawn | dict.fromkeys(wide, Decimal(10**9)),
        trading_states=draw(_STATES),
        positions={BTC: draw(views(kind)), ETH: draw(views(kind))},
        free={"USDT": draw(grid("100", "100.1", "1000", "1000"))},
        quote_asset="USDT",
        fee_rate=draw(grid("0", "0.001")),
        equity=draw(mostly(Decimal(1000), *map(Decimal, (900, 800, 0, -5)))),
        day_start_equity=Decimal(1000),
        peak_equity=Decimal(1000),
        open_orders=draw(st.integers(0, 3)),
        orders_today=draw(st.integers(0, 3)),
        notional_today=draw(grid("0", "100", "200")),
        bar_extreme=draw(mostly(False, True)),
        strategy_enabled=draw(mostly(True, False)),
        instrument_problems=draw(mostly((), ("off the lot",))),
        duplicate_of=draw(mostly("", "I7")),
        in_doubt=draw(mostly("", "I6")),
    )


intents = st.builds(
    GateIntent,
    intent_id=st.sampled_from(["I0", "I1", "I2"]),
    instrument=st.just(BTC),
    side=st.sampled_from(Side),
    order_qty=grid("0.5", "1", "1", "2"),
    origin=st.sampled_from(Origin),
    price=st.none() | grid("49", "98", "102", "110"),
    reduce_only=mostly(False, True),
    strategy=st.sampled_from(["", "donchian"]),
    reference_px=st.none() | grid("50", "98", "100"),
    shared_qty=grid("0", "0", "0.5", "1"),
)


_SWING = LimitKey.MAX_PORTFOLIO_VOLATILITY


@dataclass
class SecondOpinion:
    """The rules of docs/limits.md once more; `denials` is what it would say."""

    i: GateIntent
    s: RiskSnapshot

    def __post_init__(self) -> None:
        v = self.s.positions[self.i.instrument]
        buy = self.i.side is Side.BUY
        self.pos = Fraction(v.quantity) * (1 if buy else -1)  # positive: the order adds to it
        own, other = Fraction(v.reserved_buy_qty), Fraction(v.reserved_sell_qty)
        if not buy:
            own, other = other, own
        own = max(Fraction(0), own - Fraction(self.i.shared_qty))
        self.closable = max(Fraction(0), -self.pos - own)
        self.qty = Fraction(self.i.order_qty)
        self.reduces = self.pos + own + self.qty <= 0
        self.after = abs(self.pos + own + self.qty)
        self.after = max(self.after, abs(self.pos - other)) if other else self.after
        self.mark = Fraction(v.mark or 0)
        self.px = self.mark if self.i.price is None else Fraction(self.i.price)
        self.px = self.px if buy else max(self.px, self.mark)

    def exposures(self) -> dict[str, tuple[Fraction, Fraction]]:
        """Code → (money at risk after the order, volatility)."""
        found = {}
        for code, v in self.s.positions.items():
            ends = (v.quantity + v.reserved_buy_qty, v.quantity - v.reserved_sell_qty)
            qty = max(abs(Fraction(end)) for end in ends)
            if code == self.i.instrument:
                qty = self.after
            elif qty == 0 or qty < v.min_qty:
                continue
            money = qty * Fraction(v.mark or 0) * Fraction(v.rate or 0)
            found[code] = (money, Fraction(v.volatility or 0))
        return found

    def stale(self, code: str) -> bool:
        v = self.s.positions[code]
        age = abs((self.s.now - (v.mark_at or self.s.now)).total_seconds())
        return Fraction(age) > 60 * Fraction(self.s.limits[LimitKey.MAX_PRICE_AGE])

    def contradicted(self) -> bool:
        v = self.s.positions[self.i.instrument]
        if v.second_px is None or v.second_age_seconds is None or abs(v.second_age_seconds) > 30:
            return False
        apart = abs(Fraction(v.second_px) - self.mark)
        bound = Fraction(self.s.limits[LimitKey.MAX_PRICE_DIVERGENCE]) * self.mark
        return not self.stale(self.i.instrument) and apart > bound

    def always(self) -> dict[str, bool]:
        i, s = self.i, self.s
        worst = max([*(each.state.severity for each in s.trading_states or ()), 0])
        sells_spot = s.account_kind is AccountKind.SPOT and i.side is Side.SELL
        return {
            "STATE_HALTED": worst == 3,
            "STATE_CANCEL_ONLY": worst == 2,
            "STATE_REDUCING": worst == 1 and not self.reduces,
            "PRICE_STALE": self.stale(i.instrument),
            "INSTRUMENT_RULE": bool(s.instrument_problems),
            "DUPLICATE": s.duplicate_of != "",
            "NOT_REDUCING": i.reduce_only and not self.reduces,
            "SHORT_NOT_ALLOWED": sells_spot and not self.reduces,
        }

    def for_new_risk(self) -> dict[str, bool]:
        s, lim = self.s, {key: Fraction(value) for key, value in self.s.limits.items()}
        risk, equity = self.exposures(), Fraction(s.equity or 0)
        share, gross = risk[self.i.instrument][0], sum(money for money, _ in risk.values())
        size = self.qty * self.px * Fraction(s.positions[self.i.instrument].rate or 0)
        cost = (self.qty - min(self.qty, self.closable)) * self.px * (1 + Fraction(s.fee_rate or 0))
        loss, whole = 1000 - equity, equity > 0
        swing = sum(money * vol for money, vol in risk.values())
        return {
            "PRICE_STALE": any(self.stale(code) for code in risk),
            "BALANCE_INSUFFICIENT": cost > Fraction(s.free["USDT"]),
            "BAR_OUT_OF_BOUNDS": bool(s.bar_extreme),
            "ORDER_IN_DOUBT": s.in_doubt != "",
            "EQUITY_MISSING": not whole,
            "DAY_LOSS": loss >= lim[LimitKey.MAX_DAY_LOSS],
            "DRAWDOWN": loss / 1000 >= lim[LimitKey.MAX_DRAWDOWN],
            "ORDER_NOTIONAL": size > lim[LimitKey.MAX_ORDER_NOTIONAL],
            "DAY_NOTIONAL": size + Fraction(s.notional_today or 0) > lim[LimitKey.MAX_DAY_NOTIONAL],
            "OPEN_POSITIONS": len(risk) > lim[LimitKey.MAX_OPEN_POSITIONS],
            "POSITION_SHARE": whole and share / equity > lim[LimitKey.MAX_POSITION_SHARE],
            "GROSS_EXPOSURE": whole and gross / equity > lim[LimitKey.MAX_GROSS_EXPOSURE],
            "PORTFOLIO_VOLATILITY": whole and swing / equity > lim[_SWING],
            "OPEN_ORDERS": (s.open_orders or 0) >= lim[LimitKey.MAX_OPEN_ORDERS],
            "ORDERS_PER_DAY": (s.orders_today or 0) >= lim[LimitKey.MAX_ORDERS_PER_DAY],
            "PRICE_DIVERGENCE": self.contradicted(),
        }

    def denials(self) -> set[str]:
        asked = self.i.price if self.i.price is not None else self.i.reference_px
        drift = 0 if asked is None else abs(Fraction(asked) - self.mark) / self.mark
        said = self.always()
        if not self.reduces:
            stale = said["PRICE_STALE"]
            said |= self.for_new_risk()
            said["PRICE_STALE"] |= stale
        if not (self.reduces and self.i.origin is Origin.PROTECTION):
            said["STRATEGY_DISABLED"] = bool(self.i.strategy) and not self.s.strategy_enabled
            said["PRICE_COLLAR"] = drift > Fraction(self.s.limits[LimitKey.PRICE_COLLAR])
        return {code for code, holds in said.items() if holds}


def codes(decision: Decision) -> set[str]:
    reasons = decision.reasons if isinstance(decision, Denied) else ()
    return {reason.code.value for reason in reasons}


def _see_that_both_agree(intent: GateIntent, now: RiskSnapshot) -> None:
    assert codes(decide(intent, now)) == SecondOpinion(intent, now).denials()


@settings(max_examples=EXAMPLES)
@given(intents, snapshots())
def test_the_gate_agrees_with_the_second_opinion(intent: GateIntent, now: RiskSnapshot) -> None:
    _see_that_both_agree(intent, now)


@pytest.mark.prove
@settings(max_examples=10 * EXAMPLES)
@given(intents, snapshots())
def test_the_gate_agrees_with_the_second_opinion_for_long(
    intent: GateIntent, now: RiskSnapshot
) -> None:
    _see_that_both_agree(intent, now)


@given(intents, snapshots())
def test_nothing_is_cut_and_every_failed_check_has_its_reason(
    intent: GateIntent, now: RiskSnapshot
) -> None:
    decision = decide(intent, now)
    assert [verdict.check for verdict in decision.verdicts] == [check.name for check in CHECKS]
    failed = sum(not verdict.passed for verdict in decision.verdicts)
    assert failed == (len(decision.reasons) if isinstance(decision, Denied) else 0)
    assert isinstance(decision, Denied) is (failed > 0)
    assert len(to_json(decision)["reasons"]) == failed
    assert decide(intent, now) == decision


_TIGHTENED = (
    intents,
    snapshots(),
    st.sampled_from(LimitKey),
    grid("0.1", "0.5", "0.999"),
    mostly(False, True),
)


def _see_that_tighter_never_approves(
    intent: GateIntent, now: RiskSnapshot, key: LimitKey, factor: Decimal, lose: bool
) -> None:
    tighter = dict(now.limits)
    tighter[key] *= factor
    if SPECS[key].unit is Unit.COUNT:
        tighter[key] = max(Decimal(1), tighter[key] // 1)
    if lose:
        del tighter[key]
    if isinstance(decide(intent, replace(now, limits=tighter)), Approved):
        assert isinstance(decide(intent, now), Approved)


@settings(max_examples=EXAMPLES // 2)
@given(st.tuples(*_TIGHTENED))
def test_tightening_or_losing_a_limit_never_approves(drawn: Any) -> None:
    _see_that_tighter_never_approves(*drawn)


@pytest.mark.prove
@settings(max_examples=10 * EXAMPLES)
@given(st.tuples(*_TIGHTENED))
def test_tightening_or_losing_a_limit_never_approves_for_long(drawn: Any) -> None:
    _see_that_tighter_never_approves(*drawn)


_UNKNOWN: list[dict[str, Any]] = [
    {name: None}
    for name in (
        "trading_states", "fee_rate", "equity", "day_start_equity", "peak_equity", "open_orders",
        "orders_today", "notional_today", "bar_extreme", "strategy_enabled", "instrument_problems",
    )
] + [{"free": {}}, {"positions": {}}]  # fmt: skip


@pytest.mark.parametrize("unknown", _UNKNOWN, ids=lambda each: next(iter(each)))
@settings(max_examples=EXAMPLES // 8)
@given(intents, snapshots())
def test_knowing_less_never_approves(
    unknown: dict[str, Any], intent: GateIntent, now: RiskSnapshot
) -> None:
    if isinstance(decide(intent, replace(now, **unknown)), Approved):
        assert isinstance(decide(intent, now), Approved)


@settings(max_examples=EXAMPLES // 2)
@given(intents, snapshots())
def test_while_reducing_no_approved_order_can_grow_or_turn_a_position(
    intent: GateIntent, now: RiskSnapshot
) -> None:
    reducing = replace(now, trading_states=(ScopedState(TradingState.REDUCING),))
    view = now.view(intent.instrument)
    others = max(Decimal(0), view.reserved(intent.side) - intent.shared_qty)
    after = view.quantity + intent.side.sign * (intent.order_qty + others)
    shrinks = abs(after) < abs(view.quantity) and after * view.quantity >= 0
    assert ("STATE_REDUCING" in codes(decide(intent, reducing))) is not shrinks
