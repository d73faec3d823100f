"""What the user channel says about an order: its state so far, never a single trade.

1. Amounts are cumulative, without ids of trades; at the end nothing is left over.
2. A new order is told as PENDING, then as OPEN. An edit is told as the same order going on.
3. A voided trade has no word here: only the fills that are read say so.

Source: docs.cdp.coinbase.com, Advanced Trade API, "WebSocket Channels" (user); venues.md 2.1.
"""

from collections.abc import Iterator
from typing import Any

from aitrader.kernel.clock import iso
from trading.sandbox.coinbase_api import reports, vocabulary
from trading.sandbox.coinbase_api.amounts import text
from trading.sandbox.coinbase_api.venue import Venue
from trading.sandbox.coinbase_api.views import View
from trading.sandbox.events import Execution, OrderEvent
from trading.sandbox.faults import EventFate

Json = dict[str, Any]
_NEVER = "0001-01-01T00:00:00Z"
_UNTOLD = {Execution.REPLACED, Execution.TRADE_CANCEL}
_MOST_AT_ONCE = 50


def told(venue: Venue, event: OrderEvent) -> Iterator[Json]:
    """The states of the order that its account is told of, in their order."""
    if event.execution in _UNTOLD:
        return
    view = venue.views.of(venue.stage.exchange.records, event.order)
    now = order(venue, view)
    if event.execution is Execution.NEW and len(view.parts) == 1:
        yield now | {"status": vocabulary.PENDING}
    yield now


def order(venue: Venue, view: View) -> Json:
    latest = view.latest
    request = latest.request
    kind = vocabulary.order_type(latest)
    return {
        "avg_price": text(view.avg_px),
        "cancel_reason": vocabulary.cancel_message(latest),
        "client_order_id": latest.cl_ord_id,
        "completion_percentage": reports.completion(view),
        "contract_expiry_type": "UNKNOWN_CONTRACT_EXPIRY_TYPE",
        "cumulative_quantity": text(view.cum_qty),
        "filled_value": text(view.cum_quote),
        "leaves_quantity": text(latest.leaves_qty if latest.is_open else None),
        "limit_price": "" if request.price is None else text(request.price),
        "number_of_fills": str(len(view.fills)),
        "order_id": view.order_id,
        "order_side": latest.side.value,
        "order_type": vocabulary.CHANNEL_TYPES[kind],
        "outstanding_hold_amount": text(reports.hold(venue, view)),
        "post_only": "true" if request.post_only else "false",
        "product_id": latest.instrument,
        "product_type": "SPOT",
        "reject_reason": "",
        "retail_portfolio_id": venue.portfolio(latest.account),
        "risk_managed_by": "UNKNOWN_RISK_MANAGEMENT_TYPE",
        "status": reports.status(venue, view),
        "stop_price": "" if request.stop_px is None else text(request.stop_px),
        "time_in_force": vocabulary.time_in_force(latest),
        "total_fees": text(view.fees),
        "total_value_after_fees": text(reports.after_fees(view)),
        "trigger_status": vocabulary.trigger_status(latest),
        "creation_time": iso(view.created_at),
        "end_time": _NEVER if request.expire_at is None else iso(request.expire_at),
        "start_time": _NEVER,
    }


def snapshots(venue: Venue, account: str) -> Iterator[Json]:
    """The open orders, in events of at most 50; one without orders where there are none."""
    records = venue.stage.exchange.records
    views = [view for view in venue.views.all(records, account) if view.latest.is_open]
    orders = [order(venue, view) for view in views]
    for begin in range(0, max(len(orders), 1), _MOST_AT_ONCE):
        yield {
            "type": "snapshot",
            "orders": orders[begin : begin + _MOST_AT_ONCE],
            "positions": {"perpetual_futures_positions": [], "expiring_futures_positions": []},
        }


def update(state: Json) -> Json:
    return {"type": "update", "orders": [state]}


def changed(message: Json, fate: EventFate) -> Json:
    """A fill may be told before its fee is known."""
    if not fate.without_fee:
        return message
    events = [
        {**event, "orders": [each | _WITHOUT_FEE for each in event["orders"]]}
        for event in message["events"]
    ]
    return message | {"events": events}


_WITHOUT_FEE = {"total_fees": "0", "total_value_after_fees": "0"}
