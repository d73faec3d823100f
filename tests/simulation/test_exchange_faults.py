"""The desk's books equal those of an exchange that misbehaves, wherever they are kept."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from aitrader.kernel import ids
from aitrader.kernel.clock import WALL
from aitrader.kernel.events import EventName
from aitrader.management.commands import simulate
from compliance.services import installation
from trading.sandbox.audit import Found
from trading.sandbox.promises import VENUES
from trading.sandbox.simulated_desk import InMemory, InRows
from trading.sandbox.simulation import Simulation
from trading.services import differences, external, voided

ROOT = Path(__file__).parents[2]
NAMESPACE = ids.namespace_of_seed(1)
#: A hundred seeds of each venue's promises, in portions that name what failed.
PORTIONS = [(venue, start) for venue in sorted(VENUES) for start in (1, 26, 51, 76)]


def _in_rows(seed: int, venue: str) -> Found:
    installation.install(namespace=NAMESPACE, now=WALL.now())
    return simulate.run(seed, venue, books=InRows)


def _failures(seeds: range, venue: str) -> list[str]:
    found = (simulate.run(seed, venue) for seed in seeds)
    return [simulate.failure(each, simulate.as_asked(venue)) for each in found if each.failed]


@pytest.mark.parametrize(("venue", "start"), PORTIONS)
def test_nothing_is_lost_doubled_or_left_unknown(venue: str, start: int) -> None:
    assert _failures(range(start, start + 25), venue) == []


def test_the_seeds_trade_and_are_disturbed() -> None:
    runs = [Simulation(seed, namespace=NAMESPACE) for seed in range(1, 21)]
    found = [each.run() for each in runs]
    assert sum(each.sent for each in found) > 200
    assert sum(each.deaths for each in runs) > 10
    assert len({each.log_hash for each in found}) == len(runs)


def test_other_hands_trade_and_pay_in_and_trades_are_voided() -> None:
    run = Simulation(350, namespace=NAMESPACE)
    found = run.run()
    told = b"".join(run.books.bodies())
    for name in (EventName.ORDER_ADOPTED, EventName.FLOW_BOOKED, EventName.FILL_VOIDED):
        assert name.value.encode() in told, name
    assert not found.failed


@pytest.mark.parametrize(
    ("module", "name", "does"),
    [
        (voided, "take_back", 0),
        (external, "_take_in_trades", 0),
        (differences, "book", False),
    ],
    ids=["voided trades", "trades of others", "flows"],
)
def test_the_auditor_notices_what_other_hands_did_and_the_desk_did_not_book(
    module: Any, name: str, does: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, name, lambda *_, **__: does)
    assert simulate.run(350, "binance").failed


@pytest.mark.usefixtures("fresh_database")
@pytest.mark.parametrize(
    ("venue", "seed"),
    [
        *(("binance", 350), ("btcturk", 382), ("coinbase", 84)),
        # Over the venue's own gateway.
        *(("binance", 16), ("btcturk", 48), ("coinbase", 8)),
    ],
)
def test_a_database_keeps_the_same_to_the_byte(venue: str, seed: int) -> None:
    assert _in_rows(seed, venue) == simulate.run(seed, venue)


@pytest.mark.prove
@pytest.mark.timeout(3_000)
@pytest.mark.usefixtures("fresh_database")
def test_a_database_keeps_the_same_in_three_hundred_seeds() -> None:
    for venue in sorted(VENUES):
        for seed in range(2_000, 2_100):
            assert _in_rows(seed, venue) == simulate.run(seed, venue)


@pytest.mark.prove
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("venue", sorted(VENUES))
def test_nothing_is_lost_in_twelve_thousand_seeds(venue: str, tmp_path: Path) -> None:
    # A third at each venue: all of them fit into a quarter of an hour of two cores.
    told = _simulated(tmp_path / "told.json", "--seeds", "4000", "--venue", venue)
    assert (told["seeds"], told["failed"], told["books_equal"]) == (4_000, 0, True)


def test_the_same_seeds_give_the_same_log_in_any_process(tmp_path: Path) -> None:
    asked = ("--seeds", "10", "--start", "4", "--venue", "coinbase")
    told = [
        _simulated(tmp_path / "a", *asked, "--workers", "1", hash_seed="1"),
        _simulated(tmp_path / "b", *asked, "--workers", "2", hash_seed="2"),
    ]
    assert told[0] == told[1]
    assert (told[0]["seeds"], told[0]["failed"]) == (10, 0)
    assert len(set(told[0]["log_hashes"])) == 10


@pytest.mark.prove
@pytest.mark.timeout(3_000)
def test_a_hundred_seeds_give_the_same_log_under_any_order_of_hashes(tmp_path: Path) -> None:
    told = [
        _simulated(tmp_path / each, "--seeds", "100", hash_seed=each) for each in ("0", "7", "99")
    ]
    assert told[0] == told[1] == told[2]


def test_a_failure_says_how_to_see_it_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(InMemory, "fills", lambda self: [])
    with pytest.raises(SystemExit):
        call_command("simulate", seeds=1, start=3, venue="btcturk", gateway="own", workers=1)
    said = capsys.readouterr().out
    assert "SEED=3 REVISION=" in said
    assert "manage.py simulate --seeds 1 --start 3 --venue btcturk --gateway own\n" in said
    assert simulate.as_asked("binance") == "--venue binance"


def _simulated(out: Path, *asked: str, hash_seed: str = "0") -> dict[str, Any]:
    """What the command tells when it is run as a process of its own."""
    ended = subprocess.run(
        [sys.executable, "manage.py", "simulate", *asked, "--json", str(out)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    told: dict[str, Any] = json.loads(out.read_text())
    return told
