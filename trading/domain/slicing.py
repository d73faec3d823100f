"""An order over time, cut into slices (TWAP): when each is due, and how large it is.

1. A slice belongs to its own stretch of time: one that was missed is not made up by two.
2. What earlier slices have not filled is spread over those that are left; none is larger than
   `MOST` plain slices.
3. All slices together are never more than the whole.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, Decimal

from aitrader.kernel.money import CONTEXT, ZERO, qty_to_lot

#: The largest slice, in plain ones: after a pause nothing is made up at one blow.
MOST = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """`slices` stretches of equal length from `starts_at` to `ends_at`."""

    order_qty: Decimal
    slices: int
    starts_at: datetime
    ends_at: datetime

    def due(self, number: int) -> datetime:
        """When slice `number`, from 0, begins."""
        return self.starts_at + (self.ends_at - self.starts_at) * number / self.slices

    def number_at(self, now: datetime) -> int | None:
        """The slice of this instant; None before the first and after the last."""
        if not self.starts_at <= now < self.ends_at:
            return None
        number = (now - self.starts_at) * self.slices // (self.ends_at - self.starts_at)
        # Where a stretch is no whole number of microseconds, `due` rounds: it has the last word.
        if now < self.due(number):
            return number - 1
        return number + 1 if now >= self.due(number + 1) else number


def slice_qty(plan: Plan, number: int, *, filled: Decimal, lot: Decimal) -> Decimal:
    """How much slice `number` is for, in whole lots, when so much of the whole is filled and
    nothing else works for it."""
    left = max(ZERO, CONTEXT.subtract(plan.order_qty, filled))
    even = CONTEXT.divide(left, Decimal(plan.slices - number))
    plain_lots = CONTEXT.divide(plan.order_qty, plan.slices * lot)
    most = MOST * lot * plain_lots.to_integral_value(rounding=ROUND_CEILING)
    return min(qty_to_lot(even, lot), most)
