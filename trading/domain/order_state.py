"""What is known of one order, as a join: reports may arrive in any order, twice or late.

1. `apply` takes the greatest `cum_qty` and the greatest `closedness`, so it is commutative,
   associative and idempotent: every arrival order of the same reports ends in the same state.
2. `ord_status` is derived, never assigned; a fill after CANCELED counts and does not re-open.
3. Busted trades and re-opened breaks are compensating entries outside this join.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import IntEnum

from aitrader.kernel.errors import IntegrityFailure
from aitrader.kernel.fix import ExecType, OrdStatus
from aitrader.kernel.money import CONTEXT, ZERO
from trading.domain.execution_report import ExecutionReport


class Closedness(IntEnum):
    """How far the order's life has gone; stored as this small integer beside the status."""

    UNSENT = 0
    SENT = 1
    ACCEPTED = 2
    EXPIRED = 3
    CANCELED = 4
    REJECTED = 5


# A status report or a trade can only be about an order that the venue has taken.
_PROVES = {
    ExecType.NEW: Closedness.ACCEPTED,
    ExecType.TRADE: Closedness.ACCEPTED,
    ExecType.ORDER_STATUS: Closedness.ACCEPTED,
    ExecType.EXPIRED: Closedness.EXPIRED,
    ExecType.CANCELED: Closedness.CANCELED,
    ExecType.REJECTED: Closedness.REJECTED,
}

_UNFILLED_STATUS = {
    Closedness.UNSENT: OrdStatus.CREATED,
    Closedness.SENT: OrdStatus.PENDING_NEW,
    Closedness.ACCEPTED: OrdStatus.NEW,
    Closedness.EXPIRED: OrdStatus.EXPIRED,
    Closedness.CANCELED: OrdStatus.CANCELED,
    Closedness.REJECTED: OrdStatus.REJECTED,
}

_LEAST_CLOSEDNESS = {status: closedness for closedness, status in _UNFILLED_STATUS.items()} | {
    OrdStatus.PARTIALLY_FILLED: Closedness.ACCEPTED,
    OrdStatus.FILLED: Closedness.ACCEPTED,
}


@dataclass(frozen=True, slots=True)
class OrderState:
    """Quantities in the base asset."""

    order_qty: Decimal
    cum_qty: Decimal = ZERO
    closedness: Closedness = Closedness.UNSENT

    @classmethod
    def of(
        cls,
        order_qty: Decimal,
        cum_qty: Decimal,
        ord_status: OrdStatus,
        closedness: int | None = None,
    ) -> "OrderState":
        """Rebuild from stored columns.

        Without `closedness`, the least one that gives the status: exact unless FILLED hides a
        close. Raises IntegrityFailure for columns that contradict each other, and for an order
        that never left the desk's own approval (PENDING_APPROVAL, DENIED).
        """
        status = OrdStatus(ord_status)
        if status not in _LEAST_CLOSEDNESS:
            raise IntegrityFailure(f"an order that is {status} has no state at a venue")
        least = _LEAST_CLOSEDNESS[status]
        state = cls(order_qty, cum_qty, least if closedness is None else Closedness(closedness))
        if state.ord_status is not status:
            raise IntegrityFailure(
                f"stored status {status} contradicts cum_qty {cum_qty} of {order_qty}"
                f" and closedness {state.closedness.name}, which make {state.ord_status}"
            )
        return state

    def apply(self, report: ExecutionReport) -> "OrderState":
        """The join of what was known and what the report says."""
        return replace(
            self,
            cum_qty=max(self.cum_qty, report.cum_qty),
            closedness=max(self.closedness, _PROVES[report.exec_type]),
        )

    def sent(self) -> "OrderState":
        """The order may be at the venue from here on."""
        return replace(self, closedness=max(self.closedness, Closedness.SENT))

    @property
    def closed(self) -> bool:
        """The venue will fill no more of it, as far as is known."""
        return self.closedness >= Closedness.EXPIRED or self.cum_qty >= self.order_qty

    @property
    def leaves_qty(self) -> Decimal:
        """What may still fill; 0 when closed."""
        return ZERO if self.closed else CONTEXT.subtract(self.order_qty, self.cum_qty)

    @property
    def overfilled(self) -> bool:
        """The venue reports more than was ordered: a break, never silently capped."""
        return self.cum_qty > self.order_qty

    @property
    def ord_status(self) -> OrdStatus:
        if self.cum_qty >= self.order_qty:
            return OrdStatus.FILLED
        if self.closedness >= Closedness.EXPIRED or self.cum_qty <= 0:
            return _UNFILLED_STATUS[self.closedness]
        return OrdStatus.PARTIALLY_FILLED
