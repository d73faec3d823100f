"""How much to order, and the inputs that led to it.

1. A size is rounded down to the lot: never more than the rule, the cap or the cash allow.
2. A size below the venue's minimum is zero, with the reason among the inputs.
3. Inputs are plain text, stored on the order; binary floats live only inside the volatility.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Context, Decimal
from enum import StrEnum

from aitrader.kernel.errors import BadInput
from aitrader.kernel.money import CONTEXT, ONE, STORED, ZERO, plain, qty_to_lot

_YEAR_SECONDS = 365 * 24 * 60 * 60
_VOLATILITY_STEP = Decimal("0.000001")
_DOWN = Context(prec=CONTEXT.prec, rounding=ROUND_DOWN)


class SizingMethod(StrEnum):
    FIXED_FRACTION = "FIXED_FRACTION"
    VOLATILITY_TARGET = "VOLATILITY_TARGET"


@dataclass(frozen=True, slots=True)
class SizingRule:
    """`fraction` of equity: the size, or under VOLATILITY_TARGET its cap and fall-back.

    `target_volatility` is the yearly swing that the position may add to equity (0.1 = 10 %).
    Raises BadInput for a value that is not positive, or a target that the method lacks.
    """

    method: SizingMethod
    fraction: Decimal
    target_volatility: Decimal | None = None

    def __post_init__(self) -> None:
        if not self.fraction.is_finite() or self.fraction <= 0:
            raise BadInput(f"sizing fraction {self.fraction} must be positive")
        target = self.target_volatility
        if self.method is SizingMethod.VOLATILITY_TARGET and target is None:
            raise BadInput("sizing by volatility needs a target volatility")
        if target is not None and (not target.is_finite() or target <= 0):
            raise BadInput(f"target volatility {target} must be positive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """What sizing knows of the instrument and the account.

    `px` is quote per base, `rate` base currency per quote; `lot` and `min_qty` in the base asset,
    `min_notional` in the quote asset. `cash` in the quote asset caps the cost with fee; None where
    cash is no cap (sales, PERP). `equity` is in the account's base currency.
    """

    equity: Decimal
    px: Decimal
    rate: Decimal
    lot: Decimal
    min_qty: Decimal = ZERO
    min_notional: Decimal = ZERO
    fee_rate: Decimal = ZERO
    cash: Decimal | None = None

    def __post_init__(self) -> None:
        for name in ("px", "rate", "lot"):
            value: Decimal = getattr(self, name)
            if not value.is_finite() or value <= 0:
                raise BadInput(f"sizing: {name} {value} must be positive")


@dataclass(frozen=True, slots=True)
class Sized:
    """`qty` in the base asset, a multiple of the lot, possibly zero."""

    qty: Decimal
    inputs: dict[str, str]
    method: SizingMethod


def size(rule: SizingRule, market: Market, volatility: Decimal | None) -> Sized:
    """Apply the rule; `volatility` is annualised, None when unknown."""
    if rule.method is SizingMethod.FIXED_FRACTION or rule.target_volatility is None:
        return fixed_fraction(market, rule.fraction)
    return volatility_target(market, rule.target_volatility, volatility, cap_fraction=rule.fraction)


def fixed_fraction(market: Market, fraction: Decimal) -> Sized:
    """A position worth `fraction` of equity."""
    return _sized(market, fraction, SizingMethod.FIXED_FRACTION, {})


def volatility_target(
    market: Market, target_volatility: Decimal, volatility: Decimal | None, *, cap_fraction: Decimal
) -> Sized:
    """A position whose weight × volatility is the target, at most `cap_fraction` of equity.

    Without a positive volatility it falls back to the fixed fraction, and says so.
    """
    inputs = {"target_volatility": plain(target_volatility), "cap_fraction": plain(cap_fraction)}
    if volatility is None or volatility <= 0:
        unusable = "missing" if volatility is None else "not positive"
        inputs["fallback"] = f"volatility {unusable}: fixed fraction"
        return _sized(market, cap_fraction, SizingMethod.FIXED_FRACTION, inputs)
    inputs["volatility"] = plain(volatility)
    fraction = min(cap_fraction, _DOWN.divide(target_volatility, volatility))
    return _sized(market, fraction, SizingMethod.VOLATILITY_TARGET, inputs)


def _sized(
    market: Market, fraction: Decimal, method: SizingMethod, inputs: dict[str, str]
) -> Sized:
    inputs |= {
        "equity": plain(market.equity),
        "fraction": plain(_stored_down(fraction)),
        "px": plain(market.px),
        "rate": plain(market.rate),
        "lot": plain(market.lot),
    }
    value = _DOWN.multiply(max(ZERO, market.equity), fraction)
    qty = _lots(value, CONTEXT.multiply(market.px, market.rate), market.lot)
    qty = _capped(qty, market, inputs)
    return Sized(_above_minimum(qty, market, inputs), inputs, method)


def _capped(qty: Decimal, market: Market, inputs: dict[str, str]) -> Decimal:
    if market.cash is None:
        return qty
    inputs |= {"cash": plain(market.cash), "fee_rate": plain(market.fee_rate)}
    unit_cost = CONTEXT.multiply(market.px, ONE + market.fee_rate)
    affordable = _lots(max(ZERO, market.cash), unit_cost, market.lot)
    if affordable >= qty:
        return qty
    inputs["capped_by"] = "cash"
    return affordable


def _above_minimum(qty: Decimal, market: Market, inputs: dict[str, str]) -> Decimal:
    notional = CONTEXT.multiply(qty, market.px)
    if qty > 0 and qty >= market.min_qty and notional >= market.min_notional:
        return qty
    inputs["zero"] = (
        f"{plain(qty)} (notional {plain(notional)}) is below the minimum "
        f"{plain(max(market.min_qty, market.lot))} (notional {plain(market.min_notional)})"
    )
    return ZERO


def _stored_down(value: Decimal) -> Decimal:
    return value.quantize(STORED, rounding=ROUND_DOWN, context=CONTEXT)


def _lots(value: Decimal, unit: Decimal, lot: Decimal) -> Decimal:
    """value / unit, rounded down to the lot."""
    return qty_to_lot(_stored_down(_DOWN.divide(value, unit)), lot)


def annualised_volatility(closes: Sequence[Decimal], interval_seconds: int) -> Decimal | None:
    """Standard deviation of log returns × √(periods in a year of 365 days), to 6 decimals.

    `closes` are oldest first, one interval apart. None with fewer than two returns.
    Raises BadInput for a close or an interval that is not positive.
    """
    if interval_seconds <= 0:
        raise BadInput(f"interval {interval_seconds} s must be positive")
    if any(not close.is_finite() or close <= 0 for close in closes):
        raise BadInput("volatility: every close must be positive")
    logs = [math.log(close) for close in closes]
    returns = [later - earlier for earlier, later in itertools.pairwise(logs)]
    if len(returns) < 2:
        return None
    mean = math.fsum(returns) / len(returns)
    variance = math.fsum((each - mean) ** 2 for each in returns) / (len(returns) - 1)
    annual = math.sqrt(variance * _YEAR_SECONDS / interval_seconds)
    return Decimal(str(annual)).quantize(_VOLATILITY_STEP)
