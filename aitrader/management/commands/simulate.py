"""`simulate`: the desk against an exchange that misbehaves, seed after seed."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import BaseCommand

from aitrader import databases
from aitrader.kernel import ids
from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import BadInput
from aitrader.kernel.money import plain
from compliance.services import installation
from trading.sandbox.simulation import Found, Simulation

_VENUES = ("binance",)


class Command(BaseCommand):
    """Exit code 0 only when no seed failed."""

    requires_system_checks: list[str] = []
    help = (
        "Trade against an exchange that misbehaves, on a clock of its own, and compare the books."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seeds", type=int, default=20, help="how many")
        parser.add_argument("--start", type=int, default=1, help="the first one")
        parser.add_argument(
            "--venue", choices=_VENUES, default=_VENUES[0], help="whose promises the exchange makes"
        )
        parser.add_argument("--json", metavar="FILE")

    def handle(self, **given: Any) -> None:
        if given["seeds"] < 1 or given["start"] < 0:
            raise BadInput("--seeds must be positive, --start not negative")
        found: list[Found] = []
        with databases.passing("aitrader_simulate_"):
            namespace = ids.namespace_of_seed(1)
            installation.install(namespace=namespace, now=WALL.now())
            for seed in range(given["start"], given["start"] + given["seeds"]):
                found.append(Simulation(seed, namespace=namespace).run())
                if found[-1].failed:
                    self.stdout.write(_failure(found[-1]))
        told = summary(found)
        for key, value in told.items():
            if key != "log_hashes":
                self.stdout.write(f"{key:20} {value}")
        if given["json"]:
            Path(given["json"]).write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))
        if told["failed"]:
            raise SystemExit(1)


def summary(found: list[Found]) -> dict[str, Any]:
    """What all seeds come to; `max_exposure_breach` in base, `log_hashes` in the order of seeds."""
    return {
        "seeds": len(found),
        "failed": sum(each.failed for each in found),
        "orders_sent": sum(each.sent for each in found),
        "duplicates": sum(each.duplicates for each in found),
        "lost_fills": sum(each.lost_fills for each in found),
        "phantom_fills": sum(each.phantom_fills for each in found),
        "unknown_left": sum(each.unknown_left for each in found),
        "max_exposure_breach": plain(max(each.breach for each in found)),
        "books_equal": all(each.books_equal for each in found),
        "log_hashes": [each.log_hash for each in found],
    }


def _failure(found: Found) -> str:
    return f"SEED={found.seed} failed, {found} PLAN={found.plan}"
