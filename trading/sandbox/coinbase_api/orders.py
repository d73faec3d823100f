"""What an account may ask about its orders and fills.

1. The answers come from the records of the call, which may lag behind the engine (2.1, X4).
2. Rows are newest first; a cursor names the last row shown, and the next page begins behind it.
3. The filter OPEN leaves out what is accepted and not yet open.

Source: docs.cdp.coinbase.com, Advanced Trade API, "List Orders", "Get Order", "List Fills".
"""

from datetime import timedelta
from typing import Any

from aitrader.kernel.clock import EPOCH
from trading.sandbox.coinbase_api import errors, reports, vocabulary
from trading.sandbox.coinbase_api.amounts import number_of
from trading.sandbox.coinbase_api.calls import Call
from trading.sandbox.coinbase_api.views import View
from trading.sandbox.orders import Fill

Json = dict[str, Any]
_MOST_ORDERS, _USUAL_FILLS, _MOST_FILLS = 1_000, 100, 1_000
_EVERY = 1_000_000


def get(call: Call) -> Json:
    view = _find(call, call.named)
    if view is None or call.fate.hide_order:
        raise errors.not_found("order with this orderID was not found")
    return {"order": reports.order(call.venue, view)}


def listed(call: Call) -> Json:
    query = call.query
    limit = query.limit(default=_MOST_ORDERS, most=_MOST_ORDERS)
    before = query.integer("cursor")
    matching = [view for view in _matching(call) if before is None or view.number < before]
    page = matching[:limit]
    more = len(matching) > len(page)
    return {
        "orders": [reports.order(call.venue, view) for view in page],
        "sequence": "0",
        "has_next": more,
        "cursor": str(page[-1].number) if more else "",
    }


def fills(call: Call) -> Json:
    query = call.query
    limit = query.limit(default=_USUAL_FILLS, most=_MOST_FILLS)
    cursor = _read_cursor(query.text("cursor"))
    matching = sorted(_fills(call), key=_place, reverse=True)
    left = [each for each in matching if cursor is None or _place(each) < cursor]
    page = left[:limit]
    more = len(left) > len(page)
    return {
        "fills": [reports.fill(call.venue, each) for each in page],
        "cursor": _write_cursor(page[-1]) if more else "",
    }


def _matching(call: Call) -> list[View]:
    """The account's orders that pass every filter, newest first."""
    query, venue = call.query, call.venue
    statuses = query.each("order_status")
    if strange := statuses - vocabulary.STATUSES:
        raise errors.invalid(f"order_status {', '.join(sorted(strange))}")
    if "OPEN" in statuses and len(statuses) > 1:
        raise errors.invalid("OPEN is not combined with another order_status")
    products = query.each("product_ids", "product_id")
    ids, types = query.each("order_ids"), query.each("order_types", "order_type")
    times = query.each("time_in_forces")
    side = query.text("order_side")
    start, end = query.instant("start_date"), query.instant("end_date")
    return [
        view
        for view in venue.views.all(call.records, call.account)
        if (not statuses or reports.status(venue, view) in statuses)
        and (not products or view.latest.instrument in products)
        and (not ids or view.order_id in ids)
        and (not types or vocabulary.order_type(view.latest) in types)
        and (not times or vocabulary.time_in_force(view.latest) in times)
        and (side is None or view.latest.side.value == side)
        and (start is None or view.created_at >= start)
        and (end is None or view.created_at < end)
    ]


def _fills(call: Call) -> list[Fill]:
    query, venue = call.query, call.venue
    ids = query.each("order_ids", "order_id")
    numbers = {number_of("order", each, venue.seed) for each in ids}
    products = query.each("product_ids", "product_id")
    trades = query.each("trade_ids")
    start = query.instant("start_sequence_timestamp")
    end = query.instant("end_sequence_timestamp")
    return [
        each
        for each in call.records.account_trades(call.account, limit=_EVERY)
        if not each.busted
        and (not ids or venue.views.number(each) in numbers)
        and (not products or each.instrument in products)
        and (not trades or reports.fill(venue, each)["trade_id"] in trades)
        and (start is None or each.transact_time >= start)
        and (end is None or each.transact_time < end)
    ]


def _find(call: Call, given: str) -> View | None:
    number = number_of("order", given, call.venue.seed)
    first = call.records.order(call.account, None, order_id=number) if number else None
    return call.venue.views.of(call.records, first) if first else None


Place = tuple[int, str, int, int]


def _place(fill: Fill) -> Place:
    """Where the fill stands among all of the account, whatever its time."""
    micros = (fill.transact_time - EPOCH) // timedelta(microseconds=1)
    return micros, fill.instrument, fill.trade_id, fill.order_id


def _write_cursor(fill: Fill) -> str:
    return "_".join(str(each) for each in _place(fill))


def _read_cursor(given: str | None) -> Place | None:
    if given is None:
        return None
    try:
        at, instrument, trade_id, order_id = given.split("_")
        return int(at), instrument, int(trade_id), int(order_id)
    except ValueError:
        raise errors.invalid("cursor") from None
