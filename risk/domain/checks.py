"""The checks of the gate, in one table.

1. A check is a pure function of intent and snapshot, and never raises on what they may hold.
2. A check that lacks an input or its limit denies.
3. What an order that exactly reduces is excused from stands in the table, not in the checks.
"""

from dataclasses import dataclass
from enum import StrEnum

from aitrader.kernel.fix import AccountKind, Origin, Side
from aitrader.kernel.money import ZERO, plain
from risk.domain import freshness, measures
from risk.domain.exposure import intent_reduces, quantities_after, same_side_reserved
from risk.domain.limits import LimitKey
from risk.domain.measures import CheckFunction, within
from risk.domain.reason import Finding, Passed, Reason, ReasonCode, missing
from risk.domain.snapshot import GateIntent, RiskSnapshot
from risk.domain.trading_state import TradingState, effective, permits


class Excuses(StrEnum):
    """Which orders a check lets pass unexamined."""

    NONE = "NONE"
    PROTECTION = "PROTECTION"
    REDUCING = "REDUCING"


@dataclass(frozen=True, slots=True)
class Check:
    """One row of the table."""

    name: str
    run: CheckFunction
    excuses: Excuses = Excuses.NONE

    def excused(self, intent: GateIntent, *, reduces: bool) -> bool:
        """Whether this order need not be examined."""
        if self.excuses is Excuses.NONE or not reduces:
            return False
        return self.excuses is Excuses.REDUCING or intent.origin is Origin.PROTECTION


_STATE_CODES = {
    TradingState.REDUCING: ReasonCode.STATE_REDUCING,
    TradingState.CANCEL_ONLY: ReasonCode.STATE_CANCEL_ONLY,
    TradingState.HALTED: ReasonCode.STATE_HALTED,
}


def trading_state(intent: GateIntent, snapshot: RiskSnapshot) -> Finding:
    if snapshot.trading_states is None:
        return missing(ReasonCode.STATE_MISSING, "trading state")
    cause = effective(snapshot.trading_states)
    if permits(cause.state, reduces=intent_reduces(intent, snapshot)):
        return Passed(value=cause.state)
    where = " ".join(part for part in (cause.scope.lower(), cause.code) if part)
    text = f"{where} is {cause.state}" + (f": {cause.reason}" if cause.reason else "")
    return Reason(_STATE_CODES[cause.state], TradingState.ACTIVE, cause.state, text, cause.scope)


def strategy_enabled(intent: GateIntent, snapshot: RiskSnapshot) -> Finding:
    if not intent.strategy:
        return Passed(value="no strategy")
    if snapshot.strategy_enabled:
        return Passed(limit="enabled", value="enabled")
    value = "unknown" if snapshot.strategy_enabled is None else "disabled"
    text = f"strategy {intent.strategy} is {value}"
    return Reason(ReasonCode.STRATEGY_DISABLED, "enabled", value, text, intent.strategy)


def duplicate(intent: GateIntent, snapshot: RiskSnapshot) -> Finding:
    twin = snapshot.duplicate_of
    if not twin:
        return Passed()
    return Reason(ReasonCode.DUPLICATE, "", twin, f"same as intent {twin}", "intent")


def order_in_doubt(intent: GateIntent, snapshot: RiskSnapshot) -> Finding:
    """What is in doubt may have filled, or may fill: a second order beside it would be too many."""
    other = snapshot.in_doubt
    if not other:
        return Passed()
    text = f"intent {other} is in doubt: nothing is opened on its side of {intent.instrument}"
    return Reason(ReasonCode.ORDER_IN_DOUBT, "", other, text, intent.instrument)


def price_fresh(intent: GateIntent, snapshot: RiskSnapshot) -> Finding:
    return freshness.of_mark(intent.instrument, snapshot)


def held_prices_fresh(intent: GateIntent, snapshot: RiskSnapshot) -> Finding:
    """Equity and weights are only as good as the oldest price in them."""
    for code in sorted(quantities_after(intent, snapshot)):
        finding = freshness.of_mark(code, snapshot)
        if isinstance(finding, Reason):
            return finding
    return Passed()


def _not_positive(intent: GateIntent) -> list[str]:
    """True of every venue, so that no snapshot can forget it."""
    numbers = {"order_qty": intent.order_qty, "price": intent.price}
    return [
        f"{name} {plain(number)} is not positive"
        for name, number in numbers.items()
        if number is not None and number <= 0
    ]


def instrument_rules(intent: GateIntent, snapshot: RiskSnapshot) -> Finding:
    if snapshot.instrument_problems is None:
        return missing(ReasonCode.INSTRUMENT_RULE, f"rules of {intent.instrument}")
    problems = [*_not_positive(intent), *snapshot.instrument_problems]
    if not problems:
        return Passed()
    text = "; ".join(problems)
    return Reason(ReasonCode.INSTRUMENT_RULE, "", str(len(problems)), text, intent.instrument)


def reduce_only(intent: GateIntent, snapshot: RiskSnapshot) -> Finding:
    view = snapshot.view(intent.instrument)
    left = max(ZERO, -intent.side.sign * view.quantity - same_side_reserved(intent, view))
    if not intent.reduce_only or intent_reduces(intent, snapshot):
        return Passed(limit=plain(left), value=plain(intent.order_qty))
    text = f"reduce-only {plain(intent.order_qty)}, but {plain(left)} is left to close"
    return Reason(ReasonCode.NOT_REDUCING, plain(left), plain(intent.order_qty), text)


def long_only(intent: GateIntent, snapshot: RiskSnapshot) -> Finding:
    if snapshot.account_kind is not AccountKind.SPOT or intent.side is Side.BUY:
        return Passed()
    view = snapshot.view(intent.instrument)
    left = view.quantity - same_side_reserved(intent, view)
    if intent.order_qty <= left:
        return Passed(limit=plain(left), value=plain(intent.order_qty))
    text = f"sale of {plain(intent.order_qty)}, but {plain(left)} is left to sell"
    return Reason(ReasonCode.SHORT_NOT_ALLOWED, plain(left), plain(intent.order_qty), text)


def balance(intent: GateIntent, snapshot: RiskSnapshot) -> Finding:
    needed = measures.cost(intent, snapshot)
    if isinstance(needed, Reason):
        return needed
    free = snapshot.free.get(snapshot.quote_asset)
    if free is None:
        return missing(ReasonCode.BALANCE_MISSING, f"free {snapshot.quote_asset}")
    if needed <= free:
        return Passed(limit=plain(free), value=plain(needed))
    text = f"{plain(needed)} {snapshot.quote_asset} needed, {plain(free)} free"
    return Reason(
        ReasonCode.BALANCE_INSUFFICIENT, plain(free), plain(needed), text, snapshot.quote_asset
    )


def bar_in_bounds(intent: GateIntent, snapshot: RiskSnapshot) -> Finding:
    if snapshot.bar_extreme is None:
        return missing(ReasonCode.BAR_OUT_OF_BOUNDS, f"last bar of {intent.instrument}")
    if not snapshot.bar_extreme:
        return Passed()
    text = f"the last bar of {intent.instrument} is out of bounds: it opens nothing"
    return Reason(ReasonCode.BAR_OUT_OF_BOUNDS, "", "", text, intent.instrument)


_NEW_RISK = Excuses.REDUCING

#: Every check runs on every intent; the order is that of the record.
CHECKS: tuple[Check, ...] = (
    Check("trading_state", trading_state),
    Check("strategy_enabled", strategy_enabled, Excuses.PROTECTION),
    Check("price_fresh", price_fresh),
    Check("instrument_rules", instrument_rules),
    Check("duplicate", duplicate),
    Check("reduce_only", reduce_only),
    Check("long_only", long_only),
    Check("order_in_doubt", order_in_doubt, _NEW_RISK),
    Check("balance", balance, _NEW_RISK),
    Check("bar_in_bounds", bar_in_bounds, _NEW_RISK),
    Check("held_prices_fresh", held_prices_fresh, _NEW_RISK),
    Check("day_loss", within(LimitKey.MAX_DAY_LOSS), _NEW_RISK),
    Check("drawdown", within(LimitKey.MAX_DRAWDOWN), _NEW_RISK),
    Check("order_notional", within(LimitKey.MAX_ORDER_NOTIONAL), _NEW_RISK),
    Check("day_notional", within(LimitKey.MAX_DAY_NOTIONAL), _NEW_RISK),
    Check("open_positions", within(LimitKey.MAX_OPEN_POSITIONS), _NEW_RISK),
    Check("position_share", within(LimitKey.MAX_POSITION_SHARE), _NEW_RISK),
    Check("gross_exposure", within(LimitKey.MAX_GROSS_EXPOSURE), _NEW_RISK),
    Check("portfolio_volatility", within(LimitKey.MAX_PORTFOLIO_VOLATILITY), _NEW_RISK),
    Check("open_orders", within(LimitKey.MAX_OPEN_ORDERS), _NEW_RISK),
    Check("orders_per_day", within(LimitKey.MAX_ORDERS_PER_DAY), _NEW_RISK),
    Check("price_collar", within(LimitKey.PRICE_COLLAR), Excuses.PROTECTION),
    Check("price_divergence", freshness.prices_agree, _NEW_RISK),
)
