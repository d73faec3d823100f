"""What Binance lists, as instruments (rest-api.md: Exchange information; filters.md)."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson

from aitrader.kernel.errors import (
    BadInput,
    InvalidAmount,
    OutcomeUnknown,
    RejectedByVenue,
    VenueAway,
)
from aitrader.kernel.fix import AccountKind
from aitrader.kernel.money import ONE, ZERO, amount
from trading.domain.instrument import Instrument, code_of
from trading.gateways.binance.connection import Connection


def instruments(
    connection: Connection, symbols: Sequence[str], *, venue: str
) -> dict[str, Instrument]:
    """The symbols' rules by symbol, under codes of `venue`, which trades by them.

    Raises BadInput for a symbol that is not listed or not trading, OutcomeUnknown for rules that
    cannot be read, and what a call raises.
    """
    # The library's own call asks for everything that is listed: megabytes for two symbols.
    asked = {"symbols": orjson.dumps(list(symbols)).decode()}
    try:
        told = connection.call(lambda client: client._get("exchangeInfo", data=asked))
        listed = {each["symbol"]: each for each in told["symbols"]}
    except RejectedByVenue as error:
        raise BadInput(f"Binance: {error.text}") from None
    except (LookupError, TypeError) as error:
        raise OutcomeUnknown(f"a list of symbols that cannot be read: {error!r}") from error
    found = {}
    for symbol in symbols:
        if symbol not in listed:
            raise BadInput(f"Binance does not list {symbol}")
        status = listed[symbol].get("status")
        if status != "TRADING":
            raise VenueAway(f"{symbol} does not trade at Binance now: {status}")
        try:
            found[symbol] = _instrument(listed[symbol], venue)
        except (LookupError, TypeError, InvalidAmount) as error:
            raise OutcomeUnknown(f"the rules of {symbol} cannot be read: {error!r}") from error
    return found


def _instrument(listed: Mapping[str, Any], venue: str) -> Instrument:
    rules = {each["filterType"]: each for each in listed["filters"]}
    lot = rules["LOT_SIZE"]
    return Instrument(
        code=code_of(venue, listed["baseAsset"], listed["quoteAsset"], AccountKind.SPOT),
        base=listed["baseAsset"],
        quote=listed["quoteAsset"],
        kind=AccountKind.SPOT,
        tick=_step(rules["PRICE_FILTER"]["tickSize"]),
        lot=_step(lot["stepSize"]),
        min_qty=amount(lot["minQty"]),
        min_notional=_least(rules),
    )


def _step(told: str) -> Decimal:
    """Zero means no rule: the smallest step that is kept."""
    step = amount(told)
    return step.normalize() if step > ZERO else ONE.scaleb(-8)


def _least(rules: Mapping[str, Mapping[str, Any]]) -> Decimal:
    rule = rules.get("NOTIONAL") or rules.get("MIN_NOTIONAL") or {"minNotional": "0"}
    return amount(rule["minNotional"])
