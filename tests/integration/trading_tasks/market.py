"""A short market for the tests, and its desk in the database in use."""

from datetime import datetime
from itertools import chain
from threading import Event
from time import monotonic, sleep

from django.db import connections

from aitrader import paper
from aitrader.kernel.clock import WALL, Moment
from aitrader.kernel.ids import namespace_of_seed
from aitrader.kernel.topics import Task
from aitrader.paper import PaperDesk, PaperOptions
from compliance.selectors import leaves
from compliance.services import installation, sequencer
from tests.simulation import auditor
from trading.services import bar_steps, setup
from trading.services.desk_loop import DeskLoop
from trading.services.feed_driver import FeedDriver
from trading.tasks.waking import wake

NAMESPACE = namespace_of_seed(1)


def options(bars: int) -> PaperOptions:
    return PaperOptions(seed=1, symbol="BTCUSDT", simulated_bars=bars)


def opened(bars: int) -> tuple[PaperDesk, chain[bar_steps.Step]]:
    """The desk of a market of so many bars, in the database in use."""
    chosen = options(bars)
    market = paper.market(chosen)
    steps = bar_steps.steps(market.streams)
    first = next(steps)
    at = Moment(market=first.open_time, wall=WALL.now())
    installation.install(namespace=NAMESPACE, now=at.market)
    made = paper.open_desk(chosen, market, code="paper", namespace=NAMESPACE, at=at)
    return made, chain([first], steps)


def by_loop(bars: int) -> None:
    """Trade the market in one thread."""
    made, steps = opened(bars)
    loop = DeskLoop(desk=made.desk, gateway=made.gateway, engine=made.engine, wall=WALL)
    loop.resume()
    for step in steps:
        loop.run(step)
    setup.finish_feed(feed_id=made.desk.feed.pk, now=WALL.now())


def by_tasks(bars: int, *, until: datetime | None = None) -> None:
    """Trade the market as the live desk does, up to a bar's open if one is named."""
    made, steps = opened(bars)
    driver_of(made).run(step for step in steps if until is None or step.open_time < until)


def driver_of(made: PaperDesk) -> FeedDriver:
    """The driver of a live feed, as fast as the desk goes."""

    def call(task: Task) -> None:
        wake(task, made.desk.account.pk)

    return FeedDriver(
        desk=made.desk,
        gateway=made.gateway,
        engine=made.engine,
        wake=call,
        wall=WALL,
        stop=Event(),
        speed=None,
    )


def start() -> datetime:
    """The open of the market's first bar."""
    return next(bar_steps.steps(paper.market(options(1)).streams)).open_time


def audited(name: str) -> auditor.Audit:
    """What the auditor finds in the database of that name."""
    given = dict(connections["owner"].get_connection_params()) | {"dbname": name}
    kept = ("host", "port", "user", "password", "dbname")
    return auditor.audit({key: given[key] for key in kept if given.get(key)})


def number_everything() -> None:
    """Number all journal entries; a transaction in another database may hold them back a while."""
    deadline = monotonic() + 30
    while sequencer.advance() or leaves.unsequenced():
        assert monotonic() < deadline, "entries remain without a number"
        sleep(0.01)
