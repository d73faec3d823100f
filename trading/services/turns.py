"""One turn of an account's desk: settle what came, decide what is undecided, align.

1. One turn at a time per account, in whichever process: a session lock of the database says so.
2. A turn looks at what is, never at the message that caused it: twice is harmless, and whichever
   task comes first does all of it.
3. Undecided bars are decided before anything is aligned, so that no order follows a stance that
   the market has left.
4. `is_quiet` takes the same lock, so it never looks at a turn that is half done.
5. A process that was stopped in a turn, and says nothing for `_LONGEST_SILENCE`, loses its session,
   and its turn with it: another goes on, and whatever the first one wrote last is undone.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from aitrader.kernel import crash
from aitrader.kernel.clock import Moment
from aitrader.kernel.fix import OrdStatus
from risk.domain import trading_state
from risk.selectors import states
from trading.domain.ports import Gateway
from trading.models import Account, CancelRequest, Order, ReplaceRequest
from trading.selectors.desk import Desk, scopes_of
from trading.services import (
    alignment,
    decide,
    executions,
    exit_watch,
    pairs,
    replacing,
    stop_watch,
    twap,
)
from trading.services.monitor import Monitor

# Advisory locks come in two key spaces; this is the one of two numbers: purpose and account.
_TURN_LOCK = 0x6169_0003
#: Of a turn that asks its venue, between two statements: pages of trades come one after the other.
_LONGEST_SILENCE = "30s"
# Both in one statement, in this order.
_TAKE = """
SELECT pg_advisory_lock(%s, %s), set_config('idle_session_timeout', %s, false)
"""
_GIVE_BACK = """
SELECT set_config('idle_session_timeout', '0', false), pg_advisory_unlock(%s, %s)
"""
_BEHIND = """
SELECT EXISTS (
    SELECT 1 FROM trading_strategycursor cursor
      JOIN trading_strategyversion version ON version.id = cursor.version_id AND version.current
      JOIN trading_strategy strategy ON strategy.id = version.strategy_id
     WHERE strategy.account_id = %s AND strategy.enabled AND EXISTS (
        SELECT 1 FROM trading_bar bar
         WHERE bar.feed_id = %s AND bar.instrument_id = cursor.instrument_id
           AND bar.open_time > coalesce(cursor.last_open_time, '-infinity')))
"""


def turn(*, desk: Desk, gateway: Gateway, at: Moment, closed: bool = False) -> bool:
    """Take one turn; True when something waits to be sent. `closed`: a bar was just recorded.

    The caller holds `alone`.
    """
    desk.refresh_bars()
    executions.drain(desk=desk, gateway=gateway, at=at)
    crash.point("turn.settled")
    if closed:
        closes = {pk: mark.px for pk, mark in desk.marks().items()}
        exit_watch.watch(desk=desk, prices=closes, at=at)
        pairs.look(desk=desk, prices=closes, at=at)
        stop_watch.look(desk=desk, prices=closes, at=at)
    behind = is_behind(desk)
    if behind or closed:
        with transaction.atomic():
            Monitor(desk).value(at)
            if behind:
                decide.run(desk=desk, at=at)
    pairs.advance(desk=desk, at=at)
    replacing.advance(desk=desk, at=at)
    twap.advance(desk=desk, at=at)
    alignment.align_all(desk=desk, at=at)
    return has_to_send(desk)


def is_behind(desk: Desk) -> bool:
    """Whether an enabled strategy has a recorded bar before it that it has not decided."""
    with connection.cursor() as cursor:
        cursor.execute(_BEHIND, [desk.account.pk, desk.feed.pk])
        return bool(cursor.fetchone()[0])


def has_to_send(desk: Desk) -> bool:
    """Whether an order may go to the venue now, is on its way, or is to be cancelled there."""
    held_back = ReplaceRequest.objects.filter(answered_at__isnull=True)
    waiting = Order.objects.filter(
        account=desk.account, ord_status__in=[OrdStatus.CREATED, OrdStatus.PENDING_NEW]
    ).exclude(pk__in=held_back.values("successor"))
    for order in waiting.select_related("instrument", "version__strategy"):
        if order.ord_status == OrdStatus.PENDING_NEW or _may_go(desk, order):
            return True
    wishes = CancelRequest.objects.filter(order__account=desk.account, answered_at__isnull=True)
    return wishes.exists()


def is_quiet(*, desk: Desk, gateway: Gateway) -> bool:
    """Whether all that follows from what the market did so far has been done."""
    with _if_free(desk.account.pk) as free:
        if not free or is_behind(desk) or has_to_send(desk):
            return False
        seen = Account.objects.values_list("stream_seq", flat=True).get(pk=desk.account.pk)
        return not gateway.executions(account=desk.account.code, after=seen, limit=1)


@contextmanager
def alone(account_id: int) -> Iterator[None]:
    """Hold the account's turn, after whoever holds it now."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [_TURN_LOCK, account_id, _LONGEST_SILENCE])
    try:
        yield
    finally:
        _release(account_id)


@contextmanager
def _if_free(account_id: int) -> Iterator[bool]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_TURN_LOCK, account_id])
        free = bool(cursor.fetchone()[0])
    try:
        yield free
    finally:
        if free:
            _release(account_id)


def _release(account_id: int) -> None:
    # A connection that broke has let go of its locks already.
    if connection.connection is not None and not connection.connection.closed:
        with connection.cursor() as cursor:
            cursor.execute(_GIVE_BACK, [_TURN_LOCK, account_id])


def _may_go(desk: Desk, order: Order) -> bool:
    strategy = order.version.strategy.code if order.version else ""
    scopes = scopes_of(desk.account, order.instrument, strategy)
    state = states.effective(scopes).state
    return trading_state.permits(state, reduces=order.reduce_only)
