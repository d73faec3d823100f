"""Figures of calls are written down by the process that makes them, now and then."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from aitrader.kernel.clock import WALL
from tests.integration.trading.at_venue import at_venue
from trading.gateways.timings import Timings
from trading.models import Venue, VenueFacts, VenueLatency
from trading.selectors import venue_sheet
from trading.services import venue_latency
from trading.tasks import figures

pytestmark = pytest.mark.usefixtures("fresh_database")


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Timings:
    made = Timings()
    monkeypatch.setattr(figures, "TIMINGS", made)
    monkeypatch.setattr(figures, "_kept", figures._Kept())
    Venue.objects.create(code="V", name="Venue")
    return made


def _again() -> None:
    figures._kept.at = float("-inf")
    figures.keep()


def test_figures_are_written_once_in_ten_seconds_and_only_when_they_moved(
    counted: Timings,
) -> None:
    counted.note("V", "submit", 0.02)
    figures.keep()
    counted.note("V", "submit", 0.04)
    figures.keep()
    assert VenueLatency.objects.get().calls == 1
    _again()
    row = VenueLatency.objects.get()
    assert (row.calls, row.p50_ms, row.p99_ms) == (2, 20, 40)
    _again()
    assert VenueLatency.objects.get().at == row.at


def test_fees_and_what_the_venue_says_of_its_limit_are_written_down(tmp_path: Path) -> None:
    with at_venue(tmp_path) as there:
        there.gateway.balances(account="")
        _again()
        facts = VenueFacts.objects.get(venue__code="BINANCE")
    assert (facts.maker_rate, facts.taker_rate) == (Decimal("0.001"), Decimal("0.001"))
    assert facts.limit_per == "weight of the address in a minute"
    assert facts.limit_used is not None
    assert facts.limit_left is not None
    assert facts.limit_used >= 20
    assert facts.limit_left + facts.limit_used == 6000


def test_a_venue_without_a_row_is_passed_over(counted: Timings) -> None:
    counted.note("ELSEWHERE", "submit", 0.02)
    figures.keep()
    assert not VenueLatency.objects.exists()


def test_the_slowest_process_is_shown_and_those_that_ended_go(counted: Timings) -> None:
    now = WALL.now()
    counted.note("V", "submit", 0.02)
    venue_latency.keep(process="ended", figures=counted.summaries(), now=now - timedelta(hours=2))
    for process, seconds in (("one", 0.03), ("two", 0.5)):
        counted.note("V", "submit", seconds)
        venue_latency.keep(process=process, figures=counted.summaries(), now=now)
    assert set(VenueLatency.objects.values_list("process", flat=True)) == {"one", "two"}
    [(venue, told)] = venue_sheet.latencies(now)
    assert (venue, told.kind, told.calls, told.p99_ms) == ("V", "submit", 5, 500)
    assert venue_sheet.latencies(now + timedelta(minutes=6)) == []
