"""An order in the venue's words (docs.btcturk.com: Submit an Order).

1. A quantity is always in base. The venue takes it so for every order but one that buys at the
   market, whose quantity it takes in quote: no base quantity can be asked for there exactly.
2. So an order that buys at the market goes out as a limit order for the exact quantity, `SLIDE`
   above the best ask, on the tick; a stop that buys, as a stop with a limit `SLIDE` above the stop.
   What the market does not give within the slide rests: whoever sent the order ends it.
3. Numbers go as text, never as floats. What cannot be said is not sent.
"""

from decimal import Decimal

from aitrader.kernel.errors import NotSent
from aitrader.kernel.fix import OrdType, Side, TimeInForce
from aitrader.kernel.money import CONTEXT, ONE, plain, price_down
from trading.domain.instrument import parse_code
from trading.domain.ports import NewOrder

#: Above the best ask: a fifth of what the venue lets its own market orders slide.
SLIDE = Decimal("0.01")
_METHODS = {
    OrdType.MARKET: "market",
    OrdType.LIMIT: "limit",
    OrdType.STOP: "stopMarket",
    OrdType.STOP_LIMIT: "stopLimit",
}
#: What takes the place of an order whose quantity would be in quote.
_INSTEAD = {OrdType.MARKET: OrdType.LIMIT, OrdType.STOP: OrdType.STOP_LIMIT}


def pair_of(instrument: str) -> str:
    """The venue's name of an instrument, such as BTCTRY. Raises BadInput for a bad code."""
    parts = parse_code(instrument)
    return f"{parts.base}{parts.quote}"


def slides(order: NewOrder) -> bool:
    """Whether it goes out with a limit of our making."""
    return order.side is Side.BUY and order.ord_type in _INSTEAD


def limit(reference: Decimal, tick: Decimal) -> Decimal:
    """The most that is paid, when the best price is `reference`: at least that price itself."""
    most = CONTEXT.multiply(reference, ONE + SLIDE)
    return max(reference, price_down(most, tick))


def body(order: NewOrder, price: Decimal | None) -> dict[str, str]:
    """The order as it is posted; `price` is the limit, the order's or our own.

    Raises NotSent for one that the venue has no words for.
    """
    ord_type = _INSTEAD[order.ord_type] if slides(order) else order.ord_type
    lasts = order.time_in_force
    if ord_type not in _METHODS or lasts is not TimeInForce.GTC or order.post_only:
        word = "post-only" if order.post_only else lasts
        raise NotSent(f"BTCTurk has no {order.ord_type} {word} order")
    said = {
        "orderMethod": _METHODS[ord_type],
        "orderType": order.side.value.lower(),
        "pairSymbol": pair_of(order.instrument),
        "quantity": plain(order.order_qty),
        "newOrderClientId": order.cl_ord_id,
    }
    if ord_type in {OrdType.LIMIT, OrdType.STOP_LIMIT} and price is not None:
        said["price"] = plain(price)
    if ord_type in {OrdType.STOP, OrdType.STOP_LIMIT} and order.stop_px is not None:
        said["stopPrice"] = plain(order.stop_px)
    return said
