"""The library's orders and trades as execution reports.

1. A trade is told only when the venue told its id, quantity, price and fee; until then the order's
   own quantity says that there is more to come (`ORDER_STATUS`), and the order is asked about.
2. A status that is not known is not guessed: OutcomeUnknown. An answer to a new order may lack one.
3. A fee that is paid back (below zero) cannot be written down: OutcomeUnknown.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from aitrader.kernel.clock import from_millis
from aitrader.kernel.errors import OutcomeUnknown
from aitrader.kernel.fix import ExecType, Liquidity
from aitrader.kernel.money import CONTEXT, ZERO, amount
from trading.domain.execution_report import ExecutionReport

Row = Mapping[str, Any]
_OPEN = ("open", "canceling")
_ENDED = {
    "canceled": ExecType.CANCELED,
    "expired": ExecType.EXPIRED,
    "rejected": ExecType.REJECTED,
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
        fee = amount(trade["fee"]["cost"])
        if fee < ZERO:
            raise OutcomeUnknown("a fee below zero")
        return ExecutionReport(
            cl_ord_id=self._cl_ord_id,
            order_id=self._order_id,
            exec_id=str(trade["id"]),
            exec_type=ExecType.TRADE,
            instrument=self._instrument,
            cum_qty=cum_qty,
            transact_time=_time(trade) or self._at,
            last_qty=amount(trade["amount"]),
            last_px=amount(trade["price"]),
            fee=fee,
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
