"""What BTCTurk lists, as instruments (docs.btcturk.com: Get Exchange Info; Pairs Scale).

1. A price is a multiple of `tickSize` and has no more decimals than the pair's scale; a quantity
   has as many decimals as the base's scale.
2. Bounds of prices and quantities stand in the filter, for some pairs beside it too: the closer
   ones hold. That a limit is between a tenth and ten times the last price stands in neither: the
   venue has announced it (broker-api-docs, issue 490).
3. A pair whose fee is taken in the base asset is not taken: a trade does not tell in which it was.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from aitrader.kernel.errors import BadInput, VenueAway
from aitrader.kernel.fix import AccountKind
from aitrader.kernel.money import ONE, ZERO, amount
from trading.domain.instrument import Instrument, code_of
from trading.domain.instrument_limits import Limits
from trading.gateways.btcturk.connection import Connection, understood

EXCHANGE_INFO = "/api/v2/server/exchangeinfo"
_DOWN, _UP = Decimal("0.1"), Decimal(10)


def instruments(
    connection: Connection, symbols: Sequence[str], *, venue: str, quick: bool = False
) -> dict[str, Instrument]:
    """The pairs' rules by pair, under codes of `venue`, which trades by them.

    Raises BadInput for a pair that is not listed, not trading or not one for us, and what a call
    raises.
    """
    told = connection.public(EXCHANGE_INFO, quick=quick)
    listed = understood(lambda: {each["name"]: each for each in told["symbols"]})
    for symbol in symbols:
        why_not = understood(partial(_why_not, symbol, listed.get(symbol)))
        if why_not is not None:
            raise why_not
    return {symbol: understood(partial(_instrument, listed[symbol], venue)) for symbol in symbols}


def _why_not(symbol: str, listed: Mapping[str, Any] | None) -> BadInput | None:
    """Why a pair is none for us, if so."""
    if listed is None:
        return BadInput(f"BTCTurk does not list {symbol}")
    if listed["status"] != "TRADING":
        return VenueAway(f"{symbol} does not trade at BTCTurk now: {listed['status']}")
    if listed.get("commissionFromNumerator"):
        return BadInput(f"BTCTurk takes the fee of {symbol} in {listed['numerator']}")
    return None


def _instrument(listed: Mapping[str, Any], venue: str) -> Instrument:
    (prices,) = (each for each in listed["filters"] if each["filterType"] == "PRICE_FILTER")
    lot = _scaled(listed["numeratorScale"])
    return Instrument(
        code=code_of(venue, listed["numerator"], listed["denominator"], AccountKind.SPOT),
        base=listed["numerator"],
        quote=listed["denominator"],
        kind=AccountKind.SPOT,
        tick=_tick(prices, listed),
        lot=lot,
        min_qty=_or(prices.get("minAmount"), lot),
        min_notional=_or(prices.get("minExchangeValue"), ZERO),
        limits=Limits(
            min_px=_closest(max, prices.get("minPrice"), listed.get("minimumLimitOrderPrice")),
            max_px=_closest(min, prices.get("maxPrice"), listed.get("maximumLimitOrderPrice")),
            max_qty=_closest(min, prices.get("maxAmount"), listed.get("maximumOrderAmount")),
            bid_down=_DOWN,
            bid_up=_UP,
            ask_down=_DOWN,
            ask_up=_UP,
            band_minutes=0,
        ),
    )


def _closest(of: Callable[[list[Decimal]], Decimal], *told: object) -> Decimal | None:
    """The greatest of least ones, the least of greatest ones; None where no rule is told."""
    given = [number for each in told if each is not None and (number := amount(each))]
    return of(given) if given else None


def _tick(prices: Mapping[str, Any], listed: Mapping[str, Any]) -> Decimal:
    """The coarser of the two rules: it holds to both."""
    tick = _or(prices.get("tickSize"), ZERO).normalize()
    return max(tick, _scaled(listed["denominatorScale"]))


def _scaled(decimals: object) -> Decimal:
    return ONE.scaleb(-int(str(decimals)))


def _or(told: object, otherwise: Decimal) -> Decimal:
    """A rule that is not there, or zero, is no rule."""
    return otherwise if told is None else amount(told) or otherwise
