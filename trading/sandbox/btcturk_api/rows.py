"""Orders and trades as BTCTurk lists them.

1. An order whose stop was triggered is two rows: the stop, cancelled, and what works in its place.
2. A market buy was asked for in the quote asset: its `amount` is what it bought, in base, and its
   `quantity` what it did not spend, in quote.
3. The fee and the tax on it are apart and negative; together they are what the exchange took. A
   sold amount is negative.

Source: docs.btcturk.com "Get All Orders", "Get Single Order", "Get User Transactions";
broker-api-docs issues 318, 429 and 616.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from aitrader.kernel.clock import to_millis
from aitrader.kernel.fix import OrdStatus, OrdType, Side
from aitrader.kernel.money import ZERO
from trading.sandbox.accounts import cut
from trading.sandbox.btcturk_api.amounts import long_text, normalized, number, price_text, text
from trading.sandbox.btcturk_api.venue import Venue, shown_client_id
from trading.sandbox.orders import CONTINGENT, Fill, Order
from trading.sandbox.records import Records
from trading.sandbox.rules import Listing

Json = dict[str, Any]
METHODS = {
    "limit": OrdType.LIMIT,
    "market": OrdType.MARKET,
    "stoplimit": OrdType.STOP_LIMIT,
    "stopmarket": OrdType.STOP,
}
_NAMES = {kind: name for name, kind in METHODS.items()}
_WORKING = {OrdType.STOP: OrdType.MARKET, OrdType.STOP_LIMIT: OrdType.LIMIT}
_STATUSES = {
    OrdStatus.NEW: "Untouched",
    OrdStatus.PENDING_NEW: "Untouched",
    OrdStatus.PARTIALLY_FILLED: "Partial",
    OrdStatus.FILLED: "Closed",
}
_CANCELED = "Canceled"
#: Of a trade's whole charge, one part in six is tax: 20 % on the fee.
_TAX_PART = Decimal(6)
#: Trade ids of different pairs never meet.
_OF_PAIR = 10**12


def side_name(side: Side) -> str:
    return "buy" if side is Side.BUY else "sell"


def method_name(kind: OrdType) -> str:
    return _NAMES[kind]


def triggered(order: Order) -> bool:
    """Whether a stop has become an order in the book."""
    return order.ord_type in CONTINGENT and order.working


def of_order(venue: Venue, records: Records, order: Order) -> Iterator[Json]:
    """The row of the order, and before it the one of its stop if that was triggered."""
    if triggered(order):
        yield _stop(venue, order)
    kind = _WORKING.get(order.ord_type, order.ord_type) if triggered(order) else order.ord_type
    asked = venue.asked.get(order.order_id, order.order_qty)
    amount, quantity, left = asked, asked, asked - order.cum_qty
    status = _STATUSES.get(order.ord_status, _CANCELED)
    if order.request.quote_qty is not None:
        amount, left = order.cum_qty, ZERO
        quantity = order.request.quote_qty - order.cum_quote
    elif left and status == "Closed":
        status = _CANCELED
    price = order.price
    if price is None:
        fills = records.account_trades(order.account, order_id=order.order_id)
        price = fills[0].last_px if fills else order.request.stop_px
    told = {
        "price": price,
        "amount": amount,
        "quantity": quantity,
        "left": left,
    }
    yield _row(venue, order, venue.order_id(order), kind, told, status)


def _stop(venue: Venue, order: Order) -> Json:
    qty = order.order_qty
    told = {
        "price": order.price or order.request.stop_px,
        "amount": qty,
        "quantity": qty,
        "left": qty,
    }
    row = _row(venue, order, venue.stop_id(order), order.ord_type, told, _CANCELED)
    if order.working_at is not None:
        row["updateTime"] = to_millis(order.working_at)
    return row


def _row(
    venue: Venue,
    order: Order,
    wire_id: int,
    kind: OrdType,
    told: dict[str, Decimal | None],
    status: str,
) -> Json:
    listing = listed(venue, order.instrument)
    return {
        "id": wire_id,
        "price": price_text(listing, told["price"]),
        "amount": text(told["amount"]),
        "quantity": text(told["quantity"]),
        "stopPrice": price_text(listing, order.request.stop_px),
        "pairSymbol": listing.instrument,
        "pairSymbolNormalized": normalized(listing),
        "type": side_name(order.side),
        "method": _NAMES[kind],
        "orderClientId": shown_client_id(order.cl_ord_id),
        "time": to_millis(order.created_at),
        "updateTime": to_millis(order.transact_time),
        "status": status,
        "leftAmount": long_text(told["left"]),
    }


def listed(venue: Venue, symbol: str) -> Listing:
    """The pair of an order of this venue."""
    listing = venue.listing(symbol)
    assert listing is not None
    return listing


def of_placed(venue: Venue, order: Order, quantity: Decimal, price: Decimal | None) -> Json:
    """The answer to a new order: what was asked for, not what became of it."""
    listing = listed(venue, order.instrument)
    return {
        "id": venue.stop_id(order),
        "quantity": text(quantity),
        "price": price_text(listing, price),
        "stopPrice": price_text(listing, order.request.stop_px),
        "newOrderClientId": shown_client_id(order.cl_ord_id),
        "type": side_name(order.side),
        "method": _NAMES[order.ord_type],
        "pairSymbol": listing.instrument,
        "pairSymbolNormalized": normalized(listing),
        "datetime": to_millis(order.created_at),
    }


def trade_id(venue: Venue, fill: Fill) -> int:
    """The two sides of one trade have ids of their own."""
    sells = int(fill.side is Side.SELL)
    return venue.pair_id(fill.instrument) * _OF_PAIR + 2 * fill.trade_id + sells


def of_trade(venue: Venue, fill: Fill) -> Json:
    """One row of the account's trades."""
    listing = listed(venue, fill.instrument)
    tax = cut(fill.fee / _TAX_PART)
    amount = fill.last_qty * fill.side.sign
    return {
        "id": trade_id(venue, fill),
        "timestamp": to_millis(fill.transact_time),
        "amount": text(amount),
        "preciseAmount": number(amount),
        "fee": text(tax - fill.fee),
        "tax": text(-tax),
        "price": price_text(listing, fill.last_px),
        "numeratorSymbol": listing.base,
        "denominatorSymbol": listing.quote,
        "orderType": side_name(fill.side),
        "orderId": venue.id_of_fill(fill.order_id),
        "orderClientId": shown_client_id(fill.cl_ord_id),
    }
