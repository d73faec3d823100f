"""What Coinbase lists, as instruments (API reference: List Public Products)."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from aitrader.kernel.errors import (
    BadInput,
    InvalidAmount,
    OutcomeUnknown,
    RejectedByVenue,
    VenueAway,
)
from aitrader.kernel.fix import AccountKind
from aitrader.kernel.money import amount
from trading.domain.instrument import Instrument, code_of
from trading.domain.instrument_limits import Limits
from trading.gateways.coinbase.connection import Connection

#: What must not be true of a product that we trade in every way that we know.
_HINDRANCES = (
    "is_disabled",
    "trading_disabled",
    "cancel_only",
    "limit_only",
    "post_only",
    "auction_mode",
    "view_only",
)


def instruments(
    connection: Connection, symbols: Sequence[str], *, venue: str
) -> dict[str, Instrument]:
    """The products' rules by product id, under codes of `venue`, which trades by them.

    Raises BadInput for a product that is not listed or not trading, OutcomeUnknown for rules that
    cannot be read, and what a call raises.
    """
    try:
        told = connection.read_public("/market/products", product_ids=list(symbols))
        listed = {str(each["product_id"]): each for each in told["products"]}
    except RejectedByVenue as error:
        raise BadInput(f"Coinbase: {error.text}") from None
    except (LookupError, TypeError) as error:
        raise OutcomeUnknown(f"a list of products that cannot be read: {error!r}") from error
    found = {}
    for symbol in symbols:
        if symbol not in listed:
            raise BadInput(f"Coinbase does not list {symbol}")
        if hindered := _hindrance(listed[symbol]):
            raise VenueAway(f"{symbol} does not trade at Coinbase now: {hindered}")
        try:
            found[symbol] = _instrument(listed[symbol], venue)
        except (LookupError, InvalidAmount) as error:
            raise OutcomeUnknown(f"the rules of {symbol} cannot be read: {error!r}") from error
    return found


def _hindrance(listed: Mapping[str, Any]) -> str:
    status = str(listed.get("status") or "online").lower()
    if status != "online":
        return status
    return next((each for each in _HINDRANCES if listed.get(each) is True), "")


def _instrument(listed: Mapping[str, Any], venue: str) -> Instrument:
    base, quote = str(listed["base_currency_id"]), str(listed["quote_currency_id"])
    return Instrument(
        code=code_of(venue, base, quote, AccountKind.SPOT),
        base=base,
        quote=quote,
        kind=AccountKind.SPOT,
        tick=_step(listed.get("price_increment") or listed["quote_increment"]),
        lot=_step(listed["base_increment"]),
        min_qty=amount(listed["base_min_size"]),
        min_notional=amount(listed["quote_min_size"]),
        limits=Limits(
            max_qty=_most(listed.get("base_max_size")),
            max_notional=_most(listed.get("quote_max_size")),
        ),
    )


def _most(told: object) -> Decimal | None:
    """What is not told, or zero, is no limit."""
    return None if told in (None, "") else amount(told) or None


def _step(told: object) -> Decimal:
    return amount(told).normalize()
