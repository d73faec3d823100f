"""Order configurations: what was asked for, and the engine's order of it.

1. Exactly one configuration stands in a request; one that is not known here is refused as such.
2. A stop in the direction of a loss is a stop, in the direction of a gain a target.
3. A buy by `quote_size` includes its fee: what it spends is never more than that.
4. Amounts are text, as the venue wants them.
5. A bracket is one order with two ways out. That it only sells, that it keeps its id when its stop
   is met, and that its limit rests in the book are guesses: the venue's document does not say.

Source: docs.cdp.coinbase.com, Advanced Trade API, "Create Order"; coinbase-advanced-py, orders.py.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from aitrader.kernel.clock import iso
from aitrader.kernel.fix import OrdType, Side, TimeInForce
from aitrader.kernel.money import ONE, ZERO, qty_to_lot
from trading.sandbox.accounts import Fees
from trading.sandbox.coinbase_api import errors
from trading.sandbox.coinbase_api.amounts import read_instant, text
from trading.sandbox.orders import STOPS, NewOrder, Order
from trading.sandbox.rules import Listing

Json = dict[str, Any]
_AMOUNT = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
_CENT_OF_A_FEE = Decimal("0.00000001")
UPWARDS, DOWNWARDS = "STOP_DIRECTION_STOP_UP", "STOP_DIRECTION_STOP_DOWN"
_UNSUPPORTED = ("UNSUPPORTED_ORDER_CONFIGURATION", "PREVIEW_INVALID_ORDER_CONFIG")


class Declined(Exception):
    """An order that is not taken: the order's word, the preview's, and a text."""

    def __init__(self, error: str, preview: str, message: str) -> None:
        super().__init__(error, preview, message)
        self.error = error
        self.preview = preview
        self.message = message


class Fields:
    """The fields of one configuration, read one by one."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given

    def amount(self, name: str) -> Decimal | None:
        """Raises ApiError 400 for anything but a decimal number in text."""
        value = self._given.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str) or not _AMOUNT.fullmatch(value):
            raise errors.invalid(f"{name} is not a decimal number in text")
        return Decimal(value)

    def required(self, name: str) -> Decimal:
        """Raises Declined where the field is missing."""
        value = self.amount(name)
        if value is None:
            raise Declined(*_UNSUPPORTED, f"{name} is missing")
        return value

    def flag(self, name: str) -> bool:
        return self._given.get(name) is True

    def choice(self, name: str, allowed: Sequence[str]) -> str:
        value = self._given.get(name)
        if value not in allowed:
            raise Declined(*_UNSUPPORTED, f"{name} is one of {', '.join(allowed)}")
        return str(value)

    def instant(self, name: str) -> datetime:
        try:
            return read_instant(str(self._given.get(name)))
        except ValueError:
            raise errors.invalid(f"{name} is no instant") from None


Part = dict[str, Any]


def _limit(time: TimeInForce) -> Callable[[Fields, Side], Part]:
    def read(fields: Fields, _side: Side) -> Part:
        return {
            "ord_type": OrdType.LIMIT,
            "order_qty": fields.required("base_size"),
            "price": fields.required("limit_price"),
            "post_only": fields.flag("post_only"),
            "time_in_force": time,
            "expire_at": fields.instant("end_time") if time is TimeInForce.GTD else None,
        }

    return read


def _stop(time: TimeInForce) -> Callable[[Fields, Side], Part]:
    def read(fields: Fields, side: Side) -> Part:
        direction = fields.choice("stop_direction", (UPWARDS, DOWNWARDS))
        loses = (direction == UPWARDS) is (side is Side.BUY)
        return {
            **_limit(time)(fields, side),
            "ord_type": OrdType.STOP_LIMIT if loses else OrdType.LIMIT_IF_TOUCHED,
            "post_only": False,
            "stop_px": fields.required("stop_price"),
        }

    return read


def _bracket(time: TimeInForce) -> Callable[[Fields, Side], Part]:
    def read(fields: Fields, side: Side) -> Part:
        part = {
            **_limit(time)(fields, side),
            "post_only": False,
            "bracket_px": fields.required("stop_trigger_price"),
        }
        if side is Side.BUY:
            raise Declined(errors.UNKNOWN, "PREVIEW_INVALID_BRACKET_ORDER_SIDE", "it only sells")
        if part["bracket_px"] >= part["price"]:
            raise Declined(errors.UNKNOWN, "PREVIEW_INVALID_BRACKET_PRICES", "stop above limit")
        return part

    return read


def _market(fields: Fields, _side: Side) -> Part:
    base, quote = fields.amount("base_size"), fields.amount("quote_size")
    if (base is None) is (quote is None):
        raise Declined(*_UNSUPPORTED, "Market orders are placed with one of base_size, quote_size")
    return {"ord_type": OrdType.MARKET, "order_qty": base, "quote_qty": quote}


_READERS: Mapping[str, Callable[[Fields, Side], Part]] = {
    "market_market_ioc": _market,
    "sor_limit_ioc": _limit(TimeInForce.IOC),
    "limit_limit_gtc": _limit(TimeInForce.GTC),
    "limit_limit_gtd": _limit(TimeInForce.GTD),
    "limit_limit_fok": _limit(TimeInForce.FOK),
    "stop_limit_stop_limit_gtc": _stop(TimeInForce.GTC),
    "stop_limit_stop_limit_gtd": _stop(TimeInForce.GTD),
    "trigger_bracket_gtc": _bracket(TimeInForce.GTC),
    "trigger_bracket_gtd": _bracket(TimeInForce.GTD),
}


def read(
    configuration: object,
    *,
    account: str,
    listing: Listing,
    side: Side,
    cl_ord_id: str,
    fees: Fees,
) -> NewOrder:
    """The engine's order. Raises Declined for one that the venue would not take, ApiError 400 for
    what is no configuration at all."""
    if not isinstance(configuration, dict) or len(configuration) != 1:
        raise errors.invalid("order_configuration has exactly one configuration")
    ((name, given),) = configuration.items()
    reader = _READERS.get(name)
    if reader is None:
        raise Declined(*_UNSUPPORTED, f"{name} is not supported")
    if not isinstance(given, dict):
        raise errors.invalid(f"{name} is no object")
    part = reader(Fields(given), side)
    quote = part.get("quote_qty")
    if quote is not None:
        part["quote_qty"] = _without_fee(quote, listing, side, fees)
    return NewOrder(account, listing.instrument, side, cl_ord_id=cl_ord_id, **part)


def describe(asked: Json | None, parts: Sequence[Order]) -> Json:
    """The configuration of an order as it is now."""
    latest = parts[-1]
    if asked is None:
        return _described(latest)
    if len(parts) == 1:
        return asked
    before = sum((each.cum_qty for each in parts[:-1]), ZERO)
    edited = {"base_size": text(before + latest.order_qty), "limit_price": text(latest.price)}
    return {name: {**given, **edited} for name, given in asked.items()}


def _without_fee(quote: Decimal, listing: Listing, side: Side, fees: Fees) -> Decimal:
    if quote != qty_to_lot(quote, listing.tick):
        word = "PREVIEW_INVALID_QUOTE_SIZE_PRECISION"
        raise Declined("INVALID_SIZE_PRECISION", word, f"{quote} is off {listing.tick}")
    if side is Side.SELL:
        return quote
    return qty_to_lot(quote / (ONE + fees.taker), _CENT_OF_A_FEE)


def _described(order: Order) -> Json:
    """Of an order that did not come through this protocol."""
    request = order.request
    size = {"base_size": text(request.order_qty or order.order_qty)}
    if order.ord_type is OrdType.MARKET:
        by_quote = request.quote_qty is not None
        return {"market_market_ioc": {"quote_size": text(request.quote_qty)} if by_quote else size}
    told = {**size, "limit_price": text(request.price)}
    end = {} if request.expire_at is None else {"end_time": iso(request.expire_at)}
    if request.stop_px is not None:
        up = (order.ord_type in STOPS) is (order.side is Side.BUY)
        stop = {
            "stop_price": text(request.stop_px),
            "stop_direction": UPWARDS if up else DOWNWARDS,
        }
        kind = "gtd" if end else "gtc"
        return {f"stop_limit_stop_limit_{kind}": {**told, **stop, **end}}
    if request.time_in_force is TimeInForce.IOC:
        return {"sor_limit_ioc": told}
    if request.time_in_force is TimeInForce.FOK:
        return {"limit_limit_fok": told}
    kind = "gtd" if end else "gtc"
    return {f"limit_limit_{kind}": {**told, **end, "post_only": request.post_only}}
