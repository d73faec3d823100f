"""Binance's answers as execution reports (rest-api.md: New order, Query order, Account trades).

1. A trade's id becomes the `exec_id`; it is unique within its symbol.
2. Numbers arrive as text and are read as Decimal; a commission is what was paid, in its asset.
3. A status that is not listed is not guessed: OutcomeUnknown.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from aitrader.kernel.clock import from_millis
from aitrader.kernel.errors import OutcomeUnknown
from aitrader.kernel.fix import ExecType, Liquidity, OrdType, Side
from aitrader.kernel.money import CONTEXT, ZERO, amount
from trading.domain.execution_report import ExecutionReport, status_report
from trading.domain.ports import Fees, OpenOrder, SeenOrder, VenueTrade

Answer = Mapping[str, Any]

_ENDED = {
    "CANCELED": ExecType.CANCELED,
    "REJECTED": ExecType.REJECTED,
    "EXPIRED": ExecType.EXPIRED,
    "EXPIRED_IN_MATCH": ExecType.EXPIRED,
}
_ORD_TYPES = {
    "MARKET": OrdType.MARKET,
    "LIMIT": OrdType.LIMIT,
    "LIMIT_MAKER": OrdType.LIMIT,
    "STOP_LOSS": OrdType.STOP,
    "STOP_LOSS_LIMIT": OrdType.STOP_LIMIT,
    "TAKE_PROFIT": OrdType.MARKET_IF_TOUCHED,
    "TAKE_PROFIT_LIMIT": OrdType.LIMIT_IF_TOUCHED,
}
_NO_LIST = -1
_OPEN = ("NEW", "PARTIALLY_FILLED", "FILLED", "PENDING_NEW")


def placed(answer: Answer, *, instrument: str) -> list[ExecutionReport]:
    """The answer to a new order with its fills (newOrderRespType FULL)."""
    at = from_millis(int(answer["transactTime"]))
    found = [_status(answer, answer["clientOrderId"], instrument, ExecType.NEW, ZERO, at)]
    cum = ZERO
    for fill in answer.get("fills", ()):
        cum = CONTEXT.add(cum, amount(fill["qty"]))
        found.append(_trade(answer, fill, fill["tradeId"], instrument, cum, at, maker=False))
    return found + _ending(answer, answer["clientOrderId"], instrument, at)


def placed_group(answer: Answer, *, instrument: str) -> list[ExecutionReport]:
    """The answer to a new list of orders: what it says of each."""
    return [
        report for each in answer["orderReports"] for report in placed(each, instrument=instrument)
    ]


def queried(answer: Answer, trades: Sequence[Answer], *, instrument: str) -> list[ExecutionReport]:
    """The state of an order and all of its trades."""
    at = from_millis(int(answer["updateTime"]))
    client_id = answer["clientOrderId"]
    found = [_status(answer, client_id, instrument, ExecType.NEW, ZERO, at)]
    cum = ZERO
    for trade in sorted(trades, key=lambda each: int(each["id"])):
        cum = CONTEXT.add(cum, amount(trade["qty"]))
        when = from_millis(int(trade["time"]))
        found.append(
            _trade(answer, trade, trade["id"], instrument, cum, when, maker=trade["isMaker"])
        )
    executed = amount(answer["executedQty"])
    if executed > cum:
        # The order's state is ahead of the list of its trades: they are asked for again.
        found.append(_status(answer, client_id, instrument, ExecType.ORDER_STATUS, executed, at))
    return found + _ending(answer, client_id, instrument, at)


def cancelled(answer: Answer, *, instrument: str) -> ExecutionReport:
    """The answer to a cancel; the order's own client id is `origClientOrderId` there."""
    at = from_millis(int(answer["transactTime"]))
    (report,) = _ending(answer, answer["origClientOrderId"], instrument, at) or (None,)
    if report is None:
        raise OutcomeUnknown(f"a cancel answered with status {answer['status']}")
    return report


def balances(account: Answer) -> dict[str, Decimal]:
    """Free and locked together, of every asset that is held."""
    totals = {
        each["asset"]: CONTEXT.add(amount(each["free"]), amount(each["locked"]))
        for each in account["balances"]
    }
    return {asset: total for asset, total in totals.items() if total}


def fees(account: Answer) -> Fees:
    """The account's two commission rates, shares of notional."""
    rates = account["commissionRates"]
    return Fees(amount(rates["maker"]), amount(rates["taker"]), "the account's commission rates")


def open_orders(orders: Iterable[Answer]) -> list[OpenOrder]:
    return [
        OpenOrder(str(each["clientOrderId"]), amount(each["executedQty"]), _seen(each))
        for each in orders
    ]


def _seen(order: Answer) -> SeenOrder | None:
    ord_type = _ORD_TYPES.get(order["type"])
    if ord_type is None:
        return None
    price, stop_px = (amount(order[name]) or None for name in ("price", "stopPrice"))
    return SeenOrder(
        order_id=str(order["orderId"]),
        symbol=str(order["symbol"]),
        side=Side(order["side"]),
        ord_type=ord_type,
        order_qty=amount(order["origQty"]),
        price=price,
        stop_px=stop_px,
        list_id=_pair(order),
    )


def _pair(order: Answer) -> str:
    """The list of which one order fills. One that waits for another's fill (OTO) fills beside it,
    and is counted by itself."""
    number = int(order.get("orderListId", _NO_LIST))
    waits = order.get("status") == "PENDING_NEW"
    return "" if waits or number == _NO_LIST else str(number)


def total(found: Iterable[Answer]) -> Decimal:
    """How much these trades come to, in base."""
    return sum((amount(each["qty"]) for each in found), ZERO)


def next_id(page: Sequence[Answer]) -> int:
    """Where the page after this one begins."""
    return int(page[-1]["id"]) + 1


def trades(found: Iterable[Answer], *, instrument: str) -> list[VenueTrade]:
    return [_listed(each, instrument) for each in found]


def _listed(trade: Answer, instrument: str) -> VenueTrade:
    qty = amount(trade["qty"])
    whose = {"clientOrderId": "", "orderId": trade["orderId"]}
    at = from_millis(int(trade["time"]))
    maker = bool(trade["isMaker"])
    report = _trade(whose, trade, trade["id"], instrument, qty, at, maker=maker)
    side = Side.BUY if trade["isBuyer"] else Side.SELL
    return VenueTrade(str(trade["orderId"]), str(trade["id"]), qty, side, report)


def _ending(answer: Answer, client_id: str, instrument: str, at: datetime) -> list[ExecutionReport]:
    status = answer["status"]
    if status in _OPEN:
        return []
    if status not in _ENDED:
        raise OutcomeUnknown(f"order status {status} is not known")
    executed = amount(answer["executedQty"])
    return [_status(answer, client_id, instrument, _ENDED[status], executed, at)]


def _status(
    answer: Answer,
    client_id: str,
    instrument: str,
    exec_type: ExecType,
    cum_qty: Decimal,
    at: datetime,
) -> ExecutionReport:
    return status_report(str(answer["orderId"]), client_id, instrument, exec_type, cum_qty, at)


def _trade(
    answer: Answer,
    trade: Answer,
    trade_id: object,
    instrument: str,
    cum_qty: Decimal,
    at: datetime,
    *,
    maker: bool,
) -> ExecutionReport:
    return ExecutionReport(
        cl_ord_id=answer["clientOrderId"],
        order_id=str(answer["orderId"]),
        exec_id=str(trade_id),
        exec_type=ExecType.TRADE,
        instrument=instrument,
        cum_qty=cum_qty,
        transact_time=at,
        last_qty=amount(trade["qty"]),
        last_px=amount(trade["price"]),
        fee=amount(trade["commission"]),
        fee_asset=str(trade["commissionAsset"]),
        liquidity=Liquidity.MAKER if maker else Liquidity.TAKER,
    )
