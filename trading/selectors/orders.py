"""Reads of orders that the services share."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from aitrader.kernel.fix import WORKING, Side
from aitrader.kernel.money import ZERO
from trading.models import Account, Order

WORKING_STATUSES = tuple(sorted(WORKING))


@dataclass(frozen=True, slots=True)
class WorkingOrder:
    """An order that may still fill, as far as exposure is concerned."""

    instrument_id: int
    side: Side
    leaves_qty: Decimal
    oco_group: str
    reduce_only: bool
    worst_px: Decimal | None


def working(account: Account) -> list[WorkingOrder]:
    """Orders of the account that may exist at the venue or soon will; unknown ones included."""
    rows = (
        Order.objects.filter(account=account, ord_status__in=WORKING_STATUSES)
        .order_by("pk")
        .values_list(
            "instrument_id", "side", "order_qty", "filled_qty", "oco_group", "reduce_only",
            "price", "stop_px", "reference_px",
        )
    )  # fmt: skip
    return [
        WorkingOrder(
            instrument_id=row[0],
            side=Side(row[1]),
            leaves_qty=row[2] - row[3],
            oco_group=row[4],
            reduce_only=row[5],
            worst_px=row[6] or row[7] or row[8],
        )
        for row in rows
    ]


def reserved(orders: Iterable[WorkingOrder]) -> dict[tuple[int, Side], Decimal]:
    """Open quantity by (instrument id, side); an OCO group counts once, at its largest leg."""
    groups: dict[tuple[int, Side, str], Decimal] = {}
    total: dict[tuple[int, Side], Decimal] = defaultdict(lambda: ZERO)
    for order in orders:
        if order.oco_group:
            key = (order.instrument_id, order.side, order.oco_group)
            groups[key] = max(groups.get(key, ZERO), order.leaves_qty)
        else:
            total[order.instrument_id, order.side] += order.leaves_qty
    for (instrument_id, side, _), qty in groups.items():
        total[instrument_id, side] += qty
    return dict(total)
