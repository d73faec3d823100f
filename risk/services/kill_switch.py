"""The kill switch: who may send orders, by scope.

1. Engaging never loosens: a milder state than the one in force changes nothing.
2. When a halt commits, no sender is between its recheck and its socket write. A sender that hangs
   does not hold the halt up for ever: after `PATIENCE_SECONDS` it takes effect all the same, and
   the journal says that a send may have been under way.
3. Engaging asks for no password; releasing asks for a fresh one.
4. An instrument that its venue does not trade is halted in the venue's name, and that alone is
   taken back without a person. Whoever engages over it makes the halt his own.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import OperationalError, connection, transaction

from aitrader.kernel.errors import BadInput
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.topics import SENDERS_LOCK
from compliance.domain import step_up
from compliance.services import journal
from risk.domain.trading_state import Scope, ScopedState, TradingState
from risk.models import TradingStateRow

#: Longer than any healthy send, from recheck to socket write.
PATIENCE_SECONDS = 3
_REASON_LENGTH = 300
_VENUE = "venue:"


@dataclass(frozen=True, slots=True)
class Switched:
    """What governs the scope now, whether this call changed it, and whether senders were idle."""

    state: ScopedState
    changed: bool
    drained: bool


def engage(
    *,
    scope: Scope,
    scope_code: str = "",
    state: TradingState = TradingState.HALTED,
    reason: str,
    actor: str,
    now: datetime,
    market_at: datetime,
    wait_for_senders: bool = True,
) -> Switched:
    """Restrict a scope to `state` from the next order on; a second time changes nothing.

    `now` is wall time. The senders' lock is taken first: a caller that already holds locks a
    sender may need passes `wait_for_senders=False`. Raises BadInput for ACTIVE, an empty reason,
    or a code that does not fit the scope.
    """
    check(scope, scope_code, reason)
    if state is TradingState.ACTIVE:
        raise BadInput("engaging ACTIVE is a release")
    with transaction.atomic():
        drained = _exclude_senders() if wait_for_senders else False
        row = _row(scope, scope_code)
        before = TradingState(row.state) if row else TradingState.ACTIVE
        if row and before.severity >= state.severity and not _takes_over(row, actor):
            return Switched(_scoped(row), changed=False, drained=drained)
        state = max(state, before, key=lambda each: each.severity)
        row = _put(scope, scope_code, state, reason, actor, now)
        data = {"state": state, "before": before, "drained": drained}
        event = _event(EventName.TRADING_HALTED, row, market_at, data)
        journal.record([event], now=now)
    return Switched(_scoped(row), changed=True, drained=drained)


def release(
    *,
    scope: Scope,
    scope_code: str = "",
    reason: str,
    actor: str,
    verified_at: datetime | None,
    now: datetime,
    market_at: datetime,
) -> Switched:
    """Make a scope ACTIVE again; nothing happens where nothing was restricted.

    `now` and `verified_at` are wall time. Raises StepUpRequired unless a one-time password was
    given within five minutes, BadInput as `engage` does.
    """
    check(scope, scope_code, reason)
    step_up.require(verified_at, now=now, action="releasing trading")
    with transaction.atomic():
        # Not for the senders' sake: engaging and releasing take turns.
        drained = _exclude_senders()
        row = _row(scope, scope_code)
        if row is None or row.state == TradingState.ACTIVE:
            active = ScopedState(TradingState.ACTIVE, scope, scope_code)
            return Switched(active, changed=False, drained=drained)
        before = row.state
        row = _put(scope, scope_code, TradingState.ACTIVE, reason, actor, now)
        event = _event(EventName.TRADING_RELEASED, row, market_at, {"before": before})
        journal.record([event], now=now)
    return Switched(_scoped(row), changed=True, drained=drained)


def withdraw(
    *, scope_code: str, reason: str, actor: str, now: datetime, market_at: datetime
) -> Switched:
    """Make an instrument ACTIVE again that was halted in a venue's name, by the same name; any
    other state stays. `now` is wall time. Raises BadInput for an actor that is no venue's name."""
    scope = Scope.INSTRUMENT
    check(scope, scope_code, reason)
    if not actor.startswith(_VENUE):
        raise BadInput(f"{actor} is no venue: a person releases")
    with transaction.atomic():
        row = _row(scope, scope_code)
        if row is None or row.state == TradingState.ACTIVE or row.changed_by != actor:
            active = ScopedState(TradingState.ACTIVE, scope, scope_code)
            return Switched(_scoped(row) if row else active, changed=False, drained=False)
        before = row.state
        row = _put(scope, scope_code, TradingState.ACTIVE, reason, actor, now)
        event = _event(EventName.TRADING_RELEASED, row, market_at, {"before": before})
        journal.record([event], now=now)
    return Switched(_scoped(row), changed=True, drained=False)


def in_name_of(venue: str) -> str:
    """The actor of a state that follows from a venue's word."""
    return f"{_VENUE}{venue}"


def _takes_over(row: TradingStateRow, actor: str) -> bool:
    halted = row.state != TradingState.ACTIVE
    return halted and row.changed_by.startswith(_VENUE) and not actor.startswith(_VENUE)


def check(scope: Scope, scope_code: str, reason: str) -> None:
    """Raise BadInput for an empty reason or a code that does not fit the scope."""
    if (scope is Scope.GLOBAL) != (scope_code == ""):
        raise BadInput(f"scope {scope} {'takes no' if scope is Scope.GLOBAL else 'needs a'} code")
    if not reason.strip():
        raise BadInput("a trading state is changed for a stated reason")


def _exclude_senders() -> bool:
    """Wait until no sender is at work, and keep them out until this transaction ends."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{PATIENCE_SECONDS}s"])
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SENDERS_LOCK])
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != "55P03":
            raise
        return False
    return True


def _row(scope: Scope, scope_code: str) -> TradingStateRow | None:
    rows = TradingStateRow.objects.select_for_update()
    return rows.filter(scope=scope, scope_code=scope_code).first()


def _put(
    scope: Scope, scope_code: str, state: TradingState, reason: str, actor: str, now: datetime
) -> TradingStateRow:
    row, _ = TradingStateRow.objects.update_or_create(
        scope=scope,
        scope_code=scope_code,
        defaults={
            "state": state,
            "reason": reason.strip()[:_REASON_LENGTH],
            "changed_by": actor,
            "changed_at": now,
        },
    )
    return row


def _scoped(row: TradingStateRow) -> ScopedState:
    return ScopedState(TradingState(row.state), Scope(row.scope), row.scope_code, row.reason)


def _event(
    name: EventName, row: TradingStateRow, market_at: datetime, data: dict[str, object]
) -> Event:
    return Event(
        name=name,
        actor=row.changed_by,
        object_type="trading_state",
        object_id=row.scope_code or row.scope,
        market_at=market_at,
        data={"scope": row.scope, "scope_code": row.scope_code, "reason": row.reason, **data},
    )
