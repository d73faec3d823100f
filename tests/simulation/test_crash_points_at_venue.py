"""`kill -9` between any two steps of an account at a venue, over the wire, and starting again.

1. The exchange, which lives on, has taken every order of the desk once, and the desk knows it.
2. Each trade of the exchange is one fill, and the balances are the exchange's.
3. Nothing is left in doubt, and what the auditor looks for within one database is not there.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from aitrader import databases
from aitrader.env import REPOSITORY
from tests.integration.trading import at_venue
from tests.simulation import exchange_audit, paper_process
from tests.simulation.auditor import NEVER_ALONE
from tests.simulation.conftest import Databases, rows_of

#: Where a process of this story dies: every point that it passes, by how often at the least.
POINTS = {
    "open.before_commit": 1,
    "open.committed": 1,
    "order.before_commit": 5,
    "order.written": 5,
    "wish.before_commit": 4,
    "wish.committed": 4,
    "route.before_claim_commit": 5,
    "route.claimed": 5,
    "route.before_send": 5,
    "route.answered": 5,
    "route.unanswered": 3,
    "route.refused": 1,
    "route.not_sent": 1,
    "unclaim.before_commit": 1,
    "unclaim.committed": 1,
    "unknown.before_commit": 3,
    "unknown.committed": 3,
    "cancel.before_send": 3,
    "cancel.unanswered": 1,
    "cancel.refused": 1,
    "cancel.answered": 1,
    "settle.before_commit": 5,
    "settle.committed": 5,
    "conclude.before_commit": 3,
    "conclude.committed": 3,
    "doubt.not_found": 3,
    "doubt.read_kept": 3,
    "doubt.before_probe": 1,
    "doubt.probe_kept": 1,
    "doubt.before_compare": 1,
    "adopt.before_commit": 1,
    "adopt.committed": 1,
    "foreign.before_commit": 1,
    "foreign.committed": 1,
    "flow.before_commit": 1,
    "flow.committed": 1,
    "void.before_commit": 1,
    "void.committed": 1,
    "compare.breaks_opened": 3,
    "compare.before_commit": 3,
    "turn.settled": 5,
    "replace.before_commit": 1,
    "replace.written": 1,
    "successor.before_commit": 1,
    "successor.committed": 1,
    "pair.before_commit": 2,
    "pair.written": 2,
    "touch.before_commit": 1,
    "touch.committed": 1,
    "watch.before_commit": 1,
    "watch.committed": 1,
    "unfilled.before_commit": 2,
    "unfilled.committed": 2,
    "parent.before_commit": 2,
    "parent.written": 2,
    "parent_wish.before_commit": 1,
    "parent_wish.committed": 1,
    "slice.before_commit": 5,
    "slice.committed": 5,
}
#: Where an order in doubt is sent again, and where two orders are one at the exchange.
AGAIN = {
    "repeat.before_commit": 3,
    "repeat.claimed": 3,
    "repeat.not_taken": 1,
    "repeat.answered": 2,
    "cancel.answered": 1,
}
#: In every run of the tests; all of them, with five seeds each, are proven.
ALWAYS = (
    "route.unanswered",
    "doubt.probe_kept",
    "cancel.answered",
    "foreign.before_commit",
)
_SECONDS = 100


class Story:
    """A sandbox, a database, and the processes that trade there one after the other."""

    def __init__(
        self, folder: Path, database: str, told: Any, there: Any, place: at_venue.Place
    ) -> None:
        self._folder = folder
        self._database = database
        self._control = told["control"]
        self._account = told["accounts"][0]["account"]
        kept = {name: told[name] for name in ("control", "rest", "accounts")}
        self._told = json.dumps({**kept, "venue": place.venue})
        self._variables = at_venue.variables(there, place)
        # Coinbase's fills have names of its protocol's making.
        self._named = place is at_venue.BINANCE

    def play(self, seed: int, *, dies_at: str = "") -> "subprocess.CompletedProcess[str]":
        # Whoever died in the middle of a fault has left it on.
        requests.post(f"{self._control}/faults", json={"plan": ""}, timeout=5).raise_for_status()
        changes = {**self._variables, **({"AITRADER_CRASHPOINT": dies_at} if dies_at else {})}
        return subprocess.run(
            [
                *(sys.executable, "-m", "tests.simulation.venue_process"),
                *(self._database, self._told, str(seed)),
            ],
            cwd=REPOSITORY,
            env=paper_process.environment(changes),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )

    def wrong(self) -> list[str]:
        """What the books and the exchange say otherwise."""
        truth = at_venue.truth(self._control, self._account)
        books = exchange_audit.books(self._database)
        found = exchange_audit.wrong(books, truth, named=self._named)
        return found + [
            f"{name}: {rows[:3]}"
            for name, query in NEVER_ALONE.items()
            # The account has holdings and no strategy.
            if "of a strategy" not in name and (rows := rows_of(self._database, query))
        ]


@pytest.fixture
def story(tmp_path: Path, database: Databases, template_database: str) -> Iterator[Story]:
    with _story(tmp_path, database(), template_database, at_venue.BINANCE) as made:
        yield made


@pytest.fixture
def story_of_ids(tmp_path: Path, database: Databases, template_database: str) -> Iterator[Story]:
    """At Coinbase, which keeps client order ids for ever."""
    with _story(tmp_path, database(), template_database, at_venue.COINBASE) as made:
        yield made


@contextmanager
def _story(folder: Path, name: str, template: str, place: at_venue.Place) -> Iterator[Story]:
    databases.create(name, template=template)
    with at_venue.exchange(folder, place=place) as (told, there):
        yield Story(folder, name, told, there, place)


def _die_and_go_on(story: Story, point: str, passage: int, seed: int) -> None:
    died = story.play(seed, dies_at=f"{point}:{passage}")
    assert died.returncode == -9, f"{point} was not passed: {died.stderr[-1500:]}"
    ended = story.play(seed)
    assert ended.returncode == 0, ended.stderr[-3000:]
    wrong = story.wrong()
    assert not wrong, "\n".join(wrong)


def test_a_story_without_a_death_passes_every_point_and_ends_with_the_books_of_the_exchange(
    story: Story,
) -> None:
    _see_whole(story, POINTS)


def test_a_story_of_orders_sent_again_ends_with_the_books_of_the_exchange(
    story_of_ids: Story,
) -> None:
    _see_whole(story_of_ids, AGAIN)


def _see_whole(story: Story, points: Mapping[str, int]) -> None:
    ended = story.play(0)
    assert ended.returncode == 0, ended.stderr[-3000:]
    wrong = story.wrong()
    assert not wrong, "\n".join(wrong)
    passed = json.loads(ended.stdout)
    assert {name: count for name, count in points.items() if passed.get(name, 0) < count} == {}


@pytest.mark.parametrize("point", ALWAYS)
def test_killed_at_a_point_it_goes_on_with_the_books_of_the_exchange(
    story: Story, point: str
) -> None:
    _die_and_go_on(story, point, 1, 1)


@pytest.mark.prove
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_point_and_seed(story: Story, point: str, seed: int) -> None:
    _die_and_go_on(story, point, min(seed, POINTS[point]), seed)


@pytest.mark.prove
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize("point", AGAIN)
def test_killed_while_an_order_is_sent_again(story_of_ids: Story, point: str, seed: int) -> None:
    _die_and_go_on(story_of_ids, point, min(seed, AGAIN[point]), seed)
