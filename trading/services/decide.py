"""DECIDE: from finished bars to signals, one transaction for all strategies of an account.

1. A bar is decided once per strategy version and instrument, in order; the cursor says how far.
2. A signal is a change of stance. Its entry is ordered only while its bar is the newest.
3. Lock order: cursors (by id) first, then what orders.submit takes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from aitrader.kernel import crash, ids
from aitrader.kernel.clock import Moment, iso
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.fix import AccountKind
from compliance.services import journal
from trading.domain.bar import Bar
from trading.domain.signal import Stance, transition
from trading.models import Signal
from trading.selectors import sql
from trading.selectors.desk import Desk, LoadedStrategy
from trading.services import alignment

_LOCK = """
SELECT cursor.id, cursor.version_id, cursor.instrument_id, cursor.last_open_time, cursor.stance
  FROM trading_strategycursor cursor
  JOIN trading_strategyversion version ON version.id = cursor.version_id AND version.current
  JOIN trading_strategy strategy ON strategy.id = version.strategy_id
 WHERE strategy.account_id = %s AND strategy.enabled
 ORDER BY cursor.id FOR NO KEY UPDATE OF cursor
"""
_MOVE = """
UPDATE trading_strategycursor cursor
   SET last_open_time = moved.last_open_time, stance = moved.stance,
       pending_signal_id = coalesce(moved.signal_id, cursor.pending_signal_id)
  FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[], %s::bigint[])
       AS moved (id, last_open_time, stance, signal_id)
 WHERE cursor.id = moved.id
"""


@dataclass(slots=True)
class Cursor:
    """How far an enabled strategy has decided one instrument, and what it wants of it."""

    pk: int
    version_id: int
    instrument_id: int
    last_open_time: datetime | None
    stance: Stance
    signal_id: int | None = None


def run(*, desk: Desk, at: Moment) -> int:
    """Decide every bar after each enabled cursor; returns how many signals were raised.

    The desk's bars must be fresh (`refresh_bars`, or appended by whoever recorded them).
    """
    raised = 0
    with sql.atomic():
        moved = []
        for cursor in enabled(desk):
            fresh = desk.bars.after(desk.feed.pk, cursor.instrument_id, cursor.last_open_time)
            if fresh and cursor.version_id in desk.strategies:
                raised += _decide(desk, cursor, fresh, at)
                moved.append(cursor)
        if moved:
            move(moved)
        if signalled := [cursor.pk for cursor in moved if cursor.signal_id is not None]:
            alignment.align(desk=desk, cursor_ids=signalled, at=at)
        crash.point("decide.before_commit")
    crash.point("decide.committed")
    return raised


def enabled(desk: Desk) -> list[Cursor]:
    """The cursors of the account's enabled strategies, locked until the transaction ends."""
    rows = sql.fetch_all(_LOCK, [desk.account.pk])
    return [
        Cursor(pk, version_id, instrument_id, last, Stance(stance))
        for pk, version_id, instrument_id, last, stance in rows
    ]


def move(cursors: Sequence[Cursor]) -> None:
    """Write how far these cursors are."""
    sql.execute(
        _MOVE,
        [
            [cursor.pk for cursor in cursors],
            [cursor.last_open_time for cursor in cursors],
            [cursor.stance.value for cursor in cursors],
            [cursor.signal_id for cursor in cursors],
        ],
    )


def _decide(desk: Desk, cursor: Cursor, bars: Sequence[Bar], at: Moment) -> int:
    loaded = desk.strategies[cursor.version_id]
    raised = 0
    for bar in bars:
        cursor.last_open_time = bar.open_time
        change = change_at(desk, cursor, bar)
        if change is not None:
            cursor.signal_id = _raise(desk, loaded, cursor, bar, change, at)
            cursor.stance = change
            raised += 1
    return raised


def change_at(desk: Desk, cursor: Cursor, bar: Bar) -> Stance | None:
    """The stance that the strategy changes to at this bar; None when it stays as it is, or when
    too few bars are held to tell."""
    loaded = desk.strategies[cursor.version_id]
    window = desk.bars.window(desk.feed.pk, cursor.instrument_id, bar.open_time, loaded.warmup)
    if window is None:
        return None
    kind = AccountKind(desk.account.kind)
    return transition(cursor.stance, loaded.strategy.stance(window, loaded.params, kind))


def _raise(
    desk: Desk, loaded: LoadedStrategy, cursor: Cursor, bar: Bar, stance: Stance, at: Moment
) -> int:
    instrument = desk.instruments[cursor.instrument_id]
    key = (loaded.version_id, instrument.code, iso(bar.open_time))
    signal = Signal(
        public_id=ids.derive(desk.namespace, "signal", *key),
        version_id=loaded.version_id,
        instrument=instrument,
        open_time=bar.open_time,
        stance=stance,
        previous=cursor.stance,
        close=bar.close,
        decided_at=bar.close_time,
    )
    sql.insert(signal)
    event = Event(
        name=EventName.SIGNAL_RAISED,
        actor=f"strategy:{loaded.code}",
        object_type="signal",
        object_id=signal.public_id,
        trace_id=signal.public_id,
        market_at=at.market,
        data={
            "account": desk.account.code,
            "instrument": instrument.code,
            "open_time": bar.open_time,
            "close": bar.close,
            "previous": cursor.stance,
            "stance": stance,
            "parameters": loaded.params,
        },
    )
    journal.record([event], now=at.wall)
    return signal.pk
