"""Calls of a gateway are counted at one place, whatever becomes of them."""

from collections.abc import Collection, Sequence

import pytest

from aitrader.kernel.errors import NotSent, OutcomeUnknown
from trading.domain.ports import GroupGateway, OpenOrder
from trading.gateways import timings
from trading.gateways.sim.gateway import SimGateway
from trading.gateways.sim.rules import SimRules
from trading.gateways.timings import Summary, Timings, timed


class _Clock:
    """Time that passes only when a call says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(timings, "monotonic", lambda: self.now)


class _Venue(SimGateway):
    """Answers after `takes` seconds, or fails."""

    def __init__(self, clock: _Clock) -> None:
        super().__init__(SimRules(seed="x"))
        self.clock, self.takes = clock, 0.0
        self.fault: Exception | None = None

    def open_orders(
        self, *, account: str, instruments: Collection[str] = ()
    ) -> Sequence[OpenOrder]:
        self.clock.now += self.takes
        if self.fault is not None:
            raise self.fault
        return []


@pytest.fixture
def counted() -> Timings:
    return Timings()


@pytest.fixture
def venue(monkeypatch: pytest.MonkeyPatch, counted: Timings) -> _Venue:
    return timed(timed(_Venue(_Clock(monkeypatch)), counted), counted)


def _ask(venue: _Venue, takes: float, fault: Exception | None = None) -> None:
    venue.takes, venue.fault = takes, fault
    if fault is None:
        assert venue.open_orders(account="A") == []
        return
    with pytest.raises(type(fault)):
        venue.open_orders(account="A")


def test_a_call_is_counted_once_however_often_the_gateway_was_timed(
    venue: _Venue, counted: Timings
) -> None:
    _ask(venue, 0.02)
    assert counted.summaries() == [Summary("SIM", "list", 1, 20, 20, 20)]


def test_a_call_that_fails_has_taken_its_time_one_that_was_not_sent_has_not(
    venue: _Venue, counted: Timings
) -> None:
    _ask(venue, 7.0, OutcomeUnknown("no answer"))
    _ask(venue, 0.0, NotSent("silence"))
    [summary] = counted.summaries()
    assert (summary.calls, summary.p99_ms) == (1, 7000)


def test_the_percentiles_are_of_the_last_calls(counted: Timings) -> None:
    for _ in range(timings.KEPT):
        counted.note("V", "submit", 9.0)
    for millis in range(1, timings.KEPT + 1):
        counted.note("V", "submit", millis / 1000)
    [summary] = counted.summaries()
    assert summary == Summary("V", "submit", 2 * timings.KEPT, 250, 475, 495)


def test_kinds_and_venues_are_kept_apart(counted: Timings) -> None:
    counted.note("V", "submit", 0.001)
    counted.note("V", "cancel", 0.002)
    counted.note("W", "submit", 0.003)
    assert [(each.venue, each.kind) for each in counted.summaries()] == [
        ("V", "cancel"), ("V", "submit"), ("W", "submit"),
    ]  # fmt: skip


def test_a_timed_gateway_is_still_what_it_was(venue: _Venue) -> None:
    assert isinstance(venue, SimGateway)
    assert not isinstance(venue, GroupGateway)
    assert venue.capabilities is SimGateway.capabilities
