"""A process that dies at one exact instant of a story, and the next one that takes it up.

Here the death is an exception out of a crash point: what was committed stays, the rest is lost,
as after `kill -9`; but the instant is chosen by what happens then, not by a count.
"""

from collections.abc import Callable, Iterator

import pytest

from aitrader import databases
from aitrader.kernel import crash
from aitrader.kernel.fix import AccountKind
from tests.factories.road import Road, fills
from tests.simulation.conftest import audited

Story = Callable[[Road], None]


class Died(BaseException):
    """Nothing may catch it."""


@pytest.fixture
def second_database(fresh_database: str, template_database: str) -> Iterator[str]:
    """For the same story without a death."""
    name = f"{fresh_database}_b"
    databases.create(name, template=template_database)
    yield name
    databases.drop(name)


def _die_at(monkeypatch: pytest.MonkeyPatch, name: str, passage: int = 1) -> None:
    left = {name: passage}

    def point(passed: str) -> None:
        if passed in left:
            left[passed] -= 1
            if not left[passed]:
                raise Died

    monkeypatch.setattr(crash, "point", point)


def _again(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crash, "point", lambda name: None)
    road.restart()


EXITS = {"stop_loss_pct": "1", "take_profit_pct": "2", "trailing_pct": "3"}


@pytest.mark.parametrize("point", ["venue.open_phase", "settle.after", "route.claimed"])
@pytest.mark.parametrize("missing", [0, 1, 5])
def test_dead_at_an_open_it_protects_what_was_filled_at_that_open(
    point: str,
    missing: int,
    fresh_database: str,
    second_database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def story(road: Road, *, dies: bool) -> None:
        road.move(101)
        if dies:
            _die_at(monkeypatch, point)
            with pytest.raises(Died):
                road.bar(101, "101.5", 101, "101.5", after=missing)
            _again(road, monkeypatch)
            road.bar(101, "101.5", 101, "101.5")
        else:
            road.bar(101, "101.5", 101, "101.5", after=missing)
        road.bar("101.5", "103.5", 101, 103)
        road.hold()

    _both(story, fresh_database, second_database)


@pytest.mark.parametrize(
    ("point", "passage"),
    [("settle.after", 1), ("route.claimed", 1), ("venue.accepted", 1), ("venue.arrivals", 1)],
)
def test_dead_while_a_short_turns_into_a_long(
    point: str,
    passage: int,
    fresh_database: str,
    second_database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def story(road: Road, *, dies: bool) -> None:
        road.move(99)
        road.hold()
        road.move("99.5")
        if dies:
            _die_at(monkeypatch, point, passage)
            with pytest.raises(Died):
                road.bar("99.5", "99.6", "99.5", "99.6")
            _again(road, monkeypatch)
        road.bar("99.5", "99.6", "99.5", "99.6")
        road.hold()

    _both(story, fresh_database, second_database, kind=AccountKind.PERP)


def _both(
    story: Callable[..., None],
    name: str,
    other: str,
    *,
    kind: AccountKind = AccountKind.SPOT,
) -> None:
    """Tell the story with a death in one database and without in another."""
    story(Road(kind=kind, exits=EXITS), dies=True)
    assert len(fills()) >= 2
    databases.use(other)
    story(Road(kind=kind, exits=EXITS), dies=False)
    databases.use(name)
    assert audited(name).differences(audited(other)) == []
