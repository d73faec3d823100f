"""What a venue says about one order: FIX's ExecutionReport (message type 8), our subset.

1. `cum_qty` is the venue's cumulative quantity as of this report, never a difference.
2. `exec_id` is the venue's trade id, or derived deterministically from what identifies the report.
3. A fill is made only from a report with `exec_type` TRADE.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from aitrader.kernel.fix import ExecType, Liquidity
from aitrader.kernel.money import ZERO


@dataclass(frozen=True, slots=True)
class ExecutionReport:
    """Quantities in the base asset, prices in quote per base, `fee` in `fee_asset` (≥ 0: paid)."""

    cl_ord_id: str
    order_id: str
    exec_id: str
    exec_type: ExecType
    instrument: str
    cum_qty: Decimal
    transact_time: datetime
    last_qty: Decimal = ZERO
    last_px: Decimal = ZERO
    fee: Decimal = ZERO
    fee_asset: str = ""
    liquidity: Liquidity = Liquidity.TAKER
    text: str = ""


def status_report(
    order_id: str,
    cl_ord_id: str,
    instrument: str,
    exec_type: ExecType,
    cum_qty: Decimal,
    at: datetime,
) -> ExecutionReport:
    """What a venue's word about the order as a whole says; no trade. Its id is derived."""
    return ExecutionReport(
        cl_ord_id=cl_ord_id,
        order_id=order_id,
        exec_id=f"{exec_type}-{order_id}",
        exec_type=exec_type,
        instrument=instrument,
        cum_qty=cum_qty,
        transact_time=at,
    )


@dataclass(frozen=True, slots=True)
class StreamedReport:
    """A report with its place in the venue's stream for the account; `seq` only grows."""

    seq: int
    report: ExecutionReport
