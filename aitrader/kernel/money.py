"""Decimal arithmetic for money and quantities.

1. Every amount is a finite `Decimal`; a float or a non-finite number is refused at the door.
2. Stored amounts have 18 decimals (NUMERIC(38,18)); each rounding has a name and a direction.
3. The working context has 50 digits, so products of two stored amounts are exact.
"""

import decimal
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    InvalidOperation,
)
from typing import NewType

from aitrader.kernel.errors import InvalidAmount

#: Units of the base asset (or contracts); never added to a Notional.
Qty = NewType("Qty", Decimal)
#: Units of the quote asset, or of the account's base currency where a docstring says so.
Notional = NewType("Notional", Decimal)

ZERO = Decimal(0)
ONE = Decimal(1)
STORED = Decimal(1).scaleb(-18)
CONTEXT = Context(prec=50)


def use_everywhere() -> None:
    """Make 50 digits the default of this thread and of every thread started from now on."""
    decimal.DefaultContext.prec = CONTEXT.prec
    decimal.setcontext(CONTEXT.copy())


def amount(value: object, *, what: str = "amount") -> Decimal:
    """Read a finite Decimal from text, int or Decimal. Raises InvalidAmount for anything else."""
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise InvalidAmount(f"{what}: {value!r} is not a decimal number")
    try:
        number = value if isinstance(value, Decimal) else Decimal(value)
    except InvalidOperation:
        raise InvalidAmount(f"{what}: {value!r} is not a decimal number") from None
    if not number.is_finite():
        raise InvalidAmount(f"{what}: {value!r} is not finite")
    return number


def _to_step(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    if step <= 0:
        raise InvalidAmount(f"step {step} must be positive")
    steps = CONTEXT.divide(value, step).to_integral_value(rounding=rounding)
    return CONTEXT.multiply(steps, step)


def qty_to_lot(value: Decimal, lot: Decimal) -> Decimal:
    """Round a quantity down (towards zero) to the lot: never more than was asked."""
    return _to_step(value, lot, ROUND_DOWN)


def price_up(value: Decimal, tick: Decimal) -> Decimal:
    """Round a price up to the tick (what a buyer pays)."""
    return _to_step(value, tick, ROUND_CEILING)


def price_down(value: Decimal, tick: Decimal) -> Decimal:
    """Round a price down to the tick (what a seller gets)."""
    return _to_step(value, tick, ROUND_FLOOR)


def price_nearest(value: Decimal, tick: Decimal) -> Decimal:
    """Round a price to the nearest tick, half to even."""
    return _to_step(value, tick, ROUND_HALF_EVEN)


def stored(value: Decimal) -> Decimal:
    """Round to the 18 decimals of the database, half to even."""
    return value.quantize(STORED, rounding=ROUND_HALF_EVEN, context=CONTEXT)


def ratio(numerator: Decimal, denominator: Decimal) -> Decimal:
    """Exact-context quotient rounded to 18 decimals, half to even."""
    return stored(CONTEXT.divide(numerator, denominator))


def product(left: Decimal, right: Decimal) -> Decimal:
    """Product rounded to 18 decimals, half to even."""
    return stored(CONTEXT.multiply(left, right))


def plain(value: Decimal) -> str:
    """One text for one number: no exponent, no trailing zeros, no negative zero."""
    if value == 0:
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
