"""The desk that a task works on: kept per thread and account, and brought up to date each time.

1. A thread's desk is its own (its cache of bars is not made for two); strategy versions that
   changed make it load anew, and the rules of its instruments are read each time.
2. Market time is the feed's: the close of the last bar that it released. It is read once the
   turn is held, for no bar is recorded during a turn.
3. Calls that say the same are joined: while one task of a kind waits for an account's turn, a
   second one in this process has nothing to add.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from django.db import close_old_connections, connection

from aitrader.kernel.clock import WALL, Moment, monotonic
from aitrader.kernel.errors import GatewayError
from aitrader.kernel.topics import Task
from compliance.services import installation
from trading.gateways import registry
from trading.gateways.entry import Connection
from trading.models import Feed, InstrumentRow, StrategyVersion
from trading.selectors import desk as desks
from trading.selectors import reconciled
from trading.selectors.desk import Desk
from trading.services import external, turns, venue_facts
from trading.services.external import Reconciled

#: Between two looks at what rests at a venue that does not tell everything by itself. It is also
#: how a key that the venue refuses shows on an idle account: with the sweep's second, within five.
FOLLOW_SECONDS = 3.5
_FULL_LOOK_SECONDS = 3600.0


@dataclass(slots=True)
class Bench:
    """A desk, its venue, and the instant on both clocks."""

    desk: Desk
    venue: Connection
    at: Moment

    @property
    def is_green(self) -> bool:
        """Whether this process has reconciled the account with its venue since it began, and
        somebody has done so lately. A venue whose stream tells everything is caught up with before
        anything else anyway."""
        if self.venue.gateway.capabilities.streams:
            return True
        last = self.desk.account.reconciled_at
        if last is None or self.at.wall - last > reconciled.GREEN_FOR:
            _green.discard(self._key)
        return self._key in _green

    def reconcile(self) -> bool:
        """Reconcile before the first send of this process; True when the account is green."""
        if not self.is_green and _paces.is_due("reconcile", self._key, FOLLOW_SECONDS):
            # A venue that does not answer is asked again later.
            with suppress(GatewayError):
                self.look()
        return self.is_green

    def look(self) -> Reconciled:
        """The whole pass, after which the account may be green. Raises GatewayError when the venue
        does not tell."""
        # Trades of the last minutes each time, of a whole day once an hour.
        whole_day = _paces.is_due("whole day", self._key, _FULL_LOOK_SECONDS)
        found = external.reconcile(
            desk=self.desk,
            gateway=self.venue.gateway,
            at=self.at,
            back=external.LONGEST if whole_day else external.RECENT,
        )
        if found.agree:
            _green.add(self._key)
            self.desk.account.reconciled_at = self.at.wall
        return found

    def is_time_to_follow(self) -> bool:
        """Once in a while: the list of all open orders is the dearest of reads."""
        return _paces.is_due("follow", self._key, FOLLOW_SECONDS)

    @property
    def _key(self) -> tuple[str, int]:
        return _key(self.desk.account.pk)


class _Paces:
    """When this process last did what it does once in a while, whichever thread it was."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[tuple[str, tuple[str, int]], float] = {}

    def is_due(self, what: str, key: tuple[str, int], seconds: float) -> bool:
        """Whether so long has passed; whoever is told so does it now."""
        with self._lock:
            due = monotonic() - self._last.get((what, key), float("-inf")) >= seconds
            if due:
                self._last[what, key] = monotonic()
        return due


class _Kept(threading.local):
    def __init__(self) -> None:
        self.benches: dict[tuple[str, int], Bench] = {}


class _Gate:
    """Lets one task in and one wait."""

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self.place_to_wait = threading.Lock()


_kept = _Kept()
_paces = _Paces()
#: Accounts that this process has found in agreement with their venue.
_green: set[tuple[str, int]] = set()
_gates: defaultdict[tuple[str, int], _Gate] = defaultdict(_Gate)


@contextmanager
def turn_of(task: Task, account_id: int) -> Iterator[Bench | None]:
    """The account's bench with the account's turn held; see `joined` for None."""
    with _passed(task, account_id) as through:
        if not through:
            yield None
            return
        close_old_connections()
        with turns.alone(account_id):
            yield bench_of(account_id)


@contextmanager
def joined(task: Task, account_id: int) -> Iterator[Bench | None]:
    """The account's bench, or None when there is nothing to do: no bar yet, or another task of
    this kind is waiting already and will see whatever this one would."""
    with _passed(task, account_id) as through:
        if through:
            close_old_connections()
        yield bench_of(account_id) if through else None


@contextmanager
def _passed(task: Task, account_id: int) -> Iterator[bool]:
    gate = _gates[(task.value, account_id)]
    if not gate.place_to_wait.acquire(blocking=False):
        yield False
        return
    gate.turn.acquire()
    # From here on a newcomer may have news that this task reads too early: let it wait.
    gate.place_to_wait.release()
    try:
        yield True
    finally:
        gate.turn.release()


def bench_of(account_id: int) -> Bench | None:
    """The bench of an account in this thread; None before its first bar."""
    namespace = installation.namespace()
    feed = Feed.objects.select_related("account__venue").filter(account_id=account_id).first()
    if feed is None or feed.market_at is None:
        return None
    at = Moment(market=feed.market_at, wall=WALL.now())
    key = _key(account_id)
    bench = _kept.benches.get(key)
    if bench is None or _versions(account_id) != set(bench.desk.strategies):
        # Wherever an account is worked on: no real money, and no other account's key.
        registry.require_account(feed.account.venue.code, feed.code)
        bench = _load(account_id, feed.account.venue.code, namespace, at)
        _kept.benches[key] = bench
    else:
        _read_rules(bench.desk)
    # What another thread or process moved: the peak, the clock.
    bench.desk.feed, bench.desk.account, bench.at = feed, feed.account, at
    return bench


def _key(account_id: int) -> tuple[str, int]:
    # A process may be pointed at another database, where the same number is another account.
    return (str(connection.settings_dict["NAME"]), account_id)


def _load(account_id: int, venue: str, namespace: str, at: Moment) -> Bench:
    connected = registry.connect(venue, namespace=namespace)
    venue_facts.tell(venue=venue, told=registry.told(venue, connected), now=at.wall)
    desk = desks.load(
        account_id=account_id,
        namespace=namespace,
        fee_rate=connected.fee_rate,
        capabilities=connected.gateway.capabilities,
    )
    return Bench(desk, connected, at)


def _read_rules(desk: Desk) -> None:
    """Ticks, lots and bounds as they are now."""
    for row in InstrumentRow.objects.filter(pk__in=desk.instruments):
        desk.instruments[row.pk] = row


def _versions(account_id: int) -> set[int]:
    rows = StrategyVersion.objects.filter(strategy__account_id=account_id, current=True)
    return set(rows.values_list("pk", flat=True))
