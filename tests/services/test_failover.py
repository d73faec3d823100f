"""Two workers trade one account at a venue: one dies, stops or loses its database in the middle of
a call, the other takes over by evidence, and no order reaches the venue twice."""

import os
import signal
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import psutil
import pytest
import redis
from django.db import connections, transaction
from django.db.models import F

from aitrader.kernel.clock import WALL
from aitrader.kernel.topics import SENDERS_LOCK
from tests.integration.trading.at_venue import AtVenue, at_venue
from tests.services.processes import Desk, Process, kill
from trading.models import Order

pytestmark = pytest.mark.services

#: The venue acts, and the sender learns of it seconds later: long enough to be met in between.
LATE = "late_answer=1,late_answer_ms=6000"
#: After the end of its lease, what a sender had claimed is in the other's hands.
TAKE_OVER = timedelta(seconds=10)
_SENDERS = f"""
SELECT client_port FROM pg_locks JOIN pg_stat_activity USING (pid)
 WHERE locktype = 'advisory' AND granted AND mode = 'ShareLock' AND objsubid = 1
   AND (classid::bigint << 32 | objid::bigint) = {SENDERS_LOCK}
   AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_OTHER_SESSIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
"""


class Pair:
    """Two workers and a schedule on an account at the sandbox's Binance."""

    def __init__(self, venue: AtVenue, desk: Desk) -> None:
        self.venue, self.desk = venue, desk
        self.workers = [desk.worker(), desk.worker()]
        desk.beat()
        # Once one order went, its sender has reconciled.
        self.names: list[str] = []
        for number in range(3):
            self.order(f"before-{number}")
            self.until_all_rest()

    def order(self, name: str) -> None:
        self.names.append(self.venue.waiting(name).cl_ord_id)

    def until_all_rest(self) -> None:
        self.desk.until(self._all_rest, "not all orders rest")

    def _all_rest(self) -> bool:
        told = dict(Order.objects.values_list("cl_ord_id", "ord_status"))
        certain = set(Order.objects.values_list("certainty", flat=True)) == {"CERTAIN"}
        return certain and all(told[name] == "NEW" for name in self.names)

    def send_late(self, *names: str) -> Process:
        """The same; who sent it."""
        self.take_late(*names)
        ports = {port for (port,) in self.desk.ask(_SENDERS)}
        (sender,) = (each for each in self.workers if _ports(each) & ports)
        return sender

    def take_late(self, *names: str, plan: str = LATE) -> None:
        """Orders of which the exchange has taken one whose answer is on its way."""
        taken = len(self.venue.at_exchange())
        self.venue.change("faults", plan=plan)
        # Together, so that they are claimed together.
        with transaction.atomic():
            for name in names:
                self.order(name)
        self.desk.until(lambda: len(self.venue.at_exchange()) > taken, "nothing was sent")

    def heal(self) -> None:
        self.venue.change("faults", plan="")

    def nothing_was_doubled(self) -> None:
        assert sorted(self.venue.at_exchange()) == sorted(self.names)
        assert self.venue.differences() == {}


@pytest.fixture
def pair(fresh_database: str, broker: "redis.Redis", tmp_path: Path) -> Iterator[Pair]:
    with at_venue(tmp_path) as venue:
        desk = Desk(fresh_database, broker, tmp_path, venue.variables)
        try:
            yield Pair(venue, desk)
        finally:
            for process in desk.processes:
                kill(process)


def test_a_sender_that_is_killed_in_the_middle_of_a_call_is_succeeded(pair: Pair) -> None:
    sender = pair.send_late("killed")
    kill(sender)
    pair.heal()
    order = Order.objects.get(cl_ord_id=pair.names[-1])
    assert (order.ord_status, order.order_id) == ("PENDING_NEW", "")
    lease_end = _lease_end(pair.names[-1:])
    pair.until_all_rest()
    assert WALL.now() - lease_end < TAKE_OVER
    pair.order("after")
    pair.until_all_rest()
    pair.nothing_was_doubled()


def test_a_sender_that_was_stopped_beyond_its_lease_sends_nothing_late(pair: Pair) -> None:
    sender, claimed = _stopped(pair)
    taken, lease_end = len(pair.venue.at_exchange()), _lease_end(claimed)
    pair.desk.until(lambda: _is_taken_over(claimed), "nobody took over")
    assert WALL.now() - lease_end < TAKE_OVER
    assert len(pair.venue.at_exchange()) == taken
    signal_group(sender, signal.SIGCONT)
    pair.until_all_rest()
    pair.nothing_was_doubled()


def test_what_was_concluded_while_a_sender_was_stopped_stands_when_it_goes_on(pair: Pair) -> None:
    sender, claimed = _stopped(pair)
    pair.desk.until(lambda: _is_taken_over(claimed), "nobody took over")
    lost = Order.objects.filter(cl_ord_id__in=claimed[1:])
    # The evidence takes a minute or two: as if they had passed.
    ago = timedelta(minutes=5)
    lost.update(claimed_at=F("claimed_at") - ago, deadline=F("deadline") - ago)
    said = {("REJECTED", "NEVER_ACCEPTED")}
    pair.desk.until(lambda: set(lost.values_list("ord_status", "text")) == said, "still in doubt")
    signal_group(sender, signal.SIGCONT)
    pair.names = [name for name in pair.names if name not in claimed[1:]]
    pair.order("after")
    pair.until_all_rest()
    pair.nothing_was_doubled()
    assert set(lost.values_list("ord_status", "text")) == said


def _stopped(pair: Pair) -> tuple[Process, list[str]]:
    """A sender that stands still in the middle of the first of three calls; client ids."""
    sender = pair.send_late("one", "two", "three")
    signal_group(sender, signal.SIGSTOP)
    pair.heal()
    return sender, pair.names[-3:]


def _lease_end(claimed: list[str]) -> datetime:
    """When the last of what a sender has claimed is anybody's again."""
    ends = Order.objects.filter(cl_ord_id__in=claimed).values_list("lease_until", flat=True)
    return max(end for end in ends if end is not None)


def _is_taken_over(claimed: list[str]) -> bool:
    """What was sent is known to rest, the others are asked about."""
    told = dict(Order.objects.filter(cl_ord_id__in=claimed).values_list("cl_ord_id", "certainty"))
    rests = Order.objects.filter(cl_ord_id=claimed[0], ord_status="NEW").exists()
    return rests and {told[name] for name in claimed[1:]} == {"UNKNOWN"}


def test_all_sessions_and_messages_are_lost_in_the_middle_of_a_call(
    pair: Pair, broker: "redis.Redis"
) -> None:
    pair.send_late("one")
    connections.close_all()
    broker.flushdb()
    end_sessions(pair.desk)
    pair.heal()
    pair.until_all_rest()
    pair.order("after")
    pair.until_all_rest()
    pair.nothing_was_doubled()


def end_sessions(desk: Desk) -> None:
    """As a restart of the server does."""
    assert desk.ask(_OTHER_SESSIONS)


def _ports(process: Process) -> set[int]:
    """From which a process and its children talk to servers."""
    first = psutil.Process(process.pid)
    every = [first, *first.children(recursive=True)]
    return {line.laddr.port for each in every for line in each.net_connections("tcp")}


def signal_group(process: Process, number: signal.Signals) -> None:
    os.killpg(process.pid, number)
