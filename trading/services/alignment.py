"""Brings a strategy's orders in line with its stance, again and again until they are.

Called after a decision, after every settled report and by the sweep; it looks at what is, never at
what just happened, so a crash in between is repaired by the next call.

1. An open trade that the stance no longer wants, or whose exit has come, is closed: first
   everything that works for it is cancelled, then the whole of what is left is sold (or bought
   back).
2. An open trade that is wanted rests behind stop, target and trailing stop as one OCO group.
3. An entry is ordered only when nothing of an earlier trade is left, and only at its signal's bar.
4. At most one attempt per trade, purpose and market instant: a denied order is not tried again
   until the market moves on.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from aitrader.kernel.clock import Moment
from aitrader.kernel.fix import Side
from trading.domain.signal import Stance
from trading.models import StrategyCursor, Trade
from trading.selectors import orders as order_reads
from trading.selectors import sql
from trading.selectors.desk import Desk
from trading.selectors.orders import TradeOrder
from trading.services import entries, exits
from trading.services.exit_context import Context
from trading.services.held import HeldAccount

_SIDE = {Stance.LONG: Side.BUY, Stance.SHORT: Side.SELL}
_BUSY = """
WHERE id IN (
    SELECT cursor.id FROM trading_strategycursor cursor
      JOIN trading_strategyversion version ON version.id = cursor.version_id
      JOIN trading_strategy strategy ON strategy.id = version.strategy_id
     WHERE strategy.account_id = %s AND (
        cursor.pending_signal_id IS NOT NULL
        OR EXISTS (SELECT 1 FROM trading_trade trade
                    WHERE trade.cursor_id = cursor.id AND trade.closed_at IS NULL)))
 ORDER BY id FOR NO KEY UPDATE
"""
_THESE = "WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"
_OPEN = "WHERE cursor_id = ANY(%s) AND closed_at IS NULL ORDER BY id"

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
        OR trade.exit_wanted <> ''
        OR trade.side <> CASE cursor.stance WHEN 'LONG' THEN 'BUY' WHEN 'SHORT' THEN 'SELL'
                                            ELSE '' END
        OR (trade.id IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM trading_order o
             WHERE o.trade_id = trade.id
               AND (o.certainty <> 'CERTAIN'
                    OR o.ord_status IN ('CREATED', 'PENDING_NEW', 'NEW', 'PARTIALLY_FILLED'))))))
"""


def is_restless(*, desk: Desk) -> bool:
    """Whether something is left to do that no news will come for: what was denied, held back or
    not answered is tried again."""
    return bool(sql.fetch_one(_RESTLESS, {"account": desk.account.pk})[0])


def align_all(*, desk: Desk, at: Moment) -> int:
    """Align every cursor of the account that has something open; returns how many orders and
    cancel requests were written."""
    with sql.atomic():
        return _align(desk, sql.load(StrategyCursor, _BUSY, [desk.account.pk]), at)


def align(*, desk: Desk, cursor_ids: Sequence[int], at: Moment) -> int:
    """Align these cursors of the account; returns what `align_all` does."""
    with sql.atomic():
        return _align(desk, sql.load(StrategyCursor, _THESE, [list(cursor_ids)]), at)


def _align(desk: Desk, cursors: Sequence[StrategyCursor], at: Moment) -> int:
    known = [cursor for cursor in cursors if cursor.version_id in desk.strategies]
    if not known:
        return 0
    # Before anything is read: what is settled meanwhile waits, or is seen.
    held = HeldAccount(desk, at, derived=True)
    trades: dict[int, list[Trade]] = defaultdict(list)
    for trade in sql.load(Trade, _OPEN, [[cursor.pk for cursor in known]]):
        trades[trade.cursor_id].append(trade)
    working: dict[int, list[TradeOrder]] = defaultdict(list)
    for order in order_reads.working_for([each.pk for some in trades.values() for each in some]):
        working[order.trade_id].append(order)
    return sum(_align_one(desk, cursor, trades[cursor.pk], working, held, at) for cursor in known)


def _align_one(
    desk: Desk,
    cursor: StrategyCursor,
    trades: Sequence[Trade],
    working: Mapping[int, list[TradeOrder]],
    held: HeldAccount,
    at: Moment,
) -> int:
    loaded = desk.strategies[cursor.version_id]
    wanted = _SIDE.get(Stance(cursor.stance))
    changed = 0
    for trade in trades:
        context = Context(desk, loaded, cursor, trade, working.get(trade.pk, []), held, at)
        if trade.side == wanted and not trade.exit_wanted and not exits.is_over(context):
            changed += exits.protect(context)
        else:
            changed += exits.close(context)
    if cursor.pending_signal_id is None:
        return changed
    if any(trade.closed_at is None for trade in trades):
        entries.drop_if_stale(cursor=cursor, loaded=loaded, at=at)
        return changed
    return changed + entries.enter(desk=desk, cursor=cursor, loaded=loaded, held=held, at=at)
