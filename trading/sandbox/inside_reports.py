"""What the exchange knows of an order, and what it tells as it happens, as execution reports."""

from collections.abc import Iterable
from decimal import Decimal

from aitrader.kernel.fix import CLOSED, ExecType, OrdStatus
from aitrader.kernel.money import ZERO
from trading.domain.execution_report import ExecutionReport
from trading.domain.ports import SeenOrder, VenueTrade
from trading.sandbox.events import Execution, OrderEvent
from trading.sandbox.orders import Fill, Order

_ENDED = {
    OrdStatus.CANCELED: ExecType.CANCELED,
    OrdStatus.EXPIRED: ExecType.EXPIRED,
    OrdStatus.REJECTED: ExecType.REJECTED,
}


def of_order(order: Order, fills: Iterable[Fill], instrument: str) -> list[ExecutionReport]:
    """Everything that is known of an order."""
    found = [_status(order, ExecType.NEW, ZERO, instrument)]
    cum = ZERO
    for fill in sorted(fills, key=lambda each: each.trade_id):
        cum += fill.last_qty
        found.append(_trade(fill, cum, instrument))
    if order.cum_qty > cum:
        found.append(_status(order, ExecType.ORDER_STATUS, order.cum_qty, instrument))
    return found + ending(order, instrument)


def seen(order: Order) -> SeenOrder:
    """An open order as whoever does not know it is told of it."""
    return SeenOrder(
        str(order.order_id), order.instrument, order.side, order.ord_type, order.order_qty,
        order.price, order.request.stop_px,
    )  # fmt: skip


def listed(fill: Fill, instrument: str) -> VenueTrade:
    """A trade in the list of the account's trades."""
    order_id, trade_id = str(fill.order_id), str(fill.trade_id)
    report = _trade(fill, ZERO, instrument)
    return VenueTrade(order_id, trade_id, fill.last_qty, fill.side, report)


def ending(order: Order, instrument: str) -> list[ExecutionReport]:
    """How a closed order ended, unless by its last fill."""
    if order.ord_status not in CLOSED or order.ord_status is OrdStatus.FILLED:
        return []
    return [_status(order, _ENDED[order.ord_status], order.cum_qty, instrument)]


def of_event(event: OrderEvent, instrument: str) -> list[ExecutionReport]:
    """What a stream tells of it."""
    order = event.order
    if event.fill is not None and event.execution is Execution.TRADE:
        return [_trade(event.fill, order.cum_qty, instrument)]
    if event.execution is Execution.NEW:
        return [_status(order, ExecType.NEW, ZERO, instrument)]
    return ending(order, instrument)


def _trade(fill: Fill, cum_qty: Decimal, instrument: str) -> ExecutionReport:
    return ExecutionReport(
        cl_ord_id=fill.cl_ord_id,
        order_id=str(fill.order_id),
        exec_id=str(fill.trade_id),
        exec_type=ExecType.TRADE,
        instrument=instrument,
        cum_qty=cum_qty,
        transact_time=fill.transact_time,
        last_qty=fill.last_qty,
        last_px=fill.last_px,
        fee=fill.fee,
        fee_asset=fill.fee_asset,
        liquidity=fill.liquidity,
    )


def _status(
    order: Order, exec_type: ExecType, cum_qty: Decimal, instrument: str
) -> ExecutionReport:
    return ExecutionReport(
        cl_ord_id=order.cl_ord_id,
        order_id=str(order.order_id),
        exec_id=f"{exec_type}-{order.order_id}",
        exec_type=exec_type,
        instrument=instrument,
        cum_qty=cum_qty,
        transact_time=order.transact_time,
    )
