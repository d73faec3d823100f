"""The library's orders and trades as execution reports.

1. A trade is told only when the venue told its id, quantity, price and fee; until then the order's
   own quantity says that there is more to come (`ORDER_STATUS`), and the order is asked about.
2. A status that is not known is not guessed: OutcomeUnknown. An answer to a new order may lack one.
3. A fee that is paid back (below zero) cannot be written down: OutcomeUnknown.
4. An order that may not be ours is described only if its kind is beyond doubt.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from aitrader.kernel.clock import from_millis
from aitrader.kernel.errors import OutcomeUnknown
from aitrader.kernel.fix import ExecType, Liquidity, OrdType, Side
from aitrader.kernel.money import CONTEXT, ZERO, amount
from trading.domain.execution_report import ExecutionReport
from trading.domain.ports import SeenOrder, VenueTrade

Row = Mapping[str, Any]
_OPEN = ("open", "canceling")
_ENDED = {
    "canceled": ExecType.CANCELED,
    "expired": ExecType.EXPIRED,
    "rejected": ExecType.REJECTED,
}

_KINDS = {
    "market": OrdType.MARKET,
    "limit": OrdType.LIMIT,
    "limit_maker": OrdType.LIMIT,
    "stop_loss": OrdType.STOP,
    "stop_loss_limit": OrdType.STOP_LIMIT,
    "take_profit": OrdType.MARKET_IF_TOUCHED,
    "take_profit_limit": OrdType.LIMIT_IF_TOUCHED,
}
_STOPPED = {OrdType.MARKET: OrdType.STOP, OrdType.LIMIT: OrdType.STOP_LIMIT}
_TARGETED = {
    OrdType.MARKET: OrdType.MARKET_IF_TOUCHED,
    OrdType.LIMIT: OrdType.LIMIT_IF_TOUCHED,
}


class Order:
    """Writes the reports of one order of ours; `now` stands in for a time that was not told."""

    def __init__(self, row: Row, *, cl_ord_id: str, instrument: str, now: datetime) -> None:
        if not row.get("id"):
            raise OutcomeUnknown("an order without an id")
        self._row = row
        self._cl_ord_id = cl_ord_id
        self._instrument = instrument
        self._order_id = str(row["id"])
        self._at = _time(row) or now

    def placed(self) -> list[ExecutionReport]:
        """The answer to a new order, with its trades as far as they are told."""
        known = self._row.get("status") is not None
        return self._all(self._row.get("trades") or (), self.ending() if known else [])

    def queried(self, trades: Sequence[Row]) -> list[ExecutionReport]:
        """The state of the order and its trades."""
        return self._all(trades, self.ending())

    def ending(self) -> list[ExecutionReport]:
        """How the order ended; nothing while it has not, or when it filled."""
        status, filled = self._row.get("status"), _filled(self._row)
        if status in _OPEN:
            return []
        if status == "closed":
            whole = self._row.get("amount")
            if whole is None or filled >= amount(whole):
                return []
            # Over, and not for want of quantity: an immediate order that found less.
            return [self._status(ExecType.EXPIRED, filled)]
        if status not in _ENDED:
            raise OutcomeUnknown(f"order status {status} is not known")
        return [self._status(_ENDED[status], filled)]

    def _all(self, trades: Sequence[Row], ending: list[ExecutionReport]) -> list[ExecutionReport]:
        found = [self._status(ExecType.NEW, ZERO)]
        cum = ZERO
        for trade in sorted((each for each in trades if _is_whole(each)), key=_order):
            cum = CONTEXT.add(cum, amount(trade["amount"]))
            found.append(self._trade(trade, cum))
        if _filled(self._row) > cum:
            found.append(self._status(ExecType.ORDER_STATUS, _filled(self._row)))
        return found + ending

    def _status(self, exec_type: ExecType, cum_qty: Decimal) -> ExecutionReport:
        return ExecutionReport(
            cl_ord_id=self._cl_ord_id,
            order_id=self._order_id,
            exec_id=f"{exec_type}-{self._order_id}",
            exec_type=exec_type,
            instrument=self._instrument,
            cum_qty=cum_qty,
            transact_time=self._at,
        )

    def _trade(self, trade: Row, cum_qty: Decimal) -> ExecutionReport:
        if amount(trade["fee"]["cost"]) < ZERO:
            raise OutcomeUnknown("a fee below zero")
        return _of_trade(
            trade,
            cl_ord_id=self._cl_ord_id,
            order_id=self._order_id,
            instrument=self._instrument,
            cum_qty=cum_qty,
            at=_time(trade) or self._at,
        )


def listed(trade: Row, *, instrument: str) -> VenueTrade:
    """A trade as the account's list tells it; as a report too, if it is whole."""
    order_id, qty = str(trade["order"]), amount(trade["amount"])
    at, report = _time(trade), None
    if at is not None and _is_whole(trade) and amount(trade["fee"]["cost"]) >= ZERO:
        report = _of_trade(
            trade, cl_ord_id="", order_id=order_id, instrument=instrument, cum_qty=qty, at=at
        )
    return VenueTrade(order_id, str(trade["id"]), qty, _side(trade), report)


def seen(row: Row) -> SeenOrder | None:
    """What an open order is, whoever's; None where that is not certain."""
    kind = _KINDS.get(str(row.get("type")).lower().replace("-", "_"))
    side, qty = _side(row), row.get("amount")
    stop_px = row.get("stopLossPrice") or row.get("triggerPrice")
    if row.get("stopLossPrice"):
        kind = _STOPPED.get(kind, kind) if kind else None
    elif row.get("takeProfitPrice"):
        stop_px = row["takeProfitPrice"]
        kind = _TARGETED.get(kind, kind) if kind else None
    elif stop_px and kind in _STOPPED:
        # A price that triggers it, from below or from above.
        kind = None
    if kind is None or side is None or qty is None:
        return None
    price = row.get("price")
    return SeenOrder(
        order_id=str(row["id"]),
        symbol=str(row["symbol"]),
        side=side,
        ord_type=kind,
        order_qty=amount(qty),
        price=None if price is None else amount(price) or None,
        stop_px=None if stop_px is None else amount(stop_px) or None,
    )


def _side(row: Row) -> Side | None:
    return {"buy": Side.BUY, "sell": Side.SELL}.get(str(row.get("side")))


def _of_trade(
    trade: Row, *, cl_ord_id: str, order_id: str, instrument: str, cum_qty: Decimal, at: datetime
) -> ExecutionReport:
    return ExecutionReport(
        cl_ord_id=cl_ord_id,
        order_id=order_id,
        exec_id=str(trade["id"]),
        exec_type=ExecType.TRADE,
        instrument=instrument,
        cum_qty=cum_qty,
        transact_time=at,
        last_qty=amount(trade["amount"]),
        last_px=amount(trade["price"]),
        fee=amount(trade["fee"]["cost"]),
        fee_asset=str(trade["fee"]["currency"]),
        liquidity=Liquidity.MAKER if trade.get("takerOrMaker") == "maker" else Liquidity.TAKER,
    )


def balances(found: Row) -> dict[str, Decimal]:
    """Free and held together, of every asset that there is any of."""
    totals = {str(code): amount(total) for code, total in found["total"].items() if total}
    return {code: total for code, total in totals.items() if total}


def _filled(row: Row) -> Decimal:
    return amount(row.get("filled") or "0")


def _is_whole(trade: Row) -> bool:
    fee = trade.get("fee") or {}
    told = (trade.get("id"), trade.get("amount"), trade.get("price"), fee.get("cost"))
    return all(each is not None for each in told) and bool(fee.get("currency"))


def _order(trade: Row) -> tuple[int, int, str]:
    """By time, then by id: as a number where it is one."""
    number = str(trade["id"])
    return int(trade.get("timestamp") or 0), int(number) if number.isdigit() else 0, number


def _time(row: Row) -> datetime | None:
    told = row.get("lastUpdateTimestamp") or row.get("timestamp")
    return None if told is None else from_millis(int(told))
