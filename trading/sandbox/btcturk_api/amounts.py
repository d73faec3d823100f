"""Numbers and instants as BTCTurk writes them.

1. Amounts and prices are text, a price with the decimals of its pair; tickers, candles and a
   trade's `preciseAmount` are JSON numbers, and only they go through a float.
2. An instant is whole milliseconds, in candles and in the filters of `allOrders` whole seconds.

Source: docs.btcturk.com; broker-api-docs issue 543 (seconds).
"""

from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from aitrader.kernel.clock import EPOCH
from aitrader.kernel.money import CONTEXT
from trading.sandbox.rules import Listing

_LONG, _SHORT = 16, 8


def text(amount: Decimal | None, places: int = _SHORT) -> str:
    """So many decimals, cut off and never rounded up; nothing is zero."""
    exponent = Decimal(1).scaleb(-places)
    cut = (amount or Decimal(0)).quantize(exponent, rounding=ROUND_DOWN, context=CONTEXT)
    # Nothing has no sign.
    return format(cut if cut else abs(cut), "f")


def long_text(amount: Decimal | None) -> str:
    """Sixteen decimals, as balances have them."""
    return text(amount, _LONG)


def scale(step: Decimal) -> int:
    """How many decimals a tick or a lot has."""
    exponent = step.normalize(CONTEXT).as_tuple().exponent
    return max(0, -int(exponent))


def price_text(listing: Listing, price: Decimal | None) -> str:
    """At least two decimals."""
    return text(price, max(2, scale(listing.tick)))


def number(amount: Decimal | None) -> float:
    """As a JSON number."""
    return float(amount or 0)


def normalized(listing: Listing) -> str:
    """The pair's other name: BTC_TRY."""
    return f"{listing.base}_{listing.quote}"


def seconds(instant: datetime) -> int:
    return (instant - EPOCH) // timedelta(seconds=1)
