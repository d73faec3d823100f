"""Reads of orders that the services share."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from aitrader.kernel.fix import WORKING, OrdType, Origin, Side
from aitrader.kernel.money import ZERO
from trading.models import Account
from trading.selectors import sql

WORKING_STATUSES = tuple(sorted(WORKING))
_STOPS = frozenset({OrdType.STOP, OrdType.STOP_LIMIT, OrdType.TRAILING_STOP})


OF_ACCOUNT = sql.Select(
    """
SELECT o.instrument_id, o.side,
       CASE WHEN o.ord_status IN ('CREATED', 'PENDING_NEW', 'NEW', 'PARTIALLY_FILLED')
            THEN o.order_qty ELSE o.cum_qty END - o.filled_qty,
       o.oco_group, o.reduce_only,
       coalesce(o.price, o.stop_px, o.reference_px), o.intent_id, coalesce(strategy.code, ''),
       o.ord_type, o.created_at, o.certainty = 'UNKNOWN'
  FROM trading_order o
  LEFT JOIN trading_strategyversion version ON version.id = o.version_id
  LEFT JOIN trading_strategy strategy ON strategy.id = version.strategy_id
 WHERE o.account_id = %(account)s
   AND (o.ord_status IN ('CREATED', 'PENDING_NEW', 'NEW', 'PARTIALLY_FILLED')
        OR o.certainty <> 'CERTAIN')
 ORDER BY o.id
""",
    11,
)
_OF_TRADES = """
SELECT o.id, o.trade_id, o.origin, o.closing,
       CASE WHEN o.ord_status IN ('CREATED', 'PENDING_NEW', 'NEW', 'PARTIALLY_FILLED')
            THEN o.order_qty ELSE o.cum_qty END - o.filled_qty,
       o.oco_group,
       EXISTS (SELECT 1 FROM trading_cancelrequest request
                WHERE request.order_id = o.id AND request.answered_at IS NULL),
       o.ord_status NOT IN ('CREATED', 'PENDING_NEW', 'NEW', 'PARTIALLY_FILLED'),
       o.ord_status IN ('NEW', 'PARTIALLY_FILLED'), o.ord_type, o.certainty = 'UNKNOWN',
       o.ord_status = 'CREATED'
  FROM trading_order o
 WHERE o.trade_id = ANY(%s)
   AND (o.ord_status IN ('CREATED', 'PENDING_NEW', 'NEW', 'PARTIALLY_FILLED')
        OR o.certainty <> 'CERTAIN')
 ORDER BY o.id
"""


@dataclass(frozen=True, slots=True)
class WorkingOrder:
    """An order that may still fill, as far as exposure is concerned; `doubtful` while nobody knows
    whether the venue has it."""

    instrument_id: int
    side: Side
    leaves_qty: Decimal
    oco_group: str
    reduce_only: bool
    worst_px: Decimal | None
    intent_id: str
    strategy: str
    ord_type: str
    created_at: datetime
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class TradeOrder:
    """An order that works for a trade; `cancelling` while a cancel request is unanswered, `closed`
    when all that it still brings are fills that happened; `resting` when the venue has it,
    `doubtful` when nobody knows whether it has, `waiting` while nobody has sent it."""

    pk: int
    trade_id: int
    origin: str
    closing: bool
    leaves_qty: Decimal
    oco_group: str
    cancelling: bool
    closed: bool = False
    resting: bool = False
    ord_type: str = ""
    doubtful: bool = False
    waiting: bool = False

    @property
    def is_stop(self) -> bool:
        """Whether it bounds a loss."""
        return self.origin == Origin.PROTECTION and self.ord_type in _STOPS


def working_for(trade_ids: list[int]) -> list[TradeOrder]:
    """Orders of these trades of which fills may still come, oldest first."""
    return [TradeOrder(*row) for row in sql.fetch_all(_OF_TRADES, [trade_ids])]


def working(account: Account) -> list[WorkingOrder]:
    """Orders of the account that may exist at the venue or soon will, unknown ones included, and
    closed ones of which fills are still to come."""
    return read_working(sql.fetch_all(OF_ACCOUNT.text, {"account": account.pk}))


def read_working(rows: Iterable[Any]) -> list[WorkingOrder]:
    """Rows of `OF_ACCOUNT`."""
    return [WorkingOrder(row[0], Side(row[1]), *row[2:]) for row in rows]


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
