"""Numbers and instants as Binance writes them.

1. An amount is text with exactly eight decimals; zero is `0.00000000`.
2. An instant is whole milliseconds since the epoch.
"""

from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from aitrader.kernel.clock import EPOCH
from aitrader.kernel.money import CONTEXT

_PLACES = Decimal("0.00000001")


def text(amount: Decimal | None) -> str:
    """Eight decimals, cut off and never rounded up; nothing is zero."""
    if amount is None:
        return "0.00000000"
    return format(amount.quantize(_PLACES, rounding=ROUND_DOWN, context=CONTEXT), "f")


def millis(instant: datetime) -> int:
    """Milliseconds since the epoch, cut off."""
    return (instant - EPOCH) // timedelta(milliseconds=1)
