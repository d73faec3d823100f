"""What a request has to satisfy before an order is made of it.

1. `check_fields` needs the instrument and its last price only; `check_now` needs the book and the
   purse as they are at the moment the order would start.
2. Nothing here changes anything; the first rule that is broken is the answer.

Venue document: venues.md 2.1, X9 (filters), X10 (balance), X20 (status).
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from aitrader.kernel.fix import OrdType, Side, TimeInForce
from aitrader.kernel.money import ONE, ZERO, plain, price_down, price_up, qty_to_lot
from trading.sandbox.matching import reachable
from trading.sandbox.orders import CONTINGENT, PRICED, STOPS, NewOrder
from trading.sandbox.rules import Listing, Refusal, Refused, Status
from trading.sandbox.state import Market, State

BPS = Decimal("0.0001")


def check_fields(
    listing: Listing, request: NewOrder, last_px: Decimal | None, now: datetime
) -> Refused | None:
    """Fields that fit the type, and the instrument's filters."""
    wrong = next(_bad_combinations(request), None)
    if wrong:
        return Refused(Refusal.BAD_COMBINATION, wrong)
    if request.expire_at is not None and request.expire_at <= now:
        return Refused(Refusal.EXPIRE_AT, f"{request.expire_at} has passed")
    return (
        _check_prices(listing, request, last_px)
        or _check_trailing(listing, request)
        or _check_qty(listing, request)
        or _check_notional(listing, request, last_px)
    )


def check_open(market: Market) -> Refused | None:
    """Whether the instrument takes new orders."""
    if market.status is Status.TRADING:
        return None
    reason = Refusal.MARKET_CLOSED
    if market.status is Status.CANCEL_ONLY:
        reason = Refusal.CANCEL_ONLY
    return Refused(reason, f"{market.listing.instrument} is in {market.status}")


def _reached(stop_px: Decimal | None, last_px: Decimal | None) -> str:
    # However a store writes the same number, the words are the same.
    stop, last = ("none" if px is None else plain(px) for px in (stop_px, last_px))
    return f"{stop} is reached at {last}"


def check_now(state: State, market: Market, request: NewOrder) -> Refused | None:
    """Post-only, stops that are reached already, and the purse."""
    listing = market.listing
    if refused := _check_position(state, market, request):
        return refused
    px = request.price
    if request.post_only and px is not None and market.book.crosses(request.side, px):
        return Refused(Refusal.WOULD_TAKE, f"{plain(px)} would take")
    if trigger_reached(request, market.last_px):
        return Refused(Refusal.WOULD_TRIGGER, _reached(request.stop_px, market.last_px))
    need = payment(state, market, request)
    asset = listing.quote if request.side is Side.BUY else listing.base
    free = state.accounts.free(request.account, asset)
    if need > free:
        return Refused(
            Refusal.INSUFFICIENT_BALANCE, f"needs {plain(need)} {asset}, {plain(free)} is free"
        )
    return None


def trigger_reached(request: NewOrder, last_px: Decimal | None) -> bool:
    """Whether a stop or target without trailing, or a bracket's stop, would be triggered by this
    price."""
    if request.bracket_px is not None:
        return last_px is not None and last_px <= request.bracket_px
    if request.ord_type not in CONTINGENT or request.trailing_bps is not None:
        return False
    return last_px is not None and reaches(request, last_px)


def reaches(request: NewOrder, px: Decimal) -> bool:
    """Whether a price meets the condition of `stop_px`: a stop is reached by a price against its
    owner's position (a fall for a sell), a target by one in its favour."""
    assert request.stop_px is not None
    falls = (request.side is Side.SELL) is (request.ord_type in STOPS)
    return px <= request.stop_px if falls else px >= request.stop_px


def hold_px(market: Market, request: NewOrder) -> Decimal | None:
    """The price at which the money of a buyer is held; None where there is nothing to go by."""
    if request.ord_type in PRICED:
        return request.price
    reference = request.stop_px or market.last_px
    if reference is None or request.trailing_bps is None:
        return reference
    return price_up(reference * (ONE + request.trailing_bps * BPS), market.listing.tick)


def payment(state: State, market: Market, request: NewOrder) -> Decimal:
    """What the order needs free to start: quote for a buyer, base for a seller."""
    markup = state.policies[request.account].fees.markup(request.side)
    buys = request.side is Side.BUY
    if request.ord_type is not OrdType.MARKET:
        qty = request.order_qty or ZERO
        return qty * ((hold_px(market, request) or ZERO) if buys else ONE) * markup
    if request.quote_qty is not None and buys:
        return request.quote_qty * markup
    left, cost = market_qty(state, market, request), ZERO
    if not buys:
        return left * markup
    for px, qty in reachable(state, market, request):
        cost += px * min(qty, left)
        left -= min(qty, left)
    return cost * markup


def market_qty(state: State, market: Market, request: NewOrder) -> Decimal:
    """The base quantity of a MARKET order; for one by `quote_qty` what that buys or sells in the
    book now, and where the book ends, at least a lot more than there is."""
    if request.quote_qty is None:
        return request.order_qty or ZERO
    lot, left, total = market.listing.lot, request.quote_qty, ZERO
    last = market.last_px
    for px, qty in reachable(state, market, request):
        part = min(qty, qty_to_lot(left / px, lot))
        total, left, last = total + part, left - part * px, px
        if part < qty:
            return max(total, lot)
    return total + max(qty_to_lot(left / last, lot) if last else ZERO, lot)


def _bad_combinations(request: NewOrder) -> Iterator[str]:
    numbers = (
        request.order_qty,
        request.quote_qty,
        request.price,
        request.stop_px,
        request.trailing_bps,
        request.bracket_px,
    )
    if any(each is not None and (not each.is_finite() or each <= 0) for each in numbers):
        yield "amounts are positive numbers"
    if (request.order_qty is None) is (request.quote_qty is None):
        yield "order_qty or quote_qty"
    if request.quote_qty is not None and request.ord_type is not OrdType.MARKET:
        yield "quote_qty is for MARKET"
    yield from _bad_prices(request)
    yield from _bad_time_in_force(request)


def _bad_prices(request: NewOrder) -> Iterator[str]:
    kind = request.ord_type
    waits = request.stop_px is not None or request.trailing_bps is not None
    if (request.price is not None) is not (kind in PRICED):
        yield f"price does not fit {kind}"
    if waits is not (kind in CONTINGENT):
        yield f"stop_px or trailing_bps does not fit {kind}"
    if kind is OrdType.TRAILING_STOP and request.trailing_bps is None:
        yield "TRAILING_STOP needs trailing_bps"
    if request.bracket_px is not None:
        yield from _bad_bracket(request, request.bracket_px)


def _bad_bracket(request: NewOrder, bracket_px: Decimal) -> Iterator[str]:
    if request.side is Side.BUY or request.ord_type is not OrdType.LIMIT or request.post_only:
        yield "a bracket is a LIMIT that sells"
    if request.price is not None and bracket_px >= request.price:
        yield "the stop of a bracket is below its limit"


def _bad_time_in_force(request: NewOrder) -> Iterator[str]:
    kind, tif = request.ord_type, request.time_in_force
    if (request.expire_at is not None) is not (tif is TimeInForce.GTD):
        yield "expire_at is for GTD"
    if kind not in PRICED and tif is TimeInForce.GTD:
        yield f"GTD does not fit {kind}"
    rests = kind is OrdType.LIMIT and tif in (TimeInForce.GTC, TimeInForce.GTD)
    if request.bracket_px is not None and not rests:
        yield "a bracket rests"
    if request.post_only and not rests:
        yield "post_only is for a resting LIMIT"


def _check_prices(listing: Listing, request: NewOrder, last_px: Decimal | None) -> Refused | None:
    for px in (request.price, request.stop_px, request.bracket_px):
        if px is None:
            continue
        if not listing.min_price <= px <= listing.max_price:
            return Refused(Refusal.PRICE_RANGE, f"{px} is out of bounds")
        if px != price_down(px, listing.tick):
            return Refused(Refusal.PRICE_TICK, f"{px} is off the tick {listing.tick}")
    if request.price is None or last_px is None:
        return None
    down, up = listing.band(request.side)
    too_low = down is not None and request.price < last_px * down
    if too_low or (up is not None and request.price > last_px * up):
        return Refused(Refusal.PERCENT_PRICE, f"{request.price} is too far from {last_px}")
    return None


def _check_trailing(listing: Listing, request: NewOrder) -> Refused | None:
    bps = request.trailing_bps
    if bps is None or listing.trailing_min_bps <= bps <= listing.trailing_max_bps:
        return None
    return Refused(Refusal.TRAILING_RANGE, f"{bps} basis points are out of bounds")


def _check_qty(listing: Listing, request: NewOrder) -> Refused | None:
    qty = request.order_qty
    if qty is None:
        return None
    if not listing.min_qty <= qty <= listing.max_qty:
        return Refused(Refusal.QTY_RANGE, f"{qty} is out of bounds")
    if qty != qty_to_lot(qty, listing.lot):
        return Refused(Refusal.QTY_LOT, f"{qty} is off the lot {listing.lot}")
    if request.ord_type not in PRICED:
        return _check_market_qty(listing, qty)
    return None


def _check_market_qty(listing: Listing, qty: Decimal) -> Refused | None:
    lot = listing.market_lot
    if not listing.market_min_qty <= qty <= listing.market_max_qty:
        return Refused(Refusal.MARKET_QTY_RANGE, f"{qty} is out of bounds for any price")
    if lot and qty != qty_to_lot(qty, lot):
        return Refused(Refusal.MARKET_QTY_RANGE, f"{qty} is off the market's lot {lot}")
    return None


def _check_position(state: State, market: Market, request: NewOrder) -> Refused | None:
    """What the account has of the base asset, is buying, and would buy."""
    most = market.listing.max_position
    if most is None or request.side is not Side.BUY:
        return None
    opened = state.records.open_orders(request.account, request.instrument)
    buying = sum((order.leaves_qty for order in opened if order.side is Side.BUY), ZERO)
    held = state.accounts.balance(request.account, market.listing.base).total
    if held + buying + market_qty(state, market, request) > most:
        return Refused(Refusal.MAX_POSITION, f"{plain(held + buying)} of {plain(most)} is held")
    return None


def _check_notional(listing: Listing, request: NewOrder, last_px: Decimal | None) -> Refused | None:
    px = request.price or request.stop_px or last_px
    notional = request.quote_qty
    if notional is None and px is not None and request.order_qty is not None:
        notional = px * request.order_qty
    if notional is None:
        return None
    at_market = request.ord_type is OrdType.MARKET
    if notional < listing.min_notional and (listing.min_notional_of_market or not at_market):
        return Refused(Refusal.MIN_NOTIONAL, f"{notional} is less than {listing.min_notional}")
    if notional > listing.max_notional and (listing.max_notional_of_market or not at_market):
        return Refused(Refusal.MAX_NOTIONAL, f"{notional} is more than {listing.max_notional}")
    return None
