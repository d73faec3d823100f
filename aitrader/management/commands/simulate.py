"""`simulate`: the desk against an exchange that misbehaves, seed after seed."""

from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import django
import orjson
import psutil
from django.core.management.base import BaseCommand

from aitrader import databases
from aitrader.kernel import ids
from aitrader.kernel.clock import WALL, monotonic
from aitrader.kernel.errors import BadInput
from aitrader.kernel.money import plain
from compliance.services import installation, provenance
from trading.management import own_gateways
from trading.sandbox.audit import Found
from trading.sandbox.opening import Opening
from trading.sandbox.promises import VENUES
from trading.sandbox.simulated_desk import Books, InMemory, InRows
from trading.sandbox.simulation import Simulation, without_protocol

_STORES = ("memory", "postgresql")
_NAMESPACE = ids.namespace_of_seed(1)
#: Of how many seeds one goes by the venue's own gateway, which takes several times as long.
_SHARES = {"own": 1, "mixed": 8, "inside": 0}
#: Seeds handed to a process at once.
_PORTION = 5
_SECONDS_A_LINE = 10.0


class Command(BaseCommand):
    """Exit code 0 only when no seed failed."""

    requires_system_checks: list[str] = []
    help = (
        "Trade against an exchange that misbehaves, on a clock of its own, and compare the books."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seeds", type=int, default=200, help="how many")
        parser.add_argument("--start", type=int, default=1, help="the first one")
        parser.add_argument(
            "--venue",
            choices=sorted(VENUES),
            default="binance",
            help="whose promises the exchange makes",
        )
        parser.add_argument(
            "--store",
            choices=_STORES,
            default=_STORES[0],
            help="where the desk keeps what it does; slower in a database, and the same",
        )
        parser.add_argument(
            "--gateway",
            choices=sorted(_SHARES),
            default="mixed",
            help="how the desk speaks: its own gateway of the venue and the venue's protocol, no"
            " protocol at all, or, unless said, own in every eighth seed",
        )
        parser.add_argument(
            "--workers", type=int, default=0, help="processes (memory only); one a core unless said"
        )
        parser.add_argument("--json", metavar="FILE")

    def handle(self, **given: Any) -> None:
        if given["seeds"] < 1 or given["start"] < 0 or given["workers"] < 0:
            raise BadInput("--seeds must be positive, --start and --workers not negative")
        venue, seeds = given["venue"], range(given["start"], given["start"] + given["seeds"])
        again = as_asked(venue, given["gateway"], given["store"])
        if given["store"] == "memory":
            results = _in_memory(seeds, venue, given["gateway"], given["workers"])
            found = self._told(results, len(seeds), again)
        else:
            with databases.passing("aitrader_simulate_"):
                installation.install(namespace=_NAMESPACE, now=WALL.now())
                found = self._told(_in_rows(seeds, venue, given["gateway"]), len(seeds), again)
        told = summary(found)
        for key, value in told.items():
            if key != "log_hashes":
                self.stdout.write(f"{key:20} {value}")
        if given["json"]:
            Path(given["json"]).write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))
        if told["failed"]:
            raise SystemExit(1)

    def _told(self, results: Iterator[Found], most: int, again: str) -> list[Found]:
        """The results, in the order of seeds; failures and progress are told as they come."""
        found: list[Found] = []
        spoken = monotonic()
        for each in results:
            found.append(each)
            if each.failed:
                self.stdout.write(failure(each, again))
            if monotonic() - spoken >= _SECONDS_A_LINE:
                spoken = monotonic()
                wrong = sum(one.failed for one in found)
                self.stderr.write(f"{len(found)} of {most} seeds, {wrong} failed")
        return found


def run(
    seed: int, venue: str, gateway: str = "mixed", books: Callable[[Opening], Books] = InMemory
) -> Found:
    """One seed."""
    every = _SHARES[gateway]
    own = every and seed % every == 0
    connect = own_gateways.connect(venue) if own else without_protocol
    return Simulation(seed, namespace=_NAMESPACE, venue=venue, books=books, connect=connect).run()


def summary(found: list[Found]) -> dict[str, Any]:
    """What all seeds come to; `max_exposure_breach` in base, `max_over_limit` as a share of its
    limit, `log_hashes` in the order of seeds."""
    return {
        "seeds": len(found),
        "failed": sum(each.failed for each in found),
        "orders_sent": sum(each.sent for each in found),
        "duplicates": sum(each.duplicates for each in found),
        "lost_fills": sum(each.lost_fills for each in found),
        "phantom_fills": sum(each.phantom_fills for each in found),
        "unknown_left": sum(each.unknown_left for each in found),
        "breaks_left": sum(each.breaks_left for each in found),
        "wishes_lost": sum(each.wishes_lost for each in found),
        "foreign_wrong": sum(each.foreign_wrong for each in found),
        "ledger_wrong": sum(each.ledger_wrong for each in found),
        "calls_in_silence": sum(each.calls_in_silence for each in found),
        "max_exposure_breach": plain(max(each.breach for each in found)),
        "max_over_limit": plain(max(each.over_limit for each in found)),
        "books_equal": all(each.books_equal for each in found),
        "log_hashes": [each.log_hash for each in found],
    }


def as_asked(venue: str, gateway: str = "mixed", store: str = _STORES[0]) -> str:
    """The options that decide what becomes of a seed, or of its run."""
    asked = {"venue": venue, "gateway": gateway, "store": store}
    usual = {"gateway": "mixed", "store": _STORES[0]}
    return " ".join(f"--{name} {it}" for name, it in asked.items() if usual.get(name) != it)


def failure(found: Found, asked: str) -> str:
    """What failed, at which revision, and how to see it again."""
    again = f"manage.py simulate --seeds 1 --start {found.seed} {asked}"
    return f"SEED={found.seed} REVISION={provenance.revision()} failed: {found}\n  again: {again}"


def _in_memory(seeds: range, venue: str, gateway: str, workers: int) -> Iterator[Found]:
    workers = min(workers or psutil.cpu_count() or 1, -(-len(seeds) // _PORTION))
    if workers == 1:
        yield from (run(seed, venue, gateway) for seed in seeds)
        return
    context = get_context("spawn")
    one = partial(run, venue=venue, gateway=gateway)
    with ProcessPoolExecutor(workers, mp_context=context, initializer=django.setup) as pool:
        yield from pool.map(one, seeds, chunksize=_PORTION)


def _in_rows(seeds: range, venue: str, gateway: str) -> Iterator[Found]:
    yield from (run(seed, venue, gateway, InRows) for seed in seeds)
