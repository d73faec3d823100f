"""Exits that the venue does not hold: targets, trailing stops, and stops that fail.

Where a venue cannot rest stop, target and trailing stop as one group, or does not take the distance
of a trailing one, some of them rest there. The rest is watched here, price by price.

1. What was found is a mark on the trade (`exit_wanted`), so that a restart goes on with it; closing
   cancels the stop first and sells then (exits.close).
2. A trailing stop is measured from the best price seen since the entry, which is kept.
3. A stop that the price has passed and that has not filled for `STOP_SECONDS` is given up, one that
   trails too: the position is sold at the market. So is one that stays without protection
   (exits.protect). Stops of persons: stop_watch.py.
4. An exit whose own order works at the venue is not watched: it is the venue's. One of unknown
   outcome may not be there: it is watched, and cancelled by its id before anything is sold.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta
from decimal import Decimal

from aitrader.kernel.clock import Moment
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.fix import OrdType, Side
from aitrader.kernel.money import CONTEXT, ONE, ZERO, ratio
from compliance.services import journal
from trading.models import Trade
from trading.selectors import sql
from trading.selectors.desk import Desk, LoadedStrategy
from trading.services.exit_legs import trails_at_venue

STOP_SECONDS = timedelta(seconds=10)
STOP_UNFILLED = "stop_unfilled"
_PERCENT = Decimal("0.01")
_WATCHED = """
WHERE closed_at IS NULL AND exit_wanted = '' AND entry_qty > exit_qty AND cursor_id IN (
    SELECT cursor.id FROM trading_strategycursor cursor
      JOIN trading_strategyversion version ON version.id = cursor.version_id
      JOIN trading_strategy strategy ON strategy.id = version.strategy_id
     WHERE strategy.account_id = %s)
 ORDER BY id FOR NO KEY UPDATE
"""
_CURSORS = """
SELECT id, version_id, instrument_id FROM trading_strategycursor WHERE id = ANY(%s)
"""
_AT_VENUE = """
SELECT trade_id, ord_type FROM trading_order
 WHERE trade_id = ANY(%s) AND origin = 'PROTECTION'
   AND (certainty = 'FILLS_INCOMPLETE' OR certainty = 'CERTAIN'
        AND ord_status IN ('CREATED', 'PENDING_NEW', 'NEW', 'PARTIALLY_FILLED'))
"""
#: The exits of a trade that can be watched, by the type that would rest for each.
_EXITS = {
    "stop_loss": OrdType.STOP,
    "take_profit": OrdType.LIMIT_IF_TOUCHED,
    "trailing_stop": OrdType.TRAILING_STOP,
}
_COLUMNS = ("best_px", "stop_passed_at", "exit_wanted")


def watch(*, desk: Desk, prices: Mapping[int, Decimal], at: Moment) -> int:
    """Mark the trades whose exit has come at these prices, by instrument id; returns how many.

    `at.wall` decides how long a stop was passed.
    """
    if not prices or _rest_whole(desk):
        return 0
    with sql.atomic():
        trades = sql.load(Trade, _WATCHED, [desk.account.pk])
        found = sql.fetch_all(_CURSORS, [[each.cursor_id for each in trades]]) if trades else []
        cursors = {row[0]: row[1:] for row in found}
        at_venue = set(sql.fetch_all(_AT_VENUE, [[each.pk for each in trades]])) if trades else ()
        events = []
        for trade in trades:
            version_id, instrument_id = cursors[trade.cursor_id]
            loaded, px = desk.strategies.get(version_id), prices.get(instrument_id)
            if loaded is None or px is None:
                continue
            before = [getattr(trade, name) for name in _COLUMNS]
            watched = {
                name for name, kind in _EXITS.items() if (trade.pk, kind.value) not in at_venue
            }
            _look(trade, loaded, px, at, watched)
            if before != [getattr(trade, name) for name in _COLUMNS]:
                sql.update(trade, *_COLUMNS)
            if trade.exit_wanted:
                events.append(_event(desk, trade, loaded, instrument_id, px, at))
        journal.record(events, now=at.wall)
    return len(events)


def _rest_whole(desk: Desk) -> bool:
    """Whether the venue holds every exit that there may be."""
    return desk.capabilities.holds_together(_EXITS.values()) and all(
        trails_at_venue(row, loaded)
        for row in desk.instruments.values()
        for loaded in desk.strategies.values()
    )


def _look(
    trade: Trade, loaded: LoadedStrategy, px: Decimal, at: Moment, watched: Collection[str]
) -> None:
    long = trade.side == Side.BUY
    entry = ratio(trade.entry_notional, trade.entry_qty)
    best = max if long else min
    trade.best_px = px if trade.best_px is None else best(trade.best_px, px)

    def reached(percent: Decimal, base: Decimal, *, gain: bool) -> bool:
        """Whether the price is at least so many percent better (worse) than `base`."""
        share = CONTEXT.multiply(percent, _PERCENT)
        level = CONTEXT.multiply(base, ONE + share if gain is long else ONE - share)
        return px >= level if gain is long else px <= level

    params = loaded.params
    target = params["take_profit_pct"] if "take_profit" in watched else ZERO
    stop, trailing = params["stop_loss_pct"], params["trailing_pct"]
    trailed = bool(trailing) and reached(trailing, trade.best_px, gain=False)
    if target and reached(target, entry, gain=True):
        trade.exit_wanted = "take_profit"
    elif trailed and "trailing_stop" in watched:
        trade.exit_wanted = "trailing_stop"
    passed = trailed or (bool(stop) and reached(stop, entry, gain=False))
    if not passed:
        trade.stop_passed_at = None
    elif trade.stop_passed_at is None:
        trade.stop_passed_at = at.wall
    elif at.wall - trade.stop_passed_at >= STOP_SECONDS:
        trade.exit_wanted = STOP_UNFILLED


def _event(
    desk: Desk, trade: Trade, loaded: LoadedStrategy, instrument_id: int, px: Decimal, at: Moment
) -> Event:
    return Event(
        name=EventName.EXIT_WANTED,
        actor="desk",
        object_type="trade",
        object_id=trade.public_id,
        trace_id=trade.public_id,
        market_at=at.market,
        data={
            "account": desk.account.code,
            "instrument": desk.instruments[instrument_id].code,
            "strategy": loaded.code,
            "reason": trade.exit_wanted,
            "px": px,
            "by": "watchdog" if trade.exit_wanted == STOP_UNFILLED else "price",
        },
    )
