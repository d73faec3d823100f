"""Names of the events that the journal records, with the schema version of each.

1. A name is `<noun>.<past participle>` and is unique for ever.
2. A change of the data that an event carries raises its version; old rows keep theirs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class EventName(StrEnum):
    RUN_STARTED = "run.started"
    RUN_ENDED = "run.ended"
    FEED_QUARANTINED = "feed.quarantined"
    FEED_GAP = "feed.gap_found"
    FEED_GAP_FILLED = "feed.gap_filled"
    FEED_EXTREME = "feed.extreme_bar"
    FEED_FAILED = "feed.failed"
    FEED_BROKEN = "feed.broken"
    FEED_LINE_DOWN = "feed.line_down"
    FEED_LINE_UP = "feed.line_up"
    FEED_STALE = "feed.stale"
    FEED_RECOVERED = "feed.recovered"
    SECOND_SOURCE_STALE = "second_source.stale"
    SECOND_SOURCE_RECOVERED = "second_source.recovered"
    VENUE_SILENT = "venue.silence_asked"
    STREAM_DOWN = "stream.down"
    STREAM_UP = "stream.up"
    CLOCK_BLOCKED = "clock.blocked"
    CLOCK_RECOVERED = "clock.recovered"
    SIGNAL_RAISED = "signal.raised"
    SIGNAL_DROPPED = "signal.dropped"
    ORDER_CREATED = "order.created"
    ORDER_DENIED = "order.denied"
    ORDER_SENT = "order.sent"
    ORDER_NOT_SENT = "order.not_sent"
    ORDER_ACKNOWLEDGED = "order.acknowledged"
    ORDER_UNKNOWN = "order.outcome_unknown"
    ORDER_RESOLVED = "order.outcome_resolved"
    ORDER_FILLED = "order.filled"
    FILL_VOIDED = "order.fill_voided"
    ORDER_CLOSED = "order.closed"
    ORDER_ADOPTED = "order.adopted"
    ORDER_CANCEL_REQUESTED = "order.cancel_requested"
    ORDER_CANCEL_ANSWERED = "order.cancel_answered"
    ORDER_REPLACE_REQUESTED = "order.replace_requested"
    ORDER_REPLACE_ANSWERED = "order.replace_answered"
    STOP_LOST = "order.stop_lost"
    STOP_PASSED = "order.stop_passed"
    STOP_UNFILLED = "order.stop_unfilled"
    TARGET_WATCHED = "order.target_watched"
    TARGET_TOUCHED = "order.target_touched"
    TARGET_WATCH_ENDED = "order.target_watch_ended"
    PARENT_CREATED = "parent_order.created"
    PARENT_CANCEL_REQUESTED = "parent_order.cancel_requested"
    PARENT_CLOSED = "parent_order.closed"
    BREAK_OPENED = "reconciliation.break_opened"
    BREAK_TAKEN = "reconciliation.break_taken"
    BREAK_CLOSED = "reconciliation.break_closed"
    FLOW_BOOKED = "account.flow_booked"
    RECONCILED = "reconciliation.completed"
    RECONCILIATION_OVERDUE = "reconciliation.overdue"
    RECONCILIATION_RESUMED = "reconciliation.resumed"
    TRADING_HALTED = "trading.halted"
    TRADING_RELEASED = "trading.released"
    STRATEGY_ENABLED = "strategy.enabled"
    STRATEGY_DISABLED = "strategy.disabled"
    STRATEGY_CONFIGURED = "strategy.configured"
    LIMIT_CHANGED = "limit.changed"
    ACCOUNT_OPENED = "account.opened"
    INSTRUMENT_LISTED = "instrument.listed"
    INSTRUMENT_CHANGED = "instrument.changed"
    CANDLES_WRITTEN = "candles.written"
    INTEGRITY_FAILED = "integrity.failed"
    POSITION_UNPROTECTED = "position.unprotected"
    EXIT_WANTED = "position.exit_wanted"
    ALERT_ACKNOWLEDGED = "alert.acknowledged"
    OPERATOR_CREATED = "operator.created"
    OPERATOR_CHANGED = "operator.changed"
    OPERATOR_LOGGED_IN = "operator.logged_in"
    OPERATOR_LOGIN_FAILED = "operator.login_failed"
    OPERATOR_LOGGED_OUT = "operator.logged_out"
    OPERATOR_LOCKED = "operator.locked"
    PASSWORD_CHANGED = "operator.password_changed"
    DEVICE_ENROLLED = "operator.device_enrolled"
    SECOND_FACTOR_RESET = "operator.second_factor_reset"
    RECOVERY_CODES_MADE = "operator.recovery_codes_made"


#: Version of the data each event carries; 1 unless listed.
VERSIONS: Mapping[EventName, int] = {EventName.ORDER_CREATED: 2, EventName.ORDER_DENIED: 2}


@dataclass(frozen=True, slots=True)
class Event:
    """One fact for the journal.

    `object_id` is the public id of what changed; `trace_id` ties signal, order and fill together;
    `data` holds text, int, bool, None, Decimal, datetime, and lists or dicts of these.
    """

    name: EventName
    actor: str
    object_type: str
    object_id: str
    market_at: datetime
    data: Mapping[str, Any] = field(default_factory=dict)
    trace_id: str = ""
    on_behalf_of: str = ""

    @property
    def version(self) -> int:
        return VERSIONS.get(self.name, 1)
