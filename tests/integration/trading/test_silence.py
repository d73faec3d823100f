"""What one process was told about silence holds for every process that trades."""

from pathlib import Path

import pytest

from aitrader.kernel.errors import NotSent, RejectedByVenue
from aitrader.kernel.events import EventName
from compliance.models import JournalEntry
from tests.integration.trading.at_venue import at_venue
from trading.gateways.silence import Silence
from trading.services.silences import Silences

pytestmark = pytest.mark.usefixtures("fresh_database")


def test_a_second_process_keeps_the_silence_that_the_first_was_asked_for(tmp_path: Path) -> None:
    with at_venue(tmp_path) as venue:
        venue.change("faults", plan="rate_limit=1,retry_after_s=60")
        with pytest.raises((NotSent, RejectedByVenue)):
            venue.gateway.balances(account="")
        venue.change("faults", plan="")
        another = Silence(shared=Silences())
        with pytest.raises(NotSent, match="silence"):
            another.check(venue.rest)
    assert JournalEntry.objects.filter(event=EventName.VENUE_SILENT).count() == 1


def test_silence_ends_and_only_grows() -> None:
    silences = Silences()
    silences.begin("venue:1", 60)
    silences.begin("venue:1", 1)
    assert silences.left("venue:1") > 50
    silences.begin("venue:2", 0)
    assert silences.left("venue:2") == 0
    assert silences.left("venue:3") == 0


def test_another_host_is_spoken_to() -> None:
    Silence(shared=Silences()).begin("https://a.example/api", 60)
    Silence(shared=Silences()).check("https://b.example/api")
