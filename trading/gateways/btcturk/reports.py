"""BTCTurk's answers as execution reports (docs.btcturk.com: Private Endpoints).

1. A trade's id becomes the `exec_id`. Its quantity has a sign, which is the side's, and a number of
   digits that the venue shows; `preciseAmount`, where a row has it, is the whole of it.
2. Fee and tax are both zero or less, and apart; together, as what was paid, they are the fee. It is
   in the quote asset: listing.py takes no pair where it is not.
3. An answer does not say who was maker: TAKER, the dearer.
4. A status that is not listed, or a fee that was received, is not guessed: OutcomeUnknown.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from aitrader.kernel.clock import from_millis
from aitrader.kernel.errors import OutcomeUnknown
from aitrader.kernel.fix import ExecType, OrdType, Side
from aitrader.kernel.money import CONTEXT, ZERO, amount
from trading.domain.execution_report import ExecutionReport, status_report
from trading.domain.ports import OpenOrder, SeenOrder, VenueTrade

Row = Mapping[str, Any]

_OPEN = ("UNTOUCHED", "PARTIAL")
_CANCELED, _CLOSED = "CANCELED", "CLOSED"
_METHODS = {
    "market": OrdType.MARKET,
    "limit": OrdType.LIMIT,
    "stopmarket": OrdType.STOP,
    "stoplimit": OrdType.STOP_LIMIT,
}


@dataclass(frozen=True, slots=True)
class Seen:
    """An order as one row tells it; `executed` is None where the row does not say how much."""

    order_id: str
    cl_ord_id: str
    order_qty: Decimal
    executed: Decimal | None
    status: str
    is_stop: bool
    at: datetime

    @property
    def is_open(self) -> bool:
        return self.status in _OPEN

    @property
    def is_canceled(self) -> bool:
        return self.status == _CANCELED


def seen(row: Row) -> Seen:
    """A row of openOrders or allOrders, or a single order."""
    order_qty = abs(amount(row["amount"]))
    status = str(row["status"]).upper()
    if status not in (*_OPEN, _CANCELED, _CLOSED):
        raise OutcomeUnknown(f"order status {status[:40]} is not known")
    return Seen(
        order_id=str(row["id"]),
        cl_ord_id=str(row["orderClientId"]),
        order_qty=order_qty,
        executed=_executed(row, order_qty, status),
        status=status,
        is_stop=str(row["method"]).lower().startswith("stop"),
        at=from_millis(int(row["updateTime"])),
    )


def placed(answer: Row, *, instrument: str, cl_ord_id: str) -> ExecutionReport:
    """The answer to a new order: it was taken, no more."""
    if answer["newOrderClientId"] != cl_ord_id:
        raise OutcomeUnknown("the answer is about an order with another client id")
    at = from_millis(int(answer["datetime"]))
    return status_report(str(answer["id"]), cl_ord_id, instrument, ExecType.NEW, ZERO, at)


def told(order: Seen, trades: Sequence[Row], *, instrument: str) -> list[ExecutionReport]:
    """The state of an order and all of its trades."""
    found = [_of(order, instrument, ExecType.NEW, ZERO)]
    cum = ZERO
    for row in sorted(trades, key=lambda each: (int(each["timestamp"]), int(each["id"]))):
        cum = CONTEXT.add(cum, _qty(row))
        found.append(_trade(order.order_id, order.cl_ord_id, row, instrument, cum))
    executed = cum if order.executed is None else order.executed
    if executed > cum:
        # The order's state is ahead of the list of its trades: they are asked for again.
        found.append(_of(order, instrument, ExecType.ORDER_STATUS, executed))
    return found + _ending(order, instrument, max(executed, cum))


def canceled(order: Seen, *, instrument: str) -> ExecutionReport:
    return _of(order, instrument, ExecType.CANCELED, order.executed or ZERO)


def open_orders(answer: Row, name: Callable[[Seen], str]) -> list[OpenOrder]:
    rows = [(row, seen(row)) for row in sides(answer)]
    return [OpenOrder(name(each), each.executed or ZERO, _whole(row)) for row, each in rows]


def _whole(row: Row) -> SeenOrder | None:
    """The order itself, which may be anybody's; None for a method that we have no word for."""
    ord_type = _METHODS.get(str(row["method"]).lower())
    if ord_type is None:
        return None
    return SeenOrder(
        order_id=str(row["id"]),
        symbol=str(row["pairSymbol"]),
        side=_side(row["type"]),
        ord_type=ord_type,
        order_qty=abs(amount(row["amount"])),
        price=amount(row["price"]) or None,
        stop_px=amount(row.get("stopPrice") or "0") or None,
    )


def _side(told: object) -> Side:
    return Side(str(told).upper())


def sides(answer: Row) -> Iterator[Row]:
    """The rows of openOrders, which come by side."""
    yield from answer["bids"]
    yield from answer["asks"]


def trades(
    rows: Iterable[Row], first_ids: Mapping[str, str], *, instrument: str
) -> list[VenueTrade]:
    """Each under the id that its order had first; older rows do not say of which order."""
    return [_listed(row, first_ids, instrument) for row in rows]


def _listed(row: Row, first_ids: Mapping[str, str], instrument: str) -> VenueTrade:
    order_id = first_ids.get(client_id_of(row), str(row.get("orderId") or ""))
    qty = _qty(row)
    report = _trade(order_id, "", row, instrument, qty)
    return VenueTrade(order_id, str(row["id"]), qty, _side(row["orderType"]), report)


def client_id_of(trade: Row) -> str:
    """Empty in older rows."""
    return str(trade.get("orderClientId") or "")


def pair_of(trade: Row) -> str:
    return f"{trade['numeratorSymbol']}{trade['denominatorSymbol']}"


def balances(rows: Iterable[Row]) -> dict[str, Decimal]:
    """Free and locked together, of every asset that is held."""
    totals = {str(each["asset"]): amount(each["balance"]) for each in rows}
    return {asset: total for asset, total in totals.items() if total}


def fee_rates(rows: Iterable[Row]) -> Iterator[Decimal]:
    """What each trade cost, as a share of its notional."""
    for row in rows:
        notional = CONTEXT.multiply(_qty(row), amount(row["price"]))
        if notional > ZERO:
            yield CONTEXT.divide(_fee(row), notional)


def _executed(row: Row, order_qty: Decimal, status: str) -> Decimal | None:
    left = row.get("leftAmount")
    if left is not None:
        return CONTEXT.subtract(order_qty, abs(amount(left)))
    return {"UNTOUCHED": ZERO, _CLOSED: order_qty}.get(status)


def _ending(order: Seen, instrument: str, executed: Decimal) -> list[ExecutionReport]:
    if order.is_canceled:
        return [_of(order, instrument, ExecType.CANCELED, executed)]
    if order.status == _CLOSED and executed < order.order_qty:
        # A market order ends where the price has slid too far.
        return [_of(order, instrument, ExecType.EXPIRED, executed)]
    return []


def _of(order: Seen, instrument: str, exec_type: ExecType, cum: Decimal) -> ExecutionReport:
    return status_report(order.order_id, order.cl_ord_id, instrument, exec_type, cum, order.at)


def _trade(
    order_id: str, cl_ord_id: str, row: Row, instrument: str, cum_qty: Decimal
) -> ExecutionReport:
    return ExecutionReport(
        cl_ord_id=cl_ord_id,
        order_id=order_id,
        exec_id=str(row["id"]),
        exec_type=ExecType.TRADE,
        instrument=instrument,
        cum_qty=cum_qty,
        transact_time=from_millis(int(row["timestamp"])),
        last_qty=_qty(row),
        last_px=amount(row["price"]),
        fee=_fee(row),
        fee_asset=str(row["denominatorSymbol"]),
    )


def _qty(row: Row) -> Decimal:
    precise = row.get("preciseAmount")
    return abs(amount(row["amount"] if precise is None else precise))


def _fee(row: Row) -> Decimal:
    fee, tax = amount(row["fee"]), amount(row["tax"])
    if fee > ZERO or tax > ZERO:
        raise OutcomeUnknown(f"trade {row['id']} has a fee that was received")
    return abs(CONTEXT.add(fee, tax))
