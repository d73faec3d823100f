"""Orders, fills and lists as REST and the WebSocket API answer with them.

1. Fields stand in the order of the venue's samples, conditional ones only under their condition.
2. Everything is read from the values of the engine: nothing is remembered here.

Source: binance-spot-api-docs, rest-api.md "Trading endpoints", "Conditional fields".
"""

from collections.abc import Iterable
from typing import Any

from aitrader.kernel.fix import Liquidity, Side
from trading.sandbox.binance_api import vocabulary
from trading.sandbox.binance_api.amounts import millis, text
from trading.sandbox.orders import Fill, Order, OrderList

Json = dict[str, Any]


def _conditional(order: Order) -> Json:
    told: Json = {}
    request = order.request
    if vocabulary.is_contingent(order):
        told["stopPrice"] = text(request.stop_px)
    if request.trailing_bps is not None:
        told["trailingDelta"] = int(request.trailing_bps)
        told["trailingTime"] = -1 if order.best_px is None else millis(order.transact_time)
    if order.prevented_qty:
        told["preventedQuantity"] = text(order.prevented_qty)
    if vocabulary.status_name(order) == "EXPIRED" and order.ending in vocabulary.EXPIRY_REASONS:
        told["expiryReason"] = vocabulary.EXPIRY_REASONS[order.ending]
    return told


def _state(order: Order) -> Json:
    return {
        "price": text(order.price),
        "origQty": text(order.order_qty),
        "executedQty": text(order.cum_qty),
        "origQuoteOrderQty": text(order.request.quote_qty),
        "cummulativeQuoteQty": text(order.cum_quote),
        "status": vocabulary.status_name(order),
        "timeInForce": order.request.time_in_force.value,
        "type": vocabulary.type_name(order),
        "side": order.side.value,
    }


def list_number(list_id: int | None) -> int:
    return -1 if list_id is None else list_id


def working_millis(order: Order) -> int:
    """When the order came onto the book; -1 while it has not."""
    return -1 if order.working_at is None else millis(order.working_at)


def ack(order: Order) -> Json:
    return {
        "symbol": order.instrument,
        "orderId": order.order_id,
        "orderListId": list_number(order.list_id),
        "clientOrderId": order.cl_ord_id,
        "transactTime": millis(order.transact_time),
    }


def result(order: Order) -> Json:
    return {
        **ack(order),
        **_state(order),
        **_conditional(order),
        "workingTime": working_millis(order),
        "selfTradePreventionMode": order.request.self_trade.value,
    }


def full(order: Order, fills: Iterable[Fill]) -> Json:
    return {
        **result(order),
        "fills": [
            {
                "price": text(fill.last_px),
                "qty": text(fill.last_qty),
                "commission": text(fill.fee),
                "commissionAsset": fill.fee_asset,
                "tradeId": fill.trade_id,
            }
            for fill in fills
        ],
    }


def placed(kind: str, order: Order, fills: Iterable[Fill]) -> Json:
    """The answer to a new order in the form that was asked for: ACK, RESULT or FULL."""
    if kind == "ACK":
        return ack(order)
    return result(order) if kind == "RESULT" else full(order, fills)


def cancelled(order: Order) -> Json:
    """The answer to a cancel: `clientOrderId` is the cancel's own id."""
    return {
        "symbol": order.instrument,
        "origClientOrderId": order.cl_ord_id,
        **ack(order),
        "clientOrderId": order.cancel_cl_ord_id,
        **_state(order),
        **_conditional(order),
        "selfTradePreventionMode": order.request.self_trade.value,
    }


def queried(order: Order) -> Json:
    """The answer to a question about an order."""
    return {
        "symbol": order.instrument,
        "orderId": order.order_id,
        "orderListId": list_number(order.list_id),
        "clientOrderId": order.cl_ord_id,
        **_state(order),
        "stopPrice": text(order.request.stop_px),
        "icebergQty": "0.00000000",
        "time": millis(order.created_at),
        "updateTime": millis(order.transact_time),
        "isWorking": order.working,
        "workingTime": working_millis(order),
        **_conditional(order),
        "selfTradePreventionMode": order.request.self_trade.value,
    }


def trade(fill: Fill) -> Json:
    """One row of myTrades."""
    return {
        "symbol": fill.instrument,
        "id": fill.trade_id,
        "orderId": fill.order_id,
        "orderListId": list_number(fill.list_id),
        "price": text(fill.last_px),
        "qty": text(fill.last_qty),
        "quoteQty": text(fill.quote_qty),
        "commission": text(fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": millis(fill.transact_time),
        "isBuyer": fill.side is Side.BUY,
        "isMaker": fill.liquidity is Liquidity.MAKER,
        "isBestMatch": True,
    }


def order_list(listed: OrderList, orders: Iterable[Order]) -> Json:
    """A list without the reports of its orders."""
    return {
        "orderListId": listed.list_id,
        "contingencyType": "OCO" if listed.kind == "OCO" else "OTO",
        "listStatusType": "EXEC_STARTED" if listed.open else "ALL_DONE",
        "listOrderStatus": "EXECUTING" if listed.open else "ALL_DONE",
        "listClientOrderId": listed.list_cl_ord_id,
        "transactionTime": millis(listed.transact_time),
        "symbol": listed.instrument,
        "orders": [
            {
                "symbol": order.instrument,
                "orderId": order.order_id,
                "clientOrderId": order.cl_ord_id,
            }
            for order in orders
        ],
    }
