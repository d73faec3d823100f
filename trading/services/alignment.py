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

from collections import defaultdict

from aitrader.kernel.clock import Moment
from aitrader.kernel.fix import Side
from risk.domain import trading_state
from risk.selectors import states
from trading.domain.signal import Stance
from trading.models import StrategyCursor, Trade
from trading.selectors import orders as order_reads
from trading.selectors import sql
from trading.selectors.desk import Desk, LoadedStrategy
from trading.services import entries, exits, orders

_SIDE = {Stance.LONG: Side.BUY, Stance.SHORT: Side.SELL}
_OPEN = "WHERE cursor_id = %s AND closed_at IS NULL ORDER BY id"
_BUSY = """
SELECT cursor.id FROM trading_strategycursor cursor
  JOIN trading_strategyversion version ON version.id = cursor.version_id
  JOIN trading_strategy strategy ON strategy.id = version.strategy_id
 WHERE strategy.account_id = %s AND (
    cursor.pending_signal_id IS NOT NULL
    OR EXISTS (SELECT 1 FROM trading_trade trade
                WHERE trade.cursor_id = cursor.id AND trade.closed_at IS NULL))
 ORDER BY cursor.id
"""

_RESTLESS = """
SELECT EXISTS (
    SELECT 1 FROM trading_order
     WHERE account_id = %(account)s AND ord_status IN ('CREATED', 'PENDING_NEW'))
OR EXISTS (
    SELECT 1 FROM trading_cancelrequest request
      JOIN trading_order o ON o.id = request.order_id
     WHERE o.account_id = %(account)s AND request.answered_at IS NULL)
OR EXISTS (
    SELECT 1 FROM trading_strategycursor cursor
      JOIN trading_strategyversion version ON version.id = cursor.version_id
      JOIN trading_strategy strategy ON strategy.id = version.strategy_id
      LEFT JOIN trading_trade trade ON trade.cursor_id = cursor.id AND trade.closed_at IS NULL
     WHERE strategy.account_id = %(account)s AND (
        cursor.pending_signal_id IS NOT NULL
        OR trade.unprotected_since IS NOT NULL
        OR trade.side <> CASE cursor.stance WHEN 'LONG' THEN 'BUY' WHEN 'SHORT' THEN 'SELL'
                                            ELSE '' END
        OR (trade.id IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM trading_order o
             WHERE o.trade_id = trade.id
               AND o.ord_status IN ('CREATED', 'PENDING_NEW', 'NEW', 'PARTIALLY_FILLED')))))
"""


def is_restless(*, desk: Desk) -> bool:
    """Whether something is left to do that no news will come for: what was denied, held back or
    not answered is tried again."""
    return bool(sql.fetch_one(_RESTLESS, {"account": desk.account.pk})[0])


def align_all(*, desk: Desk, at: Moment) -> int:
    """Align every cursor of the account that has something open; returns how much was changed."""
    busy = sql.fetch_all(_BUSY, [desk.account.pk])
    return sum(align(desk=desk, cursor_id=pk, at=at) for (pk,) in busy)


def align(*, desk: Desk, cursor_id: int, at: Moment) -> int:
    """Align one cursor; returns how many orders and cancel requests were written."""
    with sql.atomic():
        (cursor,) = sql.load(StrategyCursor, "WHERE id = %s FOR NO KEY UPDATE", [cursor_id])
        loaded = desk.strategies.get(cursor.version_id)
        if loaded is None:
            return 0
        # Before anything is read: what is settled meanwhile waits, or is seen.
        orders.lock(desk=desk, at=at)
        trades = sql.load(Trade, _OPEN, [cursor_id])
        changed = _align_trades(desk, cursor, loaded, trades, at) if trades else 0
        still_open = any(trade.closed_at is None for trade in trades)
        if cursor.pending_signal_id is not None and not still_open:
            changed += entries.enter(desk=desk, cursor=cursor, loaded=loaded, at=at)
        elif cursor.pending_signal_id is not None:
            entries.drop_if_stale(cursor=cursor, loaded=loaded, at=at)
    return changed


def _align_trades(
    desk: Desk, cursor: StrategyCursor, loaded: LoadedStrategy, trades: list[Trade], at: Moment
) -> int:
    wanted = _SIDE.get(Stance(cursor.stance))
    working = defaultdict(list)
    for order in order_reads.working_for([trade.pk for trade in trades]):
        working[order.trade_id].append(order)
    allowed = _may_reduce(desk, cursor, loaded)
    changed = 0
    for trade in trades:
        context = exits.Context(desk, loaded, cursor, trade, working[trade.pk], at)
        if trade.side == wanted and not exits.is_over(context):
            changed += exits.protect(context, allowed=allowed)
        else:
            changed += exits.close(context, allowed=allowed)
    return changed


def _may_reduce(desk: Desk, cursor: StrategyCursor, loaded: LoadedStrategy) -> bool:
    instrument = desk.instruments[cursor.instrument_id]
    state = states.effective(orders.scopes_of(desk.account, instrument, loaded.code)).state
    return trading_state.permits(state, reduces=True)
