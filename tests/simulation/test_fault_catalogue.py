"""The fault catalogue of venues.md 2.3: what stages each fault, and which tests prove the answer.

1. Every number has a knob of the sandbox, an order to its control, or says why it needs none.
2. Every number names tests that exist; what they assert is the behaviour that the catalogue asks
   for, not only that the fault can be staged.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

import pytest

from aitrader.env import REPOSITORY
from aitrader.management.commands import simulate
from trading.sandbox import fault_knobs
from trading.sandbox.cards import CARDS

_DESK = "tests/integration/trading"
_WIRE = "tests/contract/gateways"
_UNIT = "tests/unit/trading"
_SIMULATED = "tests/simulation"
_AT_VENUE = f"{_DESK}/test_faults_at_venue.py"
#: Knobs drawn by seed, books held against the exchange's.
_SEEDS = f"{_SIMULATED}/test_exchange_faults.py::test_nothing_is_lost_doubled_or_left_unknown"
#: Plays every card against every gateway.
_CARD = f"{_WIRE}/test_cards.py::test_a_gateway_holds_to_the_card"
_KNOWN = f"{_SIMULATED}/test_known_incidents.py"
_KNOWN_AT_VENUE = f"{_SIMULATED}/test_known_incidents_at_venue.py"


@dataclass(frozen=True, slots=True)
class Fault:
    """`staged` by knobs or words of the control (`control: ...`), or `by_itself`: why nothing has
    to be staged. `card`: a card bears the number."""

    proofs: tuple[str, ...]
    staged: tuple[str, ...] = ()
    by_itself: str = ""
    card: bool = False


def _fault(staged: str, *proofs: str, card: bool = False) -> Fault:
    return Fault(proofs, tuple(staged.split()), card=card)


CATALOGUE: Mapping[str, Fault] = {
    "X1": _fault(
        "lose_request",
        f"{_DESK}/test_doubt.py"
        "::test_a_lost_order_keeps_its_reservation_until_all_of_the_evidence_is_there",
        _SEEDS,
        card=True,
    ),
    "X2": _fault(
        "accept_no_answer timeout_code http_502 http_504",
        f"{_DESK}/test_doubt.py"
        "::test_an_order_whose_answer_was_lost_is_adopted_when_the_reads_catch_up",
        f"{_KNOWN}::test_a_timeout_is_taken_for_a_refusal",
        card=True,
    ),
    "X3": _fault(
        "timeout_code late_answer late_answer_ms",
        f"{_AT_VENUE}::test_an_order_of_unknown_outcome_that_the_venue_then_tells_of_has_left_once",
        f"{_KNOWN}::test_a_timeout_is_answered_by_sending_again",
    ),
    "X4": _fault(
        "stale_read stale_read_s",
        f"{_KNOWN}::test_an_order_that_is_not_found_was_never_accepted",
        f"{_KNOWN}::test_an_order_that_is_not_found_is_sent_again",
        card=True,
    ),
    "X5": _fault(
        "hide_order",
        f"{_WIRE}/test_btcturk.py::test_a_single_order_that_is_not_told_is_found_in_the_lists",
        f"{_DESK}/test_doubt.py::test_an_order_that_no_read_shows_is_found_by_asking_the_engine",
        _SEEDS,
    ),
    "X6": Fault(
        (
            f"{_AT_VENUE}::test_a_client_id_is_never_given_to_a_second_order_even_after_the_fill",
            f"{_DESK}/test_database_rules.py::test_an_id_names_one_order_for_ever",
        ),
        by_itself="that an id is free again after the fill is the venue's own rule",
        card=True,
    ),
    "X7": _fault(
        "latency_ms latency_jitter_ms clock_skew_ms clock_step_ms clock_step_at_s",
        f"{_WIRE}/test_clock_sweep.py"
        "::test_beyond_a_second_nothing_is_signed_and_the_order_goes_later",
        f"{_WIRE}/test_clock_sweep.py"
        "::test_a_venue_whose_clock_steps_is_asked_for_its_time_before_the_next_order",
        f"{_KNOWN}::test_what_was_claimed_is_sent_however_late",
        card=True,
    ),
    "X8": _fault(
        "rate_limit retry_after_s ban ban_s",
        f"{_DESK}/test_silence.py"
        "::test_a_second_process_keeps_the_silence_that_the_first_was_asked_for",
        f"{_KNOWN}::test_a_venue_that_asked_for_silence_is_asked_on",
        _SEEDS,
        card=True,
    ),
    "X9": _fault(
        "refuse_filter filters_every_s",
        f"{_UNIT}/domain/test_order_rules.py::test_each_problem_has_its_line",
        _SEEDS,
        card=True,
    ),
    "X10": _fault(
        "refuse_balance",
        f"{_DESK}/test_refused_balance.py"
        "::test_one_refusal_for_the_balance_pauses_the_strategy_until_a_person_releases_it",
        f"{_DESK}/test_refused_balance.py"
        "::test_what_was_taken_from_the_balance_meanwhile_is_not_sold",
        "tests/unit/risk/domain/test_checks.py::test_the_balance_covers_cost_and_fee",
        f"{_KNOWN}::test_a_fee_that_is_taken_from_what_was_bought_is_forgotten",
        f"{_DESK}/test_leftovers.py"
        "::test_dust_of_a_fee_in_the_base_asset_closes_the_trade_and_the_next_signal_enters",
    ),
    "X11": _fault(
        "late_answer late_answer_ms reorder_event",
        f"{_SIMULATED}/test_arrivals.py"
        "::test_whatever_comes_first_order_fills_and_balances_end_the_same",
        "tests/property/test_order_state.py"
        "::test_all_permutations_of_a_life_converge_with_any_one_event_twice",
        f"{_KNOWN}::test_a_fill_that_comes_before_the_answer_is_lost",
    ),
    "X12": _fault(
        "dup_event replay_events",
        f"{_DESK}/test_settling.py::test_reports_that_come_again_change_nothing",
        f"{_DESK}/test_settling.py::test_a_stream_read_from_its_start_again_changes_nothing",
        f"{_KNOWN}::test_a_report_that_comes_twice_is_booked_twice",
    ),
    "X13": _fault("drop_event", f"{_KNOWN}::test_a_fill_is_only_known_from_the_stream", _SEEDS),
    "X14": _fault(
        "drop_event late_event late_event_ms",
        f"{_KNOWN}::test_a_fill_is_inferred_before_it_is_told",
        f"{_DESK}/test_settling.py::test_a_quantity_without_its_trades_makes_no_fill_but_a_doubt",
    ),
    "X15": _fault(
        "fill_first",
        f"{_KNOWN}::test_a_cancel_that_fails_says_the_order_never_existed",
        f"{_DESK}/test_routing.py"
        "::test_a_cancel_that_comes_too_late_is_answered_and_the_fill_counts",
        card=True,
    ),
    "X16": _fault(
        "half_replace",
        f"{_DESK}/test_replacing.py"
        "::test_half_a_failure_at_the_venue_ends_with_both_outcomes_known",
        f"{_DESK}/test_replacing.py"
        "::test_nothing_is_sent_while_the_cancel_has_no_answer_not_even_after_a_restart",
        f"{_DESK}/test_replacing.py::test_both_count_until_the_first_is_over",
    ),
    "X17": _fault(
        "stream_cut_s stream_silent_s shutdown_notice control:cut control:silence",
        f"{_WIRE}/test_user_stream.py::test_a_line_that_is_open_and_silent_is_dead",
        f"{_WIRE}/test_user_stream.py"
        "::test_a_line_that_was_cut_is_opened_again_and_what_was_missed_is_asked_for",
        f"{_WIRE}/test_user_stream.py::test_a_line_with_a_goodbye_is_not_waited_on",
        f"{_WIRE}/test_coinbase_user_stream.py::test_a_line_that_is_open_and_silent_is_dead",
        f"{_WIRE}/test_btcturk_user_stream.py::test_a_line_that_is_open_and_silent_is_dead",
    ),
    "X18": Fault(
        (
            f"{_DESK}/test_cold_start.py::test_nothing_is_sent_before_the_process_has_reconciled",
            (
                f"{_SIMULATED}/test_crash_points.py"
                "::test_killed_at_a_point_it_goes_on_as_if_nothing_had_happened"
            ),
        ),
        by_itself="a restart is the desk's",
    ),
    "X19": _fault(
        "stream_silent_s drop_depth crossed_depth",
        f"{_DESK}/test_gate_inputs.py::test_a_price_older_than_two_intervals_denies",
        f"{_DESK}/test_bad_bars.py::test_prices_of_a_silent_feed_age_and_open_nothing",
        f"{_DESK}/test_gate_inputs.py::test_an_extreme_bar_opens_nothing_and_is_told",
        "tests/contract/sandbox/test_stream_faults.py::test_a_depth_event_is_lost_and_leaves_a_gap",
        "tests/property/test_depth.py"
        "::test_whatever_is_lost_doubled_or_late_a_book_that_is_believed_is_the_exchanges",
        f"{_UNIT}/gateways/btcturk/test_wire.py"
        "::test_a_book_that_cannot_be_believed_prices_no_order",
    ),
    "X20": _fault(
        "halt_every_s halt_s cancel_only_every_s unknown_status_every_s delist_at_s",
        f"{_KNOWN_AT_VENUE}"
        "::test_an_order_of_a_status_that_nobody_knows_keeps_no_other_from_its_trades",
        f"{_UNIT}/gateways/binance/test_reports.py::test_a_status_that_is_not_known_is_not_guessed",
        f"{_DESK}/test_half_known.py"
        "::test_one_order_that_cannot_be_read_keeps_no_other_from_being_followed",
        card=True,
    ),
    "X21": _fault(
        "maintenance_at_s maintenance_s",
        f"{_AT_VENUE}::test_maintenance_ends_without_a_storm_and_what_is_too_old_is_dropped",
        _SEEDS,
    ),
    "X22": _fault(
        "fee_third fee_zero fee_late",
        f"{_DESK}/test_settling.py"
        "::test_fees_in_a_third_asset_leave_equal_books_and_an_unknown_equity",
        f"{_DESK}/test_settling.py::test_fees_in_what_a_fill_brings_leave_equal_books_and_dust",
        _SEEDS,
        card=True,
    ),
    "X23": _fault(
        "self_trade_every_s",
        f"{_UNIT}/gateways/binance/test_reports.py::test_an_order_that_ended_says_how",
        "tests/contract/sandbox/test_acts.py::test_an_order_meets_one_of_its_own_account",
        _SEEDS,
    ),
    "X24": _fault(
        "deposit_every_s withdraw_every_s lock_every_s external_every_s",
        f"{_DESK}/test_external.py::test_trades_of_other_hands_are_booked_as_one_order",
        f"{_DESK}/test_external.py::test_a_deposit_is_booked_once_it_has_stood_for_long_enough",
        f"{_DESK}/test_external.py::test_a_withdrawal_of_what_is_traded_moves_the_position",
        f"{_DESK}/test_external.py::test_an_order_of_other_hands_counts_and_is_followed_to_its_end",
    ),
    "X25": _fault(
        "bust_every_s",
        f"{_AT_VENUE}::test_a_voided_trade_is_taken_back_by_a_booking_that_names_it",
        f"{_DESK}/test_database_rules.py::test_what_is_written_once_is_neither_changed_nor_deleted",
    ),
    "X26": _fault(
        "odd_numbers",
        f"{_UNIT}/gateways/coinbase/test_reports.py::test_odd_ways_to_write_a_number_mean_the_same",
        f"{_UNIT}/domain/test_money_is_decimal.py::test_the_money_rules_hold_no_float",
        card=True,
    ),
    "X27": _fault(
        "key_revoked_at_s key_revoked_s",
        f"{_AT_VENUE}::test_a_refused_key_of_an_idle_account_shows_within_five_seconds",
        f"{_AT_VENUE}::test_a_refused_key_halts_the_account_and_says_what_cannot_be_cancelled",
        f"{_DESK}/test_half_known.py"
        "::test_a_refusal_that_is_about_our_key_leaves_the_wish_to_cancel",
    ),
    "X28": _fault(
        "latency_jitter_ms answer_jitter_ms",
        f"{_KNOWN}::test_a_sender_that_was_stopped_gives_back_what_another_has_settled",
        f"{_DESK}/test_routing.py::test_two_senders_send_an_order_once",
        f"{_DESK}/test_sent_again.py"
        "::test_a_late_refusal_of_the_first_copy_does_not_end_the_second",
    ),
    "X29": _fault(
        "page_limit same_ms",
        f"{_UNIT}/gateways/coinbase/test_gateway.py"
        "::test_fills_are_read_to_the_last_page_however_short_the_pages_are",
        f"{_WIRE}/test_generic_kraken.py::test_more_trades_than_are_asked_for_at_once_are_all_told",
        card=True,
    ),
    "X30": _fault(
        "garbage",
        f"{_WIRE}/test_connection.py::test_an_answer_that_drips_ends_with_the_time_of_a_call",
        _SEEDS,
        card=True,
    ),
}


@cache
def _tests_in(path: str) -> frozenset[str]:
    tree = ast.parse((REPOSITORY / path).read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in tree.body if isinstance(node, functions))


def test_every_number_is_there() -> None:
    assert list(CATALOGUE) == [f"X{number}" for number in range(1, 31)]


@pytest.mark.parametrize("number", CATALOGUE)
def test_a_fault_is_staged_by_every_knob_that_bears_its_number(number: str) -> None:
    fault = CATALOGUE[number]
    bearing = {name for name, knob in fault_knobs.KNOBS.items() if number in knob.faults.split()}
    named = {name for name in fault.staged if not name.startswith("control:")}
    assert bearing <= named <= fault_knobs.KNOBS.keys()
    assert bool(fault.staged) != bool(fault.by_itself)


@pytest.mark.parametrize("number", CATALOGUE)
def test_what_proves_the_answer_to_a_fault_exists(number: str) -> None:
    proofs = [*CATALOGUE[number].proofs, *([_CARD] if CATALOGUE[number].card else [])]
    missing = [
        proof
        for proof in proofs
        if (parts := proof.split("::"))[1] not in _tests_in(parts[0])
        or not parts[1].startswith("test_")
    ]
    assert len(proofs) >= 2
    assert missing == []


@pytest.mark.parametrize(
    ("share", "length"),
    [
        ("rate_limit", "retry_after_s"),
        ("ban", "ban_s"),
        ("stale_read", "stale_read_s"),
        ("late_answer", "late_answer_ms"),
    ],
)
def test_how_long_a_fault_lasts_changes_what_a_seed_does(
    share: str, length: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, seen = fault_knobs.swarm, set()

    def forced(seed: int) -> str:
        return fault_knobs.write(fault_knobs.read(drawn(seed)) | values)

    monkeypatch.setattr(fault_knobs, "swarm", forced)
    for lasts in (1, 40):
        values = {share: Decimal("0.2"), length: Decimal(lasts)}
        found = [simulate.run(seed, "binance") for seed in range(1, 5)]
        assert not any(each.failed for each in found)
        seen.add(tuple(each.log_hash for each in found))
    assert len(seen) == 2


def test_a_number_has_a_card_where_it_says_so() -> None:
    played = {name.split()[0] for name in CARDS if name.startswith("X")}
    assert {number for number, fault in CATALOGUE.items() if fault.card} == played
