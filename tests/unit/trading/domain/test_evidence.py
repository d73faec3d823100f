"""What must be found before an order that a venue does not know is given up."""

from datetime import UTC, datetime, timedelta

import pytest

from trading.domain import evidence
from trading.domain.evidence import Evidence, Step, next_step

SENT = datetime(2026, 1, 5, 10, tzinfo=UTC)


def _at(seconds: float) -> datetime:
    return SENT + timedelta(seconds=seconds)


def _evidence(*reads: float, probed: float | None = None) -> Evidence:
    at = None if probed is None else _at(probed)
    return Evidence(tuple(map(_at, reads)), at)


def _step(found: Evidence, now: float, *, may_probe: bool = True) -> Step:
    return next_step(found, sent_at=SENT, now=_at(now), may_probe=may_probe)


@pytest.mark.parametrize(
    ("found", "now", "step"),
    [
        (_evidence(), 0.1, Step.READ),
        (_evidence(0.1), 1, Step.WAIT),
        (_evidence(0.1), 2.2, Step.READ),
        (_evidence(8.5), 12, Step.WAIT),
        (_evidence(16), 19.9, Step.WAIT),
        (_evidence(16), 20, Step.READ),
        (_evidence(16, 20), 21, Step.PROBE),
        (_evidence(12, 23), 26, Step.PROBE),
        (_evidence(12, 23, probed=26), 33, Step.READ),
        (_evidence(12, 23, 33, probed=26), 42, Step.WAIT),
        (_evidence(12, 23, 33, 43, probed=26), 50, Step.WAIT),
        (_evidence(33, 43, 53, probed=26), 59.9, Step.WAIT),
        (_evidence(33, 43, 53, probed=26), 60, Step.COMPARE),
    ],
)
def test_the_steps_come_in_their_order(found: Evidence, now: float, step: Step) -> None:
    assert _step(found, now) is step


def test_reads_before_the_engines_word_do_not_count() -> None:
    assert _step(_evidence(30, 40, 50, 60, 70, probed=71), 75) is Step.WAIT


def test_two_reads_that_are_close_are_one() -> None:
    assert _step(_evidence(57, 58, probed=26), 61) is Step.WAIT


def test_a_protective_stop_is_never_asked_to_be_cancelled_and_waits_longer() -> None:
    steps, found, now = set(), _evidence(), 0.0
    while (step := _step(found, now, may_probe=False)) is not Step.COMPARE:
        steps.add(step)
        if step is Step.READ:
            found = found.read(_at(now))
        now += 1
    assert steps == {Step.READ, Step.WAIT}
    assert now >= 120


def test_nothing_is_concluded_within_the_quarantine_however_often_it_is_read() -> None:
    found, now = _evidence(), 0.0
    while (step := _step(found, now)) is not Step.COMPARE:
        if step is Step.READ:
            found = found.read(_at(now))
        elif step is Step.PROBE:
            found = found.probed(_at(now))
        now += 0.5
    assert now >= 60


def test_an_engine_that_gave_no_answer_is_not_asked_again_before_the_order_was_looked_for() -> None:
    found, steps = _evidence(), []
    for passed in range(300):
        step = _step(found, passed)
        if step is Step.READ:
            found = found.read(_at(passed))
        elif step is Step.PROBE:
            found = found.asked(_at(passed))
        if step is not Step.WAIT:
            steps.append(step)
    probes = [number for number, step in enumerate(steps) if step is Step.PROBE]
    assert len(probes) > 10
    assert all(steps[number - 1] is Step.READ for number in probes)


def test_evidence_comes_back_as_it_was_kept() -> None:
    found = _evidence(1, 12.5, probed=26).asked(_at(25))
    assert evidence.from_json(evidence.to_json(found)) == found
    assert evidence.from_json({}) == Evidence()


def test_where_a_signature_is_good_for_long_nothing_is_proven_before_it_has_run_out() -> None:
    found, long = Evidence(), timedelta(seconds=140)
    for passed in range(0, 140, 5):
        now = _at(passed)
        step = next_step(found, sent_at=SENT, now=now, may_probe=True, enters_within=long)
        assert step in (Step.READ, Step.WAIT)
        if step is Step.READ:
            found = found.read(now)
