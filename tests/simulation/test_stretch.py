"""Closes at which nothing happens are written together; what is written is the same."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from aitrader import databases, paper
from aitrader.kernel import ids
from aitrader.kernel.clock import WALL, Moment
from aitrader.kernel.fix import AccountKind
from aitrader.paper import PaperOptions
from compliance.services import installation, journal, sequencer
from tests.simulation.conftest import audited
from trading.models import BarRow, EquityPoint, Feed, SimOrder, StrategyCursor
from trading.services import bar_steps, stretch
from trading.services.bar_steps import Step
from trading.services.desk_loop import DeskLoop

#: Each kind stands for both in every run of the tests; the other pairs are proven.
SPOT = pytest.param(AccountKind.SPOT, id="spot")
PERP = pytest.param(AccountKind.PERP, id="perp")
PROVEN_SPOT = pytest.param(AccountKind.SPOT, id="spot", marks=pytest.mark.prove)
PROVEN_PERP = pytest.param(AccountKind.PERP, id="perp", marks=pytest.mark.prove)
BARS = 600


class Died(BaseException):
    """Nothing may catch it."""


def _loop(options: PaperOptions) -> tuple[DeskLoop, list[Step]]:
    market = paper.market(options)
    steps = list(bar_steps.steps(market.streams))
    at = Moment(market=steps[0].open_time, wall=WALL.now())
    namespace = ids.namespace_of_seed(options.seed)
    installation.install(namespace=namespace, now=at.market)
    made = paper.open_desk(options, market, code="paper", namespace=namespace, at=at, alone=True)
    loop = DeskLoop(desk=made.desk, gateway=made.gateway, engine=made.engine, wall=WALL)
    loop.resume()
    return loop, steps


def _rows() -> dict[str, Any]:
    sequencer.catch_up()
    return {
        "digest": journal.digest().hex,
        "bars": list(BarRow.objects.order_by("open_time", "instrument").values_list("close")),
        "equity": list(EquityPoint.objects.order_by("at").values_list("at", "equity")),
        "cursors": list(
            StrategyCursor.objects.order_by("pk").values_list("last_open_time", "stance")
        ),
        "clock": Feed.objects.get().market_at,
        "trailed": list(SimOrder.objects.order_by("pk").values_list("best_px", "ranged_to")),
    }


def _options(kind: AccountKind) -> PaperOptions:
    return PaperOptions(simulated_bars=BARS, kind=kind, cash=Decimal(10_000))


@pytest.fixture
def another(fresh_database: str, template_database: str) -> Iterator[str]:
    """For the same market, played another way; in use after the test's first half."""
    name = f"{fresh_database}_b"
    databases.create(name, template=template_database)
    yield name
    databases.use(fresh_database)
    databases.drop(name)


def _one_by_one(kind: AccountKind) -> dict[str, Any]:
    loop, steps = _loop(_options(kind))
    for step in steps:
        loop.run(step)
    return _rows()


@pytest.mark.parametrize("kind", [PROVEN_SPOT, PERP])
def test_together_or_one_by_one_the_same_rows_are_left(kind: AccountKind, another: str) -> None:
    expected = _one_by_one(kind)
    databases.use(another)
    loop, steps = _loop(_options(kind))
    loop.play(steps)
    assert _rows() == expected
    assert audited(another).findings == []


@pytest.mark.parametrize("kind", [SPOT, PROVEN_PERP])
def test_a_process_that_dies_in_a_quiet_stretch_is_fed_its_bars_again(
    kind: AccountKind, another: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = _one_by_one(kind)
    databases.use(another)
    end = stretch.Stretch.end

    def dies(waiting: stretch.Stretch) -> None:
        if BarRow.objects.count() > BARS and waiting.closes >= 5:
            raise Died
        end(waiting)

    loop, steps = _loop(_options(kind))
    with monkeypatch.context() as patched:
        patched.setattr(stretch.Stretch, "end", dies)
        with pytest.raises(Died):
            loop.play(steps)
    assert BarRow.objects.count() < 2 * BARS
    again, steps = _loop(_options(kind))
    again.play(steps)
    found = _rows()
    # Taking up the books is an entry of its own.
    del found["digest"], expected["digest"]
    assert found == expected
    assert audited(another).findings == []
