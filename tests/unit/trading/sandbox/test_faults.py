"""Fault plans: what they read, and that every knob does what it says and nothing else."""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aitrader.kernel.errors import BadInput
from trading.sandbox.fault_knobs import KNOBS, swarm
from trading.sandbox.faults import (
    Act,
    ConnectionFate,
    EventFate,
    FaultPlan,
    Garbage,
    Outcome,
    Request,
    RequestFate,
)

EARLY = timedelta(seconds=1)
MANY = range(2_000)


def outcomes(plan: str, kind: Request = Request.ORDER) -> list[Outcome]:
    fates = FaultPlan(plan, seed=1)
    return [fates.request(number, kind, EARLY).outcome for number in MANY]


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def test_an_empty_plan_is_a_venue_without_faults() -> None:
    plan = FaultPlan("", seed=1)
    for kind in Request:
        assert {plan.request(number, kind, EARLY) for number in MANY} == {RequestFate()}
    assert plan.event("user", 1) == plan.depth("depth", 1) == EventFate()
    assert plan.connection(1) == ConnectionFate()
    assert plan.clock_skew(EARLY) == timedelta(0)
    assert not any(plan.acts(second) for second in MANY)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("drop_evnt=0.3", "no knob 'drop_evnt', did you mean drop_event?"),
        ("xyz", "no knob 'xyz'"),
        ("drop_event=much", "drop_event=much is not a number"),
        ("drop_event=1.5", "drop_event=1.5 is not within 0 to 1"),
        ("latency_ms=-1", "latency_ms=-1 is not within 0 to 60000"),
        ("drop_event=NaN", "drop_event=NaN is not within 0 to 1"),
    ],
)
def test_a_wrong_plan_is_refused_with_one_line(text: str, says: str) -> None:
    with pytest.raises(BadInput) as refused:
        FaultPlan(f"latency_ms=5,{text}", seed=1)
    assert str(refused.value) == f"fault plan: {says}"


def test_a_plan_can_be_written_down_and_given_again() -> None:
    plan = FaultPlan(" latency_ms = 50.0 , drop_event=0.30,fee_third", seed=1)
    assert plan.text == "drop_event=0.3,fee_third=1,latency_ms=50"
    assert FaultPlan(plan.text, seed=1).knobs == plan.knobs


def test_each_share_is_about_as_often_as_it_says() -> None:
    for knob, outcome in {
        "lose_request": Outcome.LOSE,
        "accept_no_answer": Outcome.ACCEPT_NO_ANSWER,
        "timeout_code": Outcome.TIMEOUT_CODE,
        "http_502": Outcome.HTTP_502,
        "http_504": Outcome.HTTP_504,
        "rate_limit": Outcome.RATE_LIMIT,
        "ban": Outcome.BAN,
        "refuse_filter": Outcome.REFUSE_FILTER,
        "refuse_balance": Outcome.REFUSE_BALANCE,
        "garbage": Outcome.GARBAGE,
    }.items():
        found = outcomes(f"{knob}=0.1")
        assert set(found) == {outcome, Outcome.PASS}
        assert 140 < found.count(outcome) < 260


def test_a_read_is_not_refused_like_an_order() -> None:
    assert set(outcomes("refuse_filter=1,refuse_balance=1", Request.READ)) == {Outcome.PASS}
    assert set(outcomes("timeout_code=1", Request.PUBLIC)) == {Outcome.PASS}


def test_limits_say_how_long() -> None:
    fate = FaultPlan("ban=1", seed=1).request(1, Request.READ, EARLY)
    assert fate.retry_after == seconds(120)
    fate = FaultPlan("rate_limit=1,retry_after_s=7", seed=1).request(1, Request.READ, EARLY)
    assert fate.retry_after == seconds(7)


def test_garbage_is_of_every_kind() -> None:
    plan = FaultPlan("garbage=1", seed=1)
    kinds = {plan.request(number, Request.READ, EARLY).garbage for number in MANY}
    assert kinds == set(Garbage)


def test_what_meets_one_kind_of_request_only() -> None:
    plan = FaultPlan("hide_order=1,stale_read=1,fill_first=1,half_replace=1,odd_numbers=1", seed=1)
    fates = {kind: plan.request(1, kind, EARLY) for kind in Request}
    assert [kind for kind in Request if fates[kind].hide_order] == [Request.READ]
    assert [kind for kind in Request if fates[kind].stale == seconds(20)] == [Request.READ]
    cancelling = [Request.CANCEL, Request.REPLACE]
    assert [kind for kind in Request if fates[kind].fill_first] == cancelling
    assert [kind for kind in Request if fates[kind].half_replace] == [Request.REPLACE]
    assert all(fates[kind].odd_numbers for kind in Request)


def test_delays() -> None:
    plan = FaultPlan("latency_ms=50,latency_jitter_ms=100,answer_jitter_ms=10,late_answer=1", 1)
    fates = [plan.request(number, Request.ORDER, EARLY) for number in MANY]
    assert seconds(0.05) <= min(fate.delay for fate in fates) < seconds(0.052)
    assert seconds(0.148) < max(fate.delay for fate in fates) < seconds(0.15)
    assert all(seconds(1) <= fate.answer_delay < seconds(1.01) for fate in fates)


def test_windows() -> None:
    plan = FaultPlan("maintenance_at_s=10,maintenance_s=5,key_revoked_at_s=20", seed=1)
    by_second = {
        second: plan.request(1, Request.ORDER, seconds(second)).outcome
        for second in (9, 10, 14, 15, 20, 79, 80)
    }
    assert by_second == {
        9: Outcome.PASS,
        10: Outcome.MAINTENANCE,
        14: Outcome.MAINTENANCE,
        15: Outcome.PASS,
        20: Outcome.KEY_REVOKED,
        79: Outcome.KEY_REVOKED,
        80: Outcome.PASS,
    }
    assert plan.request(1, Request.PUBLIC, seconds(20)).outcome is Outcome.PASS


def test_clock() -> None:
    plan = FaultPlan("clock_skew_ms=-2000,clock_step_ms=500,clock_step_at_s=30", seed=1)
    assert plan.clock_skew(seconds(29)) == seconds(-2)
    assert plan.clock_skew(seconds(30)) == seconds(-1.5)


def test_events() -> None:
    plan = FaultPlan("drop_event=0.3,dup_event=0.2,late_event=0.1,reorder_event=0.1", seed=1)
    fates = [plan.event("user", number) for number in MANY]
    copies = [fate.copies for fate in fates]
    assert 500 < copies.count(0) < 700
    assert 200 < copies.count(2) < 360
    assert {fate.overtaken_by for fate in fates} == {0, 1, 2, 3}
    assert {fate.delay for fate in fates} == {seconds(0), seconds(5)}
    assert fates != [plan.event("other", number) for number in MANY]
    assert FaultPlan("fee_late=1", seed=1).event("user", 1).without_fee
    depth = FaultPlan("drop_depth=0.5,crossed_depth=0.5", seed=1)
    assert {(depth.depth("d", number).copies, depth.depth("d", number).crossed) for number in MANY}
    assert {depth.event("d", number) for number in MANY} == {EventFate()}


def test_connections() -> None:
    plan = FaultPlan("stream_cut_s=30,shutdown_notice=1,replay_events=5", seed=1)
    fates = [plan.connection(number) for number in MANY]
    lives = [fate.cut_after for fate in fates if fate.cut_after]
    assert len(lives) == len(fates)
    assert seconds(15) <= min(lives) < max(lives) <= seconds(45)
    assert all(fate.notice and fate.replay == 5 and not fate.silent_after for fate in fates)
    assert FaultPlan("stream_silent_s=30", seed=1).connection(1).silent_after


def test_a_status_ends_when_it_has_lasted() -> None:
    plan = FaultPlan("halt_every_s=50,halt_s=10", seed=3)
    halted, starts = 0, 0
    until = None
    for second in range(5_000):
        acts = plan.acts(second)
        if Act.HALT in acts:
            starts += 1
            until = second + 10
        assert (Act.RESUME in acts) == (until == second)
        halted += until is not None and second < until
    assert 60 < starts < 140
    assert 500 < halted < 1_400


def test_every_act_can_happen() -> None:
    every = [name for name in KNOBS if name.endswith("_every_s")]
    plan = FaultPlan(",".join(f"{name}=40" for name in every) + ",delist_at_s=100", seed=1)
    assert {act for second in range(2_000) for act in plan.acts(second)} == set(Act)


def test_faults_stop() -> None:
    plan = FaultPlan("lose_request=1,drop_event=1,halt_every_s=2,clock_skew_ms=9,until_s=60", 1)
    assert plan.request(1, Request.ORDER, seconds(59)).outcome is Outcome.LOSE
    assert plan.request(1, Request.ORDER, seconds(60)) == RequestFate()
    assert plan.event("user", 1, seconds(60)) == EventFate()
    assert plan.clock_skew(seconds(60)) == seconds(0)
    acts = [act for second in range(60, 200) for act in plan.acts(second)]
    assert acts == [Act.RESUME]


@given(st.integers(0, 10_000))
def test_a_swarm_plan_is_a_plan_and_depends_on_the_seed_only(seed: int) -> None:
    text = swarm(seed, until_s=120)
    assert FaultPlan(text, seed).text == text
    assert swarm(seed, until_s=120) == text


def test_swarm_plans_use_every_knob_that_they_may() -> None:
    used = {pair.partition("=")[0] for seed in range(300) for pair in swarm(seed).split(",")}
    assert used - {""} == {name for name, knob in KNOBS.items() if knob.swarm is not None}


def test_every_fault_of_the_catalogue_has_a_knob_or_needs_none() -> None:
    named = set(re.findall(r"X\d+", " ".join(knob.faults for knob in KNOBS.values())))
    # X6 is the venue's own rule, X18 is a restart of the desk.
    assert named | {"X6", "X18"} == {f"X{number}" for number in range(1, 31)}
