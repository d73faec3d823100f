"""PostgreSQL itself is killed, the server and all who serve a session, in the middle of sends, and
started again: the same workers go on, and the books become the exchange's."""

import itertools
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
import redis
from django.db.models import F

from aitrader.kernel.clock import WALL
from compliance.services import verification
from compliance.services.sequencer import Sequencer
from tests.integration.trading.at_venue import PX, AtVenue, at_venue, exchange, variables
from tests.services.own_database import NAME, OwnDatabase, own_database
from tests.services.processes import Desk, kill
from tests.services.test_failover import Pair
from tests.services.test_failover_feed import FEED, LINES_UP, OPEN_TIMES
from tests.simulation import exchange_audit
from trading.models import Order, ReconBreak

pytestmark = pytest.mark.services

#: What rests asks a hundred above the usual price.
_ASKED = PX + 100
#: Drawn for each seed: the answer is late, missing or a word that says nothing; or all is well.
_PLANS = ("late_answer=1,late_answer_ms=1500", "accept_no_answer=1", "timeout_code=1", "")
_EVIDENCE = timedelta(minutes=5)
_IN_DOUBT = "SELECT count(*) FROM compliance_journalentry WHERE event = 'order.outcome_unknown'"
_WAIT_SECONDS = 6.0
_KILLS = 3


class _Traded:
    """Two workers and a schedule on a database that dies, and the journal's numbers beside it."""

    def __init__(self, server: OwnDatabase, venue: AtVenue, desk: Desk) -> None:
        self.server, self.venue, self.desk = server, venue, desk
        self.pair = Pair(venue, desk)

    def others_buy(self, qty: str) -> None:
        """What rests is traded, whoever knows."""
        self.venue.change(
            "book", instrument=self.venue.place.symbol, side="BUY", price=str(_ASKED), qty=qty
        )

    def until_right(self) -> None:
        """Nothing is in doubt or on its way, and the books are the exchange's."""
        found: list[str] = []

        def right() -> bool:
            self._as_if_evidence_had_its_time()
            found[:] = self._wrong()
            return not found

        self.desk.until(right, "not right")
        assert [each.poll() for each in self.desk.processes] == [None] * 3

    def _as_if_evidence_had_its_time(self) -> None:
        """That an order in doubt never came is concluded minutes after it was sent."""
        late = Order.objects.filter(certainty="UNKNOWN", claimed_at__gt=WALL.now() - _EVIDENCE)
        late.update(claimed_at=F("claimed_at") - _EVIDENCE, deadline=F("deadline") - _EVIDENCE)

    def until_taken(self, count: int) -> None:
        """More orders are at the exchange than that, or nobody is back to send them yet."""
        deadline = time.monotonic() + _WAIT_SECONDS
        while len(self.venue.at_exchange()) <= count and time.monotonic() < deadline:
            time.sleep(0.02)

    def was_in_doubt(self) -> bool:
        return bool(self.desk.ask(_IN_DOUBT)[0][0])

    def _wrong(self) -> list[str]:
        if Order.objects.exclude(certainty="CERTAIN").exists():
            return ["in doubt"]
        if Order.objects.filter(ord_status__in=["CREATED", "PENDING_NEW"]).exists():
            return ["on its way"]
        if ReconBreak.objects.filter(closed_at__isnull=True).exists():
            return ["a break"]
        return exchange_audit.wrong(exchange_audit.books(NAME), self.venue.truth())

    def never_sent(self) -> list[str]:
        """Orders that the exchange never took; none twice, and none that is not ours."""
        taken = self.venue.at_exchange()
        assert len(set(taken)) == len(taken)
        assert set(taken) <= set(self.pair.names)
        return sorted(set(self.pair.names) - set(taken))


@pytest.fixture
def server(django_db_blocker: Any, tmp_path: Path) -> Iterator[OwnDatabase]:
    with django_db_blocker.unblock(), own_database(tmp_path / "own") as made:
        yield made


@pytest.fixture
def traded(server: OwnDatabase, broker: "redis.Redis", tmp_path: Path) -> Iterator[_Traded]:
    with at_venue(tmp_path) as venue:
        desk = Desk(NAME, broker, tmp_path, {**venue.variables, **server.variables})
        numbering = Sequencer()
        numbering.start()
        try:
            yield _Traded(server, venue, desk)
        finally:
            for process in desk.processes:
                kill(process)
            numbering.stop()
            numbering.join()
        said = verification.verify()
        assert (said.faults, said.waiting) == ((), 0)


@pytest.mark.timeout(300)
def test_postgresql_is_killed_in_the_middle_of_a_call(traded: _Traded) -> None:
    pair = traded.pair
    pair.take_late("one", plan="late_answer=1,late_answer_ms=3000")
    traded.server.kill()
    traded.others_buy("0.0025")
    pair.heal()
    # The answer comes while nobody can write it down.
    time.sleep(4)
    traded.server.start()
    traded.until_right()
    pair.order("after")
    traded.others_buy("0.0015")
    traded.until_right()
    assert traded.never_sent() == []


@pytest.mark.prove
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(1, 6))
def test_postgresql_is_killed_again_and_again_at_any_moment(traded: _Traded, seed: int) -> None:
    draw = Random(f"killed|{seed}")
    for number in range(_KILLS):
        traded.venue.tell_price()
        traded.venue.change("faults", plan=draw.choice(_PLANS), seed=draw.randrange(10**6))
        taken = len(traded.venue.at_exchange())
        for order in range(draw.randrange(1, 8)):
            traded.pair.order(f"{number}-{order}")
        traded.until_taken(taken + draw.randrange(2))
        time.sleep(draw.random() * 0.3)
        traded.server.kill()
        traded.others_buy(f"0.00{draw.randrange(1, 60):02}")
        time.sleep(draw.choice([0, 0, 3]))
        traded.pair.heal()
        traded.server.start()
    traded.until_right()
    assert traded.was_in_doubt()
    traded.venue.tell_price()
    traded.pair.order("after")
    traded.until_right()
    lost = traded.never_sent()
    assert traded.pair.names[-1] not in lost
    said = Order.objects.filter(cl_ord_id__in=lost).values_list("ord_status", "text")
    assert set(said) <= {("REJECTED", "NEVER_ACCEPTED")}


@pytest.mark.timeout(300)
def test_a_feed_goes_on_where_it_was_when_postgresql_is_back(
    server: OwnDatabase, broker: "redis.Redis", tmp_path: Path
) -> None:
    with exchange(tmp_path, market=True) as (_, there):
        desk = Desk(NAME, broker, tmp_path, {**variables(there), **server.variables})
        try:
            desk.worker()
            desk.beat()
            feed = desk.start(*FEED)
            desk.until(lambda: desk.ask(LINES_UP)[0][0] == 1, "no user stream")
            recorded = desk.count("trading_bar")
            desk.until(lambda: desk.count("trading_bar") > recorded + 1, "no bars")
            server.kill()
            time.sleep(2)
            server.start()
            recorded = desk.count("trading_bar")
            desk.until(lambda: desk.count("trading_bar") > recorded + 4, "it does not go on")
            assert feed.poll() is None
            times = [at for (at,) in desk.ask(OPEN_TIMES)]
            steps = {after - before for before, after in itertools.pairwise(times)}
            assert steps == {timedelta(seconds=1)}
        finally:
            for process in desk.processes:
                kill(process)
