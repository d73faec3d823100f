"""What our clock is against a venue's is written down; that it blocks the desk is said once."""

from datetime import timedelta
from decimal import Decimal

import pytest

from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import NotSent
from compliance.models import Alert, JournalEntry
from compliance.services import alerts, installation, sequencer
from trading.gateways import clocks
from trading.gateways.clock_check import ClockCheck
from trading.gateways.timings import Timings
from trading.models import Venue, VenueFacts
from trading.services import venue_facts
from trading.services.venue_facts import Sampled
from trading.tasks import figures

pytestmark = pytest.mark.usefixtures("fresh_database")


class _Connection:
    """Its venue's clock is `ahead` of ours."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)
        self.clock = ClockCheck(lambda: WALL.now() + self.ahead, wall=WALL)


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> _Connection:
    monkeypatch.setattr(clocks, "_newest", {})
    monkeypatch.setattr(figures, "TIMINGS", Timings())
    monkeypatch.setattr(figures, "_kept", figures._Kept())
    installation.install(namespace="n", now=WALL.now())
    Venue.objects.create(code="V", name="Venue")
    return clocks.watched("V", _Connection())


def _keep() -> VenueFacts:
    figures._kept.at = float("-inf")
    figures.keep()
    return VenueFacts.objects.get()


def _said() -> list[str]:
    sequencer.catch_up()
    events = JournalEntry.objects.filter(event__startswith="clock").order_by("pk")
    return list(events.values_list("event", flat=True))


def test_the_last_offset_is_written_down_with_its_instant(connection: _Connection) -> None:
    # In the middle of what is rounded to it: what the look itself takes makes no other tenth.
    connection.ahead = timedelta(milliseconds=200)
    connection.clock.check()
    facts = _keep()
    assert facts.clock_offset_seconds is not None
    assert round(facts.clock_offset_seconds, 1) == Decimal("0.2")
    assert facts.clock_at is not None
    assert not facts.clock_blocked
    assert _said() == []


def test_a_clock_that_blocks_is_said_once_until_it_is_well_again(connection: _Connection) -> None:
    connection.ahead = timedelta(seconds=3)
    for _ in range(3):
        with pytest.raises(NotSent):
            connection.clock.check()
        assert _keep().clock_blocked
    assert _said() == ["clock.blocked"]
    while alerts.advance(now=WALL.now()):
        pass
    assert Alert.objects.get(rule="clock.blocked").severity == "CRITICAL"
    connection.ahead = timedelta(0)
    connection.clock.check()
    assert not _keep().clock_blocked
    assert _said() == ["clock.blocked", "clock.recovered"]


def test_a_connection_that_could_not_be_made_has_shown_its_clock(connection: _Connection) -> None:
    connection.ahead = timedelta(seconds=-3)
    with pytest.raises(NotSent):
        connection.clock.check()
    del connection
    assert _keep().clock_blocked


def test_the_good_clock_of_another_machine_does_not_hide_one_that_blocks() -> None:
    installation.install(namespace="n", now=WALL.now())
    Venue.objects.create(code="V", name="Venue")
    now = WALL.now()

    def sample(host: str, offset: str, *, later: int) -> None:
        at = now + timedelta(seconds=later)
        blocks = abs(Decimal(offset)) > 1
        sampled = Sampled(offset_seconds=Decimal(offset), at=at, blocks=blocks, host=host)
        venue_facts.keep_clock(venue="V", sampled=sampled, now=at)

    sample("one", "3", later=0)
    sample("two", "0.01", later=10)
    sample("one", "3", later=20)
    assert _said() == ["clock.blocked"]
    sample("two", "0.01", later=30)
    assert VenueFacts.objects.get().clock_blocked
    # The machine that was blocked is not heard of any more.
    sample("two", "0.01", later=200)
    assert _said() == ["clock.blocked", "clock.recovered"]
