# isort: skip_file
"""Headless replay: bars per second, two strategies on two symbols, database and journal included.

Beside it a raw script that only inserts the same bars, one transaction a step: what the database
alone takes. Two parameter sets are run: the demo's (a signal every few bars) and slower averages.

    .venv/bin/python -m benchmarks.replay [--bars N] [--replay FILE --replay FILE]
"""

import argparse
import time

import psycopg

from benchmarks import _desk as desks

from django.db import connections
from aitrader import databases, paper
from aitrader.kernel import ids
from aitrader.kernel.clock import WALL, Moment
from aitrader.management.commands.paper import sequencing
from aitrader.paper import PaperOptions
from compliance.services import installation, sequencer
from trading.models import Order, Signal
from trading.services import bar_steps
from trading.services.desk_loop import DeskLoop
from trading.services.setup import StrategyPlan

_FIXED = {"method": "FIXED_FRACTION", "fraction": "0.1"}
_SETS = {
    "demo parameters": paper.DEFAULT_STRATEGIES,
    "slower parameters": (
        StrategyPlan("sma_cross", {"fast": 30, "slow": 120}, _FIXED),
        StrategyPlan("donchian", {"entry": 60, "exit": 30}, _FIXED),
    ),
}
_INSERT = (
    "INSERT INTO trading_bar (feed_id, instrument_id, open_time, open, high, low, close, volume)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bars", type=int, default=2000, help="steps of the simulated market")
    parser.add_argument("--replay", action="append", default=[])
    given = parser.parse_args()
    for name, strategies in _SETS.items():
        options = PaperOptions(
            replay=given.replay,
            simulated_bars=None if given.replay else given.bars,
            strategies=strategies,
        )
        # As the paper command makes it.
        with databases.passing("aitrader_bench_"):
            _measure(name, options)


def _measure(name: str, options: PaperOptions) -> None:
    market = paper.market(options)
    steps = list(bar_steps.steps(market.streams))
    bars = sum(len(step.bars) for step in steps)
    namespace = ids.namespace_of_seed(options.seed)
    at = Moment(market=steps[0].open_time, wall=WALL.now())
    installation.install(namespace=namespace, now=at.market)
    made = paper.open_desk(options, market, code="bench", namespace=namespace, at=at, alone=True)
    loop = DeskLoop(desk=made.desk, gateway=made.gateway, engine=made.engine, wall=WALL)
    started = time.perf_counter()
    loop.play(sequencing(steps))
    sequencer.catch_up()
    ours = time.perf_counter() - started
    raw = _raw(made, steps)
    orders, signals = Order.objects.count(), Signal.objects.count()
    print(f"{desks.server()}, {name}: {bars} bars, {signals} signals, {orders} orders")
    print(f"  replay {bars / ours:7.0f} bars/s   inserting the bars alone {bars / raw:7.0f} bars/s")
    print(f"  ratio {raw / ours:.0%}")


def _raw(made: "paper.PaperDesk", steps: list[bar_steps.Step]) -> float:
    """Seconds to insert the same bars again, after the desk's own were taken away."""
    codes = {row.code: row.pk for row in made.desk.instruments.values()}
    parameters = connections["owner"].get_connection_params()
    wanted = ("host", "port", "user", "password", "dbname")
    given = {key: parameters[key] for key in wanted if parameters.get(key)}
    with psycopg.connect(**given, prepare_threshold=1) as connection:
        connection.execute("DELETE FROM trading_bar")
        connection.commit()
        started = time.perf_counter()
        for step in steps:
            for code, bar in step.bars.items():
                connection.execute(
                    _INSERT,
                    [made.desk.feed.pk, codes[code], bar.open_time, bar.open, bar.high, bar.low,
                     bar.close, bar.volume],
                )  # fmt: skip
            connection.commit()
        return time.perf_counter() - started


if __name__ == "__main__":
    main()
