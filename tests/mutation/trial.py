"""Tries mutants one after another, each in a fork of its own: `python -m tests.mutation.trial`.

1. The parent imports what never changes and forks; the child imports the product anew, one module
   of it changed, and runs the tests that are to notice.
2. Quick killers come first: seeds of the simulation in memory, then tests named for the module.
3. A child that fails, raises, or works for too long has noticed; a slow machine is no proof, so it
   is the child's own processor time that counts.
4. Without a change everything passes, or nothing is proven: the parent looks at that first.
"""

import argparse
import importlib.abc
import importlib.util
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from aitrader import env
from tests.mutation import mutants

ROOT = Path(__file__).parents[2]
#: Kept over the change: Django knows each model once.
_KEPT = ("trading.models", "trading.apps", "trading.migrations")
_ANEW = ("trading", "aitrader.paper", "aitrader.runtime", "aitrader.management", "tests.factories")
_VENUES = ("binance", "btcturk", "coinbase")
_SEEDS = range(1, 9)
_SECONDS = 900
_PROCESSOR_SECONDS = 120
_MARK = "MUTANT "


@dataclass(frozen=True, slots=True)
class Target:
    """A module and who is to notice that it changed. `simulated`: the simulation uses it; `rows`:
    the simulation in PostgreSQL does."""

    module: str
    tests: tuple[str, ...]
    simulated: bool = True
    rows: bool = False

    @property
    def source(self) -> str:
        return (ROOT / f"{self.module.replace('.', '/')}.py").read_text(encoding="utf-8")


_AT = "tests/integration/trading"
#: Small and of everything.
_FACTS = f"{_AT}/test_written_facts.py"
TARGETS = {
    target.module: target
    for target in (
        Target(
            "trading.domain.order_state",
            ("tests/unit/trading/domain/test_order_state.py", "tests/property/test_order_state.py"),
            simulated=False,
        ),
        Target(
            "trading.services.routing",
            (
                f"{_AT}/test_sending.py",
                _FACTS,
                f"{_AT}/test_routing.py",
                f"{_AT}/test_sent_again.py",
                f"{_AT}/test_half_known.py",
                f"{_AT}/test_native_oco.py",
            ),
        ),
        Target(
            "trading.services.claims",
            (
                f"{_AT}/test_sending.py",
                f"{_AT}/test_request_kept.py",
                _FACTS,
                f"{_AT}/test_routing.py",
                f"{_AT}/test_sent_again.py",
                f"{_AT}/test_half_known.py",
                f"{_AT}/test_native_oco.py",
            ),
        ),
        Target(
            "trading.services.executions",
            (
                f"{_AT}/test_conclusions.py",
                _FACTS,
                f"{_AT}/test_settling.py",
                f"{_AT}/test_routing.py",
                f"{_AT}/test_half_known.py",
            ),
        ),
        Target(
            "trading.services.reconciliation",
            (
                f"{_AT}/test_reconciling.py",
                _FACTS,
                f"{_AT}/test_sent_again.py",
                f"{_AT}/test_half_known.py",
                f"{_AT}/test_reconcile_command.py",
                f"{_AT}/test_doubt.py",
                f"{_AT}/test_external.py",
                f"{_AT}/test_routing.py",
            ),
        ),
        Target(
            "trading.services.doubt", (f"{_AT}/test_doubt.py", _FACTS, f"{_AT}/test_cold_start.py")
        ),
        Target(
            "trading.services.listed", (f"{_AT}/test_reconciling.py", f"{_AT}/test_cold_start.py")
        ),
        Target(
            "trading.services.break_words",
            (f"{_AT}/test_break_words.py", f"{_AT}/test_moved_balance.py"),
            simulated=False,
        ),
        Target(
            "trading.services.exit_legs",
            (
                f"{_AT}/test_exit_watch.py",
                f"{_AT}/test_native_oco.py",
                f"{_AT}/test_exits.py",
                f"{_AT}/test_protection.py",
            ),
            simulated=False,
        ),
        Target(
            "trading.services.order_rows",
            (
                _FACTS,
                f"{_AT}/test_routing.py",
                f"{_AT}/test_settling.py",
                f"{_AT}/test_cold_start.py",
                f"{_AT}/test_external.py",
                f"{_AT}/test_doubt.py",
                f"{_AT}/test_sent_again.py",
                f"{_AT}/test_reconciling.py",
            ),
            simulated=False,
            rows=True,
        ),
        Target(
            "trading.services.external",
            (
                f"{_AT}/test_taken_in.py",
                _FACTS,
                f"{_AT}/test_reconciling.py",
                f"{_AT}/test_external.py",
                f"{_AT}/test_refuted.py",
                f"{_AT}/test_break_words.py",
                f"{_AT}/test_cold_start.py",
            ),
        ),
        Target(
            "trading.services.voided", (f"{_AT}/test_voided.py", f"{_AT}/test_faults_at_venue.py")
        ),
    )
}


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds one module, and gives it a change."""

    def __init__(self, target: Target, number: int | None) -> None:
        self._target = target
        self._number = number

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name != self._target.module:
            return None
        return importlib.util.spec_from_loader(name, self)

    def exec_module(self, module: ModuleType) -> None:
        source, number = self._target.source, self._number
        code: Any = source if number is None else mutants.applied(source, number)
        exec(compile(code, f"<{self._target.module}>", "exec"), module.__dict__)


def _import_anew() -> None:
    for name in list(sys.modules):
        if name.startswith(_ANEW) and not name.startswith(_KEPT) and name != "trading":
            del sys.modules[name]


def _notices(target: Target, number: int | None) -> str:
    """Who notices, or nothing."""
    sys.meta_path.insert(0, _Changed(target, number))
    _import_anew()
    if target.simulated and (said := _simulated()):
        return said
    import pytest  # not before the change: its plugins come with the tests

    # A rows test needs the clone that pytest makes.
    rows = ("tests/mutation/killer_rows.py",) if target.rows else ()
    for path in (*rows, *target.tests):
        given = ["-x", "-q", "-n", "0", "-p", "no:cacheprovider", "-m", "not prove", path]
        if pytest.main(given):
            return path
    return ""


def _simulated() -> str:
    from aitrader.kernel import ids
    from trading.sandbox.simulation import Simulation

    namespace = ids.namespace_of_seed(1)
    for seed in _SEEDS:
        for venue in _VENUES:
            if Simulation(seed, namespace=namespace, venue=venue).run().failed:
                return f"seed {seed} of {venue}"
    return ""


def attempt(target: Target, number: int | None) -> str:
    """Try one mutant in a child; who noticed it, or nothing."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        _be_the_child(target, number, writes)
    os.close(writes)
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            with os.fdopen(reads) as told:
                said = told.read()
            return said.removeprefix("survived") if status == 0 else f"died: {status} {said}"
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reads)
    return "out of time"


def _be_the_child(target: Target, number: int | None, writes: int) -> None:
    os.setpgrp()
    resource.setrlimit(resource.RLIMIT_CPU, (_PROCESSOR_SECONDS, _PROCESSOR_SECONDS))
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    try:
        said = _notices(target, number) or "survived"
    except BaseException as error:  # noqa: BLE001  # whatever it is, somebody noticed
        said = f"{type(error).__name__}: {error}"[:200]
    os.write(writes, said.encode())
    os._exit(0)


def prepare() -> None:
    """Import what never changes, and make sure that there is a template to clone."""
    import aiohttp  # noqa: F401  # only to have it
    import django
    import requests  # noqa: F401  # as above
    from binance.client import Client  # noqa: F401  # as above

    env.choose_settings("aitrader.settings.test")
    django.setup()
    from django.db import connections

    from aitrader import databases
    from aitrader.embedded import postgres

    if env.load().database_url is None:
        postgres.start()
    databases.template()
    connections.close_all()


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mutants", nargs="+", help="module:number, or module alone: no change")
    options = parser.parse_args(arguments)
    prepare()
    for name in options.mutants:
        module, _, number = name.partition(":")
        began = time.monotonic()
        said = attempt(TARGETS[module], int(number) if number else None)
        seconds = round(time.monotonic() - began, 1)
        told = {"mutant": name, "by": said, "seconds": seconds}
        sys.stdout.write(f"{_MARK}{json.dumps(told)}\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
