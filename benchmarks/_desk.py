# isort: skip_file
"""A paper desk in a database of its own, for the benchmarks."""

import benchmarks._django  # noqa: F401  # sets Django up for the imports below

import os
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections

from aitrader import databases, env, paper
from aitrader.kernel import ids
from aitrader.kernel.clock import WALL, Moment
from aitrader.paper import PaperDesk, PaperOptions
from compliance.services import installation
from trading.services import bar_steps
from trading.services.desk_loop import DeskLoop


@contextmanager
def own_database() -> Iterator[str]:
    """A clone of the migrated template, dropped at the end."""
    name, before = f"aitrader_bench_{os.getpid()}", databases.current()
    databases.drop(name)
    databases.create(name, template=databases.template())
    databases.use(name)
    try:
        yield name
    finally:
        databases.use(before)
        databases.drop(name)


def server() -> str:
    """Which PostgreSQL, and where: for the heading of a table."""
    where = "embedded" if env.load().database_url is None else "server"
    with connections["default"].cursor() as cursor:
        cursor.execute("SHOW server_version")
        return f"{where} PostgreSQL {cursor.fetchone()[0].split()[0]}"


def warmed_desk(options: PaperOptions, bars: int) -> tuple[PaperDesk, DeskLoop, Moment]:
    """A desk that has seen `bars` steps, and the moment it stands at."""
    market = paper.market(options)
    steps = bar_steps.steps(market.streams)
    first = next(steps)
    namespace = ids.namespace_of_seed(options.seed)
    at = Moment(market=first.open_time, wall=WALL.now())
    installation.install(namespace=namespace, now=at.market)
    made = paper.open_desk(options, market, code="bench", namespace=namespace, at=at, alone=True)
    loop = DeskLoop(desk=made.desk, gateway=made.gateway, engine=made.engine, wall=WALL)
    loop.run(first)
    last = first
    for _, last in zip(range(bars), steps, strict=False):
        loop.run(last)
    made.engine.open_phase(last.bars)
    closed = max(bar.close_time for bar in last.bars.values())
    return made, loop, Moment(market=closed, wall=WALL.now())
