"""`kill -9` at every named crash point and starting again neither loses nor doubles anything.

1. After the second start the books are those of a run that was never killed: the same orders,
   fills, positions, balances, ledger and equity, to the last digit and by the same ids.
2. The venue saw every client order id once, and each of its trades is booked once.
3. What may differ is the journal: it says once more that the run started, and where a process died
   between the venue's word and ours, at which instant the desk took note. Hence another digest.
"""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.simulation import crash_points, paper_process, test_crash_points_at_venue
from tests.simulation.conftest import Databases, Undisturbed, same_as
from tests.simulation.markets import GAPS, LIVE, LONG_PERP, LONG_SPOT, PERP, SPOT, Market

Runs = Callable[[Market], Undisturbed]

#: Where each point is passed, and at which passage the process dies there.
POINTS = {
    "decide.before_commit": (SPOT, 14),
    "decide.committed": (PERP, 20),
    "loop.range_matched": (SPOT, 21),
    "loop.decided": (PERP, 18),
    "loop.routed": (SPOT, 5),
    "route.before_claim_commit": (PERP, 3),
    "route.claimed": (SPOT, 2),
    "route.answered": (PERP, 4),
    "settle.before": (SPOT, 3),
    "settle.before_commit": (PERP, 6),
    "settle.after": (SPOT, 2),
    "venue.before_accept": (PERP, 5),
    "venue.accepted": (SPOT, 3),
    "venue.cancelled": (PERP, 2),
    "venue.open_phase": (SPOT, 2),
    "venue.arrivals": (PERP, 2),
    "venue.range_phase": (PERP, 2),
    "feed.range_matched": (LIVE, 20),
    "feed.recorded": (LIVE, 12),
    "open.committed": (SPOT, 1),
    "order.before_commit": (SPOT, 3),
    "order.written": (PERP, 4),
    "route.before_send": (SPOT, 3),
    "route.unanswered": (PERP, 1),
    "unknown.before_commit": (SPOT, 1),
    "unknown.committed": (PERP, 1),
    "cancel.before_send": (PERP, 2),
    "cancel.answered": (SPOT, 1),
    "settle.committed": (PERP, 3),
    "turn.settled": (LIVE, 10),
}
#: Beside one that dies nearly at the same place: proven, but not in every run of the tests.
PROVEN_ONLY = {
    "decide.committed",
    "loop.decided",
    "loop.routed",
    "route.answered",
    "settle.before",
    "venue.before_accept",
    "feed.range_matched",
    "open.committed",
    "order.before_commit",
    "order.written",
    "route.before_send",
    "route.unanswered",
    "unknown.before_commit",
    "unknown.committed",
    "cancel.before_send",
    "cancel.answered",
    "settle.committed",
    "turn.settled",
}

#: Where a point is tried: five places, each within what the market passes of it.
PLACES = [
    *((LONG_SPOT, passage) for passage in (1, 5, 11)),
    *((LONG_PERP, passage) for passage in (3, 7)),
]
LIVE_PLACES = [(LIVE, passage) for passage in (1, 3, 5, 11, 17)]
#: Of what is passed once a run, or seldom on some markets.
OTHER_PLACES = {
    "open.committed": [(each, 1) for each in (SPOT, PERP, GAPS, LONG_SPOT, LONG_PERP)],
    "venue.arrivals": [(LONG_SPOT, 1), (PERP, 5), *((LONG_PERP, each) for each in (1, 4, 8))],
    "venue.range_phase": [
        *((LONG_SPOT, passage) for passage in (1, 4)),
        *((LONG_PERP, passage) for passage in (3, 11, 27)),
    ],
}
#: What the live desk passes as well: its gateway leaves nothing unanswered.
ALSO_LIVE = ("decide.", "order.", "route.", "settle.", "venue.", "cancel.")
NEVER_LIVE = {"route.unanswered", *OTHER_PLACES}


def _places(point: str) -> list[tuple[Market, int]]:
    if point.startswith(("feed.", "turn.")):
        return LIVE_PLACES
    also = point.startswith(ALSO_LIVE) and point not in NEVER_LIVE
    return [*OTHER_PLACES.get(point, PLACES), *(LIVE_PLACES[1:2] if also else ())]


def _killed_at(points: list[str], run: Undisturbed, name: str, *, live: bool) -> None:
    for point in points:
        ended = paper_process.fork(*run.arguments, "--database", name, live=live, dies_at=point)
        assert ended.killed, f"{point} was not passed: {ended.returncode} {ended.stderr[-500:]}"


def _goes_on(run: Undisturbed, name: str, out: Path, *, live: bool = False) -> None:
    """Start again; the run gets to its end with the books of the undisturbed one."""
    ended = paper_process.fork(
        *run.arguments, "--database", name, live=live, out=None if live else out
    )
    assert ended.returncode == 0, ended.stderr or ended.told.get("integrity")
    wrong = same_as(run, name, ended.told)
    assert not wrong, "\n".join(wrong)


def test_every_point_is_tried_at_five_places_at_the_least() -> None:
    assert all(len(set(_places(point))) >= 5 for point in POINTS)


def test_every_crash_point_of_the_source_is_exercised() -> None:
    at_venue = {**test_crash_points_at_venue.POINTS, **test_crash_points_at_venue.AGAIN}
    assert crash_points.in_source() == POINTS.keys() | at_venue.keys()
    assert len(crash_points.in_source()) >= 40
    assert len(POINTS.keys() - PROVEN_ONLY) >= 12


@pytest.mark.parametrize(
    "point",
    [
        pytest.param(point, marks=[pytest.mark.prove] if point in PROVEN_ONLY else [])
        for point in POINTS
    ],
)
def test_killed_at_a_point_it_goes_on_as_if_nothing_had_happened(
    point: str, undisturbed: Runs, database: Databases, tmp_path: Path
) -> None:
    market, passage = POINTS[point]
    run, name, live = undisturbed(market), database(), market is LIVE
    _killed_at([f"{point}:{passage}"], run, name, live=live)
    _goes_on(run, name, tmp_path / "told.json", live=live)


def test_killed_again_while_it_recovers(
    undisturbed: Runs, database: Databases, tmp_path: Path
) -> None:
    run, name = undisturbed(PERP), database()
    points = ["venue.accepted:4", "settle.before_commit:1", "venue.before_accept:1"]
    _killed_at(points, run, name, live=False)
    _goes_on(run, name, tmp_path / "told.json")


def test_killed_at_the_open_after_a_gap(
    undisturbed: Runs, database: Databases, tmp_path: Path
) -> None:
    run, name = undisturbed(GAPS), database()
    # A fill at the open that follows missing bars has just been settled; protection comes next.
    _killed_at(["settle.after:16"], run, name, live=False)
    _goes_on(run, name, tmp_path / "told.json")


def test_the_live_desk_trades_over_a_gap_as_the_headless_one_does(
    undisturbed: Runs, database: Databases, tmp_path: Path
) -> None:
    run, name = undisturbed(GAPS), database()
    _goes_on(run, name, tmp_path / "told.json", live=True)


@pytest.mark.prove
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("point", "market", "passage"),
    [(point, market, passage) for point in POINTS for market, passage in _places(point)],
    ids=lambda given: given.name if isinstance(given, Market) else str(given),
)
def test_killed_at_any_passage(
    point: str, market: Market, passage: int, undisturbed: Runs, database: Databases, tmp_path: Path
) -> None:
    run, name, live = undisturbed(market), database(), market is LIVE
    _killed_at([f"{point}:{passage}"], run, name, live=live)
    _goes_on(run, name, tmp_path / "told.json", live=live)


@pytest.mark.prove
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("point", "market"),
    [
        ("settle.after:3", PERP),
        ("venue.accepted:3", PERP),
        ("decide.before_commit:3", PERP),
        ("settle.after:2", GAPS),
    ],
)
def test_killed_over_and_over_it_gets_to_the_end(
    point: str, market: Market, undisturbed: Runs, database: Databases, tmp_path: Path
) -> None:
    run, name, deaths = undisturbed(market), database(), 0
    given = (*run.arguments, "--database", name)
    while paper_process.fork(*given, dies_at=point).killed:
        deaths += 1
    assert deaths >= 5
    told = tmp_path / "told.json"
    # The last of them ended by itself: what is left to do is to look.
    _goes_on(run, name, told)


@pytest.mark.prove
@pytest.mark.timeout(900)
@pytest.mark.parametrize("market", [LONG_SPOT, LONG_PERP], ids=lambda market: market.name)
def test_killed_at_ten_random_moments(
    market: Market, undisturbed: Runs, database: Databases, tmp_path: Path
) -> None:
    run, name = undisturbed(market), database()
    given = (*run.arguments, "--database", name)
    draw, deaths = random.Random(market.seed), 0
    for _ in range(10):
        deaths += paper_process.run_for(draw.uniform(1.0, 3.5), *given).killed
    assert deaths >= 3
    _goes_on(run, name, tmp_path / "told.json")
