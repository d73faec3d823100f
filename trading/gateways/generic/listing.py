"""What an exchange lists, as instruments.

1. A step is what prices and quantities are multiples of, however the library counts it: as a step,
   as decimal places, or as significant digits.
2. Significant digits give no fixed step. The one taken holds up to ten times the price of now, and
   is coarser than the venue's until then.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from aitrader.kernel.errors import BadInput, VenueAway
from aitrader.kernel.fix import AccountKind
from aitrader.kernel.money import ONE, ZERO, amount
from trading.domain.instrument import Instrument, code_of
from trading.domain.instrument_limits import Limits
from trading.gateways.generic.connection import Connection

#: The library's precision modes.
DECIMAL_PLACES, SIGNIFICANT_DIGITS, TICK_SIZE = 2, 3, 4
#: The finest step that is kept, where no rule is told.
_FINEST = ONE.scaleb(-8)


def instruments(
    connection: Connection, symbols: Sequence[str], *, venue: str
) -> dict[str, Instrument]:
    """The symbols' rules by symbol (`BTC/USD` or `BTC-USD`), under codes of `venue`.

    Raises BadInput for a symbol that is not listed or not trading, and what a call raises.
    """
    listed = connection.markets(again=True)
    found = {}
    for symbol in symbols:
        market = listed.get(symbol_in(symbol))
        if market is None or not market.get("spot"):
            raise BadInput(f"{connection.exchange} does not list {symbol}")
        if market.get("active") is False:
            raise VenueAway(f"{symbol} does not trade at {connection.exchange} now")
        found[symbol] = _instrument(connection, market, venue)
    return found


def symbol_in(given: str) -> str:
    """As the library writes it."""
    return given.upper().replace("-", "/")


def step(precision: object, mode: int, *, price: Decimal | None = None) -> Decimal:
    """The step that a precision means; `price` is of now, for significant digits."""
    if precision is None:
        return _FINEST
    told = amount(precision)
    if mode == TICK_SIZE:
        return told.normalize() if told > ZERO else _FINEST
    if mode == DECIMAL_PLACES or price is None:
        return ONE.scaleb(-int(told))
    return ONE.scaleb(price.adjusted() + 2 - int(told))


def _instrument(connection: Connection, market: Mapping[str, Any], venue: str) -> Instrument:
    mode, precision = connection.precision_mode, market["precision"]
    price = _price(connection, market["symbol"]) if mode == SIGNIFICANT_DIGITS else None
    # Quantities are counted in places there, whatever prices are counted in.
    lot = step(precision.get("amount"), DECIMAL_PLACES if mode == SIGNIFICANT_DIGITS else mode)
    limits = market["limits"]
    return Instrument(
        code=code_of(venue, market["base"], market["quote"], AccountKind.SPOT),
        base=market["base"],
        quote=market["quote"],
        kind=AccountKind.SPOT,
        tick=step(precision.get("price"), mode, price=price),
        lot=lot,
        min_qty=_bound(limits, "amount", "min") or lot,
        min_notional=_bound(limits, "cost", "min") or ZERO,
        limits=Limits(
            min_px=_bound(limits, "price", "min"),
            max_px=_bound(limits, "price", "max"),
            max_qty=_bound(limits, "amount", "max"),
            market_min_qty=_bound(limits, "market", "min"),
            market_max_qty=_bound(limits, "market", "max"),
            max_notional=_bound(limits, "cost", "max"),
        ),
    )


def _bound(limits: Mapping[str, Any], what: str, which: str) -> Decimal | None:
    """What is not told, or zero, is no limit."""
    told = (limits.get(what) or {}).get(which)
    return None if told is None else amount(told) or None


def _price(connection: Connection, symbol: str) -> Decimal:
    told = connection.call(lambda client: client.fetch_ticker(symbol))
    price = amount(told.get("last") or "0")
    if price <= ZERO:
        raise BadInput(f"{connection.exchange} tells no price of {symbol}")
    return price
