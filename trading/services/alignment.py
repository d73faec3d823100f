"""Brings a strategy's orders in line with its stance, again and again until they are.

Called after a decision, after every settled report and by the sweep; it looks at what is, never at
what just happened, so a crash in between is repaired by the next call.

1. An open trade that the stance no longer wants is closed: first everything that works for it is
   cancelled, then the whole of what is left is sold (or bought back).
2. An open trade that is wanted rests behind stop, target and trailing stop as one OCO group.
3. An entry is ordered only when nothing of an earlier trade is left, and only at its signal's bar.
4. At most one attempt per trade, purpose and market instant: a denied order is not tried again
   until the market moves on.
"""

from django.db import transaction

from aitrader.kernel.clock import Moment
from aitrader.kernel.fix import Side
from risk.domain import trading_state
from risk.selectors import states
from trading.domain.signal import Stance
from trading.models import Order, StrategyCursor, Trade
from trading.selectors.desk import Desk, LoadedStrategy
from trading.selectors.orders import WORKING_STATUSES
from trading.services import entries, exits, orders

_SIDE = {Stance.LONG: Side.BUY, Stance.SHORT: Side.SELL}


def align_all(*, desk: Desk, at: Moment) -> int:
    """Align every cursor of the account that has something open; returns how much was changed."""
    busy = StrategyCursor.objects.filter(version__strategy__account=desk.account)
    open_trades = busy.filter(trades__closed_at__isnull=True, trades__isnull=False)
    pending = busy.filter(pending_signal__isnull=False)
    concerned = open_trades.values_list("pk", flat=True).union(pending.values_list("pk", flat=True))
    return sum(align(desk=desk, cursor_id=pk, at=at) for pk in sorted(concerned))


def align(*, desk: Desk, cursor_id: int, at: Moment) -> int:
    """Align one cursor; returns how many orders and cancel requests were written."""
    with transaction.atomic():
        cursor = (
            StrategyCursor.objects.select_for_update(of=("self",))
            .select_related("version__strategy", "pending_signal")
            .get(pk=cursor_id)
        )
        loaded = desk.strategies.get(cursor.version_id)
        if loaded is None:
            return 0
        may_reduce = _may_reduce(desk, cursor, loaded)
        trades = list(Trade.objects.filter(cursor=cursor, closed_at__isnull=True).order_by("pk"))
        working = _working(trades)
        wanted = _SIDE.get(Stance(cursor.stance))
        changed = 0
        still_open = False
        for trade in trades:
            mine = [order for order in working if order.trade_id == trade.pk]
            context = exits.Context(desk, loaded, cursor, trade, mine, at)
            if trade.side == wanted and not exits.is_over(context):
                changed += exits.protect(context, allowed=may_reduce)
            else:
                changed += exits.close(context, allowed=may_reduce)
            still_open = still_open or trade.closed_at is None
        if cursor.pending_signal is not None and not still_open:
            changed += entries.enter(desk=desk, cursor=cursor, loaded=loaded, at=at)
        elif cursor.pending_signal is not None:
            entries.drop_if_stale(cursor=cursor, loaded=loaded, at=at)
    return changed


def _working(trades: list[Trade]) -> list[Order]:
    if not trades:
        return []
    rows = Order.objects.filter(trade__in=trades, ord_status__in=WORKING_STATUSES)
    return list(rows.order_by("pk"))


def _may_reduce(desk: Desk, cursor: StrategyCursor, loaded: LoadedStrategy) -> bool:
    instrument = desk.instruments[cursor.instrument_id]
    scopes = orders.scopes_of(desk.account, instrument, loaded.code)
    state = states.effective(scopes).state
    return trading_state.permits(state, reduces=True)
