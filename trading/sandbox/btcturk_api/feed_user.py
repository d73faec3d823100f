"""What the feed tells an account of its own orders, without being asked once it has logged in.

1. 451 an order, 441 and 423 a trade, 453 what is left of a partly filled order, 452 an end that is
   no fill. A triggered stop is a 452 of the stop and a 451 of the order that it becomes.
2. A body carries its model's number, only 423 does not; no message but 423 bears a time.

Source: docs.btcturk.com "Models"; broker-api-docs issues 283, 452, 591 and 592.
"""

from collections.abc import Iterator
from typing import Any

from aitrader.kernel.fix import OrdStatus, OrdType, Side
from aitrader.kernel.money import ZERO
from trading.sandbox.btcturk_api import rows
from trading.sandbox.btcturk_api.amounts import price_text, text
from trading.sandbox.btcturk_api.venue import Venue, shown_client_id
from trading.sandbox.events import Event, Execution, OrderEvent
from trading.sandbox.faults import EventFate
from trading.sandbox.orders import Fill, Order

Message = list[Any]
MATCHED, TRADED = 441, 423
INSERTED, DELETED, UPDATED = 451, 452, 453
_METHODS = {OrdType.LIMIT: 0, OrdType.MARKET: 1, OrdType.STOP_LIMIT: 2, OrdType.STOP: 3}
_ENDS = {Execution.CANCELED, Execution.EXPIRED, Execution.REJECTED, Execution.REPLACED}
#: Far from any pair's id.
_FIRST_USER = 100_001


def told(venue: Venue, event: Event) -> Iterator[Message]:
    """The messages of an event of an order of this venue, in the order in which they are sent."""
    if not isinstance(event, OrderEvent) or event.order.instrument not in venue.symbols:
        return
    order = event.order
    if event.execution is Execution.NEW:
        yield _order(venue, INSERTED, order, venue.stop_id(order), waits=True)
    elif event.execution is Execution.TRIGGERED:
        yield _order(venue, DELETED, order, venue.stop_id(order), waits=True)
        yield _order(venue, INSERTED, order, venue.order_id(order))
    elif event.execution is Execution.TRADE and event.fill is not None:
        yield _matched(venue, order, event.fill)
        yield [TRADED, rows.of_trade(venue, event.fill)]
        if order.ord_status is OrdStatus.PARTIALLY_FILLED:
            yield _order(venue, UPDATED, order, venue.order_id(order))
    elif event.execution in _ENDS:
        waits = not rows.triggered(order)
        yield _order(venue, DELETED, order, venue.order_id(order), waits=waits)


def changed(message: Message, fate: EventFate) -> Message:
    """A trade may be told before its fee is known."""
    if fate.without_fee and message[0] == TRADED:
        return [TRADED, message[1] | {"fee": "0", "tax": "0"}]
    return message


def user_id(venue: Venue, account: str) -> int:
    """The account's number."""
    return _FIRST_USER + list(venue.fees).index(account)


def _method(order: Order, *, waits: bool) -> int:
    working = {OrdType.STOP: OrdType.MARKET, OrdType.STOP_LIMIT: OrdType.LIMIT}
    kind = order.ord_type if waits else working.get(order.ord_type, order.ord_type)
    return _METHODS[kind]


def _order(venue: Venue, kind: int, order: Order, wire_id: int, *, waits: bool = False) -> Message:
    listing = rows.listed(venue, order.instrument)
    price = order.price or order.request.stop_px or ZERO
    # Of a closed order the exchange itself has nothing left.
    left = order.order_qty - order.cum_qty
    return [
        kind,
        {
            "type": kind,
            "pairId": venue.pair_id(listing.instrument),
            "symbol": listing.instrument,
            "id": wire_id,
            "method": _method(order, waits=waits),
            "userId": user_id(venue, order.account),
            "orderType": 0 if order.side is Side.BUY else 1,
            "price": price_text(listing, price),
            "amount": text(order.order_qty),
            "numLeft": text(left),
            "denomLeft": text(price * left),
            "newOrderClientId": shown_client_id(order.cl_ord_id),
        },
    ]


def _matched(venue: Venue, order: Order, fill: Fill) -> Message:
    listing = rows.listed(venue, order.instrument)
    return [
        MATCHED,
        {
            "type": MATCHED,
            "id": venue.order_id(order),
            "user": user_id(venue, order.account),
            "isBid": order.side is Side.BUY,
            "method": _method(order, waits=not rows.triggered(order)),
            "pair": venue.pair_id(listing.instrument),
            "symbol": listing.instrument,
            "amount": text(fill.last_qty),
            "price": price_text(listing, fill.last_px),
            "clientId": shown_client_id(order.cl_ord_id),
        },
    ]
